from datetime import date, timedelta

from dateutil.relativedelta import relativedelta
from hypothesis import given
from hypothesis import strategies as st

from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.fields import Command
from odoo.tests import tagged

from odoo.addons.omni_billing.tools.write_guard import trust

from .common import BillingCommon
from .properties import tried

DAYS = [date(2025, month, 10) for month in (7, 8, 9, 10)]
#: What happens, which amount, in which month, and to which invoice.
histories = st.lists(
    st.tuples(
        st.sampled_from(
            ["bill", "bill", "bill", "pay", "part", "advance", "back", "void", "state"]
        ),
        st.integers(1, 40_000).map(lambda cents: cents / 100),
        st.integers(0, len(DAYS) - 1),
        st.integers(0, 1000),
    ),
    min_size=3,
    max_size=9,
)


REPORTS = ("revenue", "tax", "aged", "accrued", "deferral", "deferred")


class ReportCommon(BillingCommon):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.bank = cls.company_data["default_journal_bank"]
        cls.receivable = cls.customer.property_account_receivable_id

    def _bill_on(self, day, cost=100.0, **values):
        transaction = self._create_transaction(cost, date=day, **values)
        return self._bill(
            transaction, date_start=day, date_end=day, invoice_date=day, date_due=day
        )

    def _advance(self, amount, day, payment_type="inbound"):
        """Record money that is for no invoice, as accountants do."""
        payment = self.env["account.payment"].create(
            {
                "partner_id": self.customer.id,
                "amount": amount,
                "date": day,
                "payment_type": payment_type,
                "partner_type": "customer",
                "journal_id": self.bank.id,
            }
        )
        payment.action_post()
        return payment

    def _state(self, amount, day):
        """Import a line of the bank's, and set it against the customer by itself."""
        line = self.env["account.bank.statement.line"].create(
            {
                "journal_id": self.bank.id,
                "date": day,
                "payment_ref": "Transfer",
                "partner_id": self.customer.id,
                "amount": amount,
            }
        )
        suspense = line.move_id.line_ids.filtered(
            lambda item: item.account_id == self.bank.suspense_account_id
        )
        line.move_id.button_draft()
        suspense.account_id = self.receivable
        line.move_id.action_post()

    def _sum(self, model, names, group, **context):
        self.env.flush_all()
        rows = self.env[model].with_context(**context)
        found = rows._read_group(
            [("partner_id", "=", self.customer.id)],
            [group],
            [f"{name}:sum" for name in names],
        )
        return {
            key: tuple(self.currency.round(value or 0) for value in values)
            for key, *values in found
        }


