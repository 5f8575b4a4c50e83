import hashlib

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.fields import Domain

from ...const import CONSENT_CHANNELS

#: What may be written of a consent once it is given: that it has ended.
ENDING = {"state", "withdrawn_on", "withdrawn_by_id", "withdrawn_why"}


class OmniBillingConsent(models.Model):
    """That a customer agreed to be charged without being asked each time (W32).

    It is what the seller shows if a bank asks: who agreed, when, how, to which words,
    for which card and up to how much. It is kept as it was given, and is never deleted;
    to take it back ends it. What was charged under it is in
    `payment.transaction.billing_consent_id`.
    """

    _name = "omni.billing.consent"
    _inherit = "omni.billing.server.mixin"
    _description = "Consent to Be Charged"
    _order = "id desc"
    _rec_name = "partner_id"

    token_id = fields.Many2one(
        "payment.token",
        string="Payment Method",
        required=True,
        readonly=True,
        index=True,
        ondelete="restrict",
    )
    partner_id = fields.Many2one(
        "res.partner",
        string="Customer",
        required=True,
        readonly=True,
        index=True,
        ondelete="restrict",
    )
    company_id = fields.Many2one(
        "res.company", string="Seller", required=True, readonly=True, index=True
    )
    kind = fields.Selection(
        [("standing", "All That Is Invoiced"), ("single", "These Invoices")],
        string="For",
        required=True,
        readonly=True,
        default="standing",
        help="All invoices, whenever one is due, or a sum that was agreed for some.",
    )
    move_ids = fields.Many2many("account.move", string="Invoices", readonly=True)
    amount_limit = fields.Monetary(
        string="At Most",
        readonly=True,
        help="Each charge, taxes included; of these invoices, all charges together. 0"
        " is no limit.",
    )
    currency_id = fields.Many2one("res.currency", readonly=True)
    channel = fields.Selection(
        CONSENT_CHANNELS, string="How", required=True, readonly=True
    )
    given_by = fields.Char(string="Who Agreed", required=True, readonly=True)
    agreed_on = fields.Datetime(string="When", required=True, readonly=True)
    text = fields.Text(string="Words", required=True, readonly=True)
    text_version = fields.Char(
        string="Version of the Words",
        readonly=True,
        help="The same for the same words: the beginning of their SHA-256.",
    )
    lang = fields.Char(string="Language", readonly=True)
    ip = fields.Char(string="IP Address", readonly=True)
    user_agent = fields.Char(string="Browser", readonly=True)
    document = fields.Binary(string="Paper", readonly=True, attachment=True)
    document_name = fields.Char(readonly=True)
    note = fields.Text(readonly=True)
    origin_id = fields.Many2one(
        "omni.billing.consent",
        string="Goes on from",
        readonly=True,
        index="btree_not_null",
        help="What the customer agreed to for the one before this one.",
    )
    state = fields.Selection(
        [("active", "Valid"), ("ended", "Ended")],
        required=True,
        readonly=True,
        default="active",
    )
    withdrawn_on = fields.Datetime(string="Ended on", readonly=True)
    withdrawn_by_id = fields.Many2one("res.users", string="Ended by", readonly=True)
    withdrawn_why = fields.Char(string="Why Ended", readonly=True)
    mandate_ref = fields.Char(
        string="Mandate",
        readonly=True,
        help="Of a bank account: what its bank knows the permission by.",
    )
    notice_days = fields.Integer(
        string="Days of Notice",
        readonly=True,
        help="How long before each debit the customer is told of it, as agreed.",
    )
    attempt_ids = fields.One2many(
        "payment.transaction",
        "billing_consent_id",
        string="Charges",
        readonly=True,
        groups="account.group_account_invoice,account.group_account_readonly",
    )

    _limit_positive = models.Constraint(
        "CHECK(amount_limit >= 0)", "The limit of a consent is zero or more."
    )
    _active_idx = models.Index("(token_id) WHERE state = 'active'")
    _notice_idx = models.Index(
        "(notice_days) WHERE state = 'active' AND notice_days > 0"
    )

    # === CRUD METHODS === #

    @api.model_create_multi
    def create(self, vals_list):
        """Override of the ORM: the version tells which words they were."""
        for values in vals_list:
            digest = hashlib.sha256((values.get("text") or "").encode()).hexdigest()
            values["text_version"] = digest[:12]
        return super().create(vals_list)

    def write(self, vals):
        """Override of the ORM: what was agreed stays as it was."""
        if changed := vals.keys() - ENDING:
            raise UserError(
                self.env._(
                    "What a customer agreed to is kept as it was (%(fields)s). End this"
                    " consent, and record another one.",
                    fields=", ".join(sorted(changed)),
                )
            )
        return super().write(vals)

    @api.ondelete(at_uninstall=False)
    def _unlink_except_kept(self):
        raise UserError(
            self.env._("A consent is evidence and stays. End it, if it is not valid.")
        )

    # === BUSINESS METHODS === #

    def _end(self, why):
        """Write that these consents are not valid any more, and why."""
        # sudo: consents are the server's; who may end them was checked.
        active = self.sudo().filtered(lambda one: one.state == "active")
        active.write(
            {
                "state": "ended",
                "withdrawn_on": fields.Datetime.now(),
                "withdrawn_by_id": self.env.uid,
                "withdrawn_why": why,
            }
        )
        return active

    def _is_for(self, moves):
        """Whether these invoices, of whatever amount, may be charged under it.

        Money that an accountant takes for no invoice yet is of what holds for all.
        """
        self.ensure_one()
        if not moves:
            return self.kind == "standing"
        if any(
            # sudo: a branch has those above it.
            self.company_id not in company.sudo().parent_ids
            for company in moves.company_id
        ):
            return False
        return self.kind == "standing" or (
            moves <= self.move_ids and self._get_used() < self.amount_limit
        )

    def _covers(self, amount, currency, moves, day):
        """Whether a charge is within what was agreed.

        :param float amount: taxes included, in ``currency``.
        :param moves: `account.move` that it pays; none if they are not made yet.
        :param day: of the rate, where the limit is in another currency.
        """
        self.ensure_one()
        is_for = self.kind == "standing" if moves is None else self._is_for(moves)
        if not is_for or not self.amount_limit:
            return is_for
        if currency != self.currency_id:
            amount = currency._convert(amount, self.currency_id, self.company_id, day)
        if self.kind == "single":
            amount += self._get_used()
        return self.currency_id.compare_amounts(amount, self.amount_limit) <= 0

    def _get_notice_days(self):
        """Return how many days before a debit its owner has to be told; 0 is none.

        Who agreed to just these sums knows of them.
        """
        return self.notice_days if self.kind == "standing" else 0

    @api.model
    def _get_longest_notice(self):
        """Return how many days before a debit anybody has to be told; 0 is none."""
        longest = self.search(
            Domain("state", "=", "active") & Domain("notice_days", ">", 0),
            order="notice_days desc",
            limit=1,
        )
        return longest.notice_days

    def _get_used(self):
        """Return what was charged under it, or may have been; in its currency.

        Also to the card before, of what goes on with another.
        """
        chain = self
        while origin := chain.origin_id - chain:
            chain |= origin
        # sudo: attempts are internal.
        attempts = self.env["payment.transaction"].sudo()
        charged = attempts.search(
            Domain("billing_consent_id", "in", chain.ids)
            & Domain("state", "not in", ("error", "cancel"))
        )
        return sum(
            tx.currency_id._convert(
                tx.amount, self.currency_id, self.company_id, tx.create_date.date()
            )
            for tx in charged
        )
