from unittest.mock import patch

from odoo.exceptions import AccessError, UserError
from odoo.tests import tagged

from .card_common import CardCommon
from .common import BillingCommon


class BulkCommon(BillingCommon):
    """Invoices of several customers, and the dialog that works on them in steps."""

    def _bill_many(self, *partners):
        return self.env["account.move"].concat(
            *(
                self._bill(
                    self._create_transaction(45, partner_id=partner.id),
                    partner_id=partner.id,
                )
                for partner in partners
            )
        )

    def _start(self, action):
        self.assertEqual(action["tag"], "omni_billing_bulk")
        return self.env["omni.billing.bulk"].browse(action["params"]["bulkId"])


@tagged("post_install", "-at_install")
class TestBulk(BulkCommon):
    """F8, F120: the same with many invoices, each for itself."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.customer.email = "acme@example.com"
        cls.silent = cls.env["res.partner"].create({"name": "Silent & Sons"})

    def _void(self, invoices, reason="Wrong month"):
        return (
            self.env["omni.billing.void.wizard"]
            .create({"invoice_ids": invoices.ids, "reason": reason})
            .action_void()
        )

    def test_void_tells_which_failed_and_voids_the_rest(self):
        invoices = self._bill_many(self.customer, self.silent, self.customer)
        self._pay(invoices[1], mode="cash")
        action = self._void(invoices)
        self.assertEqual(action["params"]["title"], "Void 3 Invoices")
        self.assertCountEqual(action["params"]["invoiceIds"], invoices.ids)
        bulk = self._start(action)
        results = bulk.run_step(invoices[:2].ids) + bulk.run_step(invoices[2:].ids)
        self.assertEqual(
            [bool(result["error"]) for result in results], [False, True, False]
        )
        self.assertIn("cannot be voided", results[1]["error"])
        self.assertEqual(results[1]["name"], invoices[1].display_name)
        self.assertEqual(results[1]["customer"], "Silent & Sons")
        self.assertEqual(invoices.mapped("billing_state"), ["void", "paid", "void"])
        self.assertIn("Wrong month", " ".join(invoices[0].message_ids.mapped("body")))

    def test_step_asked_for_again_does_nothing(self):
        invoices = self._bill_many(self.customer, self.silent)
        bulk = self._start(self._void(invoices))
        first = bulk.run_step(invoices.ids)
        notes = len(invoices.message_ids)
        self.assertEqual(bulk.run_step(invoices.ids), first)
        self.assertEqual(len(invoices.message_ids), notes)

    def test_step_leaves_out_other_invoices(self):
        invoices = self._bill_many(self.customer, self.silent, self.silent)
        bulk = self._start(self._void(invoices[:2]))
        self.assertEqual(bulk.run_step(invoices[2:].ids), [])
        self.assertEqual(invoices[2].billing_state, "unpaid")

    def test_staff_cannot_void_many(self):
        invoices = self._bill_many(self.customer, self.silent)
        bulk = (
            self.env["omni.billing.bulk"]
            .with_user(self.staff)
            .create({"operation": "void", "invoice_ids": invoices.ids})
        )
        with self.assertRaises(AccessError):
            bulk.run_step(invoices.ids)
        self.assertEqual(set(invoices.mapped("billing_state")), {"unpaid"})

    def test_email_tells_who_has_no_address(self):
        invoices = self._bill_many(self.customer, self.silent)
        bulk = self._start(invoices.action_billing_email())
        results = bulk.run_step(invoices.ids)
        self.assertFalse(results[0]["error"])
        self.assertEqual(
            results[1]["error"],
            "Silent & Sons has no e-mail address. Add one to the customer.",
        )
        mails = invoices.billing_mail_ids
        self.assertEqual(
            {mail.move_id: (mail.state, mail.needs_action) for mail in mails},
            {invoices[0]: ("queued", False), invoices[1]: ("failed", True)},
        )
        self.silent.email = "silent@example.com"
        self.assertFalse(any(r["error"] for r in bulk.run_step(invoices.ids)))
        bulk.run_step(invoices.ids)
        mails = invoices.billing_mail_ids - mails
        self.assertEqual((mails.move_id, mails.state), (invoices[1], "queued"))

    def test_drafts_are_not_sent(self):
        draft = self._create_draft(self._create_transaction(45))
        with self.assertRaisesRegex(UserError, "draft"):
            draft.action_billing_email()

    def test_pay_takes_each_in_full(self):
        invoices = self._bill_many(self.customer, self.silent)
        wizard = self.env["omni.billing.payment.wizard"].create(
            {"invoice_ids": invoices.ids, "mode": "bank", "reference": "List 7"}
        )
        self.assertTrue(wizard.is_bulk)
        bulk = self._start(wizard.action_pay())
        results = bulk.run_step(invoices.ids)
        self.assertFalse(any(result["error"] for result in results))
        self.assertEqual(set(invoices.mapped("billing_state")), {"paid"})
        self.assertEqual(set(invoices.mapped("billing_payment_reference")), {"List 7"})
        payments = self.env["account.payment"].search(
            [("partner_id", "in", (self.customer + self.silent).ids)]
        )
        self.assertEqual(sorted(payments.mapped("amount")), [45, 45])
        self.assertEqual(payments.partner_id, self.customer + self.silent)

    def test_error_of_one_leaves_nothing_half_done(self):
        """What fails after money was booked takes the booking with it."""
        invoices = self._bill_many(self.customer, self.silent)
        wizard = self.env["omni.billing.payment.wizard"].create(
            {"invoice_ids": invoices.ids, "mode": "cash"}
        )
        bulk = self._start(wizard.action_pay())

        def refuse(invoices, _money):
            raise UserError(invoices.env._("Select at least one invoice to pay."))

        with patch.object(type(invoices), "_billing_reconcile_oldest_first", refuse):
            results = bulk.run_step(invoices[:1].ids)
        self.assertIn("Select at least", results[0]["error"])
        self.assertFalse(
            self.env["account.payment"].search([("partner_id", "=", self.customer.id)])
        )
        self.assertFalse(bulk.run_step(invoices[:1].ids)[0]["error"])
        self.assertEqual(invoices[0].billing_state, "paid")

    def test_download_keeps_one_file_for_each(self):
        invoices = self._bill_many(self.customer, self.silent)
        bulk = self._start(invoices.action_billing_download())
        bulk.run_step(invoices.ids)
        bulk.run_step(invoices.ids)
        files = list(bulk._get_files())
        self.assertEqual(
            [name for name, _content in files],
            [f"{invoice.name.replace('/', '-')}.pdf" for invoice in invoices],
        )
        self.assertTrue(all(content[:5] == b"%PDF-" for _name, content in files))
        with self.assertRaises(AccessError):
            bulk.with_user(self.staff)._get_files()

    def test_one_alone_goes_without_steps(self):
        invoice = self._bill_many(self.customer)
        self.assertEqual(invoice.action_billing_download()["type"], "ir.actions.report")
        self._void(invoice)
        self.assertEqual(invoice.billing_state, "void")


@tagged("post_install", "-at_install")
class TestBulkCards(BulkCommon, CardCommon):
    """F8, F132: many invoices, of which one has a card payment under way."""

    def setUp(self):
        super().setUp()
        self.other = self.env["res.partner"].create({"name": "Silent & Sons"})
        self.invoices = self._bill_many(self.other, self.customer, self.other)

    def _pay_all(self, mode):
        wizard = self.env["omni.billing.payment.wizard"].create(
            {"invoice_ids": self.invoices.ids, "mode": mode}
        )
        bulk = self._start(wizard.action_pay())
        return [result["error"] for result in bulk.run_step(self.invoices.ids)]

    def _begin_charge(self, is_executed):
        self.gateway.lose(is_executed=is_executed)
        self.invoices[1]._billing_charge(self.card)

    def _get_payments(self):
        payments = self.env["account.payment"].search(
            [("partner_id", "in", (self.customer + self.other).ids)]
        )
        return sorted(
            (payment.billing_mode or "card", payment.amount) for payment in payments
        )

    def test_cash_is_not_taken_for_what_a_card_paid(self):
        self._begin_charge(is_executed=True)
        errors = self._pay_all("cash")
        self.assertEqual([bool(error) for error in errors], [False, True, False])
        self.assertIn("it is paid", errors[1])
        self.assertEqual(set(self.invoices.mapped("billing_state")), {"paid"})
        self.assertEqual(
            self._get_payments(), [("card", 45), ("cash", 45), ("cash", 45)]
        )

    def test_cash_is_taken_where_the_charge_never_came_to_stripe(self):
        self._begin_charge(is_executed=False)
        self.assertEqual(self._pay_all("cash"), [False, False, False])
        self.assertFalse(self.invoices.billing_attempt_id)
        self.assertEqual(self._get_payments(), [("cash", 45)] * 3)

    def test_cash_of_the_others_is_taken_while_stripe_is_silent(self):
        self._begin_charge(is_executed=True)
        self.gateway.lose(is_executed=True)  # the question is lost too
        errors = self._pay_all("cash")
        self.assertEqual([bool(error) for error in errors], [False, True, False])
        self.assertIn("outcome is not known", errors[1])
        self.assertTrue(self.invoices[1].billing_attempt_id)
        self.assertEqual(self._get_payments(), [("cash", 45)] * 2)

    def test_declined_card_stops_no_other(self):
        for partner in self.other, self.customer:
            self._save_card("5555", partner)
        self.gateway.plan.append(("status", "succeeded"))
        self.gateway.decline()
        errors = self._pay_all("stripe")
        self.assertEqual([bool(error) for error in errors], [False, True, False])
        self.assertIn("declined", errors[1])
        self.assertEqual(
            self.invoices.mapped("billing_state"), ["paid", "unpaid", "paid"]
        )
        self.assertEqual(self.gateway.taken, 9000)
