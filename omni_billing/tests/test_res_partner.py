from odoo.tests import Form, tagged

from .common import BillingCommon


@tagged("post_install", "-at_install")
class TestPartner(BillingCommon):
    def test_balances_in_three_groups(self):
        """F31, F33: unbilled, billed and unpaid, and credit on file."""
        self._create_transaction(100)
        invoice = self._bill()
        self._pay(invoice, amount=30)
        self._create_transaction(45)
        self._create_credit(5)
        self.assertEqual(self.customer.billing_unbilled_amount, 40)
        self.assertEqual(self.customer.billing_due_amount, 70)
        self.assertEqual(self.customer.billing_credit_amount, 0)

    def test_contacts_share_the_balance_of_their_company(self):
        contact = self.env["res.partner"].create(
            {"name": "Contact", "parent_id": self.customer.id}
        )
        self._create_transaction(45, partner_id=contact.id)
        self.assertEqual(contact.billing_unbilled_amount, 45)
        self.assertEqual(self.customer.billing_unbilled_amount, 45)

    def test_invoice_address_is_the_customer_s_too(self):
        address = self.env["res.partner"].create(
            {"name": "Accounts", "parent_id": self.customer.id, "type": "invoice"}
        )
        self._create_transaction(5)
        invoice = self._bill()
        self.assertEqual(invoice.partner_id, address)
        self.assertEqual(self.customer.billing_invoice_ids, invoice)

    def test_balances_of_many_customers_take_few_queries(self):
        def count_queries(customers):
            for customer in customers:
                self._create_transaction(10, partner_id=customer.id)
            self.env.flush_all()
            self.env.invalidate_all()
            start = self.env.cr.sql_log_count
            customers.mapped("billing_unbilled_amount")
            return self.env.cr.sql_log_count - start

        customers = self.env["res.partner"].create(
            [{"name": f"Customer {index}"} for index in range(60)]
        )
        count_queries(customers[:2])  # warm caches
        self.assertLessEqual(
            count_queries(customers[10:]), count_queries(customers[2:10])
        )

    def test_tab_has_three_cards_in_order(self):
        """F1, F2"""
        arch = self.env["res.partner"].get_view(
            self.env.ref("base.view_partner_form").id, "form"
        )["arch"]
        page = arch[arch.index('name="omni_billing"') :]
        positions = [
            page.index(text)
            for text in (
                'name="payment_token_ids"',
                'model="omni.billing.transaction"',
                'model="account.move"',
            )
        ]
        self.assertEqual(positions, sorted(positions))

    def test_add_a_transaction_from_the_customer(self):
        """F13, F26, F65"""
        action = self.customer.with_context(
            billing_transaction_type="credit"
        ).action_billing_add_transaction()
        Model = self.env[action["res_model"]].with_context(**action["context"])
        with Form(Model) as form:
            # Where nothing else is chosen, it is the first one.
            self.assertEqual(form.credit_type_id, self.goodwill)
            form.name = "Outage"
            form.retail_cost = 10
            self.assertEqual(form.amount_total, -10)
        self.assertEqual(form.record.partner_id, self.customer)
        with Form(Model) as form:
            form.name = "Fibre"
            form.retail_cost = 10
            form.transaction_type = "charge"
        self.assertFalse(form.record.credit_type_id)

    def test_all_transactions_and_invoices_of_the_customer(self):
        self._create_transaction(10)
        self._create_transaction(10, partner_id=self.partner_a.id)
        action = self.customer.action_billing_transactions()
        found = self.env["omni.billing.transaction"].search(action["domain"])
        self.assertEqual(found.partner_id, self.customer)
        invoice = self._bill()
        action = self.customer.action_billing_invoices()
        self.assertEqual(self.env["account.move"].search(action["domain"]), invoice)
