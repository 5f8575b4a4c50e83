from odoo.tests import tagged

from odoo.addons.omni_billing.tests.test_foreign_keys import KEPT, WITHOUT_INDEX
from odoo.addons.omni_billing_usage.hooks import uninstall_hook

from .common import UsageCommon

MONTHS = """
    SELECT child.relname FROM pg_inherits
      JOIN pg_class child ON child.oid = inhrelid
     WHERE inhparent = 'omni_billing_usage_event'::regclass
  ORDER BY child.relname
"""
LEFT = """
    SELECT relname FROM pg_class WHERE relname LIKE 'omni\\_billing\\_usage\\_event%'
        OR relname LIKE 'omni\\_billing\\_usage\\_key%'
        OR relname LIKE 'omni\\_billing\\_usage\\_mark%'
     UNION ALL SELECT typname FROM pg_type WHERE typname = 'omni_billing_text_range'
"""


@tagged("post_install", "-at_install")
class TestTables(UsageCommon):
    """W45: what the database has for usage."""

    def _read(self, statement):
        self.env.cr.execute(statement)
        return [value for [value] in self.env.cr.fetchall()]

    def test_each_month_is_a_table(self):
        """W41: made when its first event comes, by what is the month in UTC."""
        before = set(self._read(MONTHS))
        times = ["2026-10-31T23:59:59.999999Z", "2026-12-01T00:59:59+01:00"]
        times += ["2026-12-01T00:00:00Z"]
        events = [self._event(n, time=time) for n, time in enumerate(times)]
        self.assertEqual(self._count(self._take_in(*events)), {"taken": 3})
        names = [f"omni_billing_usage_event_2026_{month}" for month in (10, 11, 12)]
        self.assertEqual(before | set(names), set(self._read(MONTHS)))
        for name, number in zip(names, range(3), strict=True):
            mine = f"SELECT ref FROM {name} WHERE source_id = {self.switch.id}"
            self.assertEqual(self._read(mine), [f"call-{number}"])
        # An update of the addon leaves them as they are.
        self.env["omni.billing.usage"].init()
        self.assertEqual(len(self._stored()), 3)

    def test_month_that_was_put_aside_is_closed(self):
        """W41: its events are late, and keep no other out."""
        detach = (
            "ALTER TABLE omni_billing_usage_event DETACH PARTITION"
            " omni_billing_usage_event_2026_10"
        )
        october = {"time": "2026-10-31T12:00:00Z"}
        self._take_in(self._event(1, **october))
        self.env.cr.execute(detach)
        result = self._take_in(self._event(2, **october), self._event(3))
        self.assertEqual(self._count(result), {"taken": 1, "late": 1})
        self.assertEqual(
            self._count(self._take_in(self._event(1, **october))), {"double": 1}
        )
        # An empty table is as good as none.
        self.env.cr.execute("DELETE FROM omni_billing_usage_event_2026_10")
        self._refused().action_try_again()
        self.assertEqual([one[0] for one in self._stored()], ["call-2", "call-3"])

    def test_a_period_of_a_service_is_found_by_an_index(self):
        """What is rated reads its own rows, of its own months."""
        self._take_in(self._event(1), self._event(2, time="2026-10-31T12:00:00Z"))
        self.env.cr.execute("SET LOCAL enable_seqscan = off")
        plan = "\n".join(
            self._read(
                "EXPLAIN SELECT quantity FROM omni_billing_usage WHERE service_id = 1"
                " AND meter_id = 1 AND moment >= '2026-11-01' AND moment < '2026-12-01'"
            )
        )
        self.assertIn("omni_billing_usage_event_2026_11_service_id", plan)
        self.assertNotIn("2026_10", plan)

    def test_each_foreign_key_has_an_index(self):
        self.env.cr.execute(WITHOUT_INDEX)
        # Dialogs are gone the next day.
        dialogs = {model._table for model in self.env.values() if model.is_transient()}
        found = [
            f"{table}.{column}"
            for table, column, parent in self.env.cr.fetchall()
            if table not in dialogs and parent not in KEPT and "usage" in table + parent
        ]
        self.assertFalse(found)

    def test_uninstalling_leaves_no_table(self):
        self._take_in(self._event(1))
        self.assertTrue(self._read(LEFT))
        uninstall_hook(self.env)
        self.assertFalse(self._read(LEFT))
