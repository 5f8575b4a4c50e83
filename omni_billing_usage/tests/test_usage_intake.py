from datetime import datetime
from itertools import islice

from hypothesis import given
from hypothesis import strategies as st

from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.tests import tagged

from odoo.addons.omni_billing.tests.properties import tried

from .common import TIME, UsageCommon

FEW, MANY = 5, 45
#: What programs send: few references, so that many come again, and some say otherwise.
SENT = st.lists(
    st.tuples(
        st.integers(1, 12),  # the reference
        st.sampled_from([61, 61, 61, 5]),  # what it says
        st.sampled_from(["+33", "+33", "+44", "+??"]),  # whose, known or not
        st.sampled_from(["calls", "calls", "visits", "parcels"]),
        st.sampled_from([0, 0, 0, 90, -1]),  # days ago
    ),
    max_size=25,
)

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)
TIMES = [TIME.format(1), "9999-12-31T23:59:59Z", "0001-01-01T00:00:00Z"]
#: Anything, and events of which something is anything.
ANY = JSON | st.fixed_dictionaries(
    {"ref": JSON | st.just("x"), "meter": st.just("calls") | JSON},
    optional={
        "identifier": st.just("+33") | JSON,
        "service": st.integers() | JSON,
        "time": st.sampled_from(TIMES) | JSON,
        "zone": st.sampled_from(["Asia/Tokyo", "America/New_York"]) | JSON,
        "fold": JSON,
        "quantity": st.just(61) | JSON,
        "dimensions": JSON,
    },
)


