import json

from odoo.exceptions import UserError, ValidationError
from odoo.fields import Command
from odoo.tests import tagged

from .caps_common import CapsCommon
from .rating_common import OVER


@tagged("post_install", "-at_install")
class TestUsageCaps(CapsCommon):
    """W41: beyond a cap nothing is charged until somebody agrees."""

    def test_beyond_the_cap_nothing_is_charged(self):
        """W41: roaming is charged up to its cap, all else goes on; it is told once."""
        self._roam("a", 80, 10)
        self._use("home", 40)
        self._rate()
        [part] = self._parts()
        self.assertEqual(part.amount, 70)
        held = part.line_ids.filtered(lambda line: line.kind == "held")
        self.assertEqual(held.amount, -30)
        spent = self._spent()
        self.assertEqual((spent.amount, spent.held, spent.cap_limit), (50, 30, 50))
        self.assertTrue(spent.is_blocked)
        self.assertEqual(self._told(), ["usage.cap_reached", "usage.alert"])
        self._rate()
        self.assertEqual(self._told(), ["usage.cap_reached", "usage.alert"])
        body = self.env["omni.billing.webhook.delivery"].search(
            [("kind", "=", "usage.cap_reached")]
        )[:1]
        data = json.loads(body.body)["data"]
        self.assertEqual(
            [data[name] for name in ("cap", "limit", "amount", "state", "until")],
            ["Roaming", "50.00", "50.00", "blocked", "2026-11-30T23:00:00+00:00"],
        )
        self.assertEqual(data["service"]["id"], self.line.id)
        # The next period begins anew.
        self._roam("next", 60, 2, month=12)
        self._rate("2026-12-03 08:00:00")
        [charge] = self._parts().transaction_id
        self.assertEqual(charge.retail_cost, 70)
        self.assertIn("Beyond the cap", charge.description)
        self.assertEqual(self._parts(day="2026-12-01").amount, 50)

    def test_consent_charges_from_its_moment_on(self):
        """W41: what was used before stays free, in whichever order events come."""
        self._roam("a", 80, 10)
        self._rate()
        row = self._agree(100, "2026-11-15 12:00:00", note="by phone")
        self.assertEqual(
            (row.user_id, row.amount, row.way), (self.env.user, 100, "staff")
        )
        self.assertEqual(self._told()[-1], "usage.cap_lifted")
        self.assertFalse(self._spent().is_blocked)
        self._roam("b", 30, 16)
        self._rate()
        self.assertEqual(self._parts().amount, 80)
        # Of a time before, though it came later: free. Of a time after: charged.
        self._roam("late", 7, 14)
        self._rate()
        self.assertEqual((self._parts().amount, self._spent().held), (80, 37))
        self._roam("c", 500, 17)
        self._rate()
        self.assertEqual((self._parts().amount, self._spent().amount), (100, 100))
        self.assertEqual(self._told()[-2:], ["usage.cap_reached", "usage.alert"])
        self._agree(None, "2026-11-18 12:00:00")
        self._roam("d", 1, 18, hour=13)
        self._rate()
        self.assertEqual(self._parts().amount, 101)
        # What was agreed for one period ends with it.
        self._roam("next", 60, 2, month=12)
        self._rate("2026-12-03 08:00:00")
        self.assertEqual(self._parts(day="2026-12-01").amount, 50)

    def test_further_parts_after_billing(self):
        """W41: a late event is charged as if it had come in time."""
        self._roam("a", 40, 10)
        self._rate()
        self._agree(60, "2026-11-15 12:00:00")
        self._rate(OVER)
        self._bill(self._parts().transaction_id)
        for ref, quantity, day, amounts in (
            ("before", 25, 14, [40, 10]),
            ("after", 30, 16, [40, 20]),
        ):
            self._roam(ref, quantity, day)
            self._rate()
            self.assertEqual(self._parts().mapped("amount"), amounts)
        self.assertEqual(sum(self._parts().transaction_id.mapped("retail_cost")), 60)
        # Nobody is told of what is over.
        self.assertFalse(self._spent().is_blocked)
        self.assertEqual([kind for kind in self._told() if "reached" in kind], [])

    def test_own_cap_holds_until_it_is_changed(self):
        """W41: lowered, raised and taken back, of one rate or of all usage."""
        self._roam("a", 15, 5)
        self._rate()
        self._agree(20, "2026-11-06 12:00:00", kind="own")
        self._roam("b", 15, 7)
        self._rate()
        self.assertEqual((self._parts().amount, self._spent().held), (20, 10))
        self._agree(25, "2026-11-08 12:00:00", kind="own", key="", action="stop")
        self._roam("home", 100, 9, country="FR")
        self._rate()
        self.assertEqual(self._parts().amount, 25)
        self.assertEqual(set(self._spent().mapped("name")), {False, "Roaming"})
        self._roam("n1", 70, 2, month=12)
        self._roam("n2", 70, 2, month=12, country="FR")
        self._rate("2026-12-02 13:00:00")
        self.assertEqual(self._parts(day="2026-12-01").amount, 25)
        self._agree(None, "2026-12-03 12:00:00", kind="plan")
        self._agree(None, "2026-12-03 12:00:00", kind="plan", key="")
        self._roam("n3", 70, 4, month=12)
        self._rate("2026-12-04 13:00:00")
        self.assertEqual(self._parts(day="2026-12-01").amount, 55)

    def test_who_agrees_to_more_says_nothing_of_what_is_beyond(self):
        """W41: a cap that stops goes on stopping, at what was agreed."""
        self._agree(25, "2026-11-05 12:00:00", kind="own", key="", way="customer")
        self._roam("a", 40, 6)
        self._rate()
        self.assertEqual(self._parts().amount, 25)
        self._agree(45, "2026-11-07 12:00:00", key="")
        self._roam("b", 500, 8, country="FR")
        self._rate()
        self.assertEqual(self._parts().amount, 45)
        rows = self.line.sudo().usage_cap_ids
        self.assertEqual(set(rows.mapped("action")), {"stop", False})
        # The cap of the plan goes on as it is, also after one's own.
        self.roaming.cap_ids.action = "warn"
        self._agree(10, "2026-11-09 12:00:00", kind="own")
        self._rate()
        self.assertFalse(self._spent().filtered("name").is_blocked)
        pressed = self._agree(10, "2026-11-10 12:00:00", kind="own")
        self.assertEqual(pressed, rows.search([], limit=1))

    def test_event_of_the_next_period_comes_early(self):
        """W41: pages and who agrees go by the period that runs."""
        self._roam("a", 80, 30, hour=22)
        self._set_now("2026-11-30 22:58:00")
        self._use("b", 70, "2026-11-30T23:01:00Z", dimensions={"country": "US"})
        self._rate()
        self.assertEqual(len(self._spent() | self._spent(day="2026-12-01")), 2)
        [cap] = self.line.sudo()._billing_read_usage_now()[self.line.id]["caps"]
        self.assertTrue(cap["must_agree"])
        self.assertEqual(self._told().count("usage.cap_reached"), 1)
        self._agree(100)
        self.assertEqual(self._told()[-1], "usage.cap_lifted")
        self._set_now("2026-11-30 23:02:00")
        self._rate()
        self.assertEqual(self._told()[-1], "usage.cap_reached")

    def test_cap_of_nothing_blocks_before_anything_is_used(self):
        """W41: in each month, until the plan or the customer says otherwise."""
        self._rate()
        self.assertEqual(self._told(), [])
        self.roaming.cap_ids.amount = 0
        self._rate()
        self.assertEqual((len(self._spent()), self._spent().is_blocked), (1, True))
        self._rate()
        self.assertEqual(self._told(), ["usage.cap_reached"])
        self.roaming.cap_ids.amount = 50
        self._rate()
        self.assertEqual(self._told()[1:], ["usage.cap_lifted"])
        # Once more in the same month, and of whom nothing is rated.
        for amount, told in ((0, "reached"), (50, "lifted")):
            self.roaming.cap_ids.amount = amount
            self._rate()
            self.assertEqual(self._told()[2:][-1:], [f"usage.cap_{told}"])
        # The customer's own, and no other one's.
        self._agree(0, "2026-11-21 12:00:00", kind="own")
        self._agree(0, kind="own", key="", action="stop")
        for month, now in ((11, "2026-11-22 12:00:00"), (12, OVER)):
            self._rate(now)
            rows = self._spent(day=f"2026-{month}-01")
            self.assertEqual(rows.mapped("is_blocked"), [True, True])
        self._agree(10, kind="own", key="")
        self.assertEqual(rows.mapped("is_blocked").count(True), 1)
        self.assertFalse(self._spent(self.other_line))
        self.assertFalse(self.Alert.search([]))
        # Somebody uses it, though it is blocked: it is told, and not charged.
        self._roam("a", 1, 2, month=12)
        self._rate()
        self.assertEqual(self._parts(day="2026-12-01").amount, 0)
        self.assertEqual(self.Alert.search([]).mapped("name"), ["Roaming"] * 2)

    def test_months_of_another_calendar(self):
        """W41: what is of the old ones goes, and what it stopped goes on."""
        self._roam("a", 80, 10)
        self._rate()
        self.line.usage_plan_ids.unlink()
        self._give(plan=self.roaming.copy({"day": 15}), day="2026-11-15")
        self.assertFalse(self._spent())
        self.assertEqual(self._told()[-1], "usage.cap_lifted")

    def test_what_cannot_be_agreed(self):
        self._roam("a", 80, 10)
        self._rate()
        for amount, values, words in (
            (50, {}, "more than"),
            (-1, {"kind": "own"}, "below zero"),
            (10.001, {"kind": "own"}, "below zero"),
            (90, {"key": "Other"}, "no such"),
            (90, {"key": ""}, "no limit"),
        ):
            with self.subTest(words), self.assertRaisesRegex(UserError, words):
                self._agree(amount, **values)
        self.other_line.usage_plan_ids.unlink()
        with self.assertRaisesRegex(UserError, "no rate plan"):
            self.other_line.sudo()._billing_agree_cap("", "own", 1, way="staff")

    def test_what_a_plan_may_say(self):
        """W41: each rate is in one cap; what was charged by stays."""
        for values in (
            {"name": "X", "amount": 1, "rate_names": "Abroad"},
            {"name": "X", "amount": 1, "rate_names": "Nowhere"},
            {"name": "All", "amount": 1, "rate_names": "Abroad, Home"},
        ):
            with self.subTest(values), self.assertRaises(ValidationError):
                self.roaming.cap_ids = [Command.create(values)]
        with (
            self.assertRaisesRegex(ValidationError, "has not: Abroad"),
            self.env.cr.savepoint(),
        ):
            self.roaming.rate_ids[0].name = "Zone 1"
        self.env.invalidate_all()
        for text in ("eighty", "0", "101"):
            with self.subTest(text), self.assertRaises(ValidationError):
                self.roaming.alert_percents = text
        self._roam("a", 80, 10)
        self._rate(OVER)
        self._bill(self._parts().transaction_id)
        with self.assertRaisesRegex(UserError, "was charged"):
            self.roaming.cap_ids.amount = 60
        later = {"name": "Roaming", "amount": 60, "rate_names": "Abroad"}
        new = {"name": "All", "amount": 9}
        with (
            self.assertRaisesRegex(UserError, "was charged"),
            self.env.cr.savepoint(),
        ):
            self.roaming.cap_ids = [Command.create(new)]
        self.env.invalidate_all()
        self.roaming.cap_ids = [Command.create(later | {"date_from": "2026-12-01"})]
        self._roam("n", 70, 2, month=12)
        self._rate("2026-12-03 08:00:00")
        self.assertEqual(self._parts().amount, 50)
        self.assertEqual(self._parts(day="2026-12-01").amount, 60)
        self.assertEqual(set(self.roaming.copy().cap_ids.mapped("amount")), {50, 60})

    def test_staff_write_down_a_consent(self):
        """W41: in a dialog, with who said so; and what holds by now is told."""
        self._roam("a", 80, 10)
        self._rate()
        action = self.line.with_user(self.staff).action_set_usage_cap()
        Wizard = self.env[action["res_model"]].with_user(self.staff)
        wizard = Wizard.with_context(**action["context"]).create({"amount": 90})
        self.assertEqual((wizard.cap_id.name, wizard.kind), ("Roaming", "consent"))
        self.assertIn("50.00", wizard.said)
        with self.assertRaisesRegex(UserError, "note"):
            wizard.action_agree()
        wizard.write({"note": "Ada, by phone", "amount": 0})
        with self.assertRaisesRegex(UserError, "may cost"):
            wizard.action_agree()
        wizard.amount = 90
        wizard.action_agree()
        row = self.line.usage_cap_ids
        self.assertEqual((row.note, row.user_id), ("Ada, by phone", self.staff))
        self.assertEqual((row.amount, row.kind), (90, "consent"))
        # What is reached is the customer's own, of all usage: no other is proposed.
        self._agree(20, kind="own", key="", action="stop")
        self._roam("b", 1, 21)
        self._rate()
        wizard = wizard.create({"kind": "consent", "is_nothing": True, "note": "Ada"})
        self.assertEqual((wizard.cap_id.name, wizard._get_key()), (False, ""))
        wizard.amount = 30
        wizard.action_agree()
        self.assertEqual(self.line.usage_cap_ids.sorted("id")[-1].amount, 30)
