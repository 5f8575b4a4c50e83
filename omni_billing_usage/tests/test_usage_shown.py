from odoo import http
from odoo.tests import tagged

from odoo.addons.omni_billing.tests.http_common import PatientHttpCase

from .caps_common import CapsCommon


@tagged("post_install", "-at_install")
class TestUsageShown(CapsCommon, PatientHttpCase):
    """W41: usage of the period that runs, what is left of it, and what it may cost."""

    def _read(self, services):
        self.env.invalidate_all()
        self.env.registry.clear_cache()
        services = services.with_env(self.env(user=self.staff)).sudo()
        services.usage_plan_ids.plan_id.mapped("name")
        before = self.env.cr.sql_log_count
        found = services._billing_read_usage_now()
        return found, self.env.cr.sql_log_count - before

    def test_staff_see_it_on_tab_and_service(self):
        self._roam("a", 45, 10)
        self._use("home", 10)
        self._rate()
        usage = self.line.with_user(self.staff).usage_now
        for text in ("11/01/2026", "50.00", "45.00", "of", "Roaming", "width: 90%"):
            self.assertIn(text, usage)
        tab = self.customer.with_user(self.staff).billing_usage_now
        self.assertIn("Line", tab)
        self.assertIn("50.00", tab)
        self.assertFalse(self.other_line.usage_now)
        stranger = self.env["res.partner"].create({"name": "Nobody"})
        self.assertFalse(stranger.billing_usage_now)
        action = self.customer.action_billing_usage()
        self.assertEqual(self.Rating.search(action["domain"]), self._parts())
        # Of what came, and is not rated yet, it says so.
        self.assertFalse(self.line._read_waiting(self.line))
        self._use("later", 1)
        self.assertTrue(self.line._read_waiting(self.line)[self.line.id])

    def test_statements_for_few_and_many(self):
        """W41: as many for one service as for many, and no event is read."""
        others = self.env["omni.billing.service"]
        for number in range(6):
            service = self.line.copy({"name": f"Line {number}"})
            self._give(service, self.roaming)
            others |= service
        for number, service in enumerate(self.line | others):
            dimensions = {"country": "US"}
            self._use(f"x{number}", 45, service=service.id, dimensions=dimensions)
        self._rate()
        self._read(self.line)
        _found, one = self._read(self.line)
        found, many = self._read(self.line | others)
        self.assertEqual(len(found), 7)
        self.assertEqual(one, many)

    def test_page_of_one_line_reads_what_is_of_it(self):
        """W41: of what lines share what is left; of what each has its own alone."""
        own = {"name": "Own", "meter_id": self.data.id, "units": 10}
        plan = self._add_plan(
            name="Family",
            rates=[{"name": "Data", "meter_id": self.data.id, "price": 1}],
            allowances=[own | {"rolls_over": 5}]
            + [own | {"name": "Shared", "is_shared": True, "rolls_over": 5}],
        )
        lines = self.env["omni.billing.service"]
        for number in range(5):
            line = self.line.copy({"name": f"Line {number}"})
            self._give(line, plan, "2026-10-01")
            lines |= line
        for number, line in enumerate(lines):
            self._use(f"y{number}", 12, service=line.id)
        self._rate()
        found, Rating = [], type(self.Rating)
        for name in ("_find_supplies", "_find_rows"):
            known = getattr(Rating, name)
            self.patch(
                Rating,
                name,
                lambda *args, known=known: found.append(known(*args)) or found[-1],
            )
        usage = lines[0]._billing_read_usage_now()[lines[0].id]
        self.assertEqual(
            [(one["name"], one["left"], one["units"]) for one in usage["allowances"]],
            [("Own", "8", "15"), ("Shared", "10", "15")],
        )
        self.assertLessEqual(max(map(len, found)), 4)

    def test_portal_of_a_customer(self):
        """W41: the customer sees it, agrees to go on, and sets a cap of its own."""
        self._roam("a", 80, 10)
        self._rate()
        self._agree(55, "2026-11-12 12:00:00")
        self._roam("b", 80, 13)
        self._rate()
        self.env.flush_all()
        page = f"/my/billing/services/{self.line.id}/usage"
        self.authenticate(self.portal.login, self.portal.login)
        shown = self.url_open(page).text
        for text in ("55.00", "is reached", "Not charged", "I Agree to Go On"):
            self.assertIn(text, shown)
        self.assertNotIn("My limit of each month", shown)
        listed = self.url_open("/my/billing/services").text
        self.assertIn("Usage so far", listed)
        self.assertIn("data-usage-total", self.url_open("/my/billing").text)
        self.assertIn("100 %", listed)

        def post(operation, **values):
            token = {"csrf_token": http.Request.csrf_token(self)}
            return self.url_open(f"{page}/{operation}", data=values | token)

        self.assertIn("more than", post("consent", key="Roaming", amount="10").text)
        self.assertIn("Ask us", post("own", key="Roaming", amount="10").text)
        self.assertIn("not below zero", post("consent", key="Roaming", amount="x").text)
        for _pressed in range(2):
            answer = post("consent", key="Roaming", amount="60")
            self.assertNotIn("alert-danger", answer.text)
        self.company.sudo().billing_usage_own_caps = True
        self.env.flush_all()
        self.assertIn("My limit of each month", self.url_open(page).text)
        post("own", key="", amount="30")
        post("own", key="Roaming", amount="20")
        post("plan", key="Roaming")
        rows = self.line.usage_cap_ids.sorted("id")
        self.assertEqual(
            [(row.name, row.kind, row.amount, row.way) for row in rows],
            [
                ("Roaming", "consent", 55, "staff"),
                ("Roaming", "consent", 60, "customer"),
                (False, "own", 30, "customer"),
                ("Roaming", "own", 20, "customer"),
                ("Roaming", "plan", 0, "customer"),
            ],
        )
        self.assertEqual(rows[1].user_id, self.portal)
        self.assertEqual(rows[2].action, "stop")
        stranger = self._create_user("usage-stranger", "base.group_portal")
        self.env.flush_all()
        self.authenticate(stranger.login, stranger.login)
        answer = post("consent", key="Roaming", amount="500")
        self.assertEqual(answer.status_code, 404)
        self.assertEqual(len(self.line.usage_cap_ids), 5)
