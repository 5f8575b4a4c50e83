from odoo.exceptions import AccessError, UserError
from odoo.fields import Date
from odoo.tests import tagged

from .common import BillingCommon


@tagged("post_install", "-at_install")
class TestBalances(BillingCommon):
    """W30 in part: who owes what, in the list of customers, sorted and searched."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.Partner = cls.env["res.partner"]
        cls.others = cls.Partner.create(
            [{"name": f"Balance {name}"} for name in ("late", "credit", "pool", "none")]
        )
        cls.late, cls.credit, cls.pool, cls.none = cls.others
        cls.contact = cls.Partner.create(
            {"name": "Of Late", "parent_id": cls.late.id, "type": "contact"}
        )
        cls._create_transaction(100, partner_id=cls.late.id)
        cls._bill_of(cls.late, date_due=cls.today, invoice_date="2025-01-01")
        cls._create_transaction(40, partner_id=cls.contact.id)
        cls._bill_of(cls.late, date_due="2025-02-10", invoice_date="2025-01-01")
        cls._create_credit(30, partner_id=cls.credit.id)
        cls._bill_of(cls.credit)
        cls._create_transaction(7, partner_id=cls.pool.id)
        cls.family = cls.others + cls.contact

    @classmethod
    def _bill_of(cls, customer, **options):
        pool = cls.env["omni.billing.transaction"].search(
            [("commercial_partner_id", "=", customer.id), ("state", "=", "unbilled")]
        )
        return pool._create_invoice(customer, **options)

    def _find(self, *leaf):
        return self.Partner.search([leaf, ("id", "in", self.family.ids)], order="id")

    def test_columns(self):
        due = Date.from_string("2025-02-10")
        self.assertRecordValues(
            self.others,
            [
                {
                    "billing_balance": 140,
                    "billing_overdue_amount": 40,
                    "billing_oldest_due": due,
                    "billing_unbilled_amount": 0,
                },
                {
                    "billing_balance": -30,
                    "billing_overdue_amount": 0,
                    "billing_oldest_due": False,
                    "billing_unbilled_amount": 0,
                },
                {
                    "billing_balance": 0,
                    "billing_overdue_amount": 0,
                    "billing_oldest_due": False,
                    "billing_unbilled_amount": 7,
                },
                {
                    "billing_balance": 0,
                    "billing_overdue_amount": 0,
                    "billing_oldest_due": False,
                    "billing_unbilled_amount": 0,
                },
            ],
        )
        # Who calls for the company has its balance.
        self.assertEqual(self.contact.billing_balance, 140)

    def test_credit_lowers_what_is_overdue(self):
        self._create_credit(15, partner_id=self.late.id)
        self._bill_of(self.late)
        self.late.invalidate_recordset()
        self.assertEqual(self.late.billing_balance, 125)
        self.assertEqual(self.late.billing_overdue_amount, 25)

    def test_search(self):
        late, credit = self.late + self.contact, self.credit
        rest = self.pool + self.none
        for leaf, wanted in (
            (("billing_balance", ">", 0), late),
            (("billing_balance", ">=", 140), late),
            (("billing_balance", "<", 0), credit),
            (("billing_balance", "=", 0), rest),
            (("billing_balance", "!=", 0), late + credit),
            (("billing_balance", "<=", 0), credit + rest),
            (("billing_balance", ">", -31), self.family),
            (("billing_overdue_amount", ">", 0), late),
            (("billing_overdue_amount", "=", 0), credit + rest),
            (("billing_due_amount", ">", 100), late),
            (("billing_unbilled_amount", "!=", 0), self.pool),
            (("billing_unbilled_amount", "=", 0), late + credit + self.none),
            (("billing_oldest_due", "<", "2025-03-01"), late),
            (("billing_oldest_due", ">", "2025-03-01"), self.Partner),
            (("billing_oldest_due", "=", False), credit + rest),
            (("billing_oldest_due", "!=", False), late),
            (("billing_oldest_due", "!=", "2025-02-10"), credit + rest),
        ):
            self.assertEqual(self._find(*leaf), wanted.sorted("id"), leaf)

    def test_sort(self):
        for order, wanted in (
            ("billing_balance DESC, id", "late pool none credit"),
            ("billing_balance, id DESC", "credit none pool late"),
            ("billing_due_amount, id DESC", "none pool credit late"),
            ("billing_overdue_amount DESC, id", "late credit pool none"),
            ("billing_unbilled_amount DESC, id", "pool late credit none"),
            ("billing_oldest_due, id", "late credit pool none"),
            ("billing_overdue_amount, billing_balance, id", "credit pool none late"),
        ):
            found = self.Partner.search([("id", "in", self.others.ids)], order=order)
            names = " ".join(found.mapped("name")).replace("Balance ", "")
            self.assertEqual(names, wanted, order)
        info = self.Partner.fields_get(["billing_balance", "billing_oldest_due"])
        self.assertTrue(all(field["sortable"] for field in info.values()))

    def test_other_currencies_count_at_the_rate_of_today(self):
        """Also one that is archived since: what is searched is what is shown."""
        yen = self.setup_other_currency("JPY", rates=[("2020-01-01", 100)])
        self._create_transaction(500, partner_id=self.none.id, currency_id=yen.id)
        for is_active in (True, False):
            yen.active = is_active
            self.none.invalidate_recordset()
            self.assertEqual(self.none.billing_unbilled_amount, 5)
            found = self._find("billing_unbilled_amount", "=", 5)
            self.assertEqual(found, self.none)
            found = self.others.search(
                [("id", "in", self.others.ids)], order="billing_unbilled_amount DESC"
            )
            self.assertEqual(found[:2], self.pool + self.none)

    def test_number_that_is_none(self):
        with self.assertRaisesRegex(UserError, "number"):
            self._find("billing_balance", ">", 10**400)

    def test_each_company_has_its_own(self):
        other = self.env["res.company"].create({"name": "Second"})
        self.env.user.company_ids += other
        there = self.Partner.with_company(other)
        self.assertEqual(there.browse(self.late.id).billing_balance, 0)
        self.assertFalse(
            there.search([("billing_balance", ">", 0), ("id", "in", self.family.ids)])
        )
        found = there.search([("id", "in", self.others.ids)], order="billing_balance")
        self.assertEqual(len(found), 4)

    def test_not_for_everybody(self):
        partners = self.Partner.with_user(self.outsider)
        with self.assertRaises(AccessError):
            partners.search([("billing_balance", ">", 0)])
        with self.assertRaises(AccessError):
            partners.search([], order="billing_balance", limit=1)
        staff = self.Partner.with_user(self.staff)
        self.assertTrue(staff.search([("billing_balance", ">", 0)], limit=1))

    def test_queries_do_not_grow_with_customers(self):
        def read(partners):
            self.env.invalidate_all()
            names = ["display_name", "billing_balance", "billing_overdue_amount"]
            return partners.read([*names, "billing_unbilled_amount"])

        read(self.others)
        before = self.env.cr.sql_log_count
        read(self.others[:1])
        few = self.env.cr.sql_log_count - before
        before = self.env.cr.sql_log_count
        read(self.others)
        self.assertEqual(self.env.cr.sql_log_count - before, few)
