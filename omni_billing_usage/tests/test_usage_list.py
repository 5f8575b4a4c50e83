from unittest.mock import patch

from odoo.exceptions import UserError
from odoo.tests import tagged

from odoo.addons.omni_billing.tests.http_common import PatientHttpCase

from .rating_common import OVER, RatingCommon


class FakeRenderer:
    """Keeps what it was to lay out."""

    def __init__(self):
        self.sources = []

    def render(self, document):
        self.sources.append(document.source)
        return b"%PDF-1.7"


@tagged("post_install", "-at_install")
class TestUsageList(RatingCommon, PatientHttpCase):
    """W41: the itemised list of an invoice, as a PDF."""

    def setUp(self):
        super().setUp()
        self.renderer = FakeRenderer()
        self.patch(
            self.registry["ir.actions.report"],
            "_billing_get_pdf_renderer",
            lambda _reports: self.renderer,
        )
        self._give()
        self._call("a", 61)
        self._call("b", 5, called="+33799999999")
        self._use("c", "1500.5")
        self._rate(OVER)
        parts = self._parts() | self._parts(self.calls)
        self.invoice = self._bill(parts.transaction_id)
        self.env.flush_all()

    def test_who_sees_it(self):
        """W41: customers and who has the link; numbers lack their last digits."""
        url = f"/my/billing/invoices/{self.invoice.id}/usage.pdf"
        self.authenticate(self.portal.login, self.portal.login)
        page = self.url_open(url.removesuffix("/usage.pdf")).text
        self.assertIn(url, page)
        answer = self.url_open(url)
        self.assertEqual(answer.content, b"%PDF-1.7")
        self.assertEqual(answer.headers["Cache-Control"], "private, no-cache")
        [source] = self.renderer.sources
        for text in ("+3361234****", "+3379999****", "Line, Calls", "1,500.5", "18.01"):
            self.assertIn(text, source)
        self.assertNotIn("+33612345678", source)
        stranger = self._create_user("usage-stranger", "base.group_portal")
        self.env.flush_all()
        self.authenticate(stranger.login, stranger.login)
        self.assertNotEqual(self.url_open(url).content, b"%PDF-1.7")
        self.authenticate(None, None)
        token = self.invoice._portal_ensure_token()
        self.env.flush_all()
        self.assertEqual(self.url_open(f"{url}?access_token={token}").status_code, 200)
        self.assertEqual(len(self.renderer.sources), 2)

    def test_who_has_it_with_the_invoice(self):
        """W41: as the company has it, or the customer wants it; not of many events."""

        def count():
            with patch.object(type(self.invoice), "_billing_get_pdf", lambda _m: b"x"):
                return len(self.invoice._billing_list_mail_files("invoice"))

        self.assertEqual(count(), 1)
        self.company.sudo().billing_usage_list = True
        self.assertEqual(count(), 2)
        self.customer.billing_usage_list = "no"
        self.assertEqual(count(), 1)
        self.company.sudo().billing_usage_list = False
        self.customer.billing_usage_list = "yes"
        self.assertEqual(count(), 2)
        invoice = self.invoice.with_user(self.staff)
        self.assertTrue(invoice.billing_has_usage)
        self.assertIn("usage.pdf", invoice.action_billing_usage_list()["url"])
        module = "odoo.addons.omni_billing_usage.models.account_move_usage"
        with patch(f"{module}.MAX_LISTED", 2):
            self.assertEqual(count(), 1)
            self.assertIn("usage.csv", invoice.action_billing_usage_list()["url"])
            with self.assertRaisesRegex(UserError, "in the CSV"):
                self.invoice._billing_make_usage_pdf()
