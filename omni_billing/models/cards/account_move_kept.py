from odoo import api, models
from odoo.exceptions import UserError
from odoo.tools import format_list

from ...const import BILLING_MOVE_TYPES, BOOKING_DAYS
from ...tools.lock import take_turns
from ...tools.write_guard import is_trusted


class AccountMove(models.Model):
    """What Accounting does to an invoice waits for the money that is on its way to it.

    Also of an invoice that has no transactions of ours: money would come for what is a
    draft, or gone, or a refund would give back what Accounting has credited.
    """

    _inherit = "account.move"

    # === OVERRIDES OF ACCOUNT === #

    def write(self, vals):
        """Override of `account`: a program writes the state, where a person clicks."""
        if vals.get("state") in ("draft", "cancel"):
            self._billing_before_undone()
        return super().write(vals)

    def button_draft(self):
        """Override of `account`: what is opened again is not paid meanwhile."""
        self._billing_before_undone()
        return super().button_draft()

    def button_cancel(self):
        """Override of `account`: nor what is canceled."""
        self._billing_before_undone()
        return super().button_cancel()

    @api.ondelete(at_uninstall=False)
    def _unlink_except_billing_money(self):
        """Nor what is deleted."""
        self._billing_before_undone(is_deleted=True)

    # === BUSINESS METHODS === #

    def _billing_before_reversed(self):
        """Override: less is owed then, whoever makes the credit note."""
        # sudo: as below
        self.sudo()._billing_lock()
        self._billing_before_undone()
        # Who is about to charge, and does not see the credit note, looks again.
        take_turns(self)
        return super()._billing_before_reversed()

    def _billing_before_undone(self, is_deleted=False):
        """Give up what customers began to pay, before an invoice changes otherwise.

        What voids or refunds an invoice of ours has done so, under the lock. What can
        never be learnt keeps nobody: staff are told of it.

        :param bool is_deleted: whether a to-do on the invoice would go with it.
        :raise UserError: if money is on its way, or came and is not booked yet.
        """
        if is_trusted(self.env):
            return
        # sudo: who keeps the books need not read attempts.
        invoices = self.sudo().filtered(
            lambda move: move.move_type in BILLING_MOVE_TYPES
        )
        payments = invoices._billing_get_kept_payments()
        awaited = payments._billing_filter_awaited()
        holding = invoices.billing_attempt_id | awaited._billing_filter_holding()
        if holding:
            waiting = invoices.filtered(
                lambda move: (move.billing_attempt_id | move.transaction_ids) & holding
            )
            raise UserError(
                self.env._(
                    "Money of a customer is on its way to %(invoices)s, or back, or is"
                    " not booked yet: %(payments)s. Nothing was changed: wait for its"
                    " outcome. What is authorized can be captured or voided in"
                    " Accounting. Why something cannot be booked is in a to-do on the"
                    " invoice, and it can be changed after %(days)s days all the same.",
                    invoices=format_list(self.env, waiting.mapped("display_name")),
                    payments=format_list(self.env, holding.mapped("reference")),
                    days=BOOKING_DAYS,
                )
            )
        for payment in awaited:
            payment._billing_tell_never_booked(is_deleted)
        invoices._billing_close_begun(payments, is_deleted)

    def _billing_get_kept_payments(self):
        """Return the payments that Accounting waits for.

        Of invoices that are none of ours it is what Stripe has: all else is as without
        this addon.
        """
        payments = self.env["payment.transaction"]
        for move in self.filtered("transaction_ids"):
            begun = move.transaction_ids
            if not move._billing_is_ours():
                begun = begun.filtered(lambda tx: tx.provider_code == "stripe")
            payments |= begun
        return payments
