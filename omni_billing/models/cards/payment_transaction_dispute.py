from odoo import api, fields, models

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
        :param str reason: the bank's, in Stripe's word; staff read it in words.
        """
        self.ensure_one()
        state = DISPUTE_STATES.get(status, "open")
        if not self._billing_note_dispute(reference, state):
            return
        words = self._billing_get_dispute_reasons()
        reason = words.get(reason, reason or "?")
        for paid in self.invoice_ids or self:
            paid._billing_tell_staff(
                self._billing_explain_dispute(paid, state, status, reason)
            )

    def _billing_explain_dispute(self, paid, state, status, reason):
        if self._billing_get_debit() and state in ("lost", "open"):
            return self.env._(
                "The bank took back the debit of %(invoice)s (%(reason)s): the money is"
                " gone, and it is owed again. Ask the customer to pay it otherwise.",
                invoice=paid.display_name,
                reason=reason,
            )
        if state == "lost":
            return self.env._(
                "The payment of %(invoice)s was disputed by the customer's bank"
                " (%(reason)s), and the dispute is lost: the money is gone. A manager"
                " decides in Billing > Reporting > Disputes whether the customer owes"
                " it again.",
                invoice=paid.display_name,
                reason=reason,
            )
        return self.env._(
            "The payment of %(invoice)s is disputed by the customer's bank"
            " (%(reason)s; now: %(status)s). Answer in Stripe's dashboard.",
            invoice=paid.display_name,
            reason=reason,
            status=self._billing_get_dispute_statuses().get(status, status),
        )

    @api.model
    def _billing_get_dispute_reasons(self):
        """Return why banks want money back, in words, by Stripe's word for it.

        https://docs.stripe.com/api/disputes/object
        """
        return {
            "bank_cannot_process": self.env._("The bank could not process it"),
            "check_returned": self.env._("Cheque returned"),
            "credit_not_processed": self.env._("Refund not received"),
            "customer_initiated": self.env._("Asked for by the customer"),
            "debit_not_authorized": self.env._("Debit not authorized"),
            "duplicate": self.env._("Charged twice"),
            "fraudulent": self.env._("Not made by the cardholder"),
            "general": self.env._("No reason given"),
            "incorrect_account_details": self.env._("Wrong account number"),
            "insufficient_funds": self.env._("Insufficient funds"),
            "noncompliant": self.env._("Against the rules of the card network"),
            "product_not_received": self.env._("Product or service not received"),
            "product_unacceptable": self.env._("Not as described, or defective"),
            "subscription_canceled": self.env._("Subscription was canceled"),
            "unrecognized": self.env._("Not recognized by the customer"),
        }

    @api.model
    def _billing_get_dispute_statuses(self):
        """Return how a dispute stands at Stripe, in words, by Stripe's word for it."""
        answer = self.env._("Waits for your answer")
        review = self.env._("The bank looks at it")
        return {
            "lost": self.env._("Lost"),
            "needs_response": answer,
            "prevented": self.env._("Prevented"),
            "under_review": review,
            "warning_closed": self.env._("Inquiry closed"),
            "warning_needs_response": answer,
            "warning_under_review": review,
            "won": self.env._("Won"),
        }

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
