from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.tools import format_date

from odoo.addons.omni_billing.tools.write_guard import is_trusted, trusting

from ..tools.states import BOOKED

#: What the customer was told, the file says, or a return is found by.
TOLD = {
    *("amount", "currency_id", "date", "memo", "partner_bank_id", "partner_id"),
    *("payment_line_ids", "payment_lot_id", "payment_order_id"),
    *("billing_sepa_waiting", "journal_id"),
}


class AccountPayment(models.Model):
    """What is in a debit order is debited, whatever Accounting says of it meanwhile.

    OCA's addon puts each payment of an order into its file, canceled or not. So only
    the order, the bank's file of returns, and *Undo* change what becomes of one.
    """

    _inherit = "account.payment"

    # === CRUD METHODS === #

    @api.model_create_multi
    def create(self, vals_list):
        """Override of `account`: nothing is added to what the customers were told."""
        payments = super().create(vals_list)
        for payment in () if is_trusted(self.env) else payments:
            if payment._billing_is_in_order():
                payment._billing_raise_in_order()
        return payments

    def write(self, vals):
        """Override of `account`: a program writes the state, where a person clicks.

        :raise UserError: if a debit order has it, and neither that nor the bank says so
        """
        if not is_trusted(self.env) and (TOLD | {"state"}) & vals.keys():
            self._billing_check_kept(vals)
        state = vals.get("state", "draft")
        if state != "draft" and any(self.mapped("billing_sepa_waiting")):
            # Booked, back or canceled: the job looks for it no more.
            vals = {**vals, "billing_sepa_waiting": False}
        return super().write(vals)

    @api.ondelete(at_uninstall=False)
    def _unlink_except_in_order(self):
        """Nor is it deleted."""
        for payment in () if is_trusted(self.env) else self:
            if payment._billing_is_in_order():
                payment._billing_raise_in_order()

    # === BUSINESS METHODS === #

    def _billing_cancel(self, reason):
        """Override: *Undo* cancels what is booked; the bank was asked for it before."""
        with trusting(self.env):
            return super()._billing_cancel(reason)

    def _billing_is_in_order(self):
        """Whether it is of a SEPA order that is confirmed, and not canceled."""
        self.ensure_one()
        # sudo: who keeps the books need not manage debit orders.
        order = self.sudo().payment_order_id
        return bool(order) and order._billing_is_fixed()

    # === CHECKS === #

    def _billing_check_kept(self, vals):
        for payment in self:
            state = vals.get("state", payment.state)
            is_moved = state != payment.state and not {state, payment.state} <= BOOKED
            is_told = payment.state == "draft" and TOLD & vals.keys()
            if (is_moved or is_told) and payment._billing_is_in_order():
                payment._billing_raise_in_order()

    def _billing_check_due(self):
        """Check that the bank can have paid these, before they are booked by hand.

        :raise UserError: if their file is not at the bank, or their day is to come.
        """
        for payment in self:
            # sudo: as in `_billing_is_in_order`
            if payment.sudo().payment_order_id.state != "uploaded":
                payment._billing_raise_in_order()
            if payment.date > fields.Date.context_today(self):
                raise UserError(
                    self.env._(
                        "%(debit)s is debited on %(date)s: the bank cannot have paid it"
                        " yet. Nothing was booked.",
                        debit=payment.memo,
                        date=format_date(self.env, payment.date),
                    )
                )

    def _billing_raise_in_order(self):
        order = self.sudo().payment_order_id  # sudo: as in `_billing_is_in_order`
        names = {"debit": self.memo or self.display_name, "order": order.name}
        if self.state in BOOKED:
            raise UserError(
                self.env._(
                    "%(debit)s of the debit order %(order)s is booked. Nothing was"
                    " changed. Billing staff undo it, or reverse its entry.",
                    **names,
                )
            )
        raise UserError(
            self.env._(
                "%(debit)s is in the debit order %(order)s, and would be debited all"
                " the same. Nothing was changed: cancel the order if the bank does not"
                " have its file, or import the bank's file of what came back.",
                **names,
            )
        )
