from odoo.exceptions import AccessError, UserError
from odoo.fields import Command
from odoo.service.model import call_kw
from odoo.tests import tagged

from .common import BillingCommon


@tagged("post_install", "-at_install", "omni_install")
class TestSecurity(BillingCommon):
    """Each forbidden thing, tried as each kind of user."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.charge = cls._create_transaction(45)
        cls.foreign = cls._create_transaction(99, partner_id=cls.partner_a.id)
        cls.env.flush_all()

    def _as(self, user, records):
        self.env.invalidate_all()
        return records.with_user(user)

    def _call(self, user, records, method, *args, **kwargs):
        """Call as the web client does: private methods and contexts included."""
        self.env.invalidate_all()
        return call_kw(
            records.with_user(user).browse(), method, [records.ids, *args], kwargs
        )

    def test_staff_export_what_they_read(self):
        """F214"""
        self.assertTrue(self.staff.has_group("base.group_allow_export"))
        self.assertFalse(self.outsider.has_group("base.group_allow_export"))

    def test_staff_does_the_daily_work(self):
        """F193"""
        staff_env = self.env(user=self.staff)
        charge = staff_env["omni.billing.transaction"].create(
            {"name": "X", "partner_id": self.customer.id, "retail_cost": 5}
        )
        charge.retail_cost = 6
        wizard = staff_env["omni.billing.proforma.wizard"].create(
            {"partner_id": self.customer.id}
        )
        invoice = staff_env["account.move"].browse(wizard.action_generate()["res_id"])
        self.assertEqual(invoice.amount_total, 51)
        staff_env["omni.billing.payment.wizard"].create(
            {"invoice_ids": [Command.set(invoice.ids)], "amount": 6}
        ).action_pay()
        self.assertEqual(invoice.billing_state, "partial")
        self.assertTrue(
            invoice.with_context(force_report_rendering=True)._billing_get_lines()
        )

    def test_staff_cannot_write_where_a_transaction_stands(self):
        invoice = self.init_invoice("out_invoice", self.customer, amounts=[5])
        for values in (
            {"state": "void"},
            {"state": "invoiced", "invoice_id": invoice.id},
            {"is_free": True},
            {"amount_total": 0},
            {"tax_amount": 5},
            {"void_reason": "x"},
        ):
            with self.subTest(values=values), self.assertRaises(AccessError):
                self._call(self.staff, self.charge, "write", values)
        for values in ({"state": "invoiced"}, {"is_free": True}, {"is_refund": True}):
            with self.subTest(values=values), self.assertRaises(AccessError):
                self.env["omni.billing.transaction"].with_user(self.staff).create(
                    {"name": "X", "partner_id": self.customer.id, "retail_cost": 5}
                    | values
                )

    def test_a_client_s_context_is_not_trusted(self):
        with self.assertRaises(AccessError):
            self._call(
                self.staff,
                self.charge,
                "write",
                {"state": "void"},
                context={"omni_billing_trusted": True},
            )

    def test_defaults_in_the_context_cannot_forge_a_state(self):
        created = (
            self.env["omni.billing.transaction"]
            .with_user(self.staff)
            .with_context(
                default_state="void",
                default_is_free=True,
                default_transaction_type="payment",
            )
            .create({"name": "X", "partner_id": self.customer.id, "retail_cost": 5})
        )
        self.assertRecordValues(
            created,
            [{"state": "unbilled", "is_free": False, "transaction_type": "charge"}],
        )

    def test_lines_of_invoices_cannot_take_transactions(self):
        draft = self.init_invoice("out_invoice", self.customer, amounts=[5])
        with self.assertRaises(UserError):
            draft.with_user(self.staff).invoice_line_ids.write(
                {"billing_transaction_id": self.charge.id}
            )

    def test_lines_of_new_drafts_cannot_take_transactions(self):
        with self.assertRaisesRegex(UserError, "bill it"):
            self.env["account.move"].with_user(self.staff).create(
                {
                    "move_type": "out_invoice",
                    "partner_id": self.customer.id,
                    "invoice_line_ids": [
                        Command.create(
                            {"name": "X", "billing_transaction_id": self.charge.id}
                        )
                    ],
                }
            )

    def test_numbered_invoice_is_out_of_reach_by_rpc(self):
        """Posted is posted, by any road (promise 3)."""
        invoice = self._bill(self.charge)
        for values in (
            {"billing_is_void": True},
            {"billing_state": "paid"},
            {"billing_payment_reference": "pi_123"},
            {"billing_refund_reference": "re_123"},
        ):
            with self.subTest(values=values), self.assertRaises(AccessError):
                self._call(self.staff, invoice, "write", values)
        for values in (
            {"state": "cancel"},
            {"state": "draft"},
            {"name": "INV/2026/09999"},
            {"billing_title": "Other"},
            {"billing_date_end": "2025-01-01"},
        ):
            with self.subTest(values=values), self.assertRaises(UserError):
                self._call(self.staff, invoice, "write", values)
        with self.assertRaises(UserError):
            self._call(self.staff, invoice, "unlink", context={"force_delete": True})
        self.assertEqual(invoice.state, "posted")
        self.assertEqual(self.charge.state, "invoiced")

    def test_new_invoice_cannot_come_with_a_state(self):
        for values in (
            {"billing_is_void": True},
            {"billing_state": "paid"},
            {"billing_payment_reference": "pi_123"},
        ):
            with self.subTest(values=values), self.assertRaises(AccessError):
                self.env["account.move"].with_user(self.staff).create(
                    {"move_type": "out_invoice", "partner_id": self.customer.id}
                    | values
                )
        created = (
            self.env["account.move"]
            .with_user(self.staff)
            .with_context(default_billing_payment_reference="pi_123")
            .create({"move_type": "out_invoice", "partner_id": self.customer.id})
        )
        self.assertFalse(created.billing_payment_reference)

    def test_void_invoice_is_out_of_reach_by_rpc(self):
        invoice = self._bill(self.charge)
        invoice.action_billing_void()
        with self.assertRaises(AccessError):
            self._call(self.staff, invoice, "write", {"billing_is_void": False})
        for method in ("button_draft", "unlink"):
            with self.subTest(method=method), self.assertRaises(UserError):
                self._call(self.staff, invoice, method)
        with self.assertRaises(UserError):
            self._call(self.staff, invoice, "write", {"name": "INV/2026/09999"})

    def test_customer_account_cannot_be_forged(self):
        with self.assertRaises(AccessError):
            self._call(
                self.staff,
                self.charge,
                "write",
                {"commercial_partner_id": self.partner_a.id},
            )

    def test_preview_line_leaks_no_transaction_of_another_company(self):
        other = self.setup_other_company()["company"]
        secret = self._create_transaction(77, name="SECRET", company_id=other.id)
        Line = self.env["omni.billing.proforma.line"].with_user(self.staff)
        self.env.flush_all()
        self.env.invalidate_all()
        with self.assertRaises(AccessError):
            Line.onchange(
                {"transaction_id": secret.id},
                ["transaction_id"],
                {"transaction_id": {}, "name": {}, "amount_total": {}},
            )

    def test_portal_searches_by_name(self):
        Transaction = self.env["omni.billing.transaction"].with_user(self.portal)
        self.env.invalidate_all()
        self.assertEqual(Transaction.name_search("Fibre")[0][0], self.charge.id)

    def test_buyers_reset_their_bills(self):
        """Who has no rights on billing keeps Odoo's behaviour."""
        bill = self.init_invoice("in_invoice", self.partner_a, amounts=[9], post=True)
        bill.button_draft()
        self.assertEqual(bill.state, "draft")

    def test_private_methods_are_out_of_reach(self):
        for method in ("_set_void", "_create_invoice", "_release", "_set_invoiced"):
            with self.subTest(method=method), self.assertRaises(AccessError):
                self._call(self.staff, self.charge, method)

    def test_staff_cannot_change_the_configuration(self):
        with self.assertRaises(AccessError):
            self._as(self.staff, self.goodwill).name = "Hacked"
        with self.assertRaises(AccessError):
            self._as(self.staff, self.company).billing_number_dashed = True
        self.goodwill.name = "By a manager"

    def test_what_is_new_is_ones_own_company_s(self):
        """But for who works for all companies, and for what addons bring."""
        for user, is_shared in ((self.staff, False), (self.env.user, True)):
            company = user.with_user(user)._billing_get_default_company()
            self.assertEqual(bool(company), not is_shared)
        Type = self.env["omni.billing.credit.type"].with_user(self.staff)
        # sudo: as data of an addon are loaded.
        self.assertFalse(Type.sudo().create({"name": "Shipped"}).company_id)

    def test_administrator_configures(self):
        """F214: e-mail, page, cards, payment terms, and what products cost a month."""
        groups = (
            "base.group_system",
            "account.group_account_manager",
            "omni_billing.omni_billing_group_manager",
        )
        env = self.env(user=self._create_user("admin-test", ",".join(groups)))
        env["res.config.settings"].create(
            {
                "billing_mail_provider": "mailjet",
                "billing_mailjet_api_key": "key",
                "billing_mailjet_secret_key": "secret",
                "billing_mailjet_template": "api_crmCommunicationCustomerInvoice",
                "billing_payment_instructions": "By transfer, please.",
                "billing_late_fee": "fixed",
                "billing_late_fee_amount": 9,
            }
        ).set_values()
        template = env["omni.billing.template"].create(
            {
                "name": "Brand",
                "sequence": 1,
                "company_id": self.company.id,
                "is_automatic": True,
            }
        )
        # sudo: the one to copy is another company's.
        stripe = env.ref("payment.payment_provider_stripe").sudo()
        stripe = stripe.copy({"company_id": self.company.id}).sudo(False)
        stripe.write(
            {
                "stripe_publishable_key": "pk_test_1",
                "stripe_secret_key": "sk_test_1",
                "state": "test",
            }
        )
        term = env["account.payment.term"].create({"name": "Within a month"})
        self.product_a.with_env(env).write(
            {"billing_recurring_price": 31, "billing_unit": "month"}
        )
        invoice = self._bill(self.charge)
        self.assertEqual(template._select_for(invoice), template)
        self.assertRecordValues(
            self.company.sudo(),
            [
                {
                    "billing_mail_provider": "mailjet",
                    "billing_mailjet_template": "api_crmCommunicationCustomerInvoice",
                    "billing_payment_instructions": "By transfer, please.",
                    "billing_late_fee_amount": 9,
                }
            ],
        )
        service = self.env["omni.billing.service"].create(
            {"partner_id": self.customer.id, "product_id": self.product_a.id}
        )
        self.assertEqual((service.price_unit, service.unit), (31, "month"))
        for record in (template, stripe, term, self.product_a):
            with self.subTest(record._name), self.assertRaises(AccessError):
                self._as(self.staff, record).name = "Hacked"

    def test_outsider_sees_nothing(self):
        for records in (self.charge, self.goodwill):
            with self.subTest(model=records._name), self.assertRaises(AccessError):
                self._as(self.outsider, records).read(["name"])
        for model in (
            "omni.billing.proforma.wizard",
            "omni.billing.payment.wizard",
            "omni.billing.void.wizard",
            "omni.billing.service",
            "omni.billing.service.change",
            "omni.billing.service.suspension",
            "omni.billing.run",
            "omni.billing.run.line",
            "omni.billing.run.schedule",
        ):
            with self.subTest(model=model), self.assertRaises(AccessError):
                self.env[model].with_user(self.outsider).search([])
        with self.assertRaises(AccessError):
            self._as(self.outsider, self.customer).read(["billing_unbilled_amount"])
        for method in ("action_void", "action_mark_free"):
            with self.subTest(method=method), self.assertRaises(AccessError):
                self._call(self.outsider, self.charge, method)

    def test_contacts_are_duplicated_created_and_imported_by_others(self):
        """Who has nothing to do with billing works with contacts as before."""
        self.customer.billing_template_id = self.env["omni.billing.template"].create(
            {"name": "Large"}
        )
        self.customer.billing_reminders_paused = True
        for group in (
            "base.group_user",
            "account.group_account_manager",
            "base.group_system",
        ):
            user = self._create_user(group, f"{group},base.group_partner_manager")
            with self.subTest(group):
                [copied] = self._call(user, self.customer, "copy")
                self.assertRecordValues(
                    self.env["res.partner"].browse(copied),
                    [{"billing_template_id": False, "billing_reminders_paused": False}],
                )
                Partner = self.env["res.partner"].with_user(user)
                self.assertTrue(Partner.create({"name": "Ada"}))
                self.assertFalse(Partner.load(["name"], [["Bob"]])["messages"])

    def test_users_are_duplicated_by_an_administrator_without_billing(self):
        administrator = self._create_user("settings", "base.group_system")
        self.staff.partner_id.billing_reminders_paused = True
        [copied] = self._call(administrator, self.staff, "copy")
        user = self.env["res.users"].browse(copied)
        self.assertEqual(user.all_group_ids, self.staff.all_group_ids)
        self.assertFalse(user.partner_id.billing_reminders_paused)

    def test_invoices_are_duplicated_by_an_accountant_without_billing(self):
        accountant = self._create_user("accountant", "account.group_account_user")
        invoice = self.init_invoice("out_invoice", self.customer, amounts=[5])
        [copied] = self._call(accountant, invoice, "copy")
        self.assertEqual(self.env["account.move"].browse(copied).amount_total, 5)

    def test_fields_of_a_group_on_models_of_others_stay_out_of_their_way(self):
        """Odoo writes what is copied and what has a default as whoever does it."""
        wrong, seen = [], []
        for model in self.env.registry.values():
            if model._original_module.startswith("omni_billing"):
                continue
            for name, field in model._fields.items():
                # What a model inherits from another (`_inherits`) is that one's.
                origin = field.related_field if field.inherited else field
                modules = "".join(origin._modules)
                if not field.groups or "omni_billing" not in modules:
                    continue
                seen.append(f"{model._name}.{name}")
                if field.copy or field.default or field.required:
                    wrong.append(seen[-1])
        self.assertIn("res.users.billing_reminders_paused", seen)
        self.assertEqual(wrong, [])

    def test_portal_reads_its_own_transactions(self):
        """F193"""
        Transaction = self.env["omni.billing.transaction"].with_user(self.portal)
        self.assertEqual(Transaction.search([]), self.charge)
        self.env.invalidate_all()
        self.assertEqual(
            self.charge.with_user(self.portal).read(["amount_total"])[0][
                "amount_total"
            ],
            45,
        )
        with self.assertRaises(AccessError):
            self._as(self.portal, self.foreign).read(["name"])

    def test_portal_does_not_see_internal_fields(self):
        for name in ("void_reason", "external_ref", "payment_id"):
            with self.subTest(name=name), self.assertRaises(AccessError):
                self._as(self.portal, self.charge).read([name])

    def test_portal_does_not_see_who_entered_what(self):
        service = self.env["omni.billing.service"].create(
            {"partner_id": self.customer.id, "name": "Line"}
        )
        for record in (self.charge, service):
            for name in ("create_uid", "write_uid"):
                with self.subTest(record._name, name=name):
                    with self.assertRaises(AccessError):
                        self._as(self.portal, record).read([name])
                    self.assertTrue(self._as(self.staff, record).read([name]))

    def test_portal_does_not_see_how_a_company_bills(self):
        ours = [name for name in self.company._fields if name.startswith("billing_")]
        self.assertIn("billing_retry_days", ours)
        guest = self.env.ref("base.public_user").sudo()  # sudo: of no company
        guest.company_ids += self.company
        for user in (self.portal, guest):
            company = self._as(user, self.company)
            self.assertTrue(company.read(["name"]))
            self.assertFalse(set(ours) & set(company.fields_get()))
            for name in ours:
                with self.subTest(name, user=user.login):
                    with self.assertRaises(AccessError):
                        company.read([name])
            for guess in (
                ("billing_retry_days", "=", "1, 3, 7"),
                ("billing_void_method", "=", "cancel"),
            ):
                with self.subTest(guess), self.assertRaises(AccessError):
                    company.search([guess])
        seen = self._as(self.staff, self.company).read(["billing_retry_days"])
        self.assertEqual(seen[0]["billing_retry_days"], "1, 3, 7")

    def test_portal_writes_nothing(self):
        own = self._as(self.portal, self.charge)
        with self.assertRaises(AccessError):
            own.write({"name": "Cheaper", "retail_cost": 1})
        with self.assertRaises(AccessError):
            own.create({"name": "X", "partner_id": self.customer.id, "retail_cost": 1})
        with self.assertRaises(AccessError):
            own.unlink()
        for method in ("action_void", "action_mark_free"):
            with self.subTest(method=method), self.assertRaises(AccessError):
                self._call(self.portal, self.charge, method)
        for model in (
            "omni.billing.proforma.wizard",
            "omni.billing.payment.wizard",
            "omni.billing.void.wizard",
            "omni.billing.service",
            "omni.billing.run",
            "omni.billing.run.line",
            "omni.billing.run.schedule",
        ):
            with self.subTest(model=model), self.assertRaises(AccessError):
                self.env[model].with_user(self.portal).create({})

    def test_portal_cannot_act_on_its_invoice(self):
        invoice = self._bill(self.charge)
        for method in (
            "action_billing_void",
            "button_draft",
            "button_cancel",
        ):
            with self.subTest(method=method), self.assertRaises(AccessError):
                self._call(self.portal, invoice, method)

    def test_accountant_reads_but_does_not_bill(self):
        accountant = self._create_user("reader-test", "account.group_account_readonly")
        self.assertEqual(
            self._as(accountant, self.charge).read(["name"])[0]["name"], "Fibre 500"
        )
        with self.assertRaises(AccessError):
            self._as(accountant, self.charge).action_void()

    def test_invoicing_user_pays_and_posts_without_our_group(self):
        """Odoo's own users keep working on invoices with transactions."""
        invoice = self._bill(self.charge)
        clerk = self._create_user("clerk-test", "account.group_account_invoice")
        self.env["account.payment.register"].with_user(clerk).with_context(
            active_model="account.move", active_ids=invoice.ids
        ).create({})._create_payments()
        self.assertEqual(invoice.billing_state, "paid")
        self.assertEqual(invoice.billing_receipt_ids.amount_total, -45)
