"""Mandates for a single debit, and what collecting costs (W34)."""

from datetime import timedelta

from lxml import etree
from psycopg2.errors import UniqueViolation

from odoo.exceptions import UserError
from odoo.fields import Command
from odoo.tests import tagged
from odoo.tools import mute_logger

from . import bank
from .common import IBANS, SepaCommon

FEW, MANY = 10, 50


@tagged("post_install", "-at_install")
class TestSingle(SepaCommon):
    """W34: a mandate for one debit is used once, by staff, and for one invoice."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.payer = cls.env["res.partner"].create(
            {"name": "Once Ltd", "email": "once@example.com"}
        )
        cls.single = cls._sign(cls.payer, 1, type="oneoff")

    def test_used_once(self):
        """W34: for one invoice, then no more; the bank reads that it is the only."""
        first, second = self._owe(30, 20, customer=self.payer)
        answer = (first + second).action_billing_collect_sepa()
        self.assertIn("for one debit, that of INV", answer["params"]["message"])
        self.assertFalse(second.billing_collecting)
        order = self._find_orders(first)
        with self.assertRaisesRegex(UserError, "was for one debit, and is used"):
            second.action_billing_collect_sepa()
        # By no other door, either.
        with (
            mute_logger("odoo.sql_db"),
            self.assertRaises(UniqueViolation),
            self.env.cr.savepoint(),
        ):
            self._add_by_hand(order, second)
        # What is canceled before it is at the bank used nothing up.
        order.action_cancel()
        order = self._collect(second)
        self.assertEqual(order.payment_line_ids.mandate_id, self.single)
        order.draft2open()
        order.open2generated()
        root = etree.fromstring(order.payment_file_id.raw)
        self.assertEqual(root.findtext(".//{*}SeqTp"), "OOFF")
        order.generated2uploaded()
        self.assertEqual(self.single.state, "expired")
        with self.assertRaisesRegex(UserError, "is used: have the customer sign"):
            first.action_billing_collect_sepa()
        # Whatever else is in the way is told as it is.
        with self.assertRaisesRegex(UserError, "being collected"):
            second.action_billing_collect_sepa()
        [payment] = order.payment_ids
        with self._at(payment.date):
            order.action_billing_bank_paid()
        # What is used is not made new, by whatever write; the buttons do as they did.
        for values in (
            {"state": "valid", "last_debit_date": False},
            {"state": "draft"},
            {"type": "recurrent"},
        ):
            with self.assertRaisesRegex(UserError, order.name):
                self.single.write(values)
        self.assertEqual(self.single.state, "expired")
        other = self._collect(self._owe(5))
        self._add_by_hand(other, first)
        with self.assertRaisesRegex(UserError, "was for one debit, and is used"):
            other.draft2open()

    def _add_by_hand(self, order, invoice):
        line = invoice.line_ids.filtered(lambda line: line.debit)
        values = {"mandate_id": self.single.id, "order_id": order.id}
        return self.env["account.payment.line"].create(
            values | {"move_line_id": line[:1].id}
        )

    def test_recalled_file_used_nothing_up(self):
        """W34: nor a last debit; what the customer revoked before stays so."""
        last = self._sign(self.customer, 2, state="final")
        self.mandate.cancel()
        leaver = self.env["res.partner"].create({"name": "Leaver"})
        revoked = self._sign(leaver, 3, type="oneoff")
        first, second = self._owe(30, 5)
        invoices = first + second + self._owe(20, customer=self.payer)
        order = self._collect(invoices + self._owe(10, customer=leaver))
        # A last debit is one debit, by whatever way it is asked for.
        self.assertFalse(second.billing_collecting)
        self.assertIn(second, second._billing_collect_sepa()[1])
        with self.assertRaisesRegex(UserError, "was for one debit"):
            second.action_billing_collect_sepa()
        order.draft2open()
        order.open2generated()
        self.company.sudo().billing_sepa_lets_revoke = True  # sudo: as above
        self.assertTrue(revoked._billing_revoke())
        self.assertIn(order.name, leaver.activity_ids.note)
        # It is not brought to the bank; if it was before, staff say so.
        for step in (order.generated2uploaded, order.generate_payment_file):
            with self.assertRaisesRegex(UserError, "do not bring it there"):
                step()
        self.assertEqual((order.state, order.billing_has_ended), ("generated", True))
        order.action_billing_bank_has_file()
        told = order.message_ids.filtered(lambda one: "ended after" in one.body)
        self.assertIn(revoked.unique_mandate_reference, told.body)
        self.assertEqual({last.state, self.single.state}, {"expired"})
        self.assertEqual(revoked.state, "cancel")
        order.action_billing_recalled()
        self.assertEqual((last.state, self.single.state), ("final", "valid"))
        self.assertEqual(revoked.state, "cancel")

    def test_not_by_itself(self):
        """W34: no run uses it; who has another is collected from by that."""
        invoice = self._owe(30, customer=self.payer)
        _collected, reasons = invoice._billing_collect_sepa()
        self.assertIn("recurring", reasons[invoice])
        other = self._sign(self.payer, 2)
        self.assertEqual(self._collect(invoice).payment_line_ids.mandate_id, other)

    def test_one_debit_is_no_invoice_in_parts(self):
        """W34: which would be debited on several days."""
        terms = self.env["account.payment.term"].create(
            {
                "name": "Two parts",
                "line_ids": [
                    Command.create({"value_amount": 50, "nb_days": days})
                    for days in (0, 30)
                ],
            }
        )
        invoice = self._make_invoices(self.payer, invoice_payment_term_id=terms.id)
        with self.assertRaisesRegex(UserError, "due in parts"):
            invoice.action_billing_collect_sepa()

    def _make_invoices(self, customers, **values):
        invoices = self.env["account.move"].create(
            [
                {
                    "move_type": "out_invoice",
                    "partner_id": customer.id,
                    "invoice_date": self.today - timedelta(days=30),
                    "invoice_line_ids": [
                        Command.create({"name": "Lift", "price_unit": 10})
                    ],
                    **values,
                }
                for customer in customers
            ]
        )
        invoices.action_post()
        return invoices

    def test_growth(self):
        """W34: each invoice more costs two statements: OCA's addon numbers its line."""
        few, many = map(self._count, (FEW, MANY))
        self.assertLessEqual((many - few) / (MANY - FEW), 2.1)

    def _count(self, number):
        """Return what it costs to collect invoices, each of another customer."""
        customers = self.env["res.partner"].create(
            [{"name": f"Tenant {each}"} for each in range(number)]
        )
        accounts = self.env["res.partner.bank"].create(
            [{"acc_number": IBANS[0], "partner_id": each.id} for each in customers]
        )
        self.env["account.banking.mandate"].create(
            [
                {
                    "partner_id": account.partner_id.id,
                    "partner_bank_id": account.id,
                    "company_id": self.company.id,
                    "format": "sepa_core",
                    "signature_date": self.today - timedelta(days=100),
                    "state": "valid",
                }
                for account in accounts
            ]
        )
        invoices = self._make_invoices(customers)
        self.env.flush_all()
        self.env.invalidate_all()
        before = self.env.cr.sql_log_count
        invoices.action_billing_collect_sepa()
        self.env.flush_all()
        count = self.env.cr.sql_log_count - before
        self.assertTrue(all(invoices.mapped("billing_collecting")))
        return count


