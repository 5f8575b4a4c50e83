from odoo import fields, models

from ...tools.write_guard import trust


class PaymentTransaction(models.Model):
    """What the customer's bank wants back (W19)."""

    _inherit = "payment.transaction"

    billing_disputes = fields.Json(
        string="Disputes",
        readonly=True,
        copy=False,
        help="How each dispute stands, by its id at Stripe.",
    )

    def _billing_note_dispute(self, reference, outcome):
        """Write down how a dispute stands, and flag the invoices.

        :param str reference: its id at Stripe.
        :param str outcome: ``won`` or ``lost``, none while it is open.
        :return: whether that is news: events come twice, and late.
        """
        self._billing_lock()
        known = self.billing_disputes or {}
        state = outcome or "open"
        if known.get(reference) == state or (state == "open" and reference in known):
            return False
        self.billing_disputes = {**known, reference: state}
        for invoice in trust(self.invoice_ids):
            # An invoice may have several, of one payment or of more.
            states = set()
            for payment in invoice.transaction_ids:
                states.update((payment.billing_disputes or {}).values())
            worst = (one for one in ("open", "lost", "won") if one in states)
            invoice.billing_dispute = next(worst)
        return True
