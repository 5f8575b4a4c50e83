from unittest.mock import patch

from odoo.exceptions import AccessError, UserError
from odoo.tests import tagged

from .common import BillingCommon


@tagged("post_install", "-at_install")
class TestBulk(BillingCommon):
    """F8, F120: the same with many invoices, each for itself."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.customer.email = "acme@example.com"
        cls.silent = cls.env["res.partner"].create({"name": "Silent & Sons"})

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
        self.assertEqual(action["params"]["invoiceIds"], invoices.ids)
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

        def refuse(wizard, _lines, _invoices):
            raise UserError(wizard.env._("Select at least one invoice to pay."))

        with patch.object(type(wizard), "_reconcile_oldest_first", refuse):
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
        files = bulk._get_files()
        self.assertEqual(
            [name for name, _content in files],
            [invoice._billing_get_filename() for invoice in invoices],
        )
        self.assertTrue(all(content[:5] == b"%PDF-" for _name, content in files))
        with self.assertRaises(AccessError):
            bulk.with_user(self.staff)._get_files()

    def test_one_alone_goes_without_steps(self):
        invoice = self._bill_many(self.customer)
        self.assertEqual(invoice.action_billing_download()["type"], "ir.actions.report")
        self._void(invoice)
        self.assertEqual(invoice.billing_state, "void")
