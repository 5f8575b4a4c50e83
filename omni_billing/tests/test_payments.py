"""What dialogs, jobs and scripts call to record money that moved outside of Odoo."""

from datetime import timedelta
from unittest.mock import patch

from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.fields import Command
from odoo.tests import tagged
from odoo.tools import mute_logger

from odoo.addons.omni_billing.tools.database import savepoint

from .common import BillingCommon

HOOK = "_billing_prepare_values"


@tagged("post_install", "-at_install")
class TestPayments(BillingCommon):
    def setUp(self):
        super().setUp()
        self.invoice = self._bill_one(100)

    def _bill_one(self, amount, partner=None, date_due=None, **values):
        partner = partner or self.customer
        item = self._create_transaction(amount, partner_id=partner.id, **values)
        dates = {"date_due": date_due} if date_due else {}
        return self._bill(item, partner_id=partner.id, **dates)

    def _get_payments(self):
        return self.env["account.payment"].search(
            [("partner_id", "child_of", self.customer.id)], order="id"
        )

    # === Paying === #

    def test_by_hand(self):
        """F139-F141, F145"""
        noted = []
        payment = self.invoice._billing_pay(
            "bank",
            60,
            date=self.today - timedelta(days=1),
            reference="Transfer 7",
            note_down=noted.append,
        )
        self.assertRecordValues(
            payment,
            [
                {
                    "payment_type": "inbound",
                    "partner_id": self.customer.id,
                    "amount": 60,
                    "date": self.today - timedelta(days=1),
                    "memo": "Transfer 7",
                    "billing_mode": "bank",
                    "billing_reference": "Transfer 7",
                }
            ],
        )
        self.assertEqual(noted, [payment])
        self.assertEqual(self.invoice.amount_residual, 40)

    def test_all_that_is_owed_today(self):
        payment = self.invoice._billing_pay("cash")
        self.assertEqual((payment.amount, payment.date), (100, self.today))
        self.assertEqual(payment.memo, self.invoice.name)
        self.assertEqual(self.invoice.billing_state, "paid")

    def test_oldest_first_in_whatever_order(self):
        """F152, F205"""
        older = self._bill_one(30, date_due=self.today - timedelta(days=9))
        payment = (self.invoice + older)._billing_pay("cash", 50)
        self.assertEqual(len(payment), 1)
        self.assertEqual(older.billing_state, "paid")
        self.assertEqual(self.invoice.amount_residual, 80)

    def test_what_is_refused_changes_nothing(self):
        other = self.env["res.partner"].create({"name": "Bolt"})
        theirs = self._bill_one(5, partner=other)
        paid = self._bill_one(7)
        paid._billing_pay("cash")
        for invoices, amount, message in (
            (self.invoice, 100.01, "more than the"),
            (self.invoice, 0, "Enter the amount"),
            (self.invoice, 10.005, "more decimals"),
            (self.invoice | theirs, 5, "one customer"),
            (paid, None, "it is paid"),
            (paid.browse(), None, "at least one invoice"),
        ):
            with (
                self.subTest(message),
                self.assertRaisesRegex(UserError, message),
                savepoint(self.env),
            ):
                invoices._billing_pay("cash", amount)
        self.assertEqual(self._get_payments().mapped("amount"), [7])
        self.assertEqual(self.invoice.amount_residual, 100)

    def test_who_may_not_write_an_invoice_pays_none(self):
        """F193"""
        for user in (self.outsider, self.portal):
            with self.assertRaises(AccessError), mute_logger("odoo.models"):
                self.invoice.with_user(user)._billing_pay("cash")

    # === Credit on file === #

    def test_credit(self):
        """F154"""
        self._bill(self._create_credit(30))
        self.assertEqual(self.invoice._billing_get_usable_credit(), 30)
        with self.assertRaisesRegex(UserError, "most that fits"):
            self.invoice._billing_use_credit(20)
        self.assertEqual(self.invoice._billing_use_credit(), 30)
        self.assertEqual(self.invoice.amount_residual, 70)
        with self.assertRaisesRegex(UserError, "no credit on file"):
            self.invoice._billing_use_credit()
        self.assertFalse(self._get_payments())

    def test_credit_in_each_currency(self):
        """F152"""
        euro = self.setup_other_currency("EUR", rates=[("2016-01-01", 0.5)])
        in_euro = self._bill_one(8, currency_id=euro.id)
        self._bill(self._create_credit(30))
        self._bill(self._create_credit(5, currency_id=euro.id))
        used = self.customer._billing_reconcile()
        self.assertEqual(used, {self.currency: 30, euro: 5})
        self.assertEqual(self.invoice.amount_residual, 70)
        self.assertEqual(in_euro.amount_residual, 3)
        self.assertEqual(self.customer._billing_reconcile(), {})

    def test_only_staff_use_credit(self):
        """F193"""
        self._bill(self._create_credit(30))
        for user in (self.outsider, self.portal):
            with self.assertRaises(AccessError), mute_logger("odoo.models"):
                self.customer.with_user(user).action_billing_reconcile()
        self.customer.with_user(self.staff).action_billing_reconcile()
        self.assertEqual(self.invoice.amount_residual, 70)

    # === Giving back === #

    def test_pay_back(self):
        """F176"""
        self._bill(self._create_credit(30))
        where = self.company, self.currency
        payment = self.customer._billing_pay_back("cash", 20, *where, reference="Out 1")
        self.assertRecordValues(
            payment,
            [{"payment_type": "outbound", "amount": 20, "billing_reference": "Out 1"}],
        )
        self.assertEqual(self.customer._billing_get_credit(*where), 10)
        with self.assertRaisesRegex(UserError, "more than the credit on file"):
            self.customer._billing_pay_back("cash", 10.01, *where)

    def test_pay_out_a_credit_note_of_a_contact(self):
        """F170: in the books it is the whole customer's, as the invoice is."""
        contact = self.env["res.partner"].create(
            {"name": "Jo", "parent_id": self.customer.id}
        )
        invoice = self._bill_one(20, contact)
        self.assertEqual(invoice.partner_id, contact)
        invoice._billing_pay("bank")
        note = invoice._billing_cancel_items(invoice.billing_transaction_ids)
        payment = note._billing_pay_out("cash")
        self.assertEqual((payment.amount, payment.memo), (20, note.name))
        self.assertEqual(note.amount_residual, 0)
        self.assertEqual(self._get_books_balance(), 100)
        self.assertEqual(self._get_ledger_balance(), 100)

    # === Hooks === #

    def _add_to(self, model, name):
        """Have another addon write on what the payment was for."""
        cls = type(self.env[model])
        prepare = getattr(cls, name)

        def add(records, values):
            prepared = prepare(records, values)
            self.seen.append((prepared["payment_type"], prepared["amount"]))
            return prepared | {"memo": f"{prepared['memo']}, by an addon"}

        self.seen = []
        hook = patch.object(cls, name, add)
        hook.start()
        self.addCleanup(hook.stop)

    def test_hook_is_of_all_money_by_hand(self):
        """Architecture: add values to it, once for each, in whatever dialog."""
        self._add_to("account.payment", HOOK)
        self._pay(self.invoice, mode="cash", reference="R 1", amount=40)
        self.invoice._billing_pay("cash", 20, reference="R 2")
        self._bill(self._create_credit(30))
        self.env["omni.billing.refund.wizard"].create(
            {"partner_id": self.customer.id, "reference": "R 3"}
        ).action_refund()
        expected = [("inbound", 40), ("inbound", 20), ("outbound", 30)]
        self.assertEqual(self.seen, expected)
        self.assertEqual(
            self._get_payments().mapped("memo"),
            [f"R {n}, by an addon" for n in (1, 2, 3)],
        )

    def test_hook_by_its_former_name(self):
        """Architecture: of payments that are made in the dialog."""
        self._add_to("omni.billing.payment.wizard", "_prepare_payment_values")
        self._pay(self.invoice, mode="cash", reference="R 1")
        self.assertEqual(self.seen, [("inbound", 100)])
        [payment] = self._get_payments()
        self.assertEqual(payment.memo, "R 1, by an addon")
        self.assertEqual(payment.billing_reference, "R 1")
        self.assertEqual(self.invoice.billing_state, "paid")

    # === Many invoices === #

    def test_mode_that_is_none(self):
        """A program is told, and nothing is begun."""
        with self.assertRaises(ValidationError):
            self.env["omni.billing.bulk"].create(
                {
                    "operation": "pay",
                    "mode": "iou",
                    "invoice_ids": [Command.set(self.invoice.ids)],
                }
            )

    def test_credit_of_many_customers(self):
        """F8: each invoice uses what fits; who has no credit is told."""
        other = self.env["res.partner"].create({"name": "Bolt"})
        theirs = self._bill_one(5, partner=other)
        self._bill(self._create_credit(30))
        invoices = self.invoice | theirs
        action = self._pay(invoices, mode="credit")
        bulk = self.env["omni.billing.bulk"].browse(action["params"]["bulkId"])
        errors = {row["id"]: row["error"] for row in bulk.run_step(invoices.ids)}
        self.assertFalse(errors[self.invoice.id])
        self.assertIn("no credit on file", errors[theirs.id])
        self.assertEqual(self.invoice.amount_residual, 70)
