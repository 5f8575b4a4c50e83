import base64
import io
from datetime import datetime
from unittest.mock import patch
from zipfile import ZIP_DEFLATED, ZipFile

from openpyxl import Workbook

from odoo.exceptions import AccessError, UserError
from odoo.fields import Command
from odoo.tests import Form, tagged

from .common import UsageCommon

TEXT = """No;Caller;Start;Seconds;Country
1;+33;30/11/2026 14:05:00;61,5;FR
2;+44;30/11/2026 14:06:00;5;FR
3;+33;soon;5;
"""


@tagged("post_install", "-at_install")
class TestFile(UsageCommon):
    """W41: CSV and workbooks, by the columns that their source has."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        columns = {"No": "ref", "Caller": "identifier", "Start": "time"}
        columns["Seconds"] = "quantity"
        cls.switch.write(
            {
                "kind": "file",
                "zone": "Europe/Paris",
                "time_format": "%d/%m/%Y %H:%M:%S",
                "has_comma": True,
                "column_ids": [
                    Command.create({"target": "meter", "value": "calls"}),
                    *(
                        Command.create({"target": target, "title": title})
                        for title, target in columns.items()
                    ),
                    Command.create(
                        {
                            "target": "dimension",
                            "dimension": "country",
                            "title": "Country",
                        }
                    ),
                ],
            }
        )

    def _import(self, content, name="calls.csv", user=None):
        wizard = self.env["omni.billing.usage.import.wizard"]
        with Form(wizard.with_user(user or self.manager)) as form:
            self.assertEqual(form.source_id, self.switch)
            form.content = base64.b64encode(content)
        form.record.name = name
        action = form.record.action_import()
        self.assertEqual(form.record.action_import(), action)
        return self.env[action["res_model"]].search(action["domain"])

    def test_file_is_taken_in_once(self):
        """W41: a second time all are doubles; what was refused is tried again."""
        batch = self._import(TEXT.encode())
        counts = (batch.count_taken, batch.count_unknown, batch.count_broken)
        self.assertEqual(counts, (1, 1, 1))
        self.assertEqual((batch.file_name, batch.origin), ("calls.csv", "file"))
        at = datetime(2026, 11, 30, 13, 5)
        self.assertEqual(self._stored(), [("1", self.line, self.calls, at, 61.5)])
        batch = self._import(TEXT.encode())
        self.assertEqual((batch.count_taken, batch.count_double), (0, 1))
        self._identify("+44", self.other_line)
        self._refused().action_try_again()
        self.assertEqual([ref for ref, *_rest in self._stored()], ["1", "2"])
        self.assertEqual(self._refused().mapped("state"), ["open", "taken"][::-1])

    def test_workbook_is_read(self):
        """W41: a day and a time of a cell are what it shows, in the source's zone."""
        book = Workbook()
        book.active.append(["No", "Caller", "Start", "Seconds", "Country"])
        start = datetime(2026, 7, 1, 14, 5)
        book.active.append(["1", "+33", start, 1.25, "FR"])
        content = io.BytesIO()
        book.save(content)
        self.switch.late_days = 200
        self.switch.time_format = False
        batch = self._import(content.getvalue(), "calls.xlsx")
        self.assertEqual((batch.count_total, batch.count_taken), (1, 1))
        self.assertEqual(self._stored()[0][3:], (datetime(2026, 7, 1, 12, 5), 1.25))

    def test_many_rows_are_several_intakes(self):
        rows = [f"{n};+33;30/11/2026 14:05:00;1;" for n in range(7)]
        content = "\n".join([TEXT.splitlines()[0], *rows]).encode()
        module = "odoo.addons.omni_billing_usage.models.omni_billing_usage_file"
        self.patch(__import__(module, fromlist=["x"]), "MAX_EVENTS", 3)
        batches = self._import(content)
        self.assertEqual(sorted(batches.mapped("count_taken")), [1, 3, 3])
        self.assertEqual(len(self._stored()), 7)
        self.patch(__import__(module, fromlist=["x"]), "MAX_ROWS", 6)
        with self.assertRaisesRegex(UserError, "7 rows; up to 6"):
            self._import(content)

    def test_parts_of_a_file_are_in_the_order_of_references(self):
        """W45: of two files with the same, none waits in a circle."""
        rows = [f"{n};+33;30/11/2026 14:05:00;1;" for n in (4, 2, 5, 1, 3)]
        content = "\n".join([TEXT.splitlines()[0], *rows]).encode()
        module = "odoo.addons.omni_billing_usage.models.omni_billing_usage_file"
        self.patch(__import__(module, fromlist=["x"]), "MAX_EVENTS", 2)
        batches = self._import(content).sorted("id")
        usage = self.env["omni.billing.usage"].search([("batch_id", "in", batches.ids)])
        self.assertEqual(
            [
                set(usage.filtered(lambda one, b=b: one.batch_id == b).mapped("ref"))
                for b in batches
            ],
            [{"1", "2"}, {"3", "4"}, {"5"}],
        )

    def test_file_that_cannot_be_read_is_refused_as_a_whole(self):
        """W41: with the reason, and nothing is done."""
        for content, name, why in (
            (b"No;Caller\n1;+33\n", "calls.csv", "Start"),
            (b"PK\x03\x04 no workbook", "calls.xlsx", "cannot be read"),
            (b"\x89PNG\r\n\x1a\n", "calls.png", "cannot be read"),
            (b"\n", "calls.csv", "no column"),
            (b"\xff\xfe\x00", "calls.csv", "cannot be read"),
        ):
            with self.subTest(name), self.assertRaisesRegex(UserError, why):
                self._import(content, name)
        self.switch.column_ids.filtered(lambda one: one.target == "time").unlink()
        with self.assertRaisesRegex(UserError, "columns"):
            self._import(TEXT.encode())
        for user in (self.staff, self.program, self.outsider):
            with self.assertRaises(AccessError):
                self._import(TEXT.encode(), user=user)
        self.assertFalse(self._stored())

    def test_workbook_that_would_fill_the_memory_is_refused(self):
        """W41: by what it says to be unpacked, before it is."""
        content = io.BytesIO()
        with ZipFile(content, "w", ZIP_DEFLATED) as packed:
            packed.writestr("xl/worksheets/sheet1.xml", bytes(1000))
        module = "odoo.addons.omni_billing_usage.models.omni_billing_usage_file"
        with (
            patch(f"{module}.MAX_UNPACKED", 999),
            self.assertRaisesRegex(UserError, "unpacked"),
        ):
            self.switch._take_in_file("calls.xlsx", content.getvalue())
