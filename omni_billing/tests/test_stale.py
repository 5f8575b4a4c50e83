from unittest.mock import patch

from odoo.exceptions import UserError
from odoo.fields import Command
from odoo.tests import tagged
from odoo.tools import SQL

from odoo.addons.omni_billing.models.ledger import omni_billing_stale

from .test_omni_billing_run import RunCommon

CHUNK = 3


@tagged("post_install", "-at_install")
class TestStale(RunCommon):
    """F20, W45: what is unbilled follows a change of taxes, however much it is."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.startClassPatcher(patch.object(omni_billing_stale, "CHUNK", CHUNK))
        cls.Stale = cls.env["omni.billing.stale"].sudo()
        cls.charges = cls._charge_all(100, tax_ids=cls.tax_10)
        cls.charges += cls._charge_all(200, tax_ids=cls.tax_10)

    def _change(self, amount=15):
        """Change the rate, and see that it is left to the job."""
        self.tax_10.amount = amount
        self._forget()
        self.assertEqual(len(self.Stale.search([])), 1)

    def _forget(self):
        self.env.flush_all()
        self.env.invalidate_all()

    def _read(self, records):
        """Return the totals as the database has them."""
        self._forget()
        rows = self.env.execute_query(
            SQL(
                "SELECT id, amount_total FROM omni_billing_transaction WHERE id IN %s",
                records._ids,
            )
        )
        return [float(dict(rows)[id_]) for id_ in records.ids]

    def _compute(self):
        """Return the totals as an invoice would have them."""
        return [each._get_rounded_amounts()[0]["amount_total"] for each in self.charges]

    # === THE JOB === #

    def test_few_follow_at_once(self):
        others = self.charges[:CHUNK]
        (self.charges - others).action_void()
        self.tax_10.amount = 15
        self.assertEqual(self._read(others), [115.0] * CHUNK)
        self.assertFalse(self.Stale.search([]))

    def test_many_are_left_to_the_job(self):
        before = self._read(self.charges)
        self._change()
        self.assertEqual(self._read(self.charges), before)
        self.Stale._cron_compute()
        self.assertEqual(self._read(self.charges), [115.0] * 4 + [230.0] * 4)
        self.assertFalse(self.Stale.search([]))

    def test_job_goes_on_where_it_was(self):
        """Promise 7"""
        self._change()
        change = self.Stale.search([])
        self.assertEqual(change._compute_next(), CHUNK)
        self.assertEqual(self._read(self.charges).count(110.0), 1)
        self._change_again()
        self.Stale._cron_compute()
        self.assertEqual(self._read(self.charges), self._compute())

    def _change_again(self):
        self.tax_10.amount = 12
        self._forget()
        self.assertEqual(len(self.Stale.search([])), 2)

    def test_what_is_entered_meanwhile_is_right(self):
        self._change()
        charge = self._create_transaction(100, tax_ids=self.tax_10)
        self.assertEqual(self._read(charge), [115])

    # === WHAT IS SEEN, OR DONE, BEFORE THE JOB CAME === #

    def test_invoice_has_the_new_tax(self):
        self._change()
        invoice = self._bill(self.charges[0])
        self.assertEqual((invoice.amount_total, invoice.amount_tax), (115, 15))
        self.assertEqual(self._read(self.charges[0]), [115])
        self.Stale._cron_compute()
        self.assertEqual(self._read(self.charges[0]), [115])

    def test_preview_has_the_new_tax(self):
        self._change()
        wizard = self._open_proforma()
        self.assertEqual((wizard.amount_total, wizard.amount_tax), (345, 45))
        lines = wizard.preview["lines"]
        self.assertEqual([line["amount_total"] for line in lines], [115, 230])

    def test_list_of_a_customer_has_the_new_tax(self):
        self._change()
        Transaction = self.env["omni.billing.transaction"].with_user(self.staff)
        page = Transaction.web_search_read(
            [("partner_id", "=", self.customer.id)], {"amount_total": {}}
        )
        shown = sorted(row["amount_total"] for row in page["records"])
        self.assertEqual(shown, [115, 230])

    def test_portal_has_the_new_tax(self):
        self._change()
        Transaction = self.env["omni.billing.transaction"].with_user(self.portal)
        found = Transaction.search([("partner_id", "=", self.customer.id)])
        self.assertEqual(sorted(found.mapped("amount_total")), [115, 230])

    def test_sums_of_a_customer_have_the_new_tax(self):
        self._change()
        self.assertEqual(self.customer.billing_unbilled_amount, 345)
        self._forget()
        stats = self.env["omni.billing.transaction"].billing_retrieve_stats(
            [("commercial_partner_id", "=", self.others[0].id)]
        )
        cards = {card["name"]: card["amount"] for card in stats["cards"]}
        self.assertEqual(cards["open"], 345)

    def test_run_judges_by_the_new_tax(self):
        self.company.tax_calculation_rounding_method = "round_per_line"
        self._forget()
        self.Stale._cron_compute()
        self._change(100)
        run = self._do(amount_minimum=500)
        self.assertEqual(set(self._read_states(run)), {"done"})
        self.assertEqual(set(run.line_ids.mapped("amount_total")), {600})

    def _read_states(self, run):
        return run.line_ids.mapped("state")

    def test_nothing_is_booked_by_old_amounts(self):
        self._change()
        wizard = self.env["omni.billing.day.wizard"].create(
            {
                "report": "accrued",
                "day": self.today,
                "journal_id": self.company_data["default_journal_misc"].id,
                "account_id": self.company_data["default_account_assets"].id,
            }
        )
        with self.assertRaisesRegex(UserError, "few minutes"):
            wizard.action_book()
        self.Stale._cron_compute()
        wizard.action_book()

    def test_operators_see_it(self):
        self._change()
        row = self.env["omni.billing.watch"].search([("kind", "=", "stale")])
        self.assertEqual((row.waiting, row.level), (1, "fine"))

    # === DOORS === #

    def _check_followed(self):
        """See that it is known what is stale, and that the job makes it right."""
        self._forget()
        self.Stale._cron_compute()
        self.assertEqual(self._read(self.charges), self._compute())

    def test_tax_in_a_group(self):
        group = self._create_tax(
            0,
            amount_type="group",
            children_tax_ids=[Command.set(self.tax_20_included.ids + self.tax_10.ids)],
        )
        self.charges.tax_ids = group
        self._forget()
        self.tax_10.amount = 15
        self._check_followed()
        group.children_tax_ids = self.tax_10
        self._check_followed()
        self.assertEqual(self._read(self.charges[0]), [115])

    def test_order_of_taxes(self):
        first = self._create_tax(11, include_base_amount=True, sequence=1)
        second = self._create_tax(5, amount_type="fixed", sequence=2)
        second.include_base_amount = True
        self.charges.tax_ids = first + second
        before = self._read(self.charges[0])
        second.sequence = 0
        self._check_followed()
        self.assertNotEqual(self._read(self.charges[0]), before)

    def test_price_includes_it(self):
        self.tax_10.price_include_override = "tax_included"
        self._check_followed()
        self.assertEqual(self._read(self.charges[0]), [100])

    def test_part_that_is_taken_off(self):
        """A tax becomes a reverse charge."""
        names = ("invoice_repartition_line_ids", "refund_repartition_line_ids")
        part = {"repartition_type": "tax", "factor_percent": -100}
        self.tax_10.write({name: [Command.create(part)] for name in names})
        self._check_followed()
        self.assertEqual(self._read(self.charges[0]), [100])
        parts = self.tax_10.repartition_line_ids
        parts.filtered(lambda line: line.factor_percent < 0).unlink()
        self._check_followed()
        self.assertEqual(self._read(self.charges[0]), [110])

    def test_way_to_round(self):
        self.charges.tax_ids = self._create_tax(3.3) + self._create_tax(3.4)
        self.charges.retail_cost = 0.15
        for method in ("round_globally", "round_per_line"):
            self.company.tax_calculation_rounding_method = method
            self._check_followed()

    def test_company_whose_prices_include_taxes(self):
        self.tax_10.price_include_override = False
        self._check_followed()
        # Odoo refuses it once there are invoices; what is unbilled comes before.
        model = type(self.company)
        with patch.object(
            model, "_check_set_account_price_include", lambda _self: None
        ):
            self.company.account_price_include = "tax_included"
        self._check_followed()
        self.assertEqual(self._read(self.charges[0]), [100])

    def test_decimals_of_a_currency(self):
        self.charges.retail_cost = 0.33
        self.currency.sudo().rounding = 0.001
        self._check_followed()
        self.assertEqual(self._read(self.charges[0]), [0.363])
