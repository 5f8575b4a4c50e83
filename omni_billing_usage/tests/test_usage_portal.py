from odoo.tests import tagged

from odoo.addons.omni_billing.tests.http_common import PatientHttpCase

from .rating_common import OVER, RatingCommon


@tagged("post_install", "-at_install")
class TestUsagePortal(RatingCommon, PatientHttpCase):
    """W41: customers see what they used, what it costs and why; others see nothing."""

    def test_usage_of_a_customer(self):
        self._give()
        self._call("a", 61)
        self._use("b", "1500.5")
        self._rate(OVER)
        data, calls = self._parts(), self._parts(self.calls)
        invoice = self._bill((data | calls).transaction_id)
        page = f"/my/billing/services/{self.line.id}/usage"
        files = [f"/my/billing/usage/{part.id}.csv" for part in (data, calls)]
        itemised = f"/my/billing/invoices/{invoice.id}/usage.csv"
        self.authenticate(self.portal.login, self.portal.login)
        shown = self.url_open(page).text
        for text in ("Data, ", "18.01", "0.012", "1,500.5", "Mobiles"):
            self.assertIn(text, shown)
        self.assertIn('aria-current="page">Usage</li>', shown)
        self.assertNotIn(">Void</span>", shown)
        self.assertIn(page, self.url_open(page.removesuffix("/usage")).text)
        self.assertIn(
            itemised, self.url_open(f"/my/billing/invoices/{invoice.id}").text
        )
        answer = self.url_open(files[1])
        self.assertEqual(answer.headers["Cache-Control"], "private, no-cache")
        self.assertEqual(
            answer.content.decode("utf-8-sig").splitlines(),
            [
                "Service,Meter,Time,Identifier,Quantity,Unit,called",
                "Line,Calls,2026-11-10 12:00:00,,61,,'+3361234****",
            ],
        )
        self.company.sudo().billing_usage_shows_numbers = True
        self.env.flush_all()
        self.assertIn("+33612345678", self.url_open(files[1]).text)
        self.assertEqual(len(self.url_open(itemised).text.splitlines()), 3)
        # Who has the link of the invoice has its usage, and no other.
        self.authenticate(None, None)
        token = invoice._portal_ensure_token()
        self.env.flush_all()
        answer = self.url_open(f"{itemised}?access_token={token}")
        self.assertEqual(len(answer.text.splitlines()), 3)
        self.assertNotIn("1500.5", self.url_open(f"{itemised}?access_token=x").text)
        stranger = self._create_user("usage-stranger", "base.group_portal")
        self.env.flush_all()
        self.authenticate(stranger.login, stranger.login)
        for url in (page, *files, "/my/billing/usage/99999999999.csv"):
            with self.subTest(url):
                self.assertEqual(self.url_open(url).status_code, 404)
        self.assertNotIn("1500.5", self.url_open(itemised).text)

    def test_what_was_voided_and_what_is_not_kept(self):
        """W41: a part says that it is void; where events have gone is no empty file."""
        self._give()
        self._use("a", 1500)
        self._rate(OVER)
        part = self._parts()
        invoice = self._bill(part.transaction_id)
        page = f"/my/billing/services/{self.line.id}/usage"
        shown = f"/my/billing/invoices/{invoice.id}"
        urls = (f"/my/billing/usage/{part.id}.csv", f"{shown}/usage.csv")
        self.authenticate(self.portal.login, self.portal.login)
        self.assertNotIn(">Void</span>", self.url_open(page).text)
        self.company.sudo().billing_usage_kept_from = "2027-06-01"
        self.env.flush_all()
        self.assertIn("not kept any more", self.url_open(page).text)
        for url in urls:
            self.assertEqual(self.url_open(url).status_code, 404)
        self.assertNotIn(urls[1], self.url_open(shown).text)
        invoice.action_billing_void()
        part.transaction_id.action_void()
        self.env.flush_all()
        self.assertEqual(self.url_open(page).text.count(">Void</span>"), 1)