@tagged("post_install", "-at_install")
class TestRevenue(ReportCommon):
    """W28: revenue and receipts, as the books have them."""

    def test_deposit_counts_when_it_came(self):
        """It came in July, and was used for an invoice of August."""
        july, august, *_later = DAYS
        self._advance(50.0, july)
        invoice = self._bill_on(august, 100.0, tax_ids=self.tax_10)
        invoice._billing_use_credit()
        names = ["amount_revenue", "amount_tax", "amount_receipt"]
        self.assertEqual(
            self._sum("omni.billing.revenue", names, "date:month"),
            {
                july.replace(day=1): (0, 0, 50.0),
                august.replace(day=1): (100.0, 10.0, 0),
            },
        )

    def test_unbilled_is_no_revenue(self):
        self._create_transaction(77.0, tax_ids=self.tax_10)
        self.assertFalse(self._sum("omni.billing.revenue", ["amount_revenue"], "kind"))

    @given(history=histories)
    @tried(ci=6, deep=600)
    def test_each_month_is_that_of_the_books(self, history):
        """Revenue is posted income of invoices; receipts are the bank's and the cash's.

        The other side of it is what stands on the customer's account.
        """
        invoices = self.env["account.move"]
        for kind, amount, month, which in history:
            day = DAYS[month]
            invoice = invoices[which % len(invoices) :][:1] if invoices else invoices
            if kind == "bill":
                taxes = (self.tax_10, self.tax_20_included)[which % 2]
                invoices += self._bill_on(day, amount, tax_ids=taxes)
            elif kind in ("pay", "part") and invoice.amount_residual:
                share = 1 if kind == "pay" else 0.5
                paid = self.currency.round(invoice.amount_residual * share)
                if paid:
                    mode = ("cash", "bank")[which % 2]
                    self._pay(invoice, mode=mode, amount=paid, date=day)
            elif kind in ("advance", "back"):
                direction = "inbound" if kind == "advance" else "outbound"
                self._advance(amount, day, direction)
            elif kind == "state":
                self._state(amount, day)
            elif kind == "void" and invoice.state == "posted":
                if invoice.amount_residual == invoice.amount_total:
                    self._void(invoice)
        names = ["amount_revenue", "amount_tax", "amount_receipt"]
        found = self._sum("omni.billing.revenue", names, "date:month")
        self.assertEqual(found, self._read_books())

    def _void(self, invoice):
        values = {"invoice_ids": [Command.set(invoice.ids)], "reason": "Wrong"}
        self.env["omni.billing.void.wizard"].create(values).action_void()

    def _read_books(self):
        """Sum by month what Odoo's journal items say, apart from any report."""
        items = self.env["account.move.line"].search(
            [
                ("move_id.partner_id", "child_of", self.customer.id),
                ("parent_state", "=", "posted"),
            ]
        )
        sums = {}
        for item in items:
            kind = item.account_id.account_type
            column = None
            if item.display_type == "tax":
                column, amount = 1, -item.balance
            elif kind.startswith("income"):
                column, amount = 0, -item.balance
            elif item.journal_id.type in ("bank", "cash") and (
                kind != "asset_receivable"
            ):
                column, amount = 2, item.balance
            if column is not None:
                month = sums.setdefault(item.date.replace(day=1), [0, 0, 0])
                month[column] += amount
        return {
            month: tuple(self.currency.round(value) for value in values)
            for month, values in sums.items()
        }

    def test_rights(self):
        self._bill_on(DAYS[0])
        for user in (self.portal, self.outsider):
            for name in REPORTS:
                with self.assertRaises(AccessError):
                    self.env[f"omni.billing.{name}"].with_user(user).search([])
        for name in REPORTS:
            self.env[f"omni.billing.{name}"].with_user(self.staff).search([])

    def test_company_of_others(self):
        """A row of another company is nobody's who does not work there."""
        self._bill_on(DAYS[0])
        other = self.env["res.company"].create({"name": "Other"})
        clerk = self._create_user("clerk", "omni_billing.omni_billing_group_user")
        clerk.write({"company_ids": [Command.set(other.ids)], "company_id": other.id})
        for name in ("revenue", "aged"):
            rows = self.env[f"omni.billing.{name}"].with_user(clerk)
            self.assertFalse(rows.search([("company_id", "=", self.company.id)]))


@tagged("post_install", "-at_install")
class TestTaxes(ReportCommon):
    """W29: what was taxed, by rate and month."""

    def test_base_and_tax_of_each_rate(self):
        """A tax of zero has a base; taxes of a group count one by one; notes lower."""
        zero, first = self._create_tax(0, name="None"), self._create_tax(3)
        second = self._create_tax(7)
        group = self._create_tax(
            0, amount_type="group", children_tax_ids=[Command.set((first + second).ids)]
        )
        invoice = self._bill_on(DAYS[0], 100.0, tax_ids=group)
        self._bill_on(DAYS[0], 50.0, tax_ids=zero)
        self._bill_on(DAYS[0], 40.0, tax_ids=self.tax_10)
        found = self._sum("omni.billing.tax", ["base", "amount"], "tax_id")
        self.assertEqual(
            found,
            {
                zero: (50.0, 0.0),
                first: (100.0, 3.0),
                second: (100.0, 7.0),
                self.tax_10: (40.0, 4.0),
            },
        )
        invoice._billing_cancel_items(invoice.billing_transaction_ids)
        found = self._sum("omni.billing.tax", ["base", "amount"], "tax_id")
        self.assertEqual(found[first], (0.0, 0.0))
        self.assertEqual(found[self.tax_10], (40.0, 4.0))


