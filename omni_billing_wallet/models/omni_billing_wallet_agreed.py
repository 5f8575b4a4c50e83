from odoo import api, fields, models
from odoo.exceptions import AccessError, ValidationError
from odoo.fields import Domain

from odoo.addons.omni_billing.tools.retell import KeptSentence
from odoo.addons.omni_billing.tools.write_guard import is_trusted, trust

#: What a customer agrees to: the more, the more is charged.
AGREED = ("auto_level", "auto_amount", "auto_limit")
#: What staff may write: whether it is used, and when it is topped up.
AUTO = ("is_auto", *AGREED, "auto_agreed")
SETTINGS = {"active", *AUTO}


class OmniBillingWallet(models.Model):
    """When it is topped up by itself, and how the customer agreed to that (W51)."""

    _inherit = "omni.billing.wallet"

    is_auto = fields.Boolean(
        string="Top Up Automatically",
        help="When less than the level is left, the customer is invoiced for a top-up,"
        " and the saved method that may be charged automatically is charged.",
    )
    auto_level = fields.Monetary(
        string="Below", help="Of what is left once all is billed."
    )
    auto_amount = fields.Monetary(string="Amount of Each")
    auto_limit = fields.Monetary(
        string="At Most in a Month",
        help="All automatic top-ups of a month together. What would be more is not"
        " made, and staff are told.",
    )
    auto_agreed = fields.Char(
        string="Agreed",
        groups="base.group_user",
        help="How and when the customer agreed to level, amount and limit, such as: by"
        " e-mail of 12 March. For more than that, and to switch it on again, it has"
        " to be agreed anew.",
    )
    auto_problem = KeptSentence(
        string="Why Not Topped Up", readonly=True, groups="base.group_user"
    )
    auto_set_on = fields.Datetime(string="Set on", readonly=True)
    auto_set_by_id = fields.Many2one(
        "res.users",
        string="Set by",
        readonly=True,
        index="btree_not_null",
        ondelete="set null",
        groups="base.group_user",
    )

    _auto_idx = models.Index("(id) WHERE is_auto AND active")
    _auto_positive = models.Constraint(
        "CHECK(auto_level >= 0 AND auto_amount >= 0 AND auto_limit >= 0)",
        "Level, amount and limit of automatic top-ups are zero or more.",
    )

    # === CONSTRAINT METHODS === #

    @api.constrains(*AUTO)
    def _check_auto(self):
        for wallet in self.filtered("is_auto"):
            if not (wallet.auto_agreed or "").strip():
                raise ValidationError(
                    self.env._(
                        "Say how the customer agreed to the level, the amount and the"
                        " limit of automatic top-ups. That a card may be charged for"
                        " invoices is no consent to be invoiced in advance."
                    )
                )
            if not 0 < wallet.auto_amount <= wallet.auto_limit:
                raise ValidationError(
                    self.env._(
                        "Say how much an automatic top-up is, and how much at most in a"
                        " month: a limit that is at least one top-up. It is what keeps"
                        " a mistake from charging the customer on and on."
                    )
                )

    # === CRUD METHODS === #

    def write(self, vals):
        """Override of the ORM: staff set how it is topped up, and nothing else."""
        if not is_trusted(self.env) and vals.keys() - SETTINGS:
            raise AccessError(
                self.env._("Whose a wallet is, and of which currency, stays as it is.")
            )
        if "active" in vals and not vals["active"]:
            # Who is archived is off, and stays so once that is taken back.
            vals = vals | {"is_auto": False}
        is_set = bool(vals.keys() & set(AUTO))
        # Of a former version one that is archived may still be set to be on.
        asks = is_set or "active" in vals
        if is_set and not is_trusted(self.env):
            vals = vals | {
                "auto_set_on": fields.Datetime.now(),
                "auto_set_by_id": self.env.uid,
                "auto_problem": False,
            }
        before = {wallet: wallet._read_agreed() for wallet in self if asks}
        result = super().write(vals)
        for wallet, agreed in before.items():
            wallet._check_agreed(*agreed)
        self.union(
            *(one for one, (was_on, *_more) in before.items() if was_on or one._is_on())
        )._log_auto()
        if vals.get("is_auto"):
            self._trigger_job()
        if {"is_auto", "active"} & vals.keys():
            self.filtered(lambda one: not one._is_on())._end_planned()
        return result

    def _is_on(self):
        """Whether it is topped up by itself."""
        return self.is_auto and self.active

    def _is_less_agreed(self, move):
        """Whether a top-up is of more than each may be by now."""
        return self.currency_id.compare_amounts(move.amount_total, self.auto_amount) > 0

    def _read_agreed(self):
        """Return whether it is on, how much was agreed to, and how."""
        # sudo: the words are not for customers, who may switch it off.
        words = (self.sudo().auto_agreed or "").strip()
        return self._is_on(), [self[name] for name in AGREED], words

    def _check_agreed(self, was_on, amounts, words):
        """Check that what is more than before was agreed anew.

        So is what was off: the customer may have switched it off, or got money back.

        :param bool was_on: whether it was on before.
        :param list amounts: level, amount and limit of before.
        :param str words: how those were agreed.
        :raise ValidationError: if the words are as before, or missing.
        """
        is_on, now, new_words = self._read_agreed()
        if words and not new_words:
            raise ValidationError(
                self.env._(
                    "How the customer agreed stays on record. Nothing was changed: say"
                    " what holds now instead."
                )
            )
        is_more = any(
            self.currency_id.compare_amounts(one, other) > 0
            for one, other in zip(now, amounts, strict=True)
        )
        if (is_more or is_on > was_on) and new_words in ("", words):
            raise ValidationError(
                self.env._(
                    "To be topped up automatically, and a higher level, amount or limit"
                    " of that, is the customer's to agree to, each time: say at"
                    " “Agreed” how and when that was. Nothing was changed."
                )
            )

    def _log_auto(self):
        """Write in the customer's history what was set, and how it was agreed."""
        rows = []
        for wallet in self:
            note = wallet.env._("Off")
            if wallet._is_on():
                note = wallet.env._(
                    "Below %(level)s: %(amount)s, at most %(limit)s in a month."
                    " %(agreed)s",
                    level=wallet._say(wallet.auto_level),
                    amount=wallet._say(wallet.auto_amount),
                    limit=wallet._say(wallet.auto_limit),
                    agreed=wallet.auto_agreed or "",
                )
            rows.append(
                {
                    "action": "wallet_auto",
                    "company": wallet.company_id,
                    "customer": wallet.partner_id,
                    "note": note,
                }
            )
        self.env["omni.billing.activity.log"]._log(rows)

    def _end_planned(self):
        """Cancel charges of automatic top-ups that were not begun: these are off.

        What waits for something is canceled when its turn comes (`_charge`). The job
        voids what nobody paid of them.
        """
        # sudo: scheduled payments are the job's; whoever ends it may end these.
        moves = self.sudo()._find_unpaid_top_ups()
        planned = moves.filtered(
            lambda move: move.billing_wallet_origin == "auto"
        ).billing_installment_ids.filtered(
            lambda payment: payment.charge_state in ("due", "retry", "failed")
        )
        if planned:
            planned._give_up(self.env._("Automatic top-ups were switched off."))
            self._trigger_job()

    # === BUSINESS METHODS === #

    def _end_auto(self):
        """Switch automatic top-ups off, since money went back to the customer.

        Or else the job would charge at once what was just given back, by this wallet or
        another one of customers who were merged.
        """
        peers = self.union(*(wallet._find_peers() for wallet in self))
        for wallet in peers.filtered("is_auto"):
            trust(wallet).write({"is_auto": False})
            wallet._note_problem(
                self.env._(
                    "Prepaid money of %(customer)s went back, so automatic top-ups are"
                    " off. Switch them on again if the customer agrees.",
                    customer=wallet.partner_id.display_name,
                )
            )

    def _note_problem(self, problem):
        """Keep why it was not topped up, and tell staff of it once.

        :param str problem: a sentence, or nothing if it is well, or being seen to.
        """
        if (self.auto_problem or "") != problem:
            trust(self).auto_problem = problem or False
            if problem:
                self.partner_id._billing_tell_staff(problem)

    def _find_unpaid_top_ups(self):
        """Return top-ups that are not paid: as long as there is one, none is added."""
        return self.env["account.move"].search(
            Domain("billing_wallet_id", "in", self.ids)
            & Domain("move_type", "=", "out_invoice")
            & Domain("billing_state", "in", ("draft", "unpaid", "partial")),
        )


class OmniBillingActivityLog(models.Model):
    """That automatic top-ups were set is in the customer's history (W51)."""

    _inherit = "omni.billing.activity.log"

    action = fields.Selection(
        selection_add=[("wallet_auto", "Automatic Top-Up Set")],
        ondelete={"wallet_auto": "cascade"},
    )
