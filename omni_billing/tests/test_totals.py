from contextlib import suppress
from unittest.mock import patch

from dateutil.relativedelta import relativedelta
from hypothesis import given
from hypothesis import strategies as st

from odoo.exceptions import UserError
from odoo.fields import Command
from odoo.tests import tagged

from ..models.base.omni_billing_stats import OmniBillingStats
from .common import BillingCommon
from .properties import tried

MODELS = ("omni.billing.transaction", "account.move")
STEPS = st.lists(
    st.tuples(
        st.sampled_from(
            (
                *("charge", "charge", "credit", "euro", "elsewhere", "import"),
                *("bill", "bill", "void", "note", "cancel", "pay", "delete"),
                *("move", "by_sql", "copied_by_sql", "deleted_by_sql", "fold"),
            )
        ),
        st.integers(1, 99_999),
    ),
    min_size=4,
    max_size=14,
)


@tagged("post_install", "-at_install")
class TestTotals(BillingCommon):
    """Cards of a whole company are read from totals that the database keeps."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.euro = cls.setup_other_currency("EUR", rates=[("2016-01-01", 0.5)])
        cls.other = cls.setup_other_company()["company"]
        cls.total = cls.env["omni.billing.total"]

    def _read(self, model, company=None):
        """Return what the cards say."""
        Model = self.env[model].with_company(company or self.company)
        stats = Model.billing_retrieve_stats()
        return stats["note"], [
            (card["name"], round(card["amount"], 6), card["count"])
            for card in stats["cards"]
        ]

    def _assert_equal(self):
        """The totals say what the sums over all rows say, to the cent."""
        for company in (self.company, self.other):
            for model in MODELS:
                with patch.object(
                    OmniBillingStats, "_billing_sees_whole", lambda *_args: False
                ):
                    summed = self._read(model, company)
                with patch.object(
                    OmniBillingStats, "_billing_sum_rows", autospec=True
                ) as asked:
                    asked.side_effect = self._sum_rows
                    totals = self._read(model, company)
                self.assertEqual(totals, summed, model)
                # Only what balances a void is looked for.
                self.assertLessEqual(asked.call_count, model == "account.move")

    _sum_rows = staticmethod(OmniBillingStats._billing_sum_rows)

    @given(STEPS)
    @tried(ci=6, deep=300)
    def test_totals_are_the_sums(self, steps):
        """W45: whatever is done, by Odoo or by SQL, one row or many."""
        self._assert_equal()
        for step, number in steps:
            # What may not be is undone, and so are its differences.
            with suppress(UserError), self.env.cr.savepoint():
                getattr(self, f"_do_{step}")(number)
            self.env.invalidate_all()
            self._assert_equal()

    # === WHAT HAPPENS === #

    def _find(self, model, number, *domain):
        found = self.env[model].search([*domain], order="id")
        return found[number % len(found)] if found else found

    def _do_charge(self, number):
        day = self.today - relativedelta(days=number % 100)
        self._create_transaction(number / 100, date=day)

    def _do_credit(self, number):
        self._create_credit(number / 100)

    def _do_euro(self, number):
        self._create_transaction(number / 100, currency_id=self.euro.id)

    def _do_elsewhere(self, number):
        self._create_transaction(number / 100, company_id=self.other.id)

    def _do_import(self, number):
        self.env["omni.billing.transaction"].create(
            [
                {"name": "Many", "partner_id": self.customer.id, "retail_cost": n + 1}
                for n in range(number % 30)
            ]
        )

    def _do_bill(self, number):
        charges = self.env["omni.billing.transaction"].search(
            [
                *(("state", "=", "unbilled"), ("company_id", "=", self.company.id)),
                *(("retail_cost", ">", 0), ("currency_id", "!=", self.euro.id)),
            ],
            limit=number % 4 + 1,
        )
        if charges:
            charges._create_invoices([(charges, self.customer, {})])

    def _find_invoice(self, number):
        return self._find(
            "account.move",
            number,
            ("move_type", "=", "out_invoice"),
            ("billing_state", "in", ("unpaid", "partial")),
            ("partner_id", "=", self.customer.id),
        )

    def _do_void(self, number, method="cancel"):
        self.company.billing_void_method = method
        if invoice := self._find_invoice(number):
            invoice.action_billing_void("Wrong")

    def _do_note(self, number):
        self._do_void(number, "credit_note")

    def _do_cancel(self, number):
        charge = self._find(
            "omni.billing.transaction", number, ("state", "=", "unbilled")
        )
        charge.action_void() if charge else None

    def _do_pay(self, number):
        if invoice := self._find_invoice(number):
            amount = min(number / 100, invoice.amount_residual)
            self._pay(invoice, mode="cash", amount=amount)

    def _do_delete(self, number):
        self._find(
            "omni.billing.transaction", number, ("state", "=", "unbilled")
        ).unlink()

    def _do_move(self, number):
        charge = self._find(
            "omni.billing.transaction", number, ("state", "=", "unbilled")
        )
        if charge:
            charge.date = self.today - relativedelta(days=number % 90)

    def _do_by_sql(self, number):
        self.env.cr.execute(
            "UPDATE omni_billing_transaction SET amount_total = amount_total + 1,"
            " date = date - %s WHERE id %% 2 = 0 AND invoice_id IS NULL",
            [number % 40],
        )
        self.env.invalidate_all()

    def _do_copied_by_sql(self, number):
        charge = self._find("omni.billing.transaction", number)
        self.env.cr.execute(
            "INSERT INTO omni_billing_transaction (name, company_id, partner_id,"
            " commercial_partner_id, currency_id, date, state, transaction_type,"
            " quantity, retail_cost, amount_total) SELECT name, company_id, partner_id,"
            " commercial_partner_id, currency_id, date, 'unbilled', 'charge', 1, n, n"
            " FROM omni_billing_transaction, generate_series(1, 5) n WHERE id = %s",
            [charge.id or None],
        )

    def _do_deleted_by_sql(self, _number):
        self.env.cr.execute(
            "DELETE FROM omni_billing_transaction WHERE external_ref IS NULL"
            " AND invoice_id IS NULL AND id % 3 = 0"
        )
        self.env.invalidate_all()

    def _do_fold(self, _number):
        self.total._cron_fold()

    # === THE REST === #

    def test_totals_are_added_up_and_none_is_left_over(self):
        """What was appended becomes a row for each month, and 0 none at all."""
        for cost in (1, 2, 4):
            self._create_transaction(cost)
            self.env.flush_all()
        mine = [
            ("model", "=", "omni.billing.transaction"),
            ("company_id", "=", self.company.id),
        ]
        self.assertGreaterEqual(self.total.search_count(mine), 3)
        self.total._cron_fold()
        self.env.invalidate_all()
        row = self.total.search(mine)
        self.assertEqual((row.amount, row.open_amount, row.count), (7, 7, 3))
        self.assertEqual(row.month, self.today.replace(day=1))
        self.env["omni.billing.transaction"].search([]).unlink()
        self.env.flush_all()
        self.total._cron_fold()
        self.assertFalse(self.total.search(mine))

    def test_what_a_statement_does_not_change_is_not_noted(self):
        """The price of writing: a row for a statement that changes a sum, or none."""
        charge = self._create_transaction(5)
        self.env.flush_all()
        before = self.total.search_count([])
        charge.description = "Towel"
        self.env.flush_all()
        self.assertEqual(self.total.search_count([]), before)
        self.env["omni.billing.transaction"].create(
            [
                {"name": "Many", "partner_id": self.customer.id, "retail_cost": 1}
                for _n in range(50)
            ]
        )
        self.env.flush_all()
        self.assertLessEqual(self.total.search_count([]), before + 2)

    def test_filling_anew_is_the_same(self):
        """An update counts what is there, and what came meanwhile once."""
        self._bill(self._create_transaction(100))
        self._create_transaction(7, currency_id=self.euro.id)
        before = [self._read(model) for model in MODELS]
        self.total._fill()
        self.assertEqual([self._read(model) for model in MODELS], before)

    def test_who_sees_a_part_has_the_sums_of_it(self):
        """Whatever rule leaves something out: then all rows are asked, as before."""
        self._create_transaction(100)
        self._create_transaction(30, partner_id=self.partner_a.id)
        self.env["ir.rule"].create(
            {
                "name": "Own customers",
                "model_id": self.env["ir.model"]._get_id("omni.billing.transaction"),
                "domain_force": f"[('partner_id', '!=', {self.partner_a.id})]",
                "groups": [],
            }
        )
        for user, expected in (
            (self.env.user, 100),
            (self.env.ref("base.user_root"), 130),
        ):
            Model = self.env["omni.billing.transaction"].with_user(user)
            Model = Model.with_context(allowed_company_ids=self.company.ids)
            stats = Model.billing_retrieve_stats()
            self.assertEqual(stats["cards"][0]["amount"], expected, user.login)

    def test_rules_that_leave_nothing_out(self):
        """One of several that a user has may do."""
        rule = {
            "model_id": self.env["ir.model"]._get_id("account.move"),
            "groups": [Command.set(self.env.ref("base.group_user").ids)],
        }
        Move = self.env["account.move"].with_user(
            self._create_user("b", "omni_billing.omni_billing_group_user")
        )
        self.assertTrue(Move._billing_sees_whole(self.company))
        self.env["ir.rule"].create(
            rule | {"name": "Some", "domain_force": "[('partner_id', '=', 1)]"}
        )
        self.assertTrue(Move._billing_sees_whole(self.company))
        self.env["ir.rule"].create(
            rule
            | {
                "name": "Of all",
                "domain_force": "[('partner_id', '=', 1)]",
                "groups": [],
            }
        )
        self.assertFalse(Move._billing_sees_whole(self.company))
        portal = self._create_user("p", "base.group_portal")
        for model in MODELS:
            Model = self.env[model].with_user(portal)
            self.assertFalse(Model._billing_sees_whole(self.company))
