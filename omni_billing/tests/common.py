from datetime import datetime, timedelta, timezone
from unittest.mock import patch

from freezegun import freeze_time

from odoo import fields
from odoo.fields import Command
from odoo.sql_db import BaseCursor
from odoo.tests import new_test_user

from odoo.addons.account.tests.common import AccountTestInvoicingCommon
from odoo.addons.omni_billing.tools.write_guard import trust

#: Longer than a class of tests takes.
MIDNIGHT = timedelta(minutes=5)
#: One of each kind, by login.
USERS = {
    "staff-test": "omni_billing.omni_billing_group_user",
    "portal-test": "base.group_portal",
    "outsider-test": "base.group_user",
}


class BillingCommon(AccountTestInvoicingCommon):
    """A company with a chart of accounts, a customer, and one user of each kind.

    Tests run as a billing manager; those about access rights switch to ``staff``,
    ``portal`` or ``outsider``.
    """

    @classmethod
    def setUpClass(cls):
        cls._stay_in_one_day()
        super().setUpClass()
        # The database has other companies; managers here work for all of them. Who does
        # not is tried in tests/attacks.
        cls.classPatch(
            type(cls.env["res.users"]),
            "_billing_has_all_companies",
            lambda user: user.has_group("omni_billing.omni_billing_group_manager"),
        )
        cls.company = cls.env.company
        cls.currency = cls.company.currency_id
        cls.today = fields.Date.context_today(cls.env.user)
        cls.customer = cls.env["res.partner"].create(
            {"name": "Acme Rentals", "is_company": True, "company_id": False}
        )
        cls.goodwill = cls.env.ref("omni_billing.credit_type_goodwill")
        cls.tax_10 = cls._create_tax(10)
        cls.tax_20_included = cls._create_tax(20, price_include_override="tax_included")
        cls.staff, cls.portal, cls.outsider = (
            cls._find_user(login) or cls._create_user(login, groups)
            for login, groups in USERS.items()
        )
        cls.portal.partner_id.parent_id = cls.customer
        # Lists of what was created just now are known to be empty, and get what Odoo
        # makes for a moment while it precomputes.
        cls.env.flush_all()
        cls.env.invalidate_all()

    @classmethod
    def setup_independent_company(cls, **values):
        """Override: bin/test has one in the database, for classes without a country."""
        made = cls.env["res.company"].search([("name", "=", "company_1_data")])
        if not made or values or cls.country_code:
            return super().setup_independent_company(**values)
        cls.env.user.company_ids = [Command.link(made.id)]
        return made

    @classmethod
    def _stay_in_one_day(cls):
        """Put the clock back if the day is about to end: the tests are of one day."""
        now = datetime.now(timezone.utc)
        if (now + MIDNIGHT).date() != now.date():
            clock = freeze_time(now - timedelta(hours=2), tick=True)
            # That of the database, too, as far as Odoo asks it.
            cursor = patch.object(BaseCursor, "now", lambda _cr: fields.Datetime.now())
            for one in (clock, cursor):
                one.start()
                cls.addClassCleanup(one.stop)

    @classmethod
    def get_default_groups(cls):
        return super().get_default_groups() | cls.quick_ref(
            "omni_billing.omni_billing_group_manager"
        )

    @classmethod
    def _find_user(cls, login):
        """Find a user of the company that bin/test has made."""
        mine = [("login", "=", login), ("company_id", "=", cls.company.id)]
        return cls.env["res.users"].search(mine)

    @classmethod
    def _create_user(cls, login, groups):
        return new_test_user(
            cls.env,
            login=login,
            groups=groups,
            company_id=cls.company.id,
            company_ids=[Command.set(cls.company.ids)],
        )

    @classmethod
    def _create_tax(cls, amount, **values):
        return cls.env["account.tax"].create(
            {
                "name": f"{amount} % {values.get('price_include_override', '')}",
                "amount": amount,
                "amount_type": "percent",
                "type_tax_use": "sale",
                "price_include_override": "tax_excluded",
            }
            | values
        )

    @classmethod
    def _create_reverse_tax(cls, amount):
        """A tax that the customer owes: on the invoice it comes to nothing."""
        shares = [
            Command.create({"repartition_type": "base"}),
            Command.create({"repartition_type": "tax", "factor_percent": 100}),
            Command.create({"repartition_type": "tax", "factor_percent": -100}),
        ]
        return cls._create_tax(
            amount,
            invoice_repartition_line_ids=shares,
            refund_repartition_line_ids=shares,
        )

    @classmethod
    def _create_transaction(cls, cost=45.0, **values):
        taxes = values.pop("tax_ids", cls.env["account.tax"])
        return cls.env["omni.billing.transaction"].create(
            {
                "name": "Fibre 500",
                "partner_id": cls.customer.id,
                "retail_cost": cost,
                "tax_ids": [Command.set(taxes.ids)],
            }
            | values
        )

    @classmethod
    def _create_credit(cls, cost=10.0, **values):
        return cls._create_transaction(
            cost,
            **{
                "name": "Outage",
                "transaction_type": "credit",
                "credit_type_id": cls.goodwill.id,
            }
            | values,
        )

    @classmethod
    def _open_proforma(cls, **values):
        return cls.env["omni.billing.proforma.wizard"].create(
            {"partner_id": cls.customer.id} | values
        )

    def _prepare_dialogs(self, invoice):
        """Return the values of one of each of our dialogs."""
        one = {"invoice_id": invoice.id}
        several = {"invoice_ids": [Command.set(invoice.ids)]}
        customer = {"partner_id": self.customer.id}
        return {
            "omni.billing.ask.wizard": {"operation": "void", **several},
            "omni.billing.bulk": {"operation": "email", **several},
            "omni.billing.bounce.wizard": {"cheque_id": self._get_a_cheque(invoice).id},
            "omni.billing.attempt.wizard": one,
            "omni.billing.cancel.wizard": one,
            "omni.billing.card.link.wizard": customer,
            "omni.billing.card.refund.wizard": one,
            "omni.billing.consent.base.wizard": {},
            "omni.billing.consent.wizard": {"token_id": self._get_a_card().id},
            "omni.billing.coupon.wizard": {"service_id": self._get_a_service().id},
            "omni.billing.day.wizard": {},
            "omni.billing.dispute.wizard": {"dispute_id": self._get_a_dispute().id},
            "omni.billing.end.wizard": {"service_id": self._get_a_service().id},
            "omni.billing.overdue.wizard": customer,
            "omni.billing.payment.wizard": {**several},
            "omni.billing.proforma.wizard": customer,
            "omni.billing.plan.wizard": {"service_id": self._get_a_service().id},
            "omni.billing.promise.wizard": {**several, "date": self.today},
            "omni.billing.refund.wizard": customer,
            "omni.billing.report.wizard": {
                "transaction_id": invoice.billing_transaction_ids[:1].id,
                "answer": "Yes",
            },
            "omni.billing.statement": customer,
            "omni.billing.undo.wizard": {"payment_id": self._get_a_payment().id},
            "omni.billing.void.wizard": several,
        }

    @classmethod
    def _get_a_card(cls, partner=None):
        """Return a card that is saved with a Stripe that nobody asks."""
        # sudo: providers and cards are the server's.
        env = cls.env(su=True)
        stripe = env.ref("payment.payment_provider_stripe")
        card = env["payment.token"].create(
            {
                "provider_id": stripe.copy({"company_id": cls.company.id}).id,
                "payment_method_id": env.ref("payment.payment_method_card").id,
                "partner_id": (partner or cls.customer).id,
                "provider_ref": "cus_0",
                "payment_details": "4242",
                "stripe_payment_method": "pm_0",
            }
        )
        return card.with_env(cls.env)

    @classmethod
    def _get_a_service(cls):
        """Return a service that is running, and charged by the month."""
        return cls.env["omni.billing.service"].create(
            {
                "name": "Gym",
                "partner_id": cls.customer.id,
                "price_unit": 30,
                "unit": "month",
                "date_start": cls.today - timedelta(days=40),
            }
        )

    @classmethod
    def _get_a_cheque(cls, invoice):
        """Return a cheque that is kept."""
        # sudo: only the server writes cheques.
        cheques = cls.env["omni.billing.cheque"].sudo()
        return cheques.create(
            {
                "number": "0",
                "date": cls.today,
                "amount": 1,
                "currency_id": cls.currency.id,
                "company_id": cls.company.id,
                "partner_id": cls.customer.id,
                "invoice_ids": [Command.set(invoice.ids)],
            }
        ).with_env(cls.env)

    @classmethod
    def _get_a_dispute(cls):
        """Return a dispute that is lost, of money that is not booked."""
        # sudo: only the server writes payments and disputes.
        env = cls.env(su=True)
        stripe = env.ref("payment.payment_provider_stripe")
        payment = env["payment.transaction"].create(
            {
                "provider_id": stripe.copy({"company_id": cls.company.id}).id,
                "payment_method_id": env.ref("payment.payment_method_card").id,
                "amount": 1,
                "currency_id": cls.currency.id,
                "partner_id": cls.customer.id,
            }
        )
        values = {
            "provider_id": payment.provider_id.id,
            "company_id": cls.company.id,
            "reference": "dp_0",
            "transaction_id": payment.id,
            "state": "lost",
        }
        return env["omni.billing.dispute"].create(values).with_env(cls.env)

    @classmethod
    def _get_a_payment(cls, partner=None):
        """Return money of a customer that is for no invoice."""
        payment = cls.env["account.payment"].create(
            {
                "payment_type": "inbound",
                "partner_id": (partner or cls.customer).id,
                "amount": 1,
            }
        )
        payment.action_post()
        return payment

    @classmethod
    def _bill(cls, *transactions, **values):
        """Bill these transactions alone, through the wizard.

        No invoice is due before its date: one that is overdue has become so.
        """
        today = fields.Date.context_today(cls.env.user)
        due = fields.Date.to_date(values.get("date_due") or today)
        is_overdue = due < today and "invoice_date" not in values
        if is_overdue:
            values["date_due"] = today
        wizard = cls._open_proforma(**values)
        if transactions:
            wanted = cls.env["omni.billing.transaction"].union(*transactions)
            for line in wizard.line_ids:
                line.included = line.transaction_id in wanted
        action = wizard.action_generate()
        invoice = cls.env["account.move"].browse(action["res_id"])
        if is_overdue:
            trust(invoice).invoice_date_due = due
        return invoice

    @classmethod
    def _create_draft(cls, transactions):
        """Put transactions on a draft, as an addon that posts later would."""
        Move = cls.env["account.move"]
        values = transactions._prepare_invoice_values(cls.customer)
        return Move.browse(trust(Move).create([values]).id)

    @classmethod
    def _pay(cls, invoices, **values):
        wizard = cls.env["omni.billing.payment.wizard"].create(
            {"invoice_ids": [Command.set(invoices.ids)]} | values
        )
        return wizard.action_pay()

    def _get_books_balance(self, partner=None):
        """Return what the customer owes according to Odoo's journals."""
        self.env.flush_all()
        lines = self.env["account.move.line"].search(
            [
                ("partner_id", "=", (partner or self.customer).id),
                ("account_type", "=", "asset_receivable"),
                ("parent_state", "=", "posted"),
                ("company_id", "=", self.company.id),
            ]
        )
        return self.currency.round(sum(lines.mapped("balance")))

    def _get_ledger_balance(self, partner=None):
        """Return what the customer owes according to our transactions."""
        entries = self.env["omni.billing.transaction"].search(
            [
                ("commercial_partner_id", "=", (partner or self.customer).id),
                ("state", "=", "invoiced"),
                ("company_id", "=", self.company.id),
            ]
        )
        return self.currency.round(sum(entries.mapped("amount_total")))
