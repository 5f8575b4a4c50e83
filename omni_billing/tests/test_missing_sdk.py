from unittest.mock import patch

from odoo.exceptions import UserError
from odoo.tests import tagged
from odoo.tools import mute_logger

from odoo.addons.omni_billing import gateways
from odoo.addons.omni_billing.exceptions import GatewayDenied

from .card_common import MODELS, CardCommon
from .mail_common import MailCommon


def lose_sdks(case):
    """Have the server lack the SDKs until the test is over."""
    missing = GatewayDenied("no_sdk", "package>=1 (ImportError: missing)")
    fault = patch.object(gateways, "load", side_effect=missing)
    fault.start()
    case.addCleanup(fault.stop)


@tagged("post_install", "-at_install")
class TestMissingStripe(CardCommon):
    """Stripe's SDK does not work: nothing is begun, and it is said what to do."""

    def setUp(self):
        seam = type(self.provider)._billing_get_gateway
        super().setUp()
        real = patch.object(type(self.provider), "_billing_get_gateway", seam)
        real.start()
        self.addCleanup(real.stop)

    def test_charge_says_so_before_an_attempt_is_written(self):
        [invoice] = self._bill_amounts(50)
        lose_sdks(self)
        with self.assertRaisesRegex(UserError, "Python package for Stripe") as failure:
            invoice._billing_charge(self.card, 50)
        # So a run stops charging, and takes it up again by itself.
        self.assertIsInstance(failure.exception.__cause__, GatewayDenied)
        self.assertFalse(invoice.sudo().transaction_ids)
        self.assertEqual(invoice.billing_state, "unpaid")

    def test_provider_says_what_to_install(self):
        self.assertFalse(self.provider.billing_sdk_problem)
        lose_sdks(self)
        self.provider.invalidate_recordset(["billing_sdk_problem"])
        self.assertIn("package>=1", self.provider.billing_sdk_problem)
        manual = self.provider.search([("code", "!=", "stripe")], limit=1)
        self.assertFalse(manual.billing_sdk_problem)
        # sudo: the form is an administrator's.
        arch = self.provider.sudo().get_view(view_type="form")["arch"]
        self.assertIn("billing_sdk_problem", arch)


@tagged("post_install", "-at_install")
class TestMissingMailjet(MailCommon):
    """Mailjet's SDK does not work: no message is begun, and it is said what to do."""

    def setUp(self):
        super().setUp()
        # sudo: keys are an administrator's.
        self.settings = self.company.sudo()
        self.settings.write(
            {
                "billing_mail_provider": "mailjet",
                "billing_mailjet_api_key": "key",
                "billing_mailjet_secret_key": "secret",
            }
        )
        self.enterContext(mute_logger(f"{MODELS}.mail.res_company"))

    def test_invoice_says_so_before_it_is_sent(self):
        invoice = self._bill_one()
        lose_sdks(self)
        with self.assertRaisesRegex(UserError, "Mailjet cannot be used"):
            invoice._billing_send_mail()
        mail = invoice._billing_queue_mail("invoice")
        self.assertEqual((mail.state, mail.error_code), ("failed", "no_sdk"))
        with self.assertRaisesRegex(UserError, "Mailjet cannot be used"):
            self.settings.action_billing_mailjet_listen()

    def test_settings_say_what_to_install(self):
        # sudo: settings are an administrator's.
        Settings = self.env["res.config.settings"].sudo()
        self.assertFalse(self.settings.billing_mailjet_problem)
        lose_sdks(self)
        self.env.invalidate_all()
        dialog = Settings.new({"company_id": self.company.id})
        self.assertIn("package>=1", dialog.billing_mailjet_problem)
        self.assertIn("billing_mailjet_problem", Settings.get_view()["arch"])
        # Who sends by Odoo's mail does not need it.
        self.settings.billing_mail_provider = "odoo"
        self.assertFalse(self.settings.billing_mailjet_problem)
        self.assertFalse(self.settings._billing_get_mail_problem())
