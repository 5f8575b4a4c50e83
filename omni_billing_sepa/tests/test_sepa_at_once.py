"""Two at once at a debit order, or a file of the bank."""

from datetime import timedelta

from odoo import fields
from odoo.exceptions import UserError
from odoo.fields import Command
from odoo.service.model import retrying
from odoo.tests import tagged
from odoo.tools import mute_logger

from odoo.addons.omni_billing.tests.at_once import AtOnceCase

from . import bank
from .common import IBANS

WORKING = "Someone else is working"


@tagged("-standard", "-at_install", "post_install", "omni_billing_at_once")
class TestSepaAtOnce(AtOnceCase):
    """W34: whoever dies, or is at it at the same time, each invoice is debited once."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.addClassCleanup(cls._forget)
        with cls._connect() as env:
            cls._set_up(env)

    @classmethod
    def _set_up(cls, env):
        """Have a company collect in euros, from a customer with a mandate."""
        env.ref("base.EUR").active = True
        company = env.ref("base.main_company")
        accounts = env["res.partner.bank"]
        own = accounts.create(
            {
                "acc_number": "FR1420041010050500013M02606",
                "partner_id": company.partner_id.id,
                "bank_id": env["res.bank"].create({"name": "B", "bic": "AGRIFRPP"}).id,
                "company_id": company.id,
            }
        )
        journal = env["account.journal"].create(
            {
                "name": "At Once",
                "code": "ONCE",
                "type": "bank",
                "company_id": company.id,
                "currency_id": env.ref("base.EUR").id,
                "bank_account_id": own.id,
            }
        )
        method = env.ref("account_payment_sepa_direct_debit.sepa_direct_debit")
        line = env["account.payment.method.line"].create(
            {
                "name": "SEPA at Once",
                "payment_method_id": method.id,
                "journal_id": journal.id,
                "company_id": company.id,
                "selectable": True,
                # A debit for each invoice.
                "group_lines": False,
            }
        )
        company.sepa_creditor_identifier = "FR78ZZZ424242"
        company.billing_sepa_line_id = line
        customer = env["res.partner"].create({"name": "At Once", "email": "a@b.co"})
        account = accounts.create({"acc_number": IBANS[0], "partner_id": customer.id})
        env["account.banking.mandate"].create(
            {
                "partner_id": customer.id,
                "partner_bank_id": account.id,
                "company_id": company.id,
                "format": "sepa_core",
                "signature_date": fields.Date.today() - timedelta(days=100),
                "state": "valid",
            }
        )
        cls.company_id, cls.customer_id = company.id, customer.id

    @classmethod
    def _forget(cls):
        """Leave nothing that a job of other tests would go on with."""
        with cls._connect() as env:
            orders = env["account.payment.order"].search(
                [("company_id", "=", cls.company_id)]
            )
            orders.filtered(lambda one: one.state == "draft").action_cancel()
            env.cr.execute(
                "UPDATE res_company SET billing_sepa_line_id = NULL WHERE id = %s",
                [cls.company_id],
            )

    # === WHAT PEOPLE DO === #

    def _owe(self, *amounts):
        """Bill each amount on an invoice of its own; return the ids."""
        with self._connect() as env:
            invoices = env["account.move"]
            for amount in amounts:
                env["omni.billing.transaction"].create(
                    {
                        "name": "Fibre",
                        "partner_id": self.customer_id,
                        "company_id": self.company_id,
                        "currency_id": env.ref("base.EUR").id,
                        "retail_cost": amount,
                        "tax_ids": [Command.clear()],
                    }
                )
                wizard = env["omni.billing.proforma.wizard"].create(
                    {"partner_id": self.customer_id}
                )
                invoices += invoices.browse(wizard.action_generate()["res_id"])
            return invoices.ids

    def _collect(self, env, invoices):
        env["account.move"].browse(invoices).action_billing_collect_sepa()
        env.flush_all()

    def _take_orders(self):
        """Confirm what is collected, and bring it to the bank; return the payments."""
        with self._connect() as env:
            orders = self._find_orders(env, "draft")
            for order in orders:
                order.draft2open()
                order.open2generated()
                order.generated2uploaded()
            return orders.payment_ids.ids

    def _find_orders(self, env, state):
        domain = [("company_id", "=", self.company_id), ("state", "=", state)]
        return env["account.payment.order"].search(domain, order="id")

    def _refuse(self, step, told):
        """See that who comes second is told, at once."""
        with self._connect() as env:
            with self.assertRaisesRegex(UserError, told):
                step(env)
            env.cr.rollback()

    def _read_lines(self, invoices):
        """Return, for each invoice, the states of the orders that have it."""
        with self._connect() as env:
            moves = env["account.move"].browse(invoices)
            return [
                move.line_ids.payment_line_ids.order_id.mapped("state")
                for move in moves
            ]

    # === TESTS === #

    @mute_logger("odoo.sql_db", "odoo.service.model")
    def test_collected_once(self):
        """W34: who dies has collected nothing; of two at once one does."""
        invoices = self._owe(30, 12)
        with self._connect() as env:
            self._collect(env, invoices)
            env.cr.rollback()
        self.assertEqual(self._read_lines(invoices), [[], []])
        with self._connect() as late, self._connect() as env:
            late.cr.execute("SELECT 1")
            self._collect(env, invoices)
            self._refuse(lambda other: self._collect(other, invoices), WORKING)
            env.cr.commit()
            # What it sees is of before: it begins again, and sees.
            with self.assertRaisesRegex(UserError, "collected"):
                retrying(lambda: self._collect(late, invoices), late)
            late.cr.rollback()
        self.assertEqual(self._read_lines(invoices), [["draft"], ["draft"]])
        self._take_orders()

    @mute_logger("odoo.sql_db", "odoo.service.model")
    def test_order_is_confirmed_while_something_is_added(self):
        """W34: what is added has a payment, or goes into another order."""
        first, second, third, fourth = self._owe(10, 20, 30, 40)
        with self._connect() as env:
            self._collect(env, [first])
        with self._connect() as late, self._connect() as env:
            late.cr.execute("SELECT 1")
            order = self._find_orders(env, "draft")
            order.draft2open()
            env.flush_all()
            with self._connect() as other:
                self._collect(other, [second])
            values = {"order_id": order.id}
            self._refuse(lambda other: self._add(other, third, values), WORKING)
            env.cr.commit()
            retrying(lambda: self._collect(late, [third]), late)
        lines = self._read_lines([first, second, third])
        self.assertEqual(lines, [["open"], ["draft"], ["draft"]])
        # The other way round.
        with self._connect() as env:
            self._collect(env, [fourth])
            left = self._find_orders(env, "draft").ids
            for button in ("draft2open", "action_cancel"):
                self._refuse(
                    lambda other, button=button: getattr(
                        other["account.payment.order"].browse(left), button
                    )(),
                    WORKING,
                )
        with self._connect() as env:
            for order in self._find_orders(env, "open"):
                order.open2generated()
                order.generated2uploaded()
                self.assertEqual(len(order.payment_ids), len(order.payment_line_ids))
        self._take_orders()

    def _add(self, env, invoice, values):
        move = env["account.move"].browse(invoice)
        line = move._billing_get_receivable_lines()
        env["account.payment.line"].create(values | {"move_line_id": line.id})

    @mute_logger("odoo.sql_db", "odoo.service.model")
    def test_uploaded_once(self):
        """W34: of two who say that the bank has it one does."""
        invoices = self._owe(15)
        with self._connect() as env:
            self._collect(env, invoices)
            order = self._find_orders(env, "draft")
            order.draft2open()
            order_id = order.id

        def generate(env):
            env["account.payment.order"].browse(order_id).open2generated()

        # Nor is a file made while somebody ends a mandate of it.
        with self._connect() as env:
            mandates = env["account.banking.mandate"]
            mandates.search([("partner_id", "=", self.customer_id)]).cancel()
            env.flush_all()
            self._refuse(generate, WORKING)
            env.cr.rollback()
        with self._connect() as env:
            generate(env)

        def upload(env):
            env["account.payment.order"].browse(order_id).generated2uploaded()

        self.assertIn("Nothing was changed", self._meet(upload, upload))
        self.assertEqual(self._read_lines(invoices), [["uploaded"]])
        with self._connect() as env:
            order = env["account.payment.order"].browse(order_id)
            self.assertEqual(order.payment_ids.mapped("state"), ["draft"])

    @mute_logger("odoo.sql_db", "odoo.service.model")
    def test_file_is_read_once(self):
        """W34: who dies has read nothing; of two who read it one does, and books it."""
        invoices = self._owe(25, 35)
        with self._connect() as env:
            self._collect(env, invoices)
        payments = self._take_orders()
        with self._connect() as env:
            told = [
                (one.memo, f"{one.amount:.2f}", "EUR", "AM04")
                for one in env["account.payment"].browse(payments)
                if set(one.invoice_ids.ids) & set(invoices)
            ]
        content = bank.tell("pain.002.001.03", *told)

        def take(env):
            company = env["res.company"].browse(self.company_id)
            env["omni.billing.sepa.file"]._take(company, "bank.xml", content)
            env.flush_all()

        with self._connect() as env:
            take(env)
            env.cr.rollback()
        with self._connect() as late, self._connect() as env:
            late.cr.execute("SELECT 1")
            take(env)
            self._refuse(take, WORKING)
            env.cr.commit()
            with self.assertRaisesRegex(UserError, "Nothing was done again"):
                retrying(lambda: take(late), late)
            late.cr.rollback()
        with self._connect() as env:
            moves = env["account.move"].browse(invoices)
            self.assertFalse(any(moves.mapped("billing_collecting")))
            returns = env["omni.billing.sepa.return"].search(
                [("payment_id", "in", payments)]
            )
            self.assertEqual(len(returns), 2)
