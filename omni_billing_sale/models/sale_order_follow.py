from odoo import models
from odoo.tools import format_list

from odoo.addons.omni_billing.tools.lock import lock_or_tell
from odoo.addons.omni_billing.tools.numbers import format_amount
from odoo.addons.omni_billing.tools.write_guard import trust


class SaleOrder(models.Model):
    """What is ordered goes into Billing; Sales has nothing left to invoice (W38)."""

    _inherit = "sale.order"

    # === ACTION METHODS === #

    def action_confirm(self):
        """Override of `sale`: what is billed as ordered is in Billing at once."""
        result = super().action_confirm()
        self._billing_follow_now()
        return result

    def _action_cancel(self):
        """Override of `sale`: what is not billed yet is void, at once."""
        result = super()._action_cancel()
        self._billing_follow_now()
        return result

    def action_billing_follow(self):
        """Put into Billing what is not there yet, without waiting for the job.

        :raise UserError: if it cannot be done; it says why.
        """
        self.check_access("write")
        # sudo: who sells writes what was sold, and need not bill.
        lines = self.sudo().order_line.filtered("billing_is_due")
        lock_or_tell(lines)
        lines._billing_follow()
        # sudo: as above.
        trust(self.sudo().filtered("billing_problem")).billing_problem = False
        return True

    def action_billing_settle(self):
        """Take orders off the list of what is to be settled; nothing else changes.

        :raise AccessError: if the user does not bill, or may not edit the orders.
        """
        self.env["omni.billing.transaction"].check_access("write")
        self.check_access("write")
        self._billing_settle()
        return True

    # === BUSINESS METHODS === #

    def _billing_settle(self):
        # sudo: who bills need not sell; they see these orders, or find them in To Do.
        trust(self.sudo()).billing_to_settle = False

    def _billing_tell_to_settle(self, sentence):
        """Tell staff what is left to decide on, beside what was told before.

        :param str sentence: what, and what to do.
        """
        self.ensure_one()
        told = self.billing_to_settle or ""
        if sentence not in told:
            trust(self).billing_to_settle = f"{told} {sentence}".strip()

    def _billing_follow_now(self):
        """Follow orders that a person confirms or cancels; the rest is for the job.

        What is wrong with one of them is told on the order, and keeps nobody from
        confirming it: a customer may have paid for it just now.
        """
        # sudo: who sells, and who buys in the portal, need not bill.
        self.sudo().order_line.filtered("billing_is_due")._billing_try_all()

    def _billing_begin(self):
        """Look at orders that are confirmed: one with a down payment stays with Sales.

        Only its own final invoice takes that off.
        """
        # sudo: as above. What was to be settled is on again.
        trust(self.sudo().filtered("billing_to_settle")).billing_to_settle = False
        for order in self.filtered("billing_is_pooled"):
            advance = order.order_line.filtered("is_downpayment").invoice_lines
            if advance.filtered(lambda line: line.parent_state != "cancel"):
                trust(order).billing_is_pooled = False
                order.message_post(
                    body=self.env._(
                        "Sales has invoiced a down payment of this order. It is not"
                        " billed by Omni Billing: create its invoice here."
                    )
                )

    def _billing_explain_canceled(self, amount):
        """Return what is left to settle of a canceled order."""
        self.ensure_one()
        return self.env._(
            "%(order)s was canceled, and %(amount)s of it is billed. Cancel the items"
            " on their invoices, or leave them as they are.",
            order=self.name,
            amount=format_amount(self.env, amount, self.currency_id),
        )

    # === NO SECOND INVOICE === #

    def _get_invoiceable_lines(self, final=False):
        """Override of `sale`: Billing invoices what it has."""
        lines = super()._get_invoiceable_lines(final)
        return lines.filtered(lambda line: not line._billing_is_pooled())

    def _force_lines_to_invoice_policy_order(self):
        """Override of `sale`: an order that is paid has nothing to invoice here."""
        theirs = self.filtered(lambda order: not order.billing_is_pooled)
        return super(SaleOrder, theirs)._force_lines_to_invoice_policy_order()

    def _generate_downpayment_invoices(self):
        """Override of `sale`: money in advance is credit on file of the customer."""
        theirs = self.filtered(lambda order: not order.billing_is_pooled)
        return super(SaleOrder, theirs)._generate_downpayment_invoices()

    def _nothing_to_invoice_error_message(self):
        """Override of `sale`: say where the invoice is made."""
        if ours := self.filtered("billing_is_pooled"):
            return ours._billing_explain_pooled()
        return super()._nothing_to_invoice_error_message()

    def _billing_explain_pooled(self):
        """Return why nothing of these orders is invoiced in Sales."""
        return self.env._(
            "%(orders)s: billed by Omni Billing. What was ordered or delivered is among"
            " the customer's unbilled transactions, and is invoiced from there.",
            orders=format_list(self.env, self[:5].mapped("name")),
        )
