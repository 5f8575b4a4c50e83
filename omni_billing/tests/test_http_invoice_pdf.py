from odoo.fields import Datetime
from odoo.tests import tagged

from .common import BillingCommon
from .http_common import PatientHttpCase


@tagged("post_install", "-at_install")
class TestInvoicePdfRoute(BillingCommon, PatientHttpCase):
    """F99: GET /crm/invoice/<id>/pdf with a bearer key."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls._create_transaction(100)
        cls.invoice = cls._bill()
        cls.path = f"/crm/invoice/{cls.invoice.id}/pdf"
        cls.key = cls._make_key(cls.staff)

    @classmethod
    def _make_key(cls, user):
        return (
            cls.env["res.users.apikeys"]
            .with_user(user)
            .sudo()
            ._generate("rpc", "test", Datetime.add(Datetime.now(), days=1))
        )

    def _get(self, path, key=None, **kwargs):
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        return self.url_open(path, headers=headers, **kwargs)

    def test_staff_gets_the_pdf(self):
        response = self._get(self.path, self.key)
        self.assertEqual(response.status_code, 200)
        self.assertEqual(response.headers["Content-Type"], "application/pdf")
        self.assertIn(
            f"Invoice_{self.invoice.name[-5:]}.pdf",
            response.headers["Content-Disposition"],
        )
        self.assertTrue(response.content.startswith(b"%PDF"))

    def test_known_file_is_not_sent_again(self):
        """F99: ETag and If-None-Match."""
        first = self._get(self.path, self.key)
        tag = first.headers["ETag"]
        self.assertEqual(self._get(self.path, self.key).headers["ETag"], tag)
        headers = {"Authorization": f"Bearer {self.key}", "If-None-Match": tag}
        known = self.url_open(self.path, headers=headers)
        self.assertEqual((known.status_code, known.content), (304, b""))
        self._pay(self.invoice)
        paid = self.url_open(self.path, headers=headers)
        self.assertEqual(paid.status_code, 200)
        self.assertNotEqual(paid.headers["ETag"], tag)

    def test_no_or_wrong_key(self):
        self.assertEqual(self._get(self.path).status_code, 401)
        self.assertEqual(self._get(self.path, "0" * 40).status_code, 401)

    def test_number_that_no_invoice_can_have(self):
        answer = self._get("/crm/invoice/9999999999/pdf", self.key)
        self.assertEqual(answer.status_code, 404)

    def test_unknown_invoice_and_other_entries(self):
        bill = self.init_invoice("in_invoice", self.partner_a, amounts=[9], post=True)
        for number in (999999999, bill.id):
            path = f"/crm/invoice/{number}/pdf"
            self.assertEqual(self._get(path, self.key).status_code, 404)
        self.assertEqual(self._get("/crm/invoice/abc/pdf", self.key).status_code, 404)

    def test_user_without_rights(self):
        key = self._make_key(self.outsider)
        self.assertEqual(self._get(self.path, key).status_code, 403)

    def test_customer_gets_own_invoices_only(self):
        self.invoice.message_subscribe(self.portal.partner_id.ids)
        key = self._make_key(self.portal)
        self.assertEqual(self._get(self.path, key).status_code, 200)
        foreign = self.init_invoice(
            "out_invoice", self.partner_a, amounts=[9], post=True
        )
        path = f"/crm/invoice/{foreign.id}/pdf"
        self.assertEqual(self._get(path, key).status_code, 403)

    def test_post_is_refused(self):
        response = self.url_open(
            self.path,
            data={"x": 1},
            headers={"Authorization": f"Bearer {self.key}"},
        )
        self.assertEqual(response.status_code, 405)

    def test_portal_download_is_our_pdf(self):
        self.authenticate("portal-test", "portal-test")
        self.invoice._portal_ensure_token()
        response = self.url_open(
            f"/my/invoices/{self.invoice.id}?report_type=pdf&download=true"
            f"&access_token={self.invoice.access_token}"
        )
        self.assertEqual(response.status_code, 200)
        self.assertEqual(response.headers["Content-Type"], "application/pdf")

    def test_invoice_of_odoo_has_the_page_of_odoo(self):
        """W44: one number is one document, at each address."""
        plain = self.init_invoice("out_invoice", self.customer, amounts=[9], post=True)
        Move = type(plain)
        self.patch(Move, "_billing_get_odoo_pdf", lambda move: b"Odoo's page")
        response = self._get(f"/crm/invoice/{plain.id}/pdf", self.key)
        self.assertEqual(response.content, b"Odoo's page")
        self.authenticate("portal-test", "portal-test")
        response = self.url_open(f"/my/billing/invoices/{plain.id}/pdf")
        self.assertEqual(response.content, b"Odoo's page")
        response = self.url_open(f"/my/billing/invoices/{self.invoice.id}/pdf")
        self.assertTrue(response.content.startswith(b"%PDF"))
