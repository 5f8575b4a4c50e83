"""A customer reports a charge: it waits until staff answered (F58, F195)."""

from lxml import html

from odoo.exceptions import AccessError, UserError
from odoo.tests import tagged

from odoo.addons.omni_billing import const

from .test_http_portal import PortalCommon


@tagged("post_install", "-at_install")
class TestReport(PortalCommon):
    def setUp(self):
        super().setUp()
        self.charge = self._create_transaction(30, name="Roaming")

    def _report(self, transaction=None, text="I was not abroad."):
        path = f"/my/billing/transactions/{(transaction or self.charge).id}/report"
        return self._post(path, text=text)

    def _answer(self, transaction=None, text="You are right: it was a trial."):
        transaction = (transaction or self.charge).with_user(self.staff)
        action = transaction.action_open_answer()
        wizard = (
            self.env[action["res_model"]]
            .with_user(self.staff)
            .with_context(**action["context"])
            .create({"answer": text})
        )
        return wizard.action_answer()

    def _find_todo(self):
        self.env.flush_all()
        todo = self.env["omni.billing.todo"].with_user(self.staff)
        todo.invalidate_model()
        return todo.search([("kind", "=", "report")])

    def test_customer_reports_what_is_not_billed(self):
        """F58, F195: it is on no invoice until somebody answered."""
        other = self._create_transaction(20)
        [link] = self._open("/my/billing/transactions").xpath(
            f"//tr[@data-id='{self.charge.id}']//a[contains(@href, '/report')]/@href"
        )
        tree = self._open(link)
        self.assertIn("Roaming", tree.text_content())
        self._report()
        self.env.invalidate_all()
        self.assertEqual(self.charge.report_state, "open")
        self.assertEqual(self.charge.report_text, "I was not abroad.")
        dialog = self._open_proforma()
        self.assertEqual(dialog.line_ids.transaction_id, other)
        with self.assertRaisesRegex(UserError, "reported"):
            self.charge._create_invoice(self.customer)
        self.assertEqual(self.customer.billing_unbilled_amount, 50)
        [row] = self._find_todo()
        self.assertEqual(row.partner_id, self.customer)
        self.assertEqual((row.amount, row.turn), (30, "staff"))
        self.assertIn("abroad", row.reason)
        self.assertEqual(row.action_open()["res_id"], self.charge.id)

    def test_staff_answer_and_release(self):
        """F58: the customer has the answer by e-mail and on the page."""
        self._report()
        self.env.invalidate_all()
        self._answer()
        self.assertEqual(self.charge.report_state, "answered")
        self.assertFalse(self._find_todo())
        mail = self.env["mail.mail"].sudo().search([], order="id desc", limit=1)
        self.assertEqual(mail.recipient_ids, self.portal.partner_id)
        self.assertIn("it was a trial", mail.body_html)
        page = self._open(f"/my/billing/transactions/{self.charge.id}/report")
        self.assertIn("it was a trial", page.text_content())
        self.assertEqual(self._bill(self.charge).amount_total, 30)
        with self.assertRaises(UserError):
            self._answer()

    def test_what_is_invoiced_is_marked_there(self):
        """F195: the invoice stays, and shows what of it is reported."""
        invoice = self._bill(self.charge)
        page = self._open(f"/my/billing/invoices/{invoice.id}")
        self.assertTrue(page.xpath("//a[contains(@href, '/report')]"))
        self._report()
        self.env.invalidate_all()
        self.assertEqual(self.charge.report_state, "open")
        self.assertEqual(invoice.billing_state, "unpaid")
        [row] = self._find_todo()
        self.assertEqual(row.move_id, invoice)
        self.assertTrue(invoice.billing_has_report)
        page = self._open(f"/my/billing/invoices/{invoice.id}")
        self.assertIn("Reported", page.text_content())
        self._answer()
        self.env.invalidate_all()
        self.assertFalse(invoice.billing_has_report)
        # Whoever asks again is heard again.
        self._report(text="No, I was at home.")
        self.env.invalidate_all()
        self.assertEqual(self.charge.report_state, "open")
        self.assertFalse(self.charge.report_answer)

    def test_history_tells_both(self):
        self._report()
        self.env.invalidate_all()
        self._answer()
        tree = self._open("/my/billing/activity")
        for told in ("Charge Reported", "Report Answered"):
            self.assertIn(told, tree.text_content())

    def test_given_up_without_an_answer(self):
        """From the list: it is billed as before, and nobody is written to."""
        self._report()
        before = self.env["mail.mail"].sudo().search_count([])
        self._find_todo().action_give_up()
        self.env.invalidate_all()
        self.assertEqual(self.charge.report_state, "answered")
        self.assertEqual(self.env["mail.mail"].sudo().search_count([]), before)

    def test_only_ones_own(self):
        """F193: as if it were not there; nor without a login."""
        secret = self._create_transaction(4321, partner_id=self.stranger.id)
        for number in (secret.id, 999999999, "9" * 40):
            path = f"/my/billing/transactions/{number}/report"
            self.assertEqual(self.url_open(path).status_code, 404)
            self.assertEqual(self._post(path, text="x").status_code, 404)
        path = f"/my/billing/transactions/{self.charge.id}/report"
        self.assertEqual(self.url_open(path, data={"text": "x"}).status_code, 400)
        self.company.billing_portal_scope = "invoice"
        self.assertEqual(self._post(path, text="x").status_code, 404)
        self.authenticate(None, None)
        self._post(path, text="x")
        self.env.invalidate_all()
        self.assertFalse(secret.report_state or self.charge.report_state)

    def test_what_cannot_be_reported(self):
        """Money, what is void, and what says nothing."""
        invoice = self._bill_amounts(45)
        invoice._billing_pay("cash", 45)
        void = self._create_transaction(5)
        void.action_void("wrong")
        for wrong in (invoice.billing_receipt_ids, void):
            self.assertEqual(self._report(wrong).status_code, 404)
        for text in ("", "  \n", "\0"):
            tree = html.fromstring(self._report(text=text).content)
            self.assertTrue(tree.xpath("//*[@role='alert']"))
        self.env.invalidate_all()
        self.assertFalse(self.charge.report_state)
        self._report(text="a" * 9000)
        self.env.invalidate_all()
        self.assertFalse(self.charge.report_state)

    def test_not_too_many(self):
        at_once, _step = const.LIMITS["report"]["account"]
        charges = [self._create_transaction(5) for _one in range(at_once + 1)]
        answers = [self._report(one).status_code for one in charges]
        self.assertEqual(answers, [200] * at_once + [429])

    def test_nobody_writes_it_by_hand(self):
        """RPC, import: what a customer said is the customer's."""
        with self.assertRaises(UserError):
            self.charge.with_user(self.staff).report_state = "open"
        with self.assertRaises(UserError):
            self._create_transaction(5, report_text="x", report_state="open")
        with self.assertRaises(AccessError):
            self.charge.with_user(self.portal).action_release_reports()
        with self.assertRaises(AccessError):
            self.charge.with_user(self.outsider).action_open_answer()