@tagged("post_install", "-at_install")
class TestIntake(UsageCommon):
    """W41: each event once, whatever comes, and nothing is lost."""

    def test_event_is_taken_in_once(self):
        """W41: sent again, also written otherwise, it is a double."""
        events = [self._event(1), self._event(2, quantity="60.5")]
        result = self._take_in(*events)
        self.assertEqual(self._count(result), {"taken": 2})
        at = datetime(2026, 11, 30, 13, 5, 1)
        stored = self._stored()
        self.assertEqual(stored[0], ("call-1", self.line, self.calls, at, 61))
        self.assertEqual(stored[1][4], 60.5)
        for again in (
            events,
            [self._event(1, quantity=61.0, time="2026-11-30T13:05:01Z")],
        ):
            self.assertEqual(self._count(self._take_in(*again)), {"double": len(again)})
        self.assertEqual(self._stored(), stored)
        self.assertFalse(self._refused())
        # Where it came from, and how.
        usage = self.env["omni.billing.usage"].search([("ref", "=", "call-2")])
        self.assertEqual(usage.batch_id.id, result["batch"])
        self.assertEqual((usage.zone, usage.partner_id), ("+01:00", self.customer))
        self.assertEqual((self.switch.count_taken, self.switch.count_double), (2, 3))
        self.assertEqual(usage.batch_id.create_uid, self.program)

    def test_reference_that_says_something_else_is_a_conflict(self):
        """flexprice/flexprice#612: the first stays, in one batch as in two."""
        first, second = self._event(1), self._event(1, quantity=9)
        result = self._take_in(first, second, first)
        self.assertEqual(self._count(result), {"taken": 1, "double": 1, "conflict": 1})
        [told] = result["refused"]
        self.assertEqual((told["index"], told["reason"]), (1, "conflict"))
        self.assertIn("call-1, 2026-11-30 13:05:01 UTC", told["message"])
        # Also a month later, where another table has the event.
        later = self._event(1, time="2026-10-31T23:59:59Z")
        self.assertEqual(self._count(self._take_in(later)), {"conflict": 1})
        self.assertEqual([stored[4] for stored in self._stored()], [61])
        # It waits for a person, once, whatever comes.
        self._take_in(second, first)
        conflicts = self._refused(reason="conflict", state="open")
        self.assertEqual(conflicts.mapped("tries"), [2, 1])
        conflicts.with_user(self.manager).action_dismiss()
        self._take_in(second)
        self.assertEqual(set(conflicts.mapped("state")), {"dismissed"})
        # Another source has references of its own.
        self._add_source("other")
        self.assertEqual(
            self._count(self._take_in(second, source="other")), {"taken": 1}
        )

    def test_what_is_unknown_waits_for_its_identifier(self):
        """W41: tried again by the same way, and taken in once."""
        events = [self._event(1, identifier="+44"), self._event(2, meter="parcels")]
        events += [self._event(3, identifier=None, service=2**31 - 1), self._event(4)]
        result = self._take_in(*events)
        self.assertEqual(self._count(result), {"taken": 1, "unknown": 3})
        self.assertEqual(
            [(one["index"], one["ref"], one["reason"]) for one in result["refused"]],
            [
                (0, "call-1", "unknown_identifier"),
                (1, "call-2", "unknown_meter"),
                (2, "call-3", "unknown_service"),
            ],
        )
        self.assertIn("+44", result["refused"][0]["message"])
        refused = self._refused(state="open")
        self.assertEqual(len(refused), 3)
        self._identify("+44", self.other_line)
        # The program sends it again before staff look at it.
        self.assertEqual(self._count(self._take_in(events[0])), {"taken": 1})
        self.assertEqual(refused.mapped("state"), ["taken", "open", "open"])
        self.env["omni.billing.meter"].create(
            {"name": "Parcels", "code": "parcels", "kind": "sum"}
        )
        refused.with_user(self.staff).action_try_again()
        self.assertEqual(refused.mapped("state"), ["taken", "taken", "open"])
        self.assertEqual(refused.mapped("tries"), [1, 1, 2])
        refused.with_user(self.staff).action_try_again()
        self.assertEqual(
            [ref for ref, *_rest in self._stored()], ["call-1", "call-2", "call-4"]
        )
        self.assertEqual(self._stored()[0][1], self.other_line)

    def test_number_is_of_who_has_it_at_that_time(self):
        """getlago/lago#171: by the time of the event, from the first moment on."""
        self.line.usage_identifier_ids.valid_until = datetime(2026, 11, 30, 13, 5, 3)
        self._identify(
            "+33", self.other_line, valid_from=datetime(2026, 11, 30, 13, 5, 4)
        )
        result = self._take_in(*(self._event(number) for number in (2, 3, 4)))
        self.assertEqual(self._count(result), {"taken": 2, "unknown": 1})
        self.assertEqual(
            [(ref, service) for ref, service, *_rest in self._stored()],
            [("call-2", self.line), ("call-4", self.other_line)],
        )

    def test_what_is_broken_is_kept_as_it_came(self):
        """W41: the others are taken in; one that is right takes its place."""
        broken = [
            self._event(1, quantity="1,5"),
            self._event(2, time="2026-10-25T02:30:00", zone="Europe/Paris"),
            self._event(3, dimensions={"planet": "Mars"}),
            self._event(4, meter="visits", quantity=2),
            self._event(5, time="2026-12-01T12:06:00Z"),
            self._event(6, quantity=None),
            {"ref": "\ud800\0"},
            "call",
        ]
        result = self._take_in(*broken, self._event(9))
        self.assertEqual(self._count(result), {"taken": 1, "broken": 8})
        self.assertEqual(
            [one["reason"] for one in result["refused"]],
            [
                "quantity",
                "twice",
                "dimensions",
                "quantity",
                "early",
                "quantity",
                "ref",
                "shape",
            ],
        )
        refused = self._refused(state="open")
        self.assertEqual(len(refused), 8)
        self._take_in(*broken)
        self.assertEqual(self._refused(state="open"), refused)
        refused.with_user(self.staff).action_try_again()
        self.assertEqual(set(refused.mapped("state")), {"open"})
        self.assertEqual(set(refused.mapped("tries")), {3})
        right = self._event(2, time="2026-10-25T02:30:00+01:00", zone="Europe/Paris")
        self.assertEqual(self._count(self._take_in(right)), {"taken": 1})
        self.assertEqual(self._refused(ref="call-2").state, "replaced")
        self.assertIn(datetime(2026, 10, 25, 1, 30), [one[3] for one in self._stored()])

    def test_source_says_whose_clock_its_times_are_of(self):
        """W41: without one they are refused; what was refused is read by it then."""
        event = self._event(1, time="2026-07-01 14:00:00")
        self.assertEqual(self._take_in(event)["refused"][0]["reason"], "zone")
        self.switch.write({"zone": "Europe/Paris", "late_days": 200})
        self._refused().with_user(self.staff).action_try_again()
        self.assertEqual(self._refused().state, "taken")
        self.assertEqual(self._stored()[0][3], datetime(2026, 7, 1, 12))

    def test_what_is_late_is_taken_in_by_a_manager(self):
        """W41: older than the source says; what was taken in before is a double."""
        late = self._event(1, time="2026-09-30T12:00:00Z")
        self.assertEqual(
            self._count(self._take_in(late, self._event(2))), {"taken": 1, "late": 1}
        )
        refused = self._refused()
        refused.with_user(self.staff).action_try_again()
        self.assertEqual((refused.state, refused.reason), ("open", "late"))
        with self.assertRaises(AccessError):
            refused.with_user(self.staff).action_take_late()
        refused.with_user(self.manager).action_take_late()
        self.assertEqual(refused.state, "taken")
        self.assertEqual(self._count(self._take_in(late)), {"double": 1})
        self.assertEqual([one[0] for one in self._stored()], ["call-1", "call-2"])
        self._take_in(self._event(3, meter="parcels"))
        with self.assertRaisesRegex(UserError, "late"):
            self._refused(state="open").with_user(self.manager).action_take_late()

    def test_what_was_dismissed_stays_so(self):
        """W41: sent again, it is taken in when a manager tries it again, and told."""
        event = self._event(1, identifier="+44")
        self._take_in(event)
        refused = self._refused()
        refused.with_user(self.manager).action_dismiss()
        self._identify("+44", self.other_line)
        written_otherwise = event | {"time": "2026-11-30T13:05:01Z"}
        result = self._take_in(event, written_otherwise, self._event(2))
        self.assertEqual(self._count(result), {"taken": 1, "double": 2})
        self.assertEqual(
            [one["reason"] for one in result["refused"]], ["dismissed", "dismissed"]
        )
        refused.with_user(self.staff).action_try_again()
        self.assertEqual([one[0] for one in self._stored()], ["call-2"])
        self.assertEqual(
            (refused.state, refused.reason), ("dismissed", "unknown_identifier")
        )
        refused.with_user(self.manager).action_try_again()
        self.assertEqual(refused.state, "taken")
        self.assertEqual([one[0] for one in self._stored()], ["call-1", "call-2"])
        self.assertEqual(self._refused(), refused)

    def test_what_was_replaced_and_comes_again_waits(self):
        """W41: as a conflict, of which a person has to decide."""
        self._take_in(self._event(1, identifier="+44"))
        refused = self._refused()
        self._take_in(self._event(1))
        self.assertEqual(refused.state, "replaced")
        self._identify("+44", self.other_line)
        self._take_in(self._event(1, identifier="+44"))
        self.assertEqual((refused.state, refused.reason), ("open", "conflict"))

    def test_what_came_in_time_is_not_late(self):
        """W41: however long its identifier took to be entered."""
        in_time = self._event(1, identifier="+44")
        late = in_time | {"ref": "late", "time": "2026-08-31T12:00:00Z"}
        self._take_in(in_time, late)
        self._set_now("2027-03-01 12:00:00")
        self._identify("+44", self.other_line)
        refused = self._refused()
        refused.with_user(self.staff).action_try_again()
        self.assertEqual(refused.mapped("state"), ["taken", "open"])
        self.assertEqual(refused[1].reason, "late")

    def test_what_times_of_a_source_mean_stays(self):
        """W41: the same file would be conflicts alone."""
        self.switch.write({"time_format": "%d/%m/%Y %H:%M:%S", "zone": False})
        self._take_in(self._event(1))
        self.switch.zone = "Europe/Paris"
        self.switch.write({"zone": "Europe/Paris", "late_days": 90})
        for vals in ({"zone": "Asia/Tokyo"}, {"zone": False}, {"time_format": False}):
            with self.assertRaisesRegex(UserError, "brought usage"):
                self.switch.write(vals)
        with self.assertRaisesRegex(ValidationError, "%z"), self.env.cr.savepoint():
            self._add_source("named", time_format="%d/%m/%Y %H:%M %Z")
        self.assertTrue(self._add_source("other", time_format="%H:%M %%Z %z"))

    def test_what_counts_one_needs_no_quantity(self):
        visit = self._event(1, meter="visits", quantity=None)
        self.assertEqual(self._count(self._take_in(visit)), {"taken": 1})
        self.assertEqual(self._stored()[0][4], 1)
        said = visit | {"quantity": "1.0"}
        self.assertEqual(self._count(self._take_in(said)), {"double": 1})

    def test_what_was_taken_in_stays_a_double(self):
        """W41: when its meter is archived, its number gone, and it late."""
        self._take_in(self._event(1))
        self.calls.active = False
        self.line.usage_identifier_ids.unlink()
        self.switch.late_days = 1
        self._set_now("2026-12-24 12:00:00")
        self.assertEqual(self._count(self._take_in(self._event(1))), {"double": 1})

    def test_other_companies_are_unknown(self):
        """W41: their services, numbers and meters, and their sources to strangers."""
        other = self.env["res.company"].create({"name": "Other"})
        Service = self.env["omni.billing.service"].with_company(other)
        theirs = Service.create({"name": "Theirs", "partner_id": self.customer.id})
        self.assertEqual(theirs.company_id, other)
        # A number may be of one service in each.
        self._identify("+33", theirs)
        self._identify("+55", theirs)
        self._add_source("theirs", company_id=other.id)
        events = [
            self._event(1, identifier=None, service=theirs.id),
            self._event(2, identifier="+55"),
            self._event(3),
        ]
        self.assertEqual(
            self._count(self._take_in(*events)), {"taken": 1, "unknown": 2}
        )
        with self.assertRaisesRegex(UserError, "no source"):
            self._take_in(*events, source="theirs")
        self.env["omni.billing.meter"].create(
            {"name": "Calls", "code": "calls", "kind": "sum", "company_id": other.id}
        )
        usage = self.env["omni.billing.usage"]
        result = usage.with_company(other).take_in("theirs", events)
        self.assertEqual(self._count(result), {"taken": 3})
        mine = usage.with_user(self.staff).search([])
        self.assertEqual(mine.company_id, self.company)

    def test_what_is_no_list_of_events_is_refused(self):
        for events in (None, {}, "x", [self._event()] * 10_001):
            with self.assertRaisesRegex(ValidationError, "10000"):
                self.env["omni.billing.usage"].take_in("switch", events)
        for code in ("nowhere", None, ["switch"], "\0"):
            with self.assertRaisesRegex(UserError, "no source"):
                self._take_in(self._event(), source=code)
        self.assertEqual(self._count(self._take_in()), {})

    def test_number_of_events_is_no_number_of_statements(self):
        """W45: what few and many cost, taken in, known, and refused."""

        def count(events):
            self.env.flush_all()
            self.env.invalidate_all()
            before = self.env.cr.sql_log_count
            self._take_in(*events)
            return self.env.cr.sql_log_count - before

        numbers = iter(range(1, 1000))

        def make(size):
            chosen = list(islice(numbers, size))
            events = [self._event(number) for number in chosen]
            events += [self._event(n, ref=f"?{n}", identifier="?") for n in chosen]
            events += [self._event(n, ref=f"!{n}", quantity="?") for n in chosen]
            return events

        count(make(FEW))
        few, many = make(FEW), make(MANY)
        self.assertEqual(count(few), count(many))
        self.assertEqual(count(few), count(many))
        self._identify("?", self.other_line)
        # Its first usage is written down.
        self._take_in(self._event(0, ref="first", identifier="?"))
        self.assertEqual(count(few), count(many))

    @given(sent=st.lists(ANY, max_size=6))
    @tried(ci=12, deep=2000)
    def test_whatever_comes_has_its_place(self, sent):
        """W41: any JSON: each is counted, and keeps no other out."""
        good = self._event(1, ref="good")
        self.switch = self._add_source("any")
        counts = self._count(self._take_in(*sent, good, source="any"))
        self.assertEqual(sum(counts.values()), len(sent) + 1)
        self.assertIn("good", [one[0] for one in self._stored()])
        kept = self._refused(source_id=self.switch.id)
        # Tried again, it is what it was.
        kept.action_try_again()
        self.assertEqual(self._refused(source_id=self.switch.id), kept)

    @given(sent=SENT, data=st.data())
    @tried(ci=12, deep=2000)
    def test_batches_and_their_order_do_not_matter(self, sent, data):
        """W41: split, repeated, in any order: the same is there, and all is counted."""
        self._identify("+44", self.other_line)
        events = [
            self._event(
                ref,
                identifier=whose,
                meter=meter,
                quantity=1 if meter == "visits" else quantity,
                time=f"2026-{['11-30', '09-01', '12-02'][(0, 90, -1).index(days)]}"
                "T12:00:00+00:00",
            )
            for ref, quantity, whose, meter, days in sent
        ]
        orders = [events, data.draw(st.permutations(events + events[:5]))]
        stored, waiting = [], []
        for number, ordered in enumerate(orders):
            self.switch = self._add_source(f"order-{number}")
            size = data.draw(st.integers(1, 10))
            for begin in range(0, len(ordered), size):
                batch = ordered[begin : begin + size]
                counts = self._count(self._take_in(*batch, source=self.switch.code))
                self.assertEqual(sum(counts.values()), len(batch))
            stored.append(self._stored())
            # What came is there, or was there, or waits with the reason.
            mine = self._refused(source_id=self.switch.id)
            waiting.append(
                set(mine.filtered(lambda one: one.state == "open").mapped("ref"))
            )
            there = {ref for ref, *_rest in stored[-1]}
            sent_refs = {event["ref"] for event in ordered}
            self.assertEqual(there | set(mine.mapped("ref")), sent_refs)
            self.assertEqual(len(there), len(stored[-1]))
            self.assertEqual(self.switch.count_taken, len(there))
        # Of a reference that says several things, the first that can be taken in is.
        self.assertEqual({one[0] for one in stored[0]}, {one[0] for one in stored[1]})
        said = {}
        for event in events:
            said.setdefault(event["ref"], set()).add(
                (event["identifier"], event["meter"], event["quantity"], event["time"])
            )
        once = {ref for ref, values in said.items() if len(values) == 1}
        one, two = ([row for row in rows if row[0] in once] for rows in stored)
        self.assertEqual(one, two)
        self.assertEqual(waiting[0] & once, waiting[1] & once)
