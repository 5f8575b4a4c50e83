from odoo.exceptions import AccessError
from odoo.tests import tagged

from .card_common import CardCommon


@tagged("post_install", "-at_install")
class TestFailedPayments(CardCommon):
    """F155: what failed is left to staff, whichever way it was begun."""

    def _decline(self, invoice, **values):
        """Charge a card that the bank declines."""
        self.gateway.decline(decline_code="insufficient_funds")
        return invoice._billing_charge(self.card, **values)

    def test_charge_of_a_person_is_left_to_staff(self):
        """F155: of the dialog, and of the portal."""
        for is_there in (False, True):
            invoice = self._bill_amounts(45)
            attempt = self._decline(invoice, is_customer_present=is_there)
            self.assertTrue(attempt.billing_needs_action)

    def test_what_comes_after_takes_its_place(self):
        invoice = self._bill_amounts(45)
        first = self._decline(invoice)
        second = self._decline(invoice)
        self.assertEqual(
            (first.billing_needs_action, second.billing_needs_action), (False, True)
        )
        invoice._billing_charge(self.card)
        self.assertEqual(invoice.billing_state, "paid")
        self.assertFalse(second.billing_needs_action)

    def test_payment_of_another_invoice_settles_nothing(self):
        failed = self._decline(self._bill_amounts(45))
        self._bill_amounts(30)._billing_charge(self.card)
        self.assertTrue(failed.billing_needs_action)

    def test_paid_otherwise_is_taken_off_for_good(self):
        invoice = self._bill_amounts(45)
        failed = self._decline(invoice)
        self._pay(invoice, mode="cash")
        failed._billing_gc_failed()
        self.assertFalse(failed.billing_needs_action)

    def test_form_of_odoo_counts_too(self):
        invoice = self._bill_amounts(45)
        payment = self._begin_online(invoice)
        payment._set_error("No.")
        self.assertTrue(payment.billing_needs_action)
        payment = self._begin_online()
        payment._set_error("No.")
        self.assertFalse(payment.billing_needs_action, "it is of no invoice")

    def test_failed_refund_is_told(self):
        """F155, F172: whoever asked for it may have closed the window."""
        invoice = self._bill_amounts(45)
        invoice._billing_charge(self.card)
        self.gateway.refuse("insufficient_funds")
        refund = invoice._billing_refund()
        self.assertEqual(refund.state, "error")
        self.assertTrue(refund.billing_needs_action)
        [activity] = invoice.activity_ids
        self.assertIn(refund.reference, activity.note)
        self.assertIn("nothing was given back", activity.note)
        invoice._billing_refund()
        self.assertEqual(invoice.billing_state, "refunded")
        self.assertFalse(refund.billing_needs_action)

    def test_refund_that_came_back_is_told_once(self):
        invoice = self._bill_amounts(45)
        invoice._billing_charge(self.card)
        refund = invoice._billing_refund()
        refund._billing_apply(
            self.gateway.fail_refund(refund.provider_reference, "expired_or_canceled")
        )
        self.assertTrue(refund.billing_needs_action)
        [activity] = invoice.activity_ids
        self.assertIn("did not reach the customer", activity.note)

    def test_staff_take_it_off_the_list(self):
        invoice = self._bill_amounts(45)
        failed = self._decline(invoice).sudo(False)
        with self.assertRaises(AccessError):
            failed.with_user(self.outsider).action_billing_dismiss()
        failed.with_user(self.staff).action_billing_dismiss()
        self.assertFalse(failed.billing_needs_action)