@tagged("post_install", "-at_install")
class TestAged(ReportCommon):
    """W29: what is owed on a day."""

    NAMES = ("not_due", "due_30", "due_60", "due_90", "due_older", "unused", "total")

    def _read_aged(self, day, partner=None):
        self.env.flush_all()
        # Rows of another day have the same ids; each request asks for one.
        self.env.invalidate_all()
        rows = self.env["omni.billing.aged"].with_context(billing_as_of=day)
        row = rows.search([("partner_id", "=", (partner or self.customer).id)])
        return tuple(row[name] for name in self.NAMES)

    def test_each_is_where_its_age_puts_it(self):
        for day, amount in (
            ("2025-10-31", 1.0),
            ("2025-10-30", 2.0),
            ("2025-10-01", 4.0),
            ("2025-09-30", 8.0),
            ("2025-09-01", 16.0),
            ("2025-08-31", 32.0),
            ("2025-08-02", 64.0),
            ("2025-08-01", 128.0),
        ):
            self._bill_on(date.fromisoformat(day), amount)
        self.assertEqual(
            self._read_aged("2025-10-31"), (1.0, 6.0, 24.0, 96.0, 128.0, 0.0, 255.0)
        )

    def test_a_day_is_as_it_was(self):
        """What was paid, credited or billed later had not happened on that day."""
        invoice = self._bill_on(date(2025, 7, 1), 100.0)
        self._pay(invoice, mode="bank", amount=40.0, date=date(2025, 7, 20))
        self._pay(invoice, mode="bank", amount=60.0, date=date(2025, 9, 20))
        self._advance(25.0, date(2025, 8, 1))
        self._bill_on(date(2025, 9, 1), 7.0)
        self.assertFalse(any(self._read_aged("2025-06-30")))
        self.assertEqual(self._read_aged("2025-07-01"), (100.0, *[0] * 5, 100.0))
        self.assertEqual(self._read_aged("2025-07-10"), (0, 100.0, *[0] * 4, 100.0))
        self.assertEqual(self._read_aged("2025-07-20"), (0, 60.0, *[0] * 4, 60.0))
        self.assertEqual(self._read_aged("2025-08-31"), (0, 0, 0, 60.0, 0, -25.0, 35.0))
        self.assertEqual(self._read_aged("2025-09-30"), (0, 7.0, 0, 0, 0, -25.0, -18.0))

    def test_by_main_customer_and_by_part(self):
        """Contacts count with their company; each part of an invoice by its own day."""
        terms = self.env["account.payment.term"].create(
            {
                "name": "Half now",
                "line_ids": [
                    Command.create({"value_amount": 50, "nb_days": 0}),
                    Command.create({"value_amount": 50, "nb_days": 40}),
                ],
            }
        )
        contact = self.portal.partner_id
        invoice = self.env["account.move"].create(
            {
                "move_type": "out_invoice",
                "partner_id": contact.id,
                "invoice_date": date(2025, 7, 1),
                "invoice_payment_term_id": terms.id,
                "invoice_line_ids": [
                    Command.create({"name": "Work", "price_unit": 80, "tax_ids": []})
                ],
            }
        )
        invoice.action_post()
        self.assertEqual(self._read_aged("2025-07-11"), (40, 40, 0, 0, 0, 0, 80))

    def test_total_is_the_books(self):
        """The sum of all is the balance of the customer's account, on any day."""
        self._bill_on(DAYS[0], 100.0, tax_ids=self.tax_10)
        self._advance(300.0, DAYS[1])
        invoice = self._bill_on(DAYS[2], 45.0)
        invoice._billing_use_credit()
        self.assertEqual(self._read_aged(self.today)[-1], self._get_books_balance())
        row = self.env["omni.billing.aged"].search(
            [("partner_id", "=", self.customer.id)]
        )
        items = self.env["account.move.line"].search(
            row.action_billing_open_items()["domain"]
        )
        self.assertEqual(sum(items.mapped("balance")), row.total)

    def test_one_query_for_all(self):
        self._bill_on(DAYS[0])
        self.env.flush_all()
        Aged = self.env["omni.billing.aged"]
        Aged.search_fetch([], ["total"], limit=80)
        Aged.invalidate_model()
        with self.assertQueryCount(1):
            Aged.search_fetch([], ["total"], limit=80)


