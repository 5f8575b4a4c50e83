from datetime import timedelta

from odoo import api, fields, models
from odoo.exceptions import UserError

from odoo.addons.omni_billing.tools.lock import lock_or_tell, take_turns
from odoo.addons.omni_billing.tools.write_guard import is_trusted

from ..tools.states import HOLDS
from ..tools.target_days import find_business_day
from .res_company import METHOD

#: What is collected of whom.
TOLD = {
    *("amount_currency", "currency_id", "mandate_id", "move_line_id", "order_id"),
    *("partner_bank_id", "partner_id", "payment_ids"),
}


class AccountPaymentLine(models.Model):
    """What is collected of an invoice: from here on it is *being collected* (W34)."""

    _inherit = "account.payment.line"

    # OCA has no index on these, and they are asked for with each invoice.
    move_line_id = fields.Many2one(index="btree_not_null")
    mandate_id = fields.Many2one(index="btree_not_null")
    billing_is_under_way = fields.Boolean(
        string="Being Collected",
        compute="_compute_billing_is_under_way",
        store=True,
        help="In a debit order, and neither booked nor back yet.",
    )

    billing_is_single = fields.Boolean(
        compute="_compute_billing_is_single",
        store=True,
        help="Its mandate is for one debit.",
    )
    billing_used_up = fields.Boolean(
        string="Used Its Mandate Up",
        readonly=True,
        copy=False,
        help="Its file was the last that its mandate was for.",
    )

    _billing_single = models.UniqueIndex(
        "(mandate_id) WHERE billing_is_single AND billing_is_under_way",
        "This mandate is for one debit, and is in a debit order already.",
    )
    _billing_once = models.UniqueIndex(
        "(move_line_id) WHERE billing_is_under_way",
        "What is owed of this invoice is being collected already, in another debit"
        " order.",
    )

    @api.depends("state", "payment_ids.state", "order_id.payment_method_code")
    def _compute_billing_is_under_way(self):
        for line in self:
            states = line.payment_ids.mapped("state")
            if states:
                is_under_way = "draft" in states
            else:
                is_under_way = line.state in ("draft", "open", "generated")
            is_sepa = line.order_id.payment_method_code == METHOD
            line.billing_is_under_way = is_sepa and is_under_way

    @api.depends("mandate_id.type")
    def _compute_billing_is_single(self):
        # The state counts as it was when the line was made: it is another by the time
        # that the bank has it.
        for line in self:
            mandate = line.mandate_id
            line.billing_is_single = bool(mandate) and mandate._billing_is_single()

    # === CRUD METHODS === #

    @api.model_create_multi
    def create(self, vals_list):
        """Override: who pays the same invoice meanwhile begins again, and sees it.

        :raise UserError: if the order is confirmed, which debits what it has, or
            somebody is about to confirm or cancel it.
        """
        lines = super().create(vals_list)
        lock_or_tell(lines.filtered("billing_is_under_way").order_id)
        lines._billing_check_kept()
        if moves := lines.filtered("billing_is_under_way").move_line_id.move_id:
            take_turns(moves)
        return lines

    def write(self, vals):
        """Override: what the customer was told of is collected as it was told."""
        if TOLD & vals.keys():
            self._billing_check_kept()
        return super().write(vals)

    @api.ondelete(at_uninstall=False)
    def _unlink_except_in_order(self):
        """What is confirmed is collected: to forget it would collect it twice."""
        self._billing_check_kept()

    def _billing_check_kept(self):
        for line in () if is_trusted(self.env) else self:
            if line.billing_is_under_way and line.order_id._billing_is_fixed():
                raise UserError(line.order_id._billing_explain_lines())

    # === OVERRIDES OF ACCOUNT_PAYMENT_BATCH_OCA === #

    def _prepare_write_draft2open(self):
        """Override: not before the customer was told, on a day when banks settle."""
        values = super()._prepare_write_draft2open()
        if self.order_id._billing_is_sepa() and self.mandate_id:
            notice = timedelta(days=self.mandate_id._billing_get_notice_days())
            first = fields.Date.context_today(self) + notice
            values["date"] = find_business_day(max(values["date"], first))
        return values

    def _draft2open_payment_line_check(self):
        """Override: what is collected is what is owed, and nothing else pays it."""
        errors = super()._draft2open_payment_line_check()
        move = self.move_line_id.move_id
        if not self.billing_is_under_way or not move:
            return errors
        owed = self.move_line_id.amount_residual_currency
        if self.currency_id.compare_amounts(self.amount_currency, owed):
            errors.append(
                self.env._(
                    "%(invoice)s: %(amount)s would be collected, and %(owed)s are owed"
                    " by now. Delete this line, and collect the invoice again.",
                    invoice=move.display_name,
                    amount=self.currency_id._billing_format(self.amount_currency),
                    owed=self.currency_id._billing_format(owed),
                )
            )
        elif problem := move._billing_explain_no_collection():
            errors.append(problem)
        return errors

    # === CHECKS === #

    def _billing_check_mandates(self):
        """Check, as an order is confirmed, that each is debited by what holds.

        :raise UserError: if not; the message names the lines.
        """
        # Nor does a customer end one meanwhile.
        lock_or_tell(self.mandate_id)
        why = [line._billing_explain_no_mandate() for line in self]
        if any(why):
            raise UserError("\n".join(filter(None, why)))

    def _billing_explain_no_mandate(self):
        """Return why nobody may be debited by the mandate of a line, or nothing."""
        self.ensure_one()
        mandate = self.mandate_id
        if not mandate or mandate.state in HOLDS:
            return None
        names = {
            "invoice": self.move_line_id.move_id.display_name or self.name,
            "mandate": mandate.unique_mandate_reference,
        }
        if mandate.type == "oneoff" and mandate.state == "expired":
            return self.env._(
                "%(invoice)s: the mandate %(mandate)s was for one debit, and is used."
                " Delete this line, and have the customer sign a new one.",
                **names,
            )
        return self.env._(
            "%(invoice)s: the mandate %(mandate)s holds no more. Delete this line, or"
            " have the customer sign a new one, and choose that here.",
            **names,
        )
