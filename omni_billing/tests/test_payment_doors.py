"""Odoo's own doors to a payment: who writes it, who gives it back (F193)."""

from contextlib import contextmanager
from unittest.mock import patch

from odoo.exceptions import AccessError, UserError
from odoo.fields import Command
from odoo.service.model import call_kw
from odoo.tests import tagged
from odoo.tools import mute_logger

from odoo.addons.omni_billing.tools.write_guard import trust

from .card_common import CardCommon


@tagged("post_install", "-at_install")
class TestPaymentDoors(CardCommon):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.manager = cls._create_user(
            "refunds", "omni_billing.omni_billing_group_manager"
        )
        cls.clerk = cls._create_user("clerk", "account.group_account_invoice")
        cls.accountant = cls._create_user(
            "books", "account.group_account_manager,account.group_account_user"
        )
        cls.administrator = cls._create_user(
            "settings", "base.group_system,account.group_account_invoice"
        )
        cls.without_refunds = cls.staff + cls.clerk + cls.accountant + cls.administrator
        cls.people = cls.without_refunds + cls.manager

    def setUp(self):
        super().setUp()
        self.invoice = self._bill_amounts(100, tax_ids=self.tax_10)
        # sudo: the attempt is the server's.
        self.payment = self.invoice._billing_charge(self.card).sudo(False)
        self.assertEqual(self.payment.sudo().state, "done")
        self.env.flush_all()

    def _call(self, user, records, method, *args, **kwargs):
        """Call as any program with a login does."""
        self.env.invalidate_all()
        called = records.with_env(self.env(user=user, su=False))
        return call_kw(called.browse(), method, [records.ids, *args], kwargs)

    def _create(self, user, model, values, **kwargs):
        self.env.invalidate_all()
        Model = self.env(user=user, su=False)[model]
        return Model.sudo().browse(call_kw(Model, "create", [[values]], kwargs))

    def _read_row(self):
        self.env.flush_all()
        self.env.cr.execute(
            "SELECT * FROM payment_transaction WHERE id = %s", [self.payment.id]
        )
        return self.env.cr.dictfetchone()

    @contextmanager
    def _refused(self, error=UserError, message="."):
        """Expect a refusal; money, books and payment are as before."""
        before = self._read_row(), self.gateway.taken, self._get_books_balance()
        with (
            self.assertRaises(error) as caught,
            mute_logger("odoo.addons.base.models.ir_rule", "odoo.models.unlink"),
        ):
            yield
        self.assertRegex(str(caught.exception), message)
        self.env.invalidate_all()
        after = self._read_row(), self.gateway.taken, self._get_books_balance()
        self.assertEqual(after, before)

    # === Refunds === #

    def test_refund_of_odoo_asks_for_the_right_to_refund(self):
        for user in self.without_refunds:
            with self.subTest(user.login, door="action"), self._refused(AccessError):
                self._call(user, self.payment, "action_refund", 10)
            with self.subTest(user.login, door="dialog"), self._refused(AccessError):
                dialog = self._create(
                    user,
                    "payment.refund.wizard",
                    {"payment_id": self.payment.payment_id.id, "amount_to_refund": 10},
                )
                self._call(user, dialog, "action_refund")
        for user in (self.outsider, self.portal):
            with self.subTest(user.login), self._refused(AccessError):
                self._call(user, self.payment, "action_refund", 10)
        self.assertFalse(self.payment.sudo().child_transaction_ids)

    def test_managers_refund_by_odoo_s_doors_as_by_ours(self):
        """Credit note, attempt, ledger: nothing is owed again."""
        self._call(self.manager, self.payment, "action_refund", 33)
        dialog = self._create(
            self.manager,
            "payment.refund.wizard",
            {"payment_id": self.payment.payment_id.id, "amount_to_refund": 11},
        )
        self._call(self.manager, dialog, "action_refund")
        self.assertEqual(self.gateway.taken, 6600)
        notes = self.invoice.reversal_move_ids.sorted("id")
        self.assertEqual(notes.mapped("amount_total"), [33, 11])
        self.assertEqual(notes.mapped("amount_residual"), [0, 0])
        self.assertEqual(self.invoice.amount_residual, 0)
        self.assertEqual(self._get_books_balance(), 0)
        self.assertEqual(self._get_ledger_balance(), 0)
        refunds = self.payment.sudo().child_transaction_ids
        self.assertTrue(all(refunds.mapped("billing_key")))
        with self._refused():
            self._call(self.manager, self.payment, "action_refund", 66.01)
        with self._refused():
            self._call(self.manager, refunds[0].sudo(False), "action_refund", 1)

    def test_a_lost_answer_of_a_refund_is_no_second_refund(self):
        self.gateway.lose(is_executed=True)
        self._call(self.manager, self.payment, "action_refund", 33)
        self.assertTrue(self.invoice.billing_attempt_id)
        self.env["payment.transaction"].sudo()._cron_billing_resolve()
        self.assertEqual(self.gateway.taken, 7700)
        self.assertEqual(self.invoice.reversal_move_ids.amount_total, 33)
        self.assertEqual(self._get_books_balance(), 0)

    def test_the_payment_that_was_meant_is_refunded(self):
        invoice = self._bill_amounts(100)
        first = invoice._billing_charge(self.card, 40).sudo(False)
        second = invoice._billing_charge(self.card, 60).sudo(False)
        self._call(self.manager, second, "action_refund", 50)
        self.assertFalse(first.sudo().child_transaction_ids)
        self.assertEqual(second.sudo().child_transaction_ids.amount, -50)
        with self._refused():
            self._call(self.manager, second, "action_refund", 11)

    def test_payment_of_several_invoices_is_refunded_from_an_invoice(self):
        invoices = self._bill_amounts(40, 60)
        payment = invoices._billing_charge(self.card).sudo(False)
        with self._refused(message="Open the invoice"):
            self._call(self.manager, payment, "action_refund", 10)

    def test_button_on_a_payment_opens_our_dialog(self):
        action = self._call(
            self.manager,
            self.payment.sudo().payment_id.sudo(False),
            "action_refund_wizard",
        )
        self.assertEqual(action["res_model"], "omni.billing.card.refund.wizard")

    def test_managers_refund_what_another_provider_took(self):
        """It has a credit note, too."""
        invoice = self._bill_amounts(50)
        payment = self._pay_elsewhere(invoice)
        for user in self.without_refunds:
            with self.subTest(user.login), self.assertRaises(AccessError):
                self._call(user, payment, "action_refund", 20)
        self._call(self.manager, payment, "action_refund", 20)
        refund = payment.sudo().child_transaction_ids
        refund._set_done()
        refund._post_process()
        self.assertEqual(invoice.reversal_move_ids.amount_total, 20)
        self.assertEqual(self._get_books_balance(), 0)

    def _copy_other(self):
        """Return a provider that is not Stripe, with a journal."""
        journal = self.company_data["default_journal_bank"]
        provider = self._copy_provider(name="Other", journal_id=journal.id)
        provider.code = "none"
        return provider

    def _pay_elsewhere(self, invoice):
        provider = self._copy_other()
        payment = self._begin_online(invoice, provider_id=provider.id)
        payment._set_done()
        payment._post_process()
        self.assertEqual(invoice.billing_state, "paid")
        return payment.sudo(False)

    # === Captures === #

    def _authorize(self, invoice, amount=None):
        """Have a payment that is to be captured by hand."""
        self.provider.payment_method_ids = self.method
        self.provider.capture_manually = True
        payment = self._begin_online(
            invoice,
            amount=amount or invoice.amount_residual,
            provider_reference="pi_held",
        )
        payment._set_authorized()
        self.env.flush_all()
        return payment.sudo(False)

    def test_what_was_authorized_is_staff_s_to_take_or_to_give_up(self):
        invoice = self._bill_amounts(50)
        payment = self._authorize(invoice)
        for user in (self.clerk, self.accountant, self.administrator, self.outsider):
            for records, method in (
                (payment, "action_capture"),
                (payment, "action_void"),
                (invoice, "payment_action_capture"),
                (invoice, "payment_action_void"),
            ):
                with (
                    self.subTest(user.login, method=method),
                    self._refused(AccessError),
                ):
                    self._call(user, records, method)
        with self.subTest("dialog"), self._refused(AccessError):
            dialog = self._create(
                self.clerk,
                "payment.capture.wizard",
                {"transaction_ids": [Command.set(payment.ids)]},
            )
            self._call(self.clerk, dialog, "action_capture")
        self.assertFalse(payment.sudo().child_transaction_ids)
        with self._answering():
            self._call(self.staff, payment, "action_void")
        self.assertEqual(payment.sudo().child_transaction_ids.state, "draft")

    def test_no_more_is_captured_than_is_owed(self):
        invoice = self._bill_amounts(50)
        self._pay(invoice, amount=20, mode="cash")
        payment = self._authorize(invoice, 50)
        with self._refused(message="left to pay"), self._answering():
            self._call(self.staff, payment, "action_capture")

    def test_nothing_is_captured_beside_a_charge(self):
        invoice = self._bill_amounts(50)
        payment = self._authorize(invoice)
        trust(invoice).billing_attempt_id = self.payment
        with self._refused(message="under way"), self._answering():
            self._call(self.staff, payment, "action_capture")

    @contextmanager
    def _answering(self):
        """Take the calls that Odoo's own code would make to Stripe."""
        Transaction = type(self.env["payment.transaction"])
        with (
            self._patch(Transaction, "_send_capture_request"),
            self._patch(Transaction, "_send_void_request"),
        ):
            yield

    def _patch(self, model, name):
        return patch.object(model, name, lambda _self: None)

    # === Who writes === #

    def test_nobody_writes_a_payment_of_ours(self):
        """Each field of it, by each kind of user."""
        fields = self.payment.sudo()._fields
        for name, field in sorted(fields.items()):
            if name in ("id", "create_uid", "create_date", "write_uid", "write_date"):
                continue
            if not field.store and not field.inverse:
                continue
            old = self.payment.sudo()[name]
            if field.type == "many2one":
                value = (old.id or 0) + 1
            elif field.type in ("one2many", "many2many"):
                value = [Command.clear()]
            else:
                value = {
                    "state": "error",
                    "amount": 1,
                    "operation": "refund",
                    "last_state_change": "2001-01-01 00:00:00",
                    "partner_lang": False,
                }.get(name, not old if field.type == "boolean" else "forged")
            with self.subTest(name), self._refused(AccessError):
                self._call(self.staff, self.payment, "write", {name: value})
        for user in self.people:
            for values in (
                {"state": "pending"},
                {"amount": 1},
                {"billing_is_open": True},
                {"billing_key": "forged"},
                {"provider_reference": "pi_forged"},
                {"invoice_ids": [Command.clear()]},
            ):
                with (
                    self.subTest(user.login, values=values),
                    self._refused(AccessError),
                ):
                    self._call(user, self.payment, "write", values)
            with self.subTest(user.login, door="unlink"), self._refused():
                self._call(user, self.payment, "unlink")

    def test_payments_are_not_linked_otherwise(self):
        """From the other side of a link."""
        other = self._bill_amounts(7)
        update = Command.update(self.payment.id, {"amount": 1})
        for user in self.people:
            for command in (Command.link(self.payment.id), update):
                with self.subTest(user.login, command=command), self._refused():
                    self._call(user, other, "write", {"transaction_ids": [command]})
            with self.subTest(user.login, command="clear"), self._refused():
                self._call(
                    user, self.invoice, "write", {"transaction_ids": [Command.clear()]}
                )
            money = {"amount": 7, "partner_id": self.customer.id}
            with self.subTest(user.login, door="payment"), self._refused(AccessError):
                self._create(
                    user,
                    "account.payment",
                    {**money, "payment_transaction_id": self.payment.id},
                )
            with self.subTest(user.login, door="unlinked"), self._refused():
                self._call(
                    user,
                    self.payment.sudo().payment_id.sudo(False),
                    "write",
                    {"payment_transaction_id": False},
                )
        self.assertEqual(other.billing_state, "unpaid")

    def test_nobody_makes_up_a_payment(self):
        """Of an invoice of ours, or at Stripe; nor one that becomes so."""
        invoice = self._bill_amounts(50)
        values = {
            "provider_id": self.provider.id,
            "payment_method_id": self.method.id,
            "reference": "forged",
            "amount": 50,
            "currency_id": self.currency.id,
            "partner_id": self.customer.id,
            "operation": "online_direct",
            "state": "done",
        }
        other = self._copy_other()
        paid = {"invoice_ids": [Command.set(invoice.ids)]}
        for user in self.people:
            for forged in (
                values,
                values | paid,
                values | paid | {"provider_id": other.id},
                values | {"provider_id": other.id, "billing_key": "forged"},
                values
                | {"provider_id": other.id, "source_transaction_id": self.payment.id},
            ):
                with (
                    self.subTest(user.login, forged=forged),
                    self._refused(AccessError),
                ):
                    self._create(user, "payment.transaction", dict(forged))
        self.env["payment.transaction"].sudo()._cron_post_process()
        self.assertEqual(invoice.billing_state, "unpaid")

    def test_what_others_pay_stays_as_odoo_has_it(self):
        """A payment that has nothing to do with invoices, at another provider."""
        other = self._copy_other()
        payment = self._create(
            self.administrator,
            "payment.transaction",
            {
                "provider_id": other.id,
                "payment_method_id": self.method.id,
                "reference": "event-ticket",
                "amount": 5,
                "currency_id": self.currency.id,
                "partner_id": self.customer.id,
            },
        )
        self._call(self.clerk, payment, "write", {"state_message": "By phone"})
        self.assertEqual(payment.state_message, "By phone")

    def test_booking_again_books_nothing(self):
        """Odoo has a button for it."""
        self.invoice._billing_refund(33)
        refund = self.payment.sudo().child_transaction_ids.sudo(False)
        before = self._get_books_balance()
        for user in (self.clerk, self.manager):
            for records in (refund, self.payment):
                self._call(user, records, "action_post_process")
        refund.sudo()._post_process()
        self.assertEqual(len(self.invoice.reversal_move_ids), 1)
        self.assertEqual(self._get_books_balance(), before)
        payments = self.env["account.payment"].search(
            [("partner_id", "=", self.customer.id)]
        )
        self.assertEqual(len(payments), 2)
