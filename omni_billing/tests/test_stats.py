from dateutil.relativedelta import relativedelta

from odoo.tests import freeze_time, tagged

from .common import BillingCommon


@tagged("post_install", "-at_install")
class TestStats(BillingCommon):
    def _get_cards(self, model, domain=None):
        stats = self.env[model].billing_retrieve_stats(domain)
        return {card["name"]: card for card in stats["cards"]}

    def test_cards_above_one_service_are_of_it(self):
        """F18"""
        service = self.env["omni.billing.service"].create(
            {"name": "Fibre", "partner_id": self.customer.id}
        )
        self._create_transaction(100)
        self._create_transaction(30, service_id=service.id)
        action = service.action_open_transactions()
        cards = self._get_cards("omni.billing.transaction", action["domain"])
        self.assertEqual((cards["total"]["amount"], cards["total"]["count"]), (30, 1))
        cards = self._get_cards(
            "omni.billing.transaction", [*action["domain"], ("name", "=", "x")]
        )
        self.assertEqual(cards["open"]["amount"], 30)

    def test_cards_above_the_invoices_of_a_run_are_of_it(self):
        """F69"""
        self._bill(self._create_transaction(70))
        run = self.env["omni.billing.run"].create({})
        cards = self._get_cards("account.move", run.action_open_invoices()["domain"])
        self.assertEqual(cards["total"]["count"], 0)

    @freeze_time("2025-03-15")
    def test_transactions(self):
        """F18, F71: amounts, counts and trends; void, free and payments left out."""
        for cost, date in ((100, "2025-03-01"), (50, "2025-02-28"), (25, "2025-01-31")):
            self._create_transaction(cost, date=date)
        self._create_credit(10, date="2025-03-31")
        self._create_transaction(500, date="2025-03-02").action_void()
        self._create_transaction(700, date="2025-03-02").action_mark_free()
        billed = self._create_transaction(40, date="2025-03-03")
        self._pay(self._bill(billed))
        cards = self._get_cards("omni.billing.transaction")
        self.assertEqual(
            {name: (card["amount"], card["count"]) for name, card in cards.items()},
            {
                "total": (205, 5),
                "open": (165, 4),
                "this_month": (130, 3),
                "last_month": (50, 1),
            },
        )
        self.assertEqual(
            cards["this_month"]["trend"], {"direction": "up", "percent": 160.0}
        )
        self.assertEqual(
            cards["last_month"]["trend"], {"direction": "up", "percent": 100.0}
        )
        self.assertEqual(cards["open"]["filter"], "unbilled")

    @freeze_time("2025-03-15")
    def test_invoices(self):
        """F69, F137: a payment lowers what is unpaid, not this month's total."""
        self._create_transaction(100, date="2025-03-01")
        invoice = self._bill(date_start="2025-03-01", date_end="2025-03-31")
        self._create_transaction(60, date="2025-03-02")
        self._bill(date_start="2025-03-01").action_billing_void()
        self._pay(invoice, amount=30)
        cards = self._get_cards("account.move")
        self.assertEqual((cards["open"]["amount"], cards["open"]["count"]), (70, 1))
        self.assertEqual(cards["this_month"]["amount"], 100)
        self.assertEqual(cards["total"]["count"], 1)
        self.assertEqual(
            cards["this_month"]["trend"], {"direction": "up", "percent": None}
        )

    def test_void_rows_are_in_no_sum_of_groups(self):
        """F12: as under a list without groups; where all are void, they are."""
        self._create_transaction(100)
        self._create_transaction(30, partner_id=self.partner_a.id).action_void()
        self._create_transaction(7).action_void()
        Transaction = self.env["omni.billing.transaction"]
        void = [("state", "=", "void")]
        both = [*self.customer.ids, *self.partner_a.ids]
        mine = [("partner_id", "in", both)]

        def read(domain, groupby, **context):
            Model = Transaction.with_context(**context)
            return Model.web_read_group(
                domain,
                groupby,
                ["amount_total:sum", "amount_total:sum_currency"],
                auto_unfold=True,
                unfold_read_specification={"name": {}},
            )

        def get_sums(result, count):
            groups = result["groups"]
            self.assertEqual(result.get("billing_void"), count)
            return {
                group["partner_id"][0]: group["amount_total:sum"] for group in groups
            }

        customer, other = both
        self.assertEqual(
            get_sums(read(mine, ["partner_id"]), None), {customer: 107, other: 30}
        )
        result = read(mine, ["partner_id", "state"], billing_sums=True)
        self.assertEqual(get_sums(result, 2), {customer: 100, other: False})
        (group,) = (g for g in result["groups"] if g["partner_id"][0] == customer)
        inner = {g["state"]: g["amount_total:sum"] for g in group["__groups"]["groups"]}
        self.assertEqual(inner, {"unbilled": 100, "void": False})
        result = read(mine + void, ["partner_id"], billing_sums=True)
        self.assertEqual(get_sums(result, 0), {customer: 7, other: 30})
        self._bill()
        Move = self.env["account.move"]
        result = Move.with_context(billing_sums=True).web_read_group(
            mine, ["partner_id"], ["amount_total:sum"]
        )
        self.assertEqual(result["billing_void"], 0)

    def test_cards_follow_the_customer_but_not_the_filters(self):
        self._create_transaction(100)
        self._create_transaction(30, partner_id=self.partner_a.id)
        customer = ("commercial_partner_id", "=", self.customer.id)
        for domain in (
            [customer],
            ["&", customer, ("state", "=", "invoiced")],
            [customer, "|", ("name", "ilike", "x"), ("description", "ilike", "x")],
            [("partner_id", "child_of", self.customer.id)],
        ):
            with self.subTest(domain=domain):
                cards = self._get_cards("omni.billing.transaction", domain)
                self.assertEqual(cards["total"]["amount"], 100)
        self.assertEqual(
            self._get_cards("omni.billing.transaction")["total"]["amount"], 130
        )

    def test_other_currencies_are_converted_and_said_so(self):
        euro = self.setup_other_currency("EUR", rates=[("2016-01-01", 0.5)])
        self._create_transaction(100)
        stats = self.env["omni.billing.transaction"].billing_retrieve_stats()
        self.assertFalse(stats["note"])
        self._create_transaction(10, currency_id=euro.id)
        stats = self.env["omni.billing.transaction"].billing_retrieve_stats()
        self.assertEqual(stats["cards"][0]["amount"], 120)
        self.assertIn("USD", stats["note"])

    def test_queries_of_cards(self):
        """Of all rows: the totals, and for invoices what balances voids. Of one
        customer: its rows. Ten of them or fifty, it is the same."""
        mine = [("commercial_partner_id", "=", self.customer.id)]
        for count in (10, 50):
            for cost in range(count):
                self._create_transaction(cost + 1)
            self._bill()
            for model, domain, most in (
                ("omni.billing.transaction", None, 1),
                ("account.move", None, 2),
                ("omni.billing.transaction", mine, 1),
                ("account.move", mine, 1),
            ):
                self.env[model].billing_retrieve_stats(domain)  # warm caches
                self.env.flush_all()
                with self.subTest(model=model), self.assertQueryCount(most):
                    self.env[model].billing_retrieve_stats(domain)

    def test_other_companies_and_months_stay_out(self):
        other = self.setup_other_company()["company"]
        self._create_transaction(70, company_id=other.id)
        self._create_transaction(9, date=self.today - relativedelta(months=3))
        cards = self._get_cards("omni.billing.transaction")
        self.assertEqual(cards["total"]["amount"], 9)
        self.assertEqual(cards["last_month"]["amount"], 0)
        self.assertIsNone(cards["this_month"]["trend"])