@tagged("post_install", "-at_install")
class TestAccrued(ReportCommon):
    """W29: what was unbilled on a day."""

    def _read_accrued(self, day):
        found = self._sum(
            "omni.billing.accrued", ["amount"], "partner_id", billing_as_of=day
        )
        [total] = found.get(self.customer, (0,))
        return total

    def test_unbilled_on_a_day(self):
        """Untaxed, less credits; what is billed or void later was unbilled before."""
        self._create_transaction(10.0, date=DAYS[0], tax_ids=self.tax_10)
        self._create_credit(3.0, date=DAYS[1])
        billed = self._create_transaction(500.0, date=DAYS[0])
        invoice = self._bill(billed, date_start=DAYS[0], invoice_date=DAYS[2])
        self.assertEqual(invoice.state, "posted")
        self.assertEqual(self._read_accrued("2025-07-09"), 0)
        self.assertEqual(self._read_accrued("2025-07-31"), 510.0)
        self.assertEqual(self._read_accrued("2025-08-31"), 507.0)
        self.assertEqual(self._read_accrued("2025-09-30"), 7.0)
        void = self._create_transaction(1.0, date=DAYS[0])
        values = {"transaction_ids": [Command.set(void.ids)], "reason": "Wrong"}
        self.env["omni.billing.void.wizard"].create(values).action_void()
        self.assertEqual(self._read_accrued("2025-09-30"), 8.0)
        self.assertEqual(self._read_accrued(self.today), 7.0)

    def test_in_the_currency_of_the_company(self):
        euro = self.setup_other_currency("EUR", rates=[("2016-01-01", 2.0)])
        self._create_transaction(10.0, date=DAYS[0], currency_id=euro.id)
        self.assertEqual(self._read_accrued("2025-07-31"), 5.0)

    def test_dialog_opens_the_day(self):
        """Menus ask for the day; the list that opens is of that day."""
        self._create_transaction(10.0, date=DAYS[0])
        for report, wanted in (("accrued", 1), ("aged", 0)):
            wizard = self.env["omni.billing.day.wizard"].with_user(self.staff)
            wizard = wizard.create({"report": report, "day": DAYS[0]})
            action = wizard.action_show()
            rows = self.env[action["res_model"]].with_context(**action["context"])
            count = rows.search_count([("partner_id", "=", self.customer.id)])
            self.assertEqual(count, wanted)
            self.assertIn("07/10/2025", action["display_name"])


