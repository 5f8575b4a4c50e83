from datetime import timedelta

from odoo import api, fields, models
from odoo.exceptions import UserError, ValidationError

from odoo.addons.omni_billing.tools.action import open_dialog
from odoo.addons.omni_billing.tools.write_guard import is_trusted

from ..tools.shares import count_lost
from .omni_billing_pack import UNDISPUTED

#: What says of which wallet an item is, until when it can be used, and who knows that.
WALLET_FIELDS = {
    *("billing_wallet_id", "billing_wallet_expires_on", "billing_wallet_told_on"),
}


class AccountMoveLine(models.Model):
    """Prepaid money is what is open of these items (W51)."""

    _inherit = "account.move.line"

    billing_wallet_id = fields.Many2one(
        "omni.billing.wallet",
        string="Wallet",
        readonly=True,
        copy=False,
        ondelete="restrict",
        help="Whose prepaid money it is.",
    )
    billing_wallet_expires_on = fields.Date(
        string="Prepaid until",
        readonly=True,
        copy=False,
        help="The last day on which it can be used. Empty: it never expires.",
    )
    billing_wallet_event = fields.Selection(
        [
            ("top_up", "Top-Up"),
            ("credited", "Given Back"),
            ("draw", "Used"),
            ("back", "Not Used After All"),
            ("return", "Credited"),
            ("credit", "Turned into Credit"),
            ("expired", "Expired"),
            ("other", "Other"),
        ],
        string="What",
        compute="_compute_billing_wallet_event",
    )
    billing_wallet_amount = fields.Monetary(
        string="In or Out",
        compute="_compute_billing_wallet_event",
        currency_field="currency_id",
    )
    billing_wallet_left = fields.Monetary(
        string="Left",
        compute="_compute_billing_wallet_left",
        currency_field="currency_id",
        help="What was paid of it and is left, less what went back although it was"
        " used. It may be expired.",
    )

    # Also the foreign key's.
    _billing_wallet_idx = models.Index(
        "(billing_wallet_id, date, id) WHERE billing_wallet_id IS NOT NULL"
    )
    _billing_wallet_open_idx = models.Index(
        "(billing_wallet_id) WHERE billing_wallet_id IS NOT NULL"
        " AND reconciled IS NOT TRUE"
    )
    _billing_wallet_expires_idx = models.Index(
        "(billing_wallet_expires_on) WHERE billing_wallet_expires_on IS NOT NULL"
        " AND reconciled IS NOT TRUE"
    )

    # === COMPUTE METHODS === #

    @api.depends("amount_currency", "move_id.billing_wallet_kind")
    def _compute_billing_wallet_event(self):
        for line in self:
            move, kind = line.move_id, line.move_id.billing_wallet_kind
            if not kind and move.move_type == "out_invoice":
                kind = "top_up"
            elif not kind and move.move_type == "out_refund":
                kind = "credited"
            line.billing_wallet_event = bool(line.billing_wallet_id) and (
                kind or "other"
            )
            line.billing_wallet_amount = -line.amount_currency

    @api.depends("amount_residual_currency", "billing_wallet_expires_on")
    def _compute_billing_wallet_left(self):
        # sudo: whether a payment is disputed is not for all who read the books.
        lots = self.sudo().billing_wallet_id._read_lots(is_expired=True)
        left = {lot.line.id: lot.left for own in lots.values() for lot in own}
        for line in self:
            line.billing_wallet_left = left.get(line._origin.id, 0.0)

    # === CRUD METHODS === #

    def write(self, vals):
        """Override of `account`: what was posted stays of its wallet."""
        if WALLET_FIELDS & vals.keys() and not is_trusted(self.env):
            if any(line.parent_state == "posted" for line in self):
                raise UserError(
                    self.env._(
                        "Of which wallet a posted journal item is stays as it is."
                        " Correct it by an entry of your own."
                    )
                )
        if "billing_wallet_expires_on" in vals:
            # Of another end the customer is told anew.
            vals = {"billing_wallet_told_on": False} | vals
        return super().write(vals)

    @api.constrains("billing_wallet_id", "account_id", "partner_id", "currency_id")
    def _check_billing_wallet(self):
        """An item is of the customer, the company and the currency of its wallet."""
        for line in self.filtered("billing_wallet_id"):
            # sudo: whoever books need not read wallets.
            wallet = line.billing_wallet_id.sudo()
            customer = wallet.partner_id.commercial_partner_id
            if (
                line.company_id != wallet.company_id
                or line.currency_id != wallet.currency_id
                or line.partner_id.commercial_partner_id != customer
                or line.account_id.internal_group != "liability"
                or not line.account_id.reconcile
            ):
                raise ValidationError(
                    self.env._(
                        "“%(item)s” is not of the wallet %(wallet)s: customer, company,"
                        " currency and a liability that can be reconciled have to be"
                        " the same.",
                        item=line.name or line.move_id.display_name,
                        wallet=wallet.display_name,
                    )
                )

    def _copy_data_extend_business_fields(self, values):
        """Override of `account`: what turns an item around is of the same wallet."""
        result = super()._copy_data_extend_business_fields(values)
        if self.billing_wallet_id:
            values["billing_wallet_id"] = self.billing_wallet_id.id
        return result

    # === HELPERS === #

    def _billing_get_prepaid(self, is_expired=False):
        """Return what of this item can be used: what was paid, and is left.

        :param bool is_expired: also of what cannot be used any more.
        :return: in the currency of the item, never less than zero.
        :rtype: float
        """
        self.ensure_one()
        move, left = self.move_id, -self.amount_residual_currency
        last = self.billing_wallet_expires_on
        if last and not is_expired and last < self._billing_get_wallet_today():
            return 0.0
        if move.move_type == "out_invoice":
            if not self._billing_is_undisputed():
                return 0.0
            left -= move.amount_residual + self._billing_get_lost()
        return self.currency_id.round(max(0.0, left))

    def _billing_is_undisputed(self):
        """Whether what was paid of a top-up is there: nobody wants it back just now."""
        move = self.move_id
        # A refund, or a payment, may be under way.
        return (
            not move.billing_attempt_id
            and move.billing_state != "void"
            and move.billing_dispute in UNDISPUTED
        )

    def _billing_get_lost(self):
        """Return what of a top-up was written off: nobody paid it, so nobody uses it.

        Less what expired of it: that is booked already. A part that was given back
        makes no loss of what a bank kept.

        :return: in the currency of the item, no more than is open of it.
        :rtype: float
        """
        move = self.move_id
        if move.move_type != "out_invoice":
            return 0.0
        lost, _owed = move._billing_read_loss()
        expired = sum(
            partial.credit_amount_currency
            for partial in self.matched_debit_ids
            if partial.debit_move_id.move_id.billing_wallet_kind == "expired"
        )
        lost = max(0.0, count_lost(lost, move.amount_total) - expired)
        return self.currency_id.round(
            min(lost, max(0.0, -self.amount_residual_currency))
        )

    def _billing_is_all_paid(self):
        """Whether all that is open of this item can be used, now or before it ended."""
        left = self._billing_get_prepaid(is_expired=True)
        return not self.currency_id.compare_amounts(
            left, -self.amount_residual_currency
        )

    def _billing_renew_prepaid(self):
        """Return until when money can be used that comes back today.

        As long as before; if that is over, as money that is paid today. What is the
        customer's again by a correction is not lost by it.
        """
        self.ensure_one()
        last, today = self.billing_wallet_expires_on, self._billing_get_wallet_today()
        if not last or last >= today:
            return last
        days = self.company_id.billing_wallet_days
        return today + timedelta(days=days) if days else False

    def _billing_get_wallet_today(self):
        """Return the day where the customer is: the last one counts there."""
        # sudo: the wallet says whose it is.
        wallet = self.billing_wallet_id.sudo()
        return wallet.partner_id._billing_get_today(wallet.company_id)

    def _billing_prepare_wallet_line(self, amount, name):
        """Return the values of an item that takes an amount of this one, or adds to it.

        At the rate that this one was booked with: what is owed in services is no
        monetary item (IAS 21.16, IFRIC 22).

        :param float amount: what is taken, in the currency of the item; less than zero
            is added.
        :param str name: what the item is called.
        """
        self.ensure_one()
        company_currency = self.company_id.currency_id
        balance = amount
        if self.currency_id != company_currency:
            whole, booked = self.amount_currency, self.balance
            if not self.reconciled and not self.currency_id.compare_amounts(
                abs(amount), abs(self.amount_residual_currency)
            ):
                # The rest of it, to the cent.
                whole, booked = self.amount_residual_currency, self.amount_residual
            balance = company_currency.round(booked * amount / whole) if whole else 0.0
        return {
            "name": name,
            "account_id": self.account_id.id,
            "partner_id": self.partner_id.id,
            "currency_id": self.currency_id.id,
            "amount_currency": amount,
            "balance": abs(balance) if amount > 0 else -abs(balance),
            "billing_wallet_id": self.billing_wallet_id.id,
            "billing_wallet_expires_on": self.billing_wallet_expires_on,
            "tax_ids": [fields.Command.clear()],
        }

    # === ACTION METHODS === #

    def action_billing_give_back(self):
        """Give back what is left of a top-up: to its card, or as credit on file.

        :return: the dialog that asks how much.
        """
        self.ensure_one()
        self.check_access("read")
        self.billing_wallet_id._check_staff()
        move = self.move_id
        by_card = move.move_type == "out_invoice" and move.billing_refundable
        if by_card and move._billing_get_refundable_amount():
            return move.action_billing_refund()
        if not self.env["omni.billing.wallet.refund.wizard"].has_access("create"):
            raise UserError(
                self.env._(
                    "Money that did not come by card is given back by a billing"
                    " manager. Nothing was changed: ask one."
                )
            )
        title = self.env._("Give Prepaid Money Back")
        return open_dialog(
            "omni.billing.wallet.refund.wizard", title, {"default_line_id": self.id}
        )

    # === BUSINESS METHODS === #

    def _billing_turn_into_credit(self, amount):
        """Make prepaid money that no top-up stands for credit on file, and return that.

        :param float amount: in the currency of the item.
        :return: the entry.
        """
        self.ensure_one()
        wallet = self.billing_wallet_id
        customer = wallet.partner_id.commercial_partner_id
        name = self.env._("Prepaid money of %(customer)s", customer=customer.name)
        taken = self._billing_prepare_wallet_line(amount, name)
        receivable = customer.with_company(
            self.company_id
        ).property_account_receivable_id
        other = {
            "name": name,
            "account_id": receivable.id,
            "partner_id": customer.id,
            "currency_id": self.currency_id.id,
            "amount_currency": -taken["amount_currency"],
            "balance": -taken["balance"],
        }
        entry = self.move_id._billing_post_wallet_entry(
            "credit", name, [taken, other], self.currency_id
        )
        (self + entry.line_ids.filtered("billing_wallet_id")).reconcile()
        wallet._end_auto()
        return entry
