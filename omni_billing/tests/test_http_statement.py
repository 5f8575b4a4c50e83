from unittest.mock import patch

from odoo.tests import tagged

from odoo.addons.omni_billing.wizards.omni_billing_statement import (
    OmniBillingStatement,
)

from .test_http_portal import PortalCommon

STATEMENT = "/my/billing/statement"


@tagged("post_install", "-at_install")
class TestPortalStatement(PortalCommon):
    """W29: the customer's own statement of account."""

    def _ask(self, **query):
        """Return the answer, and the statement that the PDF was made of."""
        made = []
        original = OmniBillingStatement._render

        def render(statement):
            made.append(statement._prepare_page())
            return original(statement)

        with patch.object(OmniBillingStatement, "_render", render):
            response = self.url_open(
                f"{STATEMENT}?{'&'.join(f'{k}={v}' for k, v in query.items())}"
            )
        return response, made

    def test_pdf_of_one_s_own_account(self):
        invoice = self._bill_one(100)
        self._bill_stranger()
        response, [page] = self._ask(date_from="2020-01-01")
        self.assertEqual(response.status_code, 200)
        self.assertEqual(response.headers["Content-Type"], "application/pdf")
        self.assertTrue(response.content.startswith(b"%PDF"))
        self.assertIn("private", response.headers["Cache-Control"])
        [part] = page["parts"]
        self.assertEqual([row["move"] for row in part["rows"]], [invoice])
        self.assertIn(self.customer.name, page["buyer"])
        self.assertIn(STATEMENT, self.url_open("/my/billing").text)

    def test_odd_days(self):
        """What is no day, or ends before it begins, is told, and makes no page."""
        for query in (
            {"date_from": "yesterday"},
            {"date_to": "2026-02-30"},
            {"date_from": "2026-02-01", "date_to": "2026-01-01"},
            {"date_from": "%00"},
        ):
            response, made = self._ask(**query)
            self.assertEqual(response.status_code, 422, query)
            self.assertFalse(made)

    def test_who_sees_no_account_gets_none(self):
        """In the narrow scope it is for invoice contacts; nobody else has one."""
        self.company.billing_portal_scope = "invoice"
        response, made = self._ask()
        self.assertEqual(response.status_code, 404)
        self.authenticate(None, None)
        response, more = self._ask()
        self.assertIn("/web/login", response.url)
        self.assertFalse(made + more)
