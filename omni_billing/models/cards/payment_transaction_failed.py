from odoo import api, fields, models
from odoo.fields import Domain


class PaymentTransaction(models.Model):
    """Charges and refunds that failed, until somebody saw to it (F155)."""

    _inherit = "payment.transaction"

    billing_needs_action = fields.Boolean(
        string="To Do",
        readonly=True,
        copy=False,
        help="It failed, nothing else came of it, and nobody saw to it.",
    )

    billing_is_declined = fields.Boolean(
        readonly=True,
        copy=False,
        help="The bank said no: the customer may know, and can pay otherwise.",
    )

    _billing_todo_idx = models.Index("(id) WHERE billing_needs_action")

    # === OVERRIDES OF PAYMENT === #

    def _set_error(self, state_message, extra_allowed_states=()):
        """Override of `payment`: what failed is left to staff, whoever tells of it."""
        failed = super()._set_error(state_message, extra_allowed_states)
        for payment in failed:
            payment._billing_note_failed()
        return failed

    def _set_done(self, **kwargs):
        """Override of `payment`: what worked makes good what failed before."""
        done = super()._set_done(**kwargs)
        for payment in done:
            payment._billing_settle_failed()
        return done

    # === ACTION METHODS === #

    def action_billing_dismiss(self):
        """Take failed charges and refunds off the work list: somebody saw to it.

        :raise AccessError: if one is of an invoice that the user may not write.
        """
        self.check_access("read")
        for payment in self:
            payment._billing_get_invoices().check_access("write")
        # sudo: staff see to it, and do not write payments.
        self.sudo().billing_needs_action = False
        return True

    # === BUSINESS METHODS === #

    def _billing_note_failed(self):
        """Leave it to staff, if an invoice waits for it and nobody else tells."""
        self.ensure_one()
        self._billing_settle_failed()
        if self.operation == "refund":
            self.billing_needs_action = bool(self._billing_get_invoices())
        elif self.operation != "validation":
            is_owed = any(move._billing_is_unpaid() for move in self.invoice_ids)
            self.billing_needs_action = is_owed and not self._billing_is_followed_up()

    def _billing_settle_failed(self):
        """Take off the work list what this one came after: it is about the same."""
        invoices = self._billing_get_invoices()
        if not invoices or self.operation == "validation":
            return
        is_refund = self.operation == "refund"
        of_invoices = (
            Domain("billing_refund_invoice_id", "in", invoices.ids)
            if is_refund
            else Domain("invoice_ids", "in", invoices.ids)
        )
        earlier = self.search(
            Domain("billing_needs_action", "=", True)
            & of_invoices
            & Domain("operation", "=" if is_refund else "!=", "refund")
        )
        earlier.billing_needs_action = False

    def _billing_is_followed_up(self):
        """Whether something else tells staff of this charge. Hook."""
        self.ensure_one()
        return False

    def _billing_tell_refund_failed(self, reason):
        """Tell staff that a refund which they asked for gave nothing back."""
        self._billing_tell_staff(
            self.env._(
                "The refund %(reference)s of %(amount)s failed, and nothing was given"
                " back: %(reason)s Refund again, or give the money back in another"
                " way.",
                reference=self.reference,
                amount=self.currency_id._billing_format(-self.amount),
                reason=reason,
            )
        )

    @api.autovacuum
    def _billing_gc_failed(self):
        """Take off the list, for good, what was paid in another way meanwhile."""
        failed = self.search(
            [("billing_needs_action", "=", True), ("operation", "!=", "refund")]
        )
        owed = failed.invoice_ids.filtered_domain(
            failed.invoice_ids._billing_get_unpaid_domain()
        )
        settled = failed.filtered(lambda payment: not payment.invoice_ids & owed)
        settled.billing_needs_action = False
