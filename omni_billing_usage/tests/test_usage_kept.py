from datetime import date, datetime

from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.tests import Form, tagged

from .common import UsageCommon

SEPTEMBER, OCTOBER = date(2025, 9, 1), date(2025, 10, 1)
KEYS = "SELECT ref FROM omni_billing_usage_key WHERE source_id = ANY(%s) ORDER BY ref"


@tagged("post_install", "-at_install")
class TestKept(UsageCommon):
    """W41: usage goes by whole months, when it is billed and nobody may contest it."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.switch.late_days = 1830
        cls.company.country_id = cls.env.ref("base.fr")
        cls.other = cls.env["res.company"].create({"name": "Other"})
        Service = cls.env["omni.billing.service"].with_company(cls.other)
        theirs = Service.create({"name": "Theirs", "partner_id": cls.customer.id})
        cls._identify("+33", theirs)
        cls.theirs = cls._add_source("theirs", company_id=cls.other.id, late_days=1830)
        meter = {"name": "Calls", "code": "calls", "kind": "sum"}
        cls.env["omni.billing.meter"].create({**meter, "company_id": cls.other.id})

    def setUp(self):
        super().setUp()
        self.until = datetime(2026, 11, 1)
        self.patch(
            self.registry["omni.billing.usage"],
            "_get_settled_until",
            lambda model, company: self.until,
        )

    def _calls(self):
        """Take in a call in each of some months, of both companies."""
        events = [
            self._event(number, time=f"{month}-30T12:00:00Z")
            for number, month in enumerate(("2025-07", "2025-08", "2025-09", "2026-11"))
        ]
        self._take_in(*events)
        Usage = self.env["omni.billing.usage"].with_company(self.other)
        Usage.take_in("theirs", events[1:2])
        return events

    def _keep(self, months, is_sure=True, user=None):
        wizard = self.env["omni.billing.usage.keep.wizard"]
        form = Form(wizard.with_user(user or self.manager))
        form.months = months
        if form.must_confirm:
            form.is_sure = is_sure
        form.save().action_keep()
        return form.outcome

    def _run(self, day):
        self._set_now(f"{day} 12:00:00")
        self.env["omni.billing.usage"]._cron_drop_old()
        self.env.flush_all()
        self.env.invalidate_all()

    def _refs(self):
        return sorted(ref for ref, *_rest in self._stored())

    def _keys(self):
        self.env.cr.execute(KEYS, [[self.switch.id]])
        return [ref for [ref] in self.env.cr.fetchall()]

    def _tables(self):
        months = self.env["omni.billing.usage"]._list_months()
        return [month for month in months if month < date(2026, 1, 1)]

    def _closed(self):
        # Others left usage of their own.
        found = self.env["omni.billing.usage.closing"].search(
            [("month", ">=", "2025-01-01")], order="month, id"
        )
        return [(one.month, one.count_gone, bool(one.gone_date)) for one in found]

    def test_whole_months_go_a_day_after_they_were_closed(self):
        """W41: events, keys and tables; what another company has stays."""
        events = self._calls()
        all_refs = [f"call-{number}" for number in range(4)]
        self.assertIn("for good", self._keep(15))
        self._run("2026-12-01")
        # Closed: nothing goes yet, and nothing more comes.
        self.assertEqual(self.company.billing_usage_kept_from, SEPTEMBER)
        self.assertEqual(self._refs(), all_refs)
        late = self._event(9, time="2025-08-31T23:59:59Z")
        result = self._take_in(events[0], late)
        self.assertEqual(self._count(result), {"double": 1, "late": 1})
        self._run("2026-12-02")
        self.assertEqual(self._refs(), all_refs[2:])
        self.assertEqual(self._keys(), all_refs[2:])
        months = [(date(2025, 7, 1), 1, True), (date(2025, 8, 1), 1, True)]
        self.assertEqual(self._closed(), months)
        tables = self._tables()
        self.assertNotIn(date(2025, 7, 1), tables)
        self.assertIn(date(2025, 8, 1), tables)
        theirs = self.env["omni.billing.usage"].search_count(
            [("source_id", "=", self.theirs.id)]
        )
        self.assertEqual(theirs, 1)
        # What has gone is never charged again, whoever wants it.
        result = self._take_in(*events, late)
        self.assertEqual(self._count(result), {"double": 2, "late": 3})
        refused = self._refused(state="open").with_user(self.manager)
        self.assertEqual(set(refused.mapped("reason")), {"closed"})
        with self.assertRaises(UserError):
            refused.action_take_late()
        refused.action_try_again()
        self.assertEqual(self._refs(), all_refs[2:])
        # The next month the next one; and the other company's, whose table goes.
        self.other.billing_usage_keep_months = 15
        self._run("2027-01-01")
        self._run("2027-01-02")
        self.assertEqual(self._refs(), all_refs[3:])
        self.assertEqual([gone for _month, gone, _is in self._closed()], [1, 1, 1, 1])
        self.assertFalse({date(2025, 8, 1), SEPTEMBER} & set(self._tables()))
        # What was closed stays so.
        self._keep(0)
        self._run("2027-01-03")
        self.assertEqual(self.company.billing_usage_kept_from, OCTOBER)

    def test_nothing_goes_that_is_not_billed(self):
        """W41: nor anything, where nobody says what is."""
        self._calls()
        self.until = None
        self.assertIn("Nothing goes yet", self._keep(15))
        self._run("2026-12-01")
        self.assertFalse(self.company.billing_usage_kept_from)
        self.until = datetime(2025, 8, 15)
        self._run("2026-12-01")
        self.assertEqual(self.company.billing_usage_kept_from, date(2025, 8, 1))
        self._run("2026-12-02")
        self.assertEqual(self._refs(), ["call-1", "call-2", "call-3"])

    def test_what_is_kept_again_stays(self):
        """W41: within the day, if who said so has seen a mistake, or a bill is void."""
        events = self._calls()
        all_refs = self._refs()
        self._keep(15)
        self._run("2026-12-01")
        self.assertEqual(self.company.billing_usage_kept_from, SEPTEMBER)
        self.assertEqual(len(self._closed()), 2)
        self.assertEqual(self._keep(0), "Nothing goes: all usage is kept.")
        # Also if it is said just before they go.
        closing = self.env["omni.billing.usage.closing"].search([], limit=1)
        self.assertTrue(self.env["omni.billing.usage"]._drop_events(closing))
        self._run("2026-12-03")
        self.assertEqual((self._refs(), self._closed()), (all_refs, []))
        self.assertFalse(self.company.billing_usage_kept_from)
        # An invoice is voided: what it was of is to be billed again.
        self._keep(15)
        self._run("2026-12-04")
        self.until = datetime(2025, 8, 15)
        self._run("2026-12-05")
        self.assertEqual(self._refs(), all_refs[1:])
        self.assertEqual(self._closed(), [(date(2025, 7, 1), 1, True)])
        self.assertEqual(self.company.billing_usage_kept_from, date(2025, 8, 1))
        # Whose keys have gone stays closed; the others are known.
        self.assertEqual(self._count(self._take_in(*events)), {"double": 3, "late": 1})

    def test_batches_come_to_all(self):
        """W41: a month goes in parts, each with its keys."""
        module = "odoo.addons.omni_billing_usage.models.omni_billing_usage_retention"
        self.patch(__import__(module, fromlist=["x"]), "BATCH", 3)
        events = [
            self._event(n, ref=f"{n}", time="2025-07-01T00:00:00Z") for n in range(8)
        ]
        self._take_in(*events)
        self._keep(15)
        self._run("2026-12-01")
        self._run("2026-12-02")
        self.assertEqual((self._refs(), self._keys()), ([], []))
        self.assertEqual(self._closed(), [(date(2025, 7, 1), 8, True)])

    def test_what_was_refused_goes_as_well(self):
        """W41: but for what waits for a person."""
        self._set_now("2025-08-01 12:00:00")
        self._take_in(self._event(1, quantity="?"), self._event(2, quantity="!"))
        self._refused(ref="call-1").with_user(self.manager).action_dismiss()
        self._keep(15)
        self._run("2026-12-01")
        self.assertEqual(self._refused(source_id=self.switch.id).ref, "call-2")

    def test_who_may_say_how_long_and_that_it_is_shorter(self):
        """W41: a manager, who is asked; not below what may be contested."""
        for months, is_sure in ((15, False), (20, False)):
            with self.assertRaisesRegex(UserError, "contested"):
                self._keep(months, is_sure)
        with self.assertRaisesRegex(ValidationError, "15 months at least"):
            self._keep(14)
        self.company.country_id = self.env.ref("base.be")
        self._keep(14)
        self._keep(24, is_sure=False)
        self.assertEqual(self.company.billing_usage_keep_months, 24)
        # Elsewhere, what one's own addon says.
        name = "_billing_usage_get_least_months"
        self.patch(self.registry["res.company"], name, lambda company: 20)
        with self.assertRaisesRegex(ValidationError, "20 months at least"):
            self._keep(19)
        for user in (self.staff, self.reader, self.program, self.outsider):
            with self.assertRaises(AccessError):
                self._keep(30, user=user)
        with self.assertRaises(AccessError):
            self.company.with_user(self.manager).billing_usage_keep_months = 6
        wizard = self.env["omni.billing.usage.keep.wizard"].with_user(self.manager)
        with self.assertRaises(AccessError):
            wizard.create({"company_id": self.other.id, "months": 30})

    def test_table_to_which_events_came_is_attached_again(self):
        """W45: nobody loses what came just before its month was detached."""
        Usage = self.env["omni.billing.usage"]
        self._take_in(self._event(1, time="2025-07-01T00:00:00Z"))
        month = date(2025, 7, 1)
        self.env.cr.execute("DELETE FROM omni_billing_usage_event_2025_07")
        Usage._detach_month(month)
        self.assertNotIn(month, self._tables())
        # As if a second intake had had it when it was looked at.
        self.env.cr.execute(
            "INSERT INTO omni_billing_usage_event_2025_07 (company_id, source_id,"
            " batch_id, meter_id, service_id, ref, moment, zone, quantity, dimensions)"
            " VALUES (%s, %s, 1, 1, %s, 'new', '2025-07-02', 'UTC', 1, '{}')",
            [self.company.id, self.switch.id, self.line.id],
        )
        Usage._drop_month(month)
        self.assertIn(month, self._tables())
        self.assertEqual(self._refs(), ["new"])
        # What somebody else detached is left alone.
        self.env.cr.execute(
            "ALTER TABLE omni_billing_usage_event DETACH PARTITION"
            " omni_billing_usage_event_2025_07;"
            " DELETE FROM omni_billing_usage_event_2025_07"
        )
        Usage._drop_month(month)
        self.env.cr.execute("SELECT to_regclass('omni_billing_usage_event_2025_07')")
        self.assertTrue(self.env.cr.fetchone()[0])
