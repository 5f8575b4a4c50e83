from odoo import fields, models

from ...const import DISPUTE_STATES, DISPUTE_STEPS
from ...tools.write_guard import trust

#: Of several on an invoice, the one that it shows.
WORST = ("open", "lost", "inquiry", "owed", "written_off", "won")
#: Stripe gives nothing back of what a bank has taken.
TAKEN = {"open", "lost", "owed", "written_off"}


class PaymentTransaction(models.Model):
    """What the customer's bank wants back (W19)."""

    _inherit = "payment.transaction"

    billing_disputes = fields.Json(
        string="Disputes",
        readonly=True,
        copy=False,
        help="How each dispute stands, by its id at Stripe.",
    )

    def _billing_follow_dispute(self, reference, status, reason):
        """Write down how a dispute stands, and tell staff if that is news.

        :param str status: Stripe's word.
        :param str reason: the bank's, in Stripe's word.
        """
        self.ensure_one()
        state = DISPUTE_STATES.get(status, "open")
        if not self._billing_note_dispute(reference, state):
            return
        for paid in self.invoice_ids or self:
            paid._billing_tell_staff(
                self._billing_explain_dispute(paid, state, status, reason or "?")
            )

    def _billing_explain_dispute(self, paid, state, status, reason):
        if state == "lost":
            return self.env._(
                "The card payment of %(invoice)s was disputed by the customer's bank"
                " (%(reason)s), and the dispute is lost: the money is gone. A manager"
                " decides in Billing > Reporting > Disputes whether the customer owes"
                " it again.",
                invoice=paid.display_name,
                reason=reason,
            )
        return self.env._(
            "The card payment of %(invoice)s is disputed by the customer's bank"
            " (%(reason)s; now: %(status)s). Answer in Stripe's dashboard.",
            invoice=paid.display_name,
            reason=reason,
            status=status,
        )

    def _billing_note_dispute(self, reference, state):
        """Write down how a dispute stands, and flag the invoices.

        :param str reference: its id at Stripe.
        :param str state: one of `DISPUTE_STEPS`.
        :return: whether that is news: events come twice, and late.
        """
        self._billing_lock()
        known = self.billing_disputes or {}
        before = known.get(reference)
        if before == state or DISPUTE_STEPS[state] < DISPUTE_STEPS.get(before, 0):
            return False
        if DISPUTE_STEPS.get(before) == DISPUTE_STEPS["owed"]:
            # It is decided once.
            return False
        self.billing_disputes = {**known, reference: state}
        for invoice in trust(self.invoice_ids):
            # An invoice may have several, of one payment or of more.
            states = set()
            for payment in invoice.transaction_ids:
                states.update((payment.billing_disputes or {}).values())
            invoice.billing_dispute = next(one for one in WORST if one in states)
        return True

    def _billing_is_taken_back(self):
        """Whether the customer's bank has its money, or wants it and has it by now."""
        self.ensure_one()
        return not TAKEN.isdisjoint((self.billing_disputes or {}).values())
