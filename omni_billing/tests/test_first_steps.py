from odoo.exceptions import UserError, ValidationError
from odoo.tests import tagged

from .card_common import CardCommon


@tagged("post_install", "-at_install")
class TestFirstSteps(CardCommon):
    """What a company needs before it bills, and where it is said (F214)."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.new_company = cls.env["res.company"].create({"name": "Newly Founded"})
        cls.env.user.company_ids += cls.new_company
        cls.staff.company_ids += cls.new_company

    def _look(self, company):
        env = self.env(context={"allowed_company_ids": company.ids})
        env.invalidate_all()
        steps = env["omni.billing.first.step"].search([])
        return {step.key: step for step in steps}

    def test_new_company_is_told_what_it_needs(self):
        steps = self._look(self.new_company)
        states = {key: step.state for key, step in steps.items()}
        self.assertEqual(states["books"], "todo")
        self.assertIn("sales journal", steps["books"].detail)
        self.assertEqual(states["money"], "todo")
        self.assertEqual(states["company"], "todo")
        self.assertEqual(states["charge"], "todo")
        self.assertEqual(states["stripe"], "optional")
        self.assertEqual(states["webhook"], "optional")
        self.assertEqual(states["service"], "optional")

    def test_each_step_says_when_it_is_done(self):
        """F214"""
        self.company.write({"street": "1 Quay", "city": "Bristol", "vat": False})
        for code, state in (("US", "done"), ("FR", "todo"), ("CH", "todo")):
            with self.subTest(country=code):
                self.company.country_id = self.env.ref(f"base.{code.lower()}")
                step = self._look(self.company)["company"]
                self.assertEqual(step.state, state)
                self.assertEqual("tax number" in step.detail, state == "todo")
        self._create_transaction(5)
        self.env["omni.billing.service"].create(
            {
                "partner_id": self.customer.id,
                "name": "Line",
                "unit": "month",
                "price_unit": 5,
                "date_start": self.today,
            }
        )
        steps = self._look(self.company)
        for key in ("books", "service", "charge", "staff"):
            with self.subTest(key):
                self.assertEqual(steps[key].state, "done")
                self.assertTrue(steps[key].detail)
        # sudo: providers are an administrator's.
        provider = self.provider.sudo()
        provider.write({"state": "enabled", "stripe_webhook_secret": False})
        self.assertEqual(self._look(self.company)["webhook"].state, "todo")
        provider.stripe_webhook_secret = "whsec_1"
        steps = self._look(self.company)
        self.assertEqual(steps["webhook"].state, "done")
        self.assertEqual(steps["stripe"].state, "done")

    def test_each_step_leads_to_where_it_is_done(self):
        # sudo: the screens of an administrator.
        for key, step in self._look(self.new_company).items():
            with self.subTest(key):
                action = step.sudo().action_open()
                self.assertIn(action["res_model"], self.env)

    def test_staff_see_how_it_stands_and_what_is_theirs(self):
        steps = self.env["omni.billing.first.step"].with_user(self.staff).search([])
        mine = steps.filtered("is_mine").mapped("key")
        self.assertEqual(mine, ["service", "charge"])
        self.assertNotIn(False, steps.mapped("who"))
        self.assertNotIn(False, steps.mapped("state"))

    def test_empty_lists_of_a_new_company_lead_there(self):
        env = self.env(context={"allowed_company_ids": self.new_company.ids})
        for name in (
            "omni_billing_transaction_action",
            "account_move_action_billing",
            "omni_billing_run_action",
            "omni_billing_service_action",
        ):
            with self.subTest(name):
                action = env["ir.actions.act_window"]._for_xml_id(
                    f"omni_billing.{name}"
                )
                self.assertIn("omni_billing_first_step_action", action["help"])
        self._create_transaction(5)
        action = self.env["ir.actions.act_window"]._for_xml_id(
            "omni_billing.omni_billing_run_action"
        )
        self.assertNotIn("omni_billing_first_step_action", action["help"])

    def test_dialog_says_at_once_that_there_is_no_journal(self):
        wizard = self.env["omni.billing.proforma.wizard"].new(
            {"company_id": self.new_company.id, "partner_id": self.customer.id}
        )
        self.assertIn("First Steps", wizard.setup_problem)
        self.assertEqual(wizard.blocker, wizard.setup_problem)
        with self.assertRaisesRegex(UserError, "First Steps"):
            self.new_company._billing_get_journal()
        fine = self.env["omni.billing.proforma.wizard"].new(
            {"company_id": self.company.id, "partner_id": self.customer.id}
        )
        self.assertFalse(fine.setup_problem)

    def test_paying_says_at_once_that_no_journal_takes_money(self):
        invoice = self._bill_amounts(45)
        wizard = self.env["omni.billing.payment.wizard"].create(
            {"invoice_ids": invoice.ids, "mode": "cash"}
        )
        self.assertFalse(wizard.setup_problem)
        self.patch(
            type(self.company),
            "_billing_find_journal",
            lambda company, types: company.env["account.journal"],
        )
        wizard.invalidate_recordset(["setup_problem"])
        for name in ("cash", "pos", "bank"):
            self.company[f"billing_{name}_journal_id"] = False
        self.assertIn("First Steps", wizard.setup_problem)
        with self.assertRaisesRegex(UserError, "First Steps"):
            wizard.action_pay()


@tagged("post_install", "-at_install")
class TestSettings(CardCommon):
    """Settings refuse what cannot be meant, and say what can (F190)."""

    def _refuse(self, record, values, words):
        with self.subTest(values=values):
            with self.assertRaises(ValidationError) as refused:
                record.write(values)
            self.assertIn(words, str(refused.exception))

    def test_hosts_of_images(self):
        # sudo: settings are an administrator's.
        settings = self.env["res.config.settings"].sudo().create({})
        for host in (
            *("https://images.example.com", "images.example.com/logo.png"),
            *(
                "images",
                "a..b.com",
                "-a.com",
                "*.example.com",
                "10.0.0.1",
                "a.com:8080",
            ),
        ):
            self._refuse(settings, {"billing_image_hosts": host}, "without https://")
        settings.billing_image_hosts = "images.example.com CDN.example.org"
        settings.billing_image_hosts = False

    def test_ages_and_sizes_of_stored_pdfs(self):
        # sudo: settings are an administrator's.
        settings = self.env["res.config.settings"].sudo().create({})
        for name, value in (
            ("billing_pdf_max_days", -1),
            ("billing_pdf_max_idle_days", 40000),
            ("billing_pdf_max_mb", -5),
        ):
            self._refuse(settings, {name: value}, "or 0 for no limit")
        settings.billing_pdf_max_days = 0

    def test_late_fees(self):
        # sudo: companies are an administrator's.
        company = self.company.sudo()
        fee = "billing_late_fee"
        self._refuse(company, {fee: "percent", f"{fee}_percent": 500}, "at most 100")
        self._refuse(company, {f"{fee}_percent": -1}, "at most 100")
        self._refuse(company, {f"{fee}_amount": -3}, "above zero")
        self._refuse(company, {f"{fee}_grace": -3}, "from 0 to 365")
        self._refuse(company, {f"{fee}_grace": 5000}, "from 0 to 365")
        company.write({fee: "percent", f"{fee}_percent": 1.5, f"{fee}_grace": 10})
        # The kind is written before its amount: they are compared once all is entered.
        for values, words in (
            ({fee: "percent", f"{fee}_percent": 0}, "more than 0"),
            ({fee: "fixed", f"{fee}_amount": 0}, "above zero"),
        ):
            settings = self.env["res.config.settings"].sudo().create(values)
            with self.assertRaisesRegex(ValidationError, words):
                settings.set_values()
        values = {fee: "fixed", f"{fee}_amount": 9}
        self.env["res.config.settings"].sudo().create(values).set_values()
        self.assertEqual(company.billing_late_fee_amount, 9)

    def test_two_reminders_on_one_day(self):
        Level = self.env["omni.billing.reminder.level"]
        Level.search([]).active = False
        first = Level.create({"name": "A", "days": 4, "company_id": False})
        values = {"name": "B", "days": 4, "company_id": self.company.id}
        with self.assertRaises(ValidationError) as refused:
            Level.create(values)
        self.assertIn("“B” and “A” are on the same day", str(refused.exception))
        other = Level.create({**values, "days": 5})
        self._refuse(other, {"days": 4}, "same day")
        self._refuse(other, {"days": 9999}, "3650 days")
        first.active = False
        other.days = 4
        self._refuse(first, {"active": True}, "same day")

    def test_days_until_due_of_a_schedule(self):
        schedule = self.env["omni.billing.run.schedule"].create({"name": "Monthly"})
        self._refuse(schedule, {"due_days": 3650}, "within 365 days")