@tagged("post_install", "-at_install")
class TestDeferred(ReportCommon):
    """W29: revenue by the period of its service."""

    def _bill_period(self, amount, first, last, day, **values):
        period = {"period_start": first, "period_end": last}
        transaction = trust(self._create_transaction(amount, date=day, **values))
        transaction.write(period)
        wizard = {"date_start": day, "date_end": day, "date_due": day}
        return self._bill(transaction.with_env(self.env), invoice_date=day, **wizard)

    def _read_months(self):
        found = self._sum("omni.billing.deferral", ["amount"], "month:month")
        return {(month.year, month.month): amount for month, (amount,) in found.items()}

    def _read_deferred(self, day):
        found = self._sum(
            "omni.billing.deferred", ["amount"], "partner_id", billing_as_of=day
        )
        [total] = found.get(self.customer, (0,))
        return total

    def test_by_days_and_right_to_the_cent(self):
        """100 over three months of 92 days; what is left by day and in each month."""
        first, last = date(2025, 8, 1), date(2025, 10, 31)
        self._bill_period(100.0, first, last, date(2025, 8, 1), tax_ids=self.tax_10)
        months = {(2025, 8): 33.70, (2025, 9): 32.60, (2025, 10): 33.70}
        self.assertEqual(self._read_months(), months)
        self.assertEqual(self._read_deferred("2025-07-31"), 0)
        self.assertEqual(self._read_deferred("2025-08-31"), 66.30)
        self.assertEqual(self._read_deferred("2025-10-30"), 1.09)
        self.assertEqual(self._read_deferred("2025-10-31"), 0)

    def test_credit_of_it_lowers_the_same_months(self):
        first, last = date(2025, 9, 1), date(2025, 10, 31)
        invoice = self._bill_period(61.0, first, last, date(2025, 9, 1))
        self.assertEqual(self._read_deferred("2025-09-30"), 31.0)
        invoice._billing_cancel_items(invoice.billing_transaction_ids)
        self.assertEqual(self._read_months(), {(2025, 9): 0.0, (2025, 10): 0.0})

    @given(
        amount=st.integers(1, 10_000_000).map(lambda cents: cents / 100),
        first=st.dates(date(2024, 1, 1), date(2025, 12, 31)),
        days=st.integers(0, 800),
        on=st.dates(date(2024, 1, 1), date(2027, 12, 31)),
    )
    @tried(ci=5, deep=300)
    def test_all_parts_are_the_amount(self, amount, first, days, on):
        """On any day, what months before it have and what is deferred are all of it."""
        last = first + timedelta(days=days)
        self._bill_period(amount, first, last, first)
        months = self._read_months()
        self.assertEqual(self.currency.round(sum(months.values())), amount)
        if on >= first:
            on += relativedelta(day=31)
            before = sum(
                part for month, part in months.items() if month <= (on.year, on.month)
            )
            self.assertEqual(
                self.currency.round(before + self._read_deferred(on)), amount
            )

    def test_closing_entries(self):
        """What is accrued or deferred is booked once, and back the day after."""
        first, last = date(2025, 9, 1), date(2025, 10, 31)
        self._bill_period(61.0, first, last, date(2025, 9, 1))
        self._create_transaction(10.0, date=date(2025, 9, 2), tax_ids=self.tax_10)
        account = self.company_data["default_account_assets"]
        income = self.company_data["default_account_revenue"]
        for report, balance in (("accrued", 10.0), ("deferred", -31.0)):
            values = {"report": report, "day": date(2025, 9, 30)}
            wizard = self.env["omni.billing.day.wizard"].create(
                values | {"account_id": account.id}
            )
            action = wizard.action_book()
            self.assertEqual(wizard.action_book(), action, "a dialog acts once")
            moves = self.env["account.move"].search(action["domain"], order="date")
            self.assertEqual(
                moves.mapped("date"), [date(2025, 9, 30), date(2025, 10, 1)]
            )
            for move, sign in zip(moves, (1, -1), strict=True):
                found = {item.account_id: item.balance for item in move.line_ids}
                wanted = {account: sign * balance, income: -sign * balance}
                self.assertEqual(found, wanted)
            again = self.env["omni.billing.day.wizard"].create(
                values | {"account_id": account.id}
            )
            with self.assertRaisesRegex(UserError, "has booked it already"):
                again.action_book()
        wizard = self.env["omni.billing.day.wizard"].create(
            {"report": "deferred", "day": "2020-01-31", "account_id": account.id}
        )
        with self.assertRaisesRegex(UserError, "nothing to book"):
            wizard.action_book()

    def test_what_is_accrued_is_booked_where_it_is_going_to_be_invoiced(self):
        """On the account of billing's own journal, of what has no product."""
        journal = self.company_data["default_journal_sale"].copy({"code": "BILL"})
        journal.default_account_id = self.company_data["default_account_revenue"].copy()
        self.company.billing_journal_id = journal
        charge = self._create_transaction(10.0)
        wizard = self.env["omni.billing.day.wizard"].create(
            {
                "report": "accrued",
                "day": self.today,
                "account_id": self.company_data["default_account_assets"].id,
            }
        )
        domain = wizard.action_book()["domain"]
        entries = self.env["account.move"].search(domain)
        invoiced = self._bill(charge).invoice_line_ids.account_id
        self.assertEqual(invoiced, journal.default_account_id)
        self.assertEqual(entries.line_ids.account_id, invoiced | wizard.account_id)


