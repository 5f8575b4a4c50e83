from odoo.tests import tagged
from odoo.tools import file_open

from .mail_common import MailCommon


@tagged("post_install", "-at_install", "omni_install")
class TestNeutralize(MailCommon):
    """A copy of a database tells nobody anything (promise 9)."""

    def test_copy_has_no_keys_and_sends_nothing(self):
        self._use_mailjet(
            billing_mailjet_hook_token="token", billing_mailjet_hook_password="password"
        )
        # sudo: an administrator's.
        self.env["ir.config_parameter"].sudo().set_param(
            "omni_billing.mailjet_api_base", "http://127.0.0.1:8431/"
        )
        mail = self._bill_one()._billing_send_mail()
        self.env.flush_all()
        with file_open("omni_billing/data/neutralize.sql") as script:
            self.env.cr.execute(script.read())
        self.env.invalidate_all()
        company = self.company.sudo()
        self.assertEqual(company.billing_mail_provider, "odoo")
        for name in ("api_key", "secret_key", "hook_token", "hook_password"):
            self.assertFalse(company[f"billing_mailjet_{name}"], name)
        self.assertEqual(mail.state, "canceled")
        crons = (
            self.env["ir.model.data"]
            .sudo()
            .search([("module", "=", "omni_billing"), ("model", "=", "ir.cron")])
        )
        self.assertGreaterEqual(len(crons), 5)
        active = (
            self.env["ir.cron"].sudo().search([("id", "in", crons.mapped("res_id"))])
        )
        self.assertFalse(active)
        parameters = self.env["ir.config_parameter"].sudo()
        self.assertFalse(parameters.get_param("omni_billing.mailjet_api_base"))

    def test_other_server_is_for_the_sandbox(self):
        """The address is honoured in sandbox mode only."""
        company = self.company.sudo()
        company.write(
            {
                "billing_mail_provider": "mailjet",
                "billing_mailjet_api_key": "key",
                "billing_mailjet_secret_key": "secret",
            }
        )
        url = "http://127.0.0.1:8431/"
        self.env["ir.config_parameter"].sudo().set_param(
            "omni_billing.mailjet_api_base", url
        )
        self.assertEqual(company._billing_get_mailjet_gateway()._options, {})
        company.billing_mailjet_sandbox = True
        self.assertEqual(
            company._billing_get_mailjet_gateway()._options, {"api_url": url}
        )
