from odoo.exceptions import AccessError, UserError
from odoo.fields import Command
from odoo.tests import tagged

from .common import BillingCommon


@tagged("post_install", "-at_install")
class TestMultiCompany(BillingCommon):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.other = cls.setup_other_company()["company"]
        cls.other_charge = cls._create_transaction(70, company_id=cls.other.id)
        cls.charge = cls._create_transaction(45)
        cls.env.flush_all()

    def test_staff_of_one_company_does_not_see_the_other(self):
        self.env.invalidate_all()
        Transaction = self.env["omni.billing.transaction"].with_user(self.staff)
        found = Transaction.search([("partner_id", "=", self.customer.id)])
        self.assertEqual(found, self.charge)
        with self.assertRaises(AccessError):
            self.other_charge.with_user(self.staff).read(["name"])
        with self.assertRaises(AccessError):
            self.other_charge.with_user(self.staff).action_void()

    def test_every_model_has_a_company_rule(self):
        rules = self.env["ir.rule"].sudo().search([("groups", "=", False)])
        with_rule = set(rules.model_id.mapped("model"))
        for model in (
            self.env["ir.model"]
            .sudo()
            .search([("model", "=like", "omni.billing.%"), ("transient", "=", False)])
        ):
            # What is counted of logins and addresses is of no company; first steps are
            # looked up in the company of who looks; which events there are is the
            # addon's to say.
            is_free = model.model in (
                "omni.billing.first.step",
                "omni.billing.limit",
                "omni.billing.webhook.kind",
            )
            if not self.env[model.model]._abstract and not is_free:
                self.assertIn(model.model, with_rule)

    def test_balance_and_preview_are_of_the_current_company(self):
        self.assertEqual(self.customer.billing_unbilled_amount, 45)
        customer = self.customer.with_company(self.other)
        self.assertEqual(customer.billing_unbilled_amount, 70)
        self.assertEqual(self._open_proforma().line_ids.transaction_id, self.charge)

    def test_invoice_is_of_the_company_of_the_transactions(self):
        wizard = self._open_proforma(company_id=self.other.id)
        self.assertEqual(wizard.line_ids.transaction_id, self.other_charge)
        wizard.action_generate()
        invoice = self.other_charge.invoice_id
        self.assertEqual(invoice.company_id, self.other)
        self.assertEqual(invoice.journal_id.company_id, self.other)
        self._pay(invoice)
        self.assertEqual(invoice.billing_state, "paid")
        self.assertEqual(
            invoice._get_reconciled_payments().journal_id.company_id, self.other
        )

    def test_two_companies_are_never_on_one_invoice(self):
        both = self.charge + self.other_charge
        with self.assertRaisesRegex(UserError, "one company"):
            both._create_invoice(self.customer)

    def test_records_of_another_company_cannot_be_mixed(self):
        foreign_tax = self.env["account.tax"].search(
            [("company_id", "=", self.other.id), ("type_tax_use", "=", "sale")], limit=1
        )
        with self.assertRaises(UserError):
            self._create_transaction(tax_ids=foreign_tax)

    def test_settings_are_those_of_the_company(self):
        self.other.billing_number_dashed = True
        self._create_transaction(5)
        self.assertNotIn("-", self._bill().name)
        Settings = self.env["res.config.settings"].with_company(self.other)
        self.assertTrue(Settings.create({}).billing_number_dashed)

    def test_credit_type_of_a_company(self):
        own = self.env["omni.billing.credit.type"].create(
            {"name": "House", "company_id": self.other.id}
        )
        self.staff.company_ids = [Command.set(self.company.ids)]
        self.env.invalidate_all()
        types = self.env["omni.billing.credit.type"].with_user(self.staff).search([])
        self.assertNotIn(own, types)
        self.assertIn(self.goodwill, types)


@tagged("post_install", "-at_install")
class TestBranch(BillingCommon):
    def test_who_works_for_a_branch_alone_takes_money(self):
        """W43: Odoo asks the company above for the account, which they may not see."""
        branch = self.company.create({"name": "Branch", "parent_id": self.company.id})
        # Odoo loads its accounts.
        self.env.cr.precommit.run()
        lines = self.env["account.payment.method.line"].search([])
        lines.payment_account_id = False
        clerk = self._create_user("clerk", "omni_billing.omni_billing_group_user")
        clerk.write({"company_ids": [Command.set(branch.ids)], "company_id": branch.id})
        env = self.env(user=clerk.id, context={"allowed_company_ids": branch.ids})
        charge = env["omni.billing.transaction"].create(
            {"name": "Fibre", "partner_id": self.customer.id, "retail_cost": 45}
        )
        env["omni.billing.proforma.wizard"].create(
            {"partner_id": self.customer.id}
        ).action_generate()
        invoice = charge.invoice_id
        env["omni.billing.payment.wizard"].create(
            {"invoice_ids": [Command.set(invoice.ids)], "mode": "bank", "amount": 20}
        ).action_pay()
        self.assertEqual(invoice.amount_residual, 25)
        env["account.payment.register"].with_context(
            active_model="account.move", active_ids=invoice.ids
        ).create({}).action_create_payments()
        self.assertEqual((invoice.billing_state, invoice.company_id), ("paid", branch))
