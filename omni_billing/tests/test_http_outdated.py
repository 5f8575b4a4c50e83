from odoo.tests import HttpCase, new_test_user, tagged

from ..tools.outdated import find_outdated

LOGGER = "odoo.addons.omni_billing.models.base.ir_http"


@tagged("post_install", "-at_install")
class TestOutdated(HttpCase):
    """New code on a database that was not upgraded says so, and to whom."""

    def _downgrade(self, version):
        self.env.ref("base.module_omni_billing").latest_version = version
        self.env.flush_all()

    def _get_told(self, login):
        self.authenticate(login, login)
        info = self.make_jsonrpc_request("/web/session/get_session_info")
        return info.get("omni_billing_outdated")

    def test_log_says_what_to_run(self):
        http = self.env["ir.http"]
        with self.assertNoLogs(LOGGER):
            http._register_hook()
        self._downgrade("19.0.1.2.0")
        with self.assertLogs(LOGGER, "CRITICAL") as told:
            http._register_hook()
        self.assertIn("19.0.1.2.0", told.output[0])
        self.assertIn("-u omni_billing", told.output[0])

    def test_older_code_is_not_newer(self):
        self._downgrade("19.0.99.0.0")
        self.assertFalse(find_outdated(self.env))

    def test_staff_are_told(self):
        new_test_user(
            self.env, "plain-staff", "base.group_user", password="plain-staff"
        )
        new_test_user(
            self.env, "plain-guest", "base.group_portal", password="plain-guest"
        )
        self.assertIsNone(self._get_told("plain-staff"))
        self._downgrade("19.0.1.2.0")
        self.assertIn("not been upgraded", self._get_told("plain-staff"))
        self.assertIsNone(self._get_told("plain-guest"))
