import functools
import json
from datetime import datetime, timedelta, timezone
from unittest.mock import patch

from freezegun import freeze_time

from odoo import fields, models
from odoo.fields import Command
from odoo.modules.registry import Registry
from odoo.sql_db import BaseCursor
from odoo.tests import TransactionCase, new_test_user
from odoo.tests.common import get_db_name

from odoo.addons.account.tests.common import AccountTestInvoicingCommon
from odoo.addons.base.tests.common import BaseCommon
from odoo.addons.omni_billing.tools.write_guard import trust
from odoo.addons.product.tests.common import ProductCommon
from odoo.addons.uom.tests.common import UomCommon

#: Longer than a class of tests takes.
MIDNIGHT = timedelta(minutes=5)
#: One of each kind, by login.
USERS = {
    "staff-test": "omni_billing.omni_billing_group_user",
    "portal-test": "base.group_portal",
    "outsider-test": "base.group_user",
}

#: The parameter that notes what bin/test has made for all classes.
MADE = "omni_billing.tests_made"


@functools.cache
def _read_made():
    """Return what is made, by the name that tests call it by."""
    with Registry(get_db_name()).cursor() as cr:
        cr.execute("SELECT value FROM ir_config_parameter WHERE key = %s", [MADE])
        found = cr.fetchone()
    return json.loads(found[0]) if found else {}


def _note(value):
    """Name records, for another transaction to find them."""
    if isinstance(value, dict):
        return {name: _note(records) for name, records in value.items()}
    return [value._name, value.ids]


class BillingCommon(AccountTestInvoicingCommon):
    """A company with a chart of accounts, a customer, and one user of each kind.

    Tests run as a billing manager; those about access rights switch to ``staff``,
    ``portal`` or ``outsider``.
    """

    #: Whether it makes all of its own, beside what bin/test has made.
    begins_anew = False

    @classmethod
    def setUpClass(cls):
        cls._stay_in_one_day()
        made = cls._find_made()
        if made:
            # What all between does is made; what comes after is for each class.
            super(BaseCommon, cls).setUpClass()
            cls._begin_with(made)
        else:
            super().setUpClass()
            cls._make_more()
        # The database has other companies; managers here work for all of them. Who does
        # not is tried in tests/attacks.
        cls.classPatch(
            type(cls.env["res.users"]),
            "_billing_has_all_companies",
            lambda user: user.has_group("omni_billing.omni_billing_group_manager"),
        )
        cls.today = fields.Date.context_today(cls.env.user)

    @classmethod
    def _make_more(cls):
        """Make what our tests need beside what those of Odoo's account addon do."""
        cls.company = cls.env.company
        cls.currency = cls.company.currency_id
        cls.customer = cls.env["res.partner"].create(
            {"name": "Acme Rentals", "is_company": True, "company_id": False}
        )
        cls.goodwill = cls.env.ref("omni_billing.credit_type_goodwill")
        cls.tax_10 = cls._create_tax(10)
        cls.tax_20_included = cls._create_tax(20, price_include_override="tax_included")
        cls.staff, cls.portal, cls.outsider = (
            cls._create_user(login, groups) for login, groups in USERS.items()
        )
        cls.portal.partner_id.parent_id = cls.customer
        # Lists of what was created just now are known to be empty, and get what Odoo
        # makes for a moment while it precomputes.
        cls.env.flush_all()
        cls.env.invalidate_all()

    @classmethod
    def make_for_all(cls, env):
        """Make what each class begins with, and note what it is; see ``tested.py``.

        :param env: the environment of the administrator; nothing is committed.
        """
        first = type("First", (cls,), {"begins_anew": True})
        first.env, first.cr, first.registry = env, env.cr, env.registry
        odoos = patch.object(TransactionCase, "setUpClass", classmethod(lambda _: None))
        with odoos:
            first.setUpClass()
        first.doClassCleanups()
        first.env.flush_all()
        # Nobody is told of the people of the tests.
        env["mail.mail"].search([("state", "=", "outgoing")]).unlink()
        made = {
            name: _note(value)
            for name, value in vars(first).items()
            if isinstance(value, (models.BaseModel, dict))
        }
        env["ir.config_parameter"].set_param(MADE, json.dumps(made))

    @classmethod
    def _find_made(cls):
        """Return what bin/test has made in the database, if the class takes that."""
        mro = cls.__mro__
        first = mro.index(AccountTestInvoicingCommon)
        is_usual = not (
            cls.begins_anew or cls.country_code or cls.chart_template
        ) and mro[first + 1 : first + 4] == (ProductCommon, UomCommon, BaseCommon)
        return _read_made() if is_usual else {}

    @classmethod
    def _begin_with(cls, made):
        """Have the environment and the records that Odoo's common classes give."""
        env = cls.env["base"].with_context(**cls.default_env_context()).env
        cls.env = env(user=made["user"][1][0])
        for name, noted in made.items():
            setattr(cls, name, cls._find_noted(noted))
        cls.maxDiff, cls.tax_number = None, 0

    @classmethod
    def _find_noted(cls, noted):
        if isinstance(noted, dict):
            return {name: cls._find_noted(value) for name, value in noted.items()}
        model, ids = noted
        return cls.env[model].browse(ids)

    @classmethod
    def setup_independent_user(cls):
        """Override: who begins anew gets the names that bin/test's own have."""
        logins = [*USERS, "accountman", "simple_accountman"]
        for user in cls.env["res.users"].search([("login", "in", logins)]):
            user.login = f"made-{user.login}"
        for company in cls.env["res.company"].search([("name", "=", "company_1_data")]):
            company.name = "made"
        return super().setup_independent_user()

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