@tagged("post_install", "-at_install")
class TestStatement(ReportCommon):
    """W29: a statement of account."""

    def _open(self, first, last, user=None, **values):
        Statement = self.env["omni.billing.statement"].with_user(user or self.env.user)
        values = {"date_from": first, "date_to": last, **values}
        return Statement.create({"partner_id": self.customer.id, **values})

    def _read(self, first, last):
        [part] = self._open(first, last)._prepare_page()["parts"]
        rows = [(row["charged"], row["paid"], row["balance"]) for row in part["rows"]]
        return part["opening"], rows, part["closing"]

    def test_each_entry_and_the_balance_after_it(self):
        july, august, september, october = DAYS
        invoice = self._bill_on(july, 100.0, tax_ids=self.tax_10)
        self._pay(invoice, mode="bank", amount=30.0, date=august)
        self._bill_on(september, 5.0)
        self._advance(200.0, october)
        self.assertEqual(
            self._read(july, october),
            (
                0.0,
                [(110, 0, 110), (0, 30, 80), (5, 0, 85), (0, 200, -115)],
                -115.0,
            ),
        )
        self.assertEqual(self._read(august, september)[0], 110.0)
        self.assertEqual(self._read(date(2025, 8, 11), september)[0], 80.0)
        self.assertEqual(self._read(october, self.today)[2], self._get_books_balance())

    def test_each_currency_by_itself(self):
        euro = self.setup_other_currency("EUR", rates=[("2016-01-01", 2.0)])
        self._bill_on(DAYS[0], 100.0)
        self._bill_on(DAYS[0], 7.0, currency_id=euro.id)
        page = self._open(DAYS[0], DAYS[1])._prepare_page()
        self.assertEqual(
            [(part["currency"], part["closing"]) for part in page["parts"]],
            [(self.currency, 100.0), (euro, 7.0)],
        )
        self.assertFalse(page["aged"], "its ages would be of two currencies")

    def test_page_says_it(self):
        """What the PDF shows, in the customer's language; nothing, if there is none."""
        invoice = self._bill_on(DAYS[0], 100.0)
        statement = self._open(DAYS[0], DAYS[1], self.staff)
        report = self.env.ref("omni_billing.report_statement")
        page, _type = report._render_qweb_html(report, statement.ids)
        for text in (invoice.name, "Opening balance", "Acme Rentals", "You owe"):
            self.assertIn(text, page.decode())
        self.env["res.lang"]._activate_lang("fr_FR")
        self.customer.lang = "fr_FR"
        page, _type = report._render_qweb_html(report, statement.ids)
        self.assertIn("Solde initial", page.decode())
        self.assertTrue(statement._render().startswith(b"%PDF"))
        nothing = self._open("2020-01-01", "2020-01-31")
        page, _type = report._render_qweb_html(report, nothing.ids)
        self.assertIn("Rien n", page.decode())

    def test_mail_has_it_attached(self):
        self._bill_on(DAYS[0], 100.0)
        statement = self._open(DAYS[0], DAYS[1], self.staff)
        with self.assertRaisesRegex(UserError, "no e-mail address"):
            statement.action_email()
        self.customer.email = "acme@example.com"
        context = statement.action_email()["context"]
        composer = self.env["mail.compose.message"].with_user(self.staff)
        composer = composer.with_context(**context).create({})
        composer._action_send_mail()
        message = self.customer.message_ids[:1]
        self.assertIn("statement of account", message.subject)
        # Who writes nothing sends no empty message.
        self.assertIn("your statement of account", message.body)
        self.assertTrue(message.attachment_ids.raw.startswith(b"%PDF"))
        self.assertEqual(message.partner_ids, self.customer)

    def test_crossed_dates(self):
        with self.assertRaisesRegex(ValidationError, "ends after it begins"):
            self._open(DAYS[1], DAYS[0])
