import time

from prometheus_client.openmetrics.parser import text_string_to_metric_families

from odoo.fields import Datetime
from odoo.tests import tagged
from odoo.tools import mute_logger

from .http_common import PatientHttpCase
from .mail_common import MailCommon

PATH = "/omni_billing/metrics"
SCOPE = "omni_billing.metrics"


@tagged("post_install", "-at_install")
class TestMetrics(MailCommon, PatientHttpCase):
    """W45: GET /omni_billing/metrics, by a key that opens nothing else (promise 9)."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.manager = cls._create_user(
            "metrics-manager", "omni_billing.omni_billing_group_manager"
        )

    @classmethod
    def _make_key(cls, user, scope=SCOPE):
        keys = cls.env["res.users.apikeys"].with_user(user).sudo()
        return keys._generate(scope, "test", Datetime.add(Datetime.now(), days=1))

    def _get(self, key=None, path=PATH):
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        return self.url_open(path, headers=headers)

    def _read(self, key):
        """Return what Prometheus' own parser reads: the value of each sample."""
        response = self._get(key)
        self.assertEqual(response.status_code, 200)
        self.assertIn("application/openmetrics-text", response.headers["Content-Type"])
        return {
            (sample.name, *sorted(sample.labels.items())): sample.value
            for family in text_string_to_metric_families(response.text)
            for sample in family.samples
        }

    def _name(self, counter, **labels):
        labels |= {"company_id": str(self.company.id), "company": self.company.name}
        return (f"omni_billing_{counter}", *sorted(labels.items()))

    def test_prometheus_reads_it(self):
        self.company.name = 'Omni "&" Söhne\\'
        self._bill_one()._billing_queue_mail("invoice")
        values = self._read(self._make_key(self.manager))
        self.assertEqual(values[self._name("waiting", kind="mail")], 1)
        self.assertEqual(values[self._name("failed", kind="mail")], 0)
        self.assertEqual(values[self._name("level", kind="mail")], 0)
        self.assertGreaterEqual(values[self._name("invoices_recent")], 1)
        names = {name.removeprefix("omni_billing_") for name, *_labels in values}
        self.assertLessEqual({"cron_active", "cron_late_seconds"}, names)

    def test_no_customer_is_in_it(self):
        invoice = self._bill_one()
        invoice._billing_queue_mail("invoice")
        text = self._get(self._make_key(self.manager)).text
        for secret in (self.customer.name, self.customer.email, invoice.name):
            self.assertNotIn(secret, text)

    def test_no_or_wrong_key(self):
        for key in (None, "0" * 40, "x", "\x7f", self._make_key(self.manager)[:-1]):
            with self.subTest(key):
                response = self._get(key)
                self.assertEqual(response.status_code, 401)
                self.assertNotIn("omni_billing_", response.text)

    def test_no_session_opens_it(self):
        self.authenticate("admin", "admin")
        self.assertEqual(self._get().status_code, 401)

    def test_key_of_who_may_not_read_it(self):
        for user in (self.staff, self.portal):
            with self.subTest(user.login):
                self.assertEqual(self._get(self._make_key(user)).status_code, 403)

    def test_key_of_who_left(self):
        key = self._make_key(self.manager)
        self.assertEqual(self._get(key).status_code, 200)
        self.manager.sudo().active = False
        self.assertEqual(self._get(key).status_code, 401)

    def test_key_opens_nothing_else(self):
        self._create_transaction(45)
        path = f"/crm/invoice/{self._bill().id}/pdf"
        self.assertEqual(self._get(self._make_key(self.manager), path).status_code, 401)

    def test_other_company_is_not_told_of(self):
        other = self.env["res.company"].create({"name": "Other"})
        text = self._get(self._make_key(self.manager)).text
        self.assertNotIn(f'company_id="{other.id}"', text)

    def test_it_is_read_only(self):
        key = self._make_key(self.manager)
        headers = {"Authorization": f"Bearer {key}"}
        self.assertEqual(
            self.url_open(PATH, data={"a": 1}, headers=headers).status_code, 405
        )

    @mute_logger("odoo.http")
    def test_administrator_makes_a_key_and_sees_it_once(self):
        admin = self.env.ref("base.user_admin")
        settings = self.env["res.config.settings"].with_user(admin).create({})
        call = {
            "model": "res.config.settings",
            "method": "action_billing_make_watch_key",
            "args": [settings.ids],
            "kwargs": {},
        }
        path = "/web/dataset/call_button/res.config.settings/" + call["method"]
        self.authenticate("admin", "admin")
        asked = self.make_jsonrpc_request(path, call)
        self.assertEqual(asked["res_model"], "res.users.identitycheck")
        self.authenticate(
            "admin", "admin", session_extra={"identity-check-last": time.time()}
        )
        key = self.make_jsonrpc_request(path, call)["context"]["default_key"]
        self.assertIn("omni_billing_waiting", self._get(key).text)
        keys = self.env["res.users.apikeys"].sudo().search([("scope", "=", SCOPE)])
        self.assertEqual(keys.user_id, admin)
        self.assertIn(admin.name, settings.billing_watch_keys)
