from datetime import datetime

from odoo.exceptions import AccessError, UserError
from odoo.tests import Form, tagged
from odoo.tools import SQL

from .common import UsageCommon


@tagged("post_install", "-at_install")
class TestMove(UsageCommon):
    """W41: usage of an identifier that was entered for the wrong service."""

    def _open(self, identifier="+33", user=None):
        wizard = self.env["omni.billing.usage.move.wizard"]
        form = Form(wizard.with_user(user or self.manager))
        form.identifier = identifier
        form.date_from = datetime(2026, 11, 1)
        form.date_until = datetime(2026, 12, 1)
        return form

    def _owners(self):
        return {ref: service for ref, service, *_rest in self._stored()}

    def test_usage_goes_to_who_had_the_identifier(self):
        """W41: seen before, told after, and sent again each is a double."""
        before = self._event(0, time="2026-10-31T12:00:00Z")
        events = [self._event(1), self._event(2), self._event(3), self._event(4)]
        by_id = self._event(5, identifier=None, service=self.line.id)
        self._take_in(before, *events, by_id)
        # From its third second on it was the other's; in the fifth it is nobody's.
        known = self.line.usage_identifier_ids
        known.valid_until = datetime(2026, 11, 30, 13, 5, 2)
        self._identify(
            "+33",
            self.other_line,
            valid_from=datetime(2026, 11, 30, 13, 5, 2),
            valid_until=datetime(2026, 11, 30, 13, 5, 4),
        )
        stored = self._owners()
        form = self._open()
        self.assertEqual(form.count, 2)
        wizard = form.save()
        self.assertEqual(
            sorted(
                (one.to_service_id.name or "", one.count) for one in wizard.line_ids
            ),
            [("", 1), ("Line", 1), ("Other Line", 2)],
        )
        self.assertFalse(self.other_line.has_usage)
        action = wizard.action_move()
        self.assertEqual(wizard.action_move(), action)
        moved = stored | {"call-2": self.other_line, "call-3": self.other_line}
        self.assertEqual(self._owners(), moved)
        self.assertTrue(self.other_line.has_usage)
        move = self.env[action["res_model"]].search(action["domain"])
        self.assertEqual(
            (move.from_service_id, move.to_service_id, move.count, move.create_uid),
            (self.line, self.other_line, 2, self.manager),
        )
        self.assertEqual(self._count(self._take_in(before, *events)), {"double": 5})
        self.assertEqual(self._owners(), moved)
        with self.assertRaisesRegex(UserError, "nothing to move"):
            self._open().save().action_move()

    def test_what_is_billed_is_not_moved(self):
        """W41: neither away from a bill nor onto one."""
        self._take_in(self._event(1))
        self.line.usage_identifier_ids.service_id = self.other_line
        Usage = self.registry["omni.billing.usage"]
        for billed in (self.line, self.other_line):

            def find_billed(model, services, begin, until, billed=billed):
                self.assertEqual(begin, datetime(2026, 11, 1))
                return services & billed

            with self.subTest(billed.name):
                self.patch(Usage, "_find_billed", find_billed)
                with self.assertRaisesRegex(UserError, f"{billed.name}.* is billed"):
                    self._open().save().action_move()
                self.assertEqual(self._owners(), {"call-1": self.line})
        self.assertFalse(self.env["omni.billing.usage.move"].search([]))

    def test_who_may_move(self):
        """W41: a manager, of the own company."""
        self._take_in(self._event(1))
        self.line.usage_identifier_ids.service_id = self.other_line
        for user in (self.staff, self.reader, self.program, self.outsider):
            with self.assertRaises(AccessError):
                self._open(user=user)
        company = self.env["res.company"].create({"name": "Other"})
        Wizard = self.env["omni.billing.usage.move.wizard"].with_user(self.manager)
        values = {"identifier": "+33", "date_from": "2026-11-01"}
        with self.assertRaises(AccessError):
            Wizard.create({**values, "company_id": company.id})
        self.assertEqual(self._owners(), {"call-1": self.line})

    def test_events_are_found_by_the_beginning(self):
        """W45: of a number or a reference, by an index, in whatever month."""
        self._identify("+34_1", self.other_line)
        events = [
            self._event(1, ref="a_1"),
            self._event(2, ref="a_2", identifier="+34_1"),
            self._event(3, ref="ab3", time="2026-10-31T23:59:59.5Z"),
        ]
        self._take_in(*events)
        self._add_source("other")
        self._take_in(self._event(4, ref="a_1"), source="other")
        Usage = self.env["omni.billing.usage"].with_user(self.staff)
        for name, text, found in (
            ("ref_start", "a_", ["a_1", "a_1", "a_2"]),
            ("ref_start", "ab3", ["ab3"]),
            ("ref_start", "?", []),
            ("identifier_start", "+34_", ["a_2"]),
            ("identifier_start", "34", []),
        ):
            usage = Usage.search([(name, "ilike", text)])
            self.assertEqual(sorted(usage.mapped("ref")), found, (name, text))
        usage = Usage.search([("ref_start", "in", ["ab", "a_2"])], order="ref")
        self.assertEqual(usage.mapped("ref_start"), ["a_2", "ab3"])
        self.env.cr.execute("SET LOCAL enable_seqscan = off")
        for name in ("ref_start", "identifier_start"):
            query = Usage._search([(name, "ilike", "a_2")]).select()
            self.env.cr.execute(SQL("EXPLAIN %s", query))
            plan = "\n".join(row for [row] in self.env.cr.fetchall())
            self.assertNotIn("Seq Scan", plan)
