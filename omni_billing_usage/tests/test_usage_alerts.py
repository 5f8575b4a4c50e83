from pathlib import Path

from odoo.fields import Command
from odoo.modules.migration import load_script
from odoo.tests import tagged
from odoo.tools import mute_logger

from .caps_common import CapsCommon


@tagged("post_install", "-at_install")
class TestUsageAlerts(CapsCommon):
    """W41: customers are told at 80 and 100 %, once, of the period that runs."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.customer.write({"email": "ada@example.com", "lang": "en_US"})

    def _percents(self):
        return self.Alert.search([], order="id").mapped("percent")

    def test_once_for_each_percent(self):
        self._roam("a", 39, 10)
        self._rate()
        self.assertEqual((self._percents(), len(self._mails())), ([], 0))
        self._roam("b", 1, 11)
        self._rate()
        mail = self._mails()
        self.assertIn("80 % of “Roaming”", mail.subject)
        self.assertIn("40.00", mail.body_html)
        self.assertIn(f"/my/billing/services/{self.line.id}/usage", mail.body_html)
        self.assertEqual(mail.recipient_ids, self.customer)
        # Less by now, as events were moved, and then as much again.
        self.roaming.cap_ids.amount = 200
        self._rate()
        self.roaming.cap_ids.amount = 50
        self._rate()
        self.assertEqual((self._percents(), len(self._mails())), ([80], 1))
        self._roam("c", 60, 12)
        self._rate()
        self.assertEqual((self._percents(), len(self._mails())), ([80, 100], 2))
        self.assertIn("not charged", self._mails()[0].body_html)
        # Another amount was agreed: it has percents of its own.
        self._agree(100, "2026-11-15 12:00:00")
        self._roam("d", 45, 16)
        self._rate()
        self.assertEqual((self._percents(), len(self._mails())), ([80, 100, 80], 3))

    def test_cap_of_all_usage_by_another_name_tells_nobody_again(self):
        """W41: nor does an update, of which alerts had its name."""
        whole = {"name": "Each Month", "amount": 20}
        self.roaming.cap_ids = [Command.create(whole)]
        self._use("a", 60)
        self._rate()
        self.assertEqual((self._percents(), len(self._mails())), ([80, 100], 1))
        self.assertIn("Each Month", self._mails().subject)
        self.Alert.sudo().search([]).name = "Each Month"
        self.env.flush_all()
        folder = Path(__file__).resolve().parents[1] / "migrations/19.0.1.3.0"
        script = load_script(str(folder / "post-alerts.py"), "post_alerts")
        script.migrate(self.env.cr, "19.0.1.2.0")
        self.env.invalidate_all()
        self.roaming.cap_ids.filtered(lambda cap: not cap.rate_names).name = "Limit"
        self._use("b", 1)
        self._rate()
        self.assertEqual((self._percents(), len(self._mails())), ([80, 100], 1))
        self.assertIn("Limit", self.Alert.search([], limit=1).display_name)

    def test_no_burst_and_nothing_of_what_is_over(self):
        """W41: of two at once the higher is told; of a period that is over none."""
        self._roam("a", 60, 10)
        self._rate()
        self.assertEqual((self._percents(), len(self._mails())), ([80, 100], 1))
        self.assertIn("100 %", self._mails().subject)
        other = self._give(self.other_line, self.roaming)
        self._use(
            "b",
            90,
            "2026-11-12T12:00:00Z",
            service=other.service_id.id,
            dimensions={"country": "US"},
        )
        self._rate("2026-12-05 08:00:00")
        self.assertEqual((self._percents(), len(self._mails())), ([80, 100], 1))
        self.assertNotIn("usage.cap_lifted", self._told())

    def test_allowances_that_services_share(self):
        """W41: the customer is told once, of all its services."""
        free = {"name": "Ten GB", "meter_id": self.data.id, "units": 10}
        plan = self._add_plan(
            name="Family",
            rates=[{"name": "Data", "meter_id": self.data.id, "price": 1}],
            allowances=[free | {"is_shared": True}],
            alert_percents="50",
        )
        for service in (self.line, self.other_line):
            service.usage_plan_ids.unlink()
            self._give(service, plan)
        self._use("a", 3)
        self._use("b", 3, service=self.other_line.id)
        self._rate()
        [alert] = self.Alert.search([])
        self.assertEqual((alert.percent, alert.used, alert.granted), (50, 6, 10))
        self.assertEqual(alert.owner_number, self.customer.id)
        self._use("c", 3)
        self._rate()
        self.assertEqual(len(self._mails()), 1)
        self.assertIn("Ten GB", self._mails().subject)
        now = (self.line | self.other_line)._billing_read_usage_now()
        self.assertEqual(
            [
                now[one.id]["allowances"][0]["left"]
                for one in (self.line, self.other_line)
            ],
            ["1", "1"],
        )

    def test_template_that_fails_keeps_nobody(self):
        """W41: usage is rated, programs are told, and the others have their e-mail."""
        template = self.env.ref("omni_billing_usage.mail_template_usage_alert")
        template.body_html = '<p t-out="1 / 0"/>'
        self._roam("a", 60, 10)
        with mute_logger(
            "odoo.addons.omni_billing_usage.models.omni_billing_usage_alert"
        ):
            self._rate()
        self.assertEqual(self._parts().amount, 50)
        self.assertEqual((len(self._mails()), self._told()[-1]), (0, "usage.alert"))
        template.body_html = "<p>mended</p>"
        self._rate()
        self.assertIn("mended", self._mails().body_html)
        self.assertEqual(set(self.Alert.search([]).mapped("state")), {"told", "higher"})

    def test_plans_of_before_tell_nobody(self):
        """W41: an update keeps quiet, until a company wants it."""
        self.roaming.alert_percents = False
        folder = Path(__file__).resolve().parents[1] / "migrations/19.0.1.2.0"
        script = load_script(str(folder / "pre-alerts.py"), "pre_alerts")
        script.migrate(self.env.cr, "19.0.1.1.0")
        self._roam("a", 60, 10)
        self._rate()
        self.assertEqual((self._percents(), len(self._mails())), ([], 0))
