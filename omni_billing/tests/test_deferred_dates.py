"""Odoo Enterprise's own start and end dates of lines, where there are such fields."""

from datetime import date

from odoo import fields, models
from odoo.exceptions import UserError
from odoo.orm.model_classes import add_to_registry
from odoo.tests import tagged
from odoo.tools import SQL

from odoo.addons.omni_billing.tools.write_guard import trust

from .test_reports import ReportCommon

NAMES = ("deferred_start_date", "deferred_end_date")
FIRST, LAST = date(2025, 9, 1), date(2025, 10, 31)


class LineWithDates(models.Model):
    """As Enterprise's account_accountant has it."""

    _name = "account.move.line"
    _inherit = ["account.move.line"]
    _module = None

    deferred_start_date = fields.Date(copy=False)
    deferred_end_date = fields.Date(copy=False)


@tagged("post_install", "-at_install")
class TestDeferredDates(ReportCommon):
    """Time and amount are told to who defers them, and deferred by one of both."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        # Before the dates were there.
        cls.before = cls._bill_period(31)
        Line = cls.registry["account.move.line"]
        cls.addClassCleanup(setattr, Line, "_base_classes__", Line._base_classes__)
        cls.env.flush_all()
        cls.env.cr.execute("SET CONSTRAINTS ALL IMMEDIATE")
        for name in NAMES:
            cls.env.cr.execute(
                SQL(
                    "ALTER TABLE account_move_line ADD COLUMN %s date",
                    SQL.identifier(name),
                )
            )
        add_to_registry(cls.registry, LineWithDates)
        cls.registry._setup_models__(cls.env.cr, ["account.move.line"])

    @classmethod
    def _bill_period(cls, amount, first=FIRST, last=LAST):
        transaction = cls._create_transaction(amount, date=FIRST)
        trust(transaction).write({"period_start": first, "period_end": last})
        wizard = {"date_start": FIRST, "date_end": FIRST, "date_due": FIRST}
        return cls._bill(transaction, invoice_date=FIRST, **wizard)

    def _get_dates(self, move):
        lines = move.line_ids.filtered(lambda line: line.display_type == "product")
        return [tuple(line[name] for name in NAMES) for line in lines]

    def _book(self):
        wizard = self.env["omni.billing.day.wizard"].create(
            {
                "report": "deferred",
                "day": date(2025, 9, 30),
                "account_id": self.company_data["default_account_assets"].id,
            }
        )
        domain = wizard.action_book()["domain"]
        return self.env["account.move"].search(domain, order="date", limit=1)

    def test_lines_have_the_period_of_their_transaction(self):
        invoice = self._bill_period(61)
        self.assertEqual(self._get_dates(invoice), [(FIRST, LAST)])

    def test_line_without_a_period_has_none(self):
        invoice = self._bill_on(FIRST, 10)
        self.assertEqual(self._get_dates(invoice), [(False, False)])

    def test_what_is_no_income_is_not_deferred(self):
        journal = self.company_data["default_journal_sale"]
        journal.default_account_id = self.company_data["default_account_assets"]
        invoice = self._bill_period(61)
        self.assertEqual(self._get_dates(invoice), [(False, False)])

    def test_what_cancels_it_is_of_the_same_time(self):
        invoice = self._bill_period(61)
        invoice._billing_cancel_items(invoice.billing_transaction_ids)
        note = self.env["account.move"].search([("reversed_entry_id", "=", invoice.id)])
        self.assertEqual(self._get_dates(note), [(FIRST, LAST)])

    def test_it_is_deferred_once(self):
        """What Odoo defers is not in our entry; what is of before is."""
        self._bill_period(61)
        entry = self._book()
        amounts = sorted(entry.line_ids.mapped("balance"))
        self.assertEqual(amounts, [-15.75, 15.75])

    def test_all_of_it_is_deferred_by_odoo(self):
        self._bill_period(61)
        # An accountant tells the rest.
        self.before.invoice_line_ids.write(dict(zip(NAMES, (FIRST, LAST), strict=True)))
        with self.assertRaisesRegex(UserError, "own deferred entries"):
            self._book()
        found = self.env["omni.billing.deferred"].with_context(
            billing_as_of=date(2025, 9, 30)
        )
        rows = found.search([("partner_id", "=", self.customer.id)])
        self.assertIn(31, rows.mapped("amount"))
