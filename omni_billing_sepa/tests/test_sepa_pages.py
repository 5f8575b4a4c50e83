"""The mandate on the customer's page of payment methods (W34)."""

from lxml import html

from odoo import http
from odoo.tests import tagged

from odoo.addons.omni_billing.tests.http_common import PatientHttpCase

from .common import SepaCommon

URL = "/my/billing/mandates"


@tagged("post_install", "-at_install")
class TestPages(SepaCommon, PatientHttpCase):
    """W34: customers see what they signed, and end it, or ask for that."""

    def setUp(self):
        super().setUp()
        self.authenticate("portal-test", "portal-test")

    def _read(self, path="/my/billing/cards"):
        response = self.url_open(path)
        self.assertEqual(response.status_code, 200)
        return " ".join(html.fromstring(response.content).text_content().split())

    def _end(self, mandate):
        token = http.Request.csrf_token(self)
        path = f"{URL}/{mandate.id}/end"
        return self.url_open(path, data={"csrf_token": token})

    def test_mandate_is_shown_and_ended(self):
        """W34: masked; asked for, or ended at once; of nobody else."""
        number = self.mandate.partner_bank_id.sanitized_acc_number
        text = self._read()
        self.assertIn(self.mandate.unique_mandate_reference, text)
        self.assertIn("Nothing was collected by it yet", text)
        self.assertIn("Ask to End It", text)
        self.assertNotIn(number, text)
        # At the bank is not collected.
        [payment] = self._bring(self._collect(self._owe(5)))
        self.env.flush_all()
        self.assertNotIn("Last collected", self._read())
        with self._at(payment.date):
            payment.payment_order_id.action_billing_bank_paid()
        self.env.flush_all()
        self.assertIn("Last collected on", self._read())
        stranger = self.env["res.partner"].create({"name": "Secret Society"})
        theirs = self._sign(stranger, 1)
        self.assertEqual(self._end(theirs).status_code, 404)
        response = self._end(self.mandate)
        self.assertIn("We were asked to end the mandate", response.text)
        self.env.invalidate_all()
        self.assertEqual(self.mandate.state, "valid")
        reference = self.mandate.unique_mandate_reference
        self.assertIn(reference, self.customer.activity_ids.note)
        # sudo: settings are an administrator's.
        self.company.sudo().billing_sepa_lets_revoke = True
        self.env.flush_all()
        response = self._end(self.mandate)
        self.assertIn("The mandate is ended", response.text)
        self.env.invalidate_all()
        self.assertEqual((self.mandate.state, theirs.state), ("cancel", "valid"))
        self.assertNotIn(reference, self._read())
        self.assertEqual(self._end(self.mandate).status_code, 404)
        log = self.env["omni.billing.activity.log"].search([], limit=1)
        self.assertEqual((log.action, log.create_uid), ("autopay_off", self.portal))