@tagged("post_install", "-at_install")
class TestRetry(SepaCommon):
    """W34: too little money is tried once more, if the company wants that."""

    def _send_back(self, order, code="AM04", message="MSG-1"):
        payments = self._bring(order)
        told = self._say(payments, code)
        return self._import(bank.tell("pain.002.001.03", *told, message=message))

    def _retry(self, days):
        with self._at(self.today + timedelta(days=days)):
            # sudo: as the scheduler.
            self.env["omni.billing.sepa.return"].sudo()._cron_retry()

    def _todo(self, invoices):
        self.env.flush_all()
        return self.env["omni.billing.todo"].search(
            [("kind", "=", "sepa"), ("move_id", "in", invoices.ids)]
        )

    def test_once_more(self):
        """W34: days later, with a notice of its own; and never a third time."""
        # sudo: settings are an administrator's.
        company = self.company.sudo()
        company.billing_sepa_retry_days = 5
        invoices = self._owe(30, 12)
        back = self._send_back(self._collect(invoices)).return_ids
        self.assertEqual(back.retry_date, self.today + timedelta(days=5))
        self.assertFalse(self._todo(invoices))
        self._retry(4)
        self.assertFalse(any(invoices.mapped("billing_collecting")))
        # One is paid meanwhile, and not collected.
        self._pay(invoices[1], mode="cash")
        self._retry(5)
        self._retry(6)
        self.assertTrue(invoices[0].billing_collecting)
        self.assertFalse(invoices[1].billing_collecting)
        self.assertFalse(self._todo(invoices))
        order = self._find_orders(invoices[0])[-1]
        self.assertEqual(order.state, "draft")
        self.assertEqual(order.payment_line_ids.amount_currency, 30)
        mails = self.env["mail.mail"].sudo()  # sudo: a test counts them
        before = mails.search_count([])
        again = self._send_back(order, message="MSG-2").return_ids
        self.assertEqual(mails.search_count([]), before + 1)
        self.assertFalse(again.retry_date)
        self.assertEqual(self._todo(invoices).move_id, invoices[0])

    def test_not_for_other_reasons(self):
        """W34: off by default; not what the customer refused; not without a mandate."""
        off = self._owe(10)
        self.assertFalse(self._send_back(self._collect(off)).return_ids.retry_date)
        # sudo: as above
        company = self.company.sudo()
        company.billing_sepa_retry_days = 5
        refused = self._owe(20)
        back = self._send_back(self._collect(refused), "MS02", "MSG-2").return_ids
        self.assertFalse(back.retry_date)
        # Nor what could not be: it is in To Do at once.
        payer = self.env["res.partner"].create({"name": "Once Ltd"})
        self._sign(payer, 1, type="oneoff")
        once = self._collect(self._owe(15, customer=payer))
        self.assertFalse(self._send_back(once, message="MSG-0").return_ids.retry_date)
        kept, ended = self._owe(30), self._owe(40)
        for number, invoice in enumerate((kept, ended), 3):
            back += self._send_back(
                self._collect(invoice), message=f"MSG-{number}"
            ).return_ids
        # What staff collect themselves is not collected twice.
        kept.action_billing_collect_sepa()
        self.mandate.cancel()
        self._retry(5)
        self.assertFalse(any(back.mapped("retry_date")))
        self.assertEqual(len(kept.line_ids.payment_line_ids), 2)
        self.assertIn("no valid SEPA mandate", ended.activity_ids[:1].note)
        self.assertIn(ended, self._todo(ended).move_id)

    def test_never_a_third_time(self):
        """W34: a debit that staff took back before the bank told of it counts."""
        self.company.sudo().billing_sepa_retry_days = 5  # sudo: as above
        invoice = self._owe(30)
        order = self._collect(invoice)
        [payment] = self._bring(order)
        with self._at(payment.date):
            order.action_billing_bank_paid()
            payment._billing_undo("The bank called")
        back = self._send_back(self._collect(invoice)).return_ids
        self.assertFalse(back.retry_date)
        self.assertEqual(self._todo(invoice).move_id, invoice)

    def test_part_waits_for_the_other(self):
        """W34: what is due in parts is collected again when no part is under way."""
        self.company.sudo().billing_sepa_retry_days = 5  # sudo: as above
        terms = self.env["account.payment.term"].create(
            {
                "name": "Two parts",
                "line_ids": [
                    Command.create({"value_amount": 50, "nb_days": days})
                    for days in (0, 30)
                ],
            }
        )
        invoice = self.env["account.move"].create(
            {
                "move_type": "out_invoice",
                "partner_id": self.customer.id,
                "invoice_payment_term_id": terms.id,
                "invoice_line_ids": [
                    Command.create({"name": "Lift", "price_unit": 30, "tax_ids": []})
                ],
            }
        )
        invoice.action_post()
        first, second = self._bring(self._collect(invoice)).sorted("date")
        told = bank.tell("pain.002.001.03", *self._say(first))
        back = self._import(told).return_ids
        self._retry(5)
        self.assertTrue(back.retry_date)
        with self._at(second.date):
            second.payment_order_id.action_billing_bank_paid()
        self._retry(60)
        self.assertFalse(back.retry_date)
        self.assertEqual(
            self._find_orders(invoice)[-1].payment_line_ids.amount_currency, 15
        )
