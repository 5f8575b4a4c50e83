import base64
from datetime import timedelta

from odoo.exceptions import UserError
from odoo.service.model import call_kw
from odoo.tests import tagged
from odoo.tools import mute_logger

from . import bank
from .common import SepaCommon

#: What has a button, of orders, of what is in them, and of payments.
BUTTONS = {
    "account.payment.order": (
        *("action_billing_bank_has_file", "action_billing_bank_paid"),
        *("action_billing_recalled", "action_cancel"),
        *("cancel2draft", "draft2open", "generated2uploaded", "open2generated"),
    ),
    "account.payment": ("action_cancel", "action_draft", "action_post"),
    "account.banking.mandate": ("back2draft", "cancel", "validate"),
}
#: What the server does.
INNER = {
    "account.move": ("_billing_collect_sepa", "_billing_add_to_order"),
    "account.payment": (
        *("_billing_book_sepa", "_billing_send_back", "_cron_billing_book_sepa"),
    ),
    "account.banking.mandate": ("_billing_end",),
    "omni.billing.sepa.file": ("_take", "_book", "_leave"),
    "omni.billing.sepa.return": ("_charge_fees",),
}


@tagged("post_install", "-at_install")
class TestDoors(SepaCommon):
    """W34: what comes by other doors than ours, and who may come by ours."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.accountant = cls._create_user("sepa-art", "account.group_account_manager")
        cls.seller = cls._create_user("sepa-ivy", "account.group_account_invoice")
        # sudo: companies and users are an administrator's.
        env = cls.env(su=True)
        cls.other = env["res.company"].create({"name": "Rival"})
        cls.foreigner = cls._create_user(
            "sepa-otto", "omni_billing.omni_billing_group_manager"
        )
        cls.foreigner.sudo().write(
            {"company_ids": [(6, 0, cls.other.ids)], "company_id": cls.other.id}
        )

    def _call(self, user, record, method, *args):
        """Call a method as the web client does, which any program can."""
        model = record.env[record._name].with_user(user)
        model = model.with_company(user.company_id)
        ids = [record.ids] if record else []
        with self.env.cr.savepoint(), mute_logger("odoo.addons.base.models.ir_rule"):
            return call_kw(model, method, [*ids, *args], {})

    def _refuse(self, user, record, method, *args):
        with (
            self.subTest((user.login, record._name, method)),
            # Some are told first that there is nothing to do.
            self.assertRaises(UserError),
        ):
            self._call(user, record, method, *args)

    # === WHO MAY === #

    def test_who_has_no_business_with_debits(self):
        """W34: orders, files, mandates and returns, by whoever is not a manager."""
        invoice = self._owe(30)
        order = self._collect(invoice)
        [payment] = self._bring(order)
        file = self._import(bank.tell("pain.002.001.03", *self._say(payment)))
        left = self._collect(self._owe(12))
        records = (order, left, left.payment_line_ids, self.mandate, file, payment)
        strangers = (self.portal, self.outsider, self.foreigner)
        before = self._read_state(order | left, payment)
        for user in (*strangers, self.staff, self.accountant, self.seller):
            for record in (order, left, payment, self.mandate):
                if record._name != "account.payment" and user == self.accountant:
                    continue  # Accountants keep mandates and payments in Odoo.
                for button in BUTTONS[record._name]:
                    if user in (self.staff, self.seller, self.accountant) and (
                        record in (payment, self.mandate)
                    ):
                        continue
                    self._refuse(user, record, button)
            for model, methods in INNER.items():
                for method in methods:
                    self._refuse(user, self.env[model], method, 1)
            for record in (file, file.return_ids):
                self._refuse(user, record, "write", {"company_id": self.other.id})
                self._refuse(user, record, "unlink")
                self._refuse(user, record.browse(), "create", {})
            values = {"content": base64.b64encode(b"x"), "company_id": self.company.id}
            wizard = self.env["omni.billing.sepa.import.wizard"]
            self._refuse(user, wizard, "create", values)
        for user in strangers:
            for record in records:
                # OCA has all employees read mandates.
                if user != self.outsider or record != self.mandate:
                    self._refuse(user, record, "read", ["display_name"])
                self._refuse(user, record, "write", {"display_name": "Mine"})
                self._refuse(user, record, "unlink")
            self._refuse(user, invoice, "action_billing_collect_sepa")
        due = self._owe(5)
        for user in (self.accountant, self.seller):
            self._refuse(user, due, "action_billing_collect_sepa")
        self.assertEqual(self._read_state(order | left, payment), before)
        self.assertEqual(self.mandate.state, "valid")

    def _read_state(self, orders, payments):
        self.env.invalidate_all()
        return (
            orders.mapped("state"),
            orders.payment_line_ids.mapped("amount_currency"),
            payments.mapped("state"),
        )

    # === WHAT ACCOUNTING DID BEFORE === #

    def test_comes_back_after_it_was_undone_by_hand(self):
        """W34: by Undo, or by an entry of Accounting: it is owed once."""
        self.company.sudo().billing_sepa_line_id.group_lines = False
        self.company.sudo().billing_return_fee = 8
        invoices = self._owe(30, 12, 7)
        order = self._collect(invoices)
        payments = self._bring(order)
        with self._at(payments[0].date + timedelta(days=3)):
            order.action_billing_bank_paid()
            self.assertEqual(self._get_books_balance(), 0)
            undone, reversed_by_hand, last = payments
            undone._billing_undo("The bank called")
            wizard = self.env["account.move.reversal"].with_context(
                active_model="account.move", active_ids=reversed_by_hand.move_id.ids
            )
            wizard = wizard.with_user(self.accountant).create(
                {"journal_id": reversed_by_hand.journal_id.id}
            )
            wizard.reverse_moves()
            reversal = reversed_by_hand.move_id.reversal_move_ids
            if reversal.state == "draft":
                reversal.action_post()
            self.assertEqual(self._get_books_balance(), 42)
            content = bank.tell("camt.054.001.08", *self._say(payments))
            file = self._import(content)
            self.assertEqual((file.return_count, file.known_count), (1, 2))
            self.assertEqual(file.return_ids.payment_id, last)
            # Each is owed once; the fee is of what the file told of.
            self.assertEqual(self._get_books_balance(), 49)
            self.assertEqual(self._get_ledger_balance(), 49)
            self.assertEqual(reversed_by_hand.move_id.reversal_move_ids, reversal)
            with self.assertRaisesRegex(UserError, "Nothing was done again"):
                self._import(content)
            # What is known brings news all the same: the account is closed.
            self.assertEqual(self.mandate.state, "valid")
            told = self._say(payments, "AC04")
            later = self._import(bank.tell("pain.002.001.10", *told))
            self.assertEqual((later.return_count, later.known_count), (0, 3))
            self.assertEqual(self.mandate.state, "cancel")
        self.assertEqual(self._get_books_balance(), 49)

    # === WHAT OPERATORS SEE === #

    def test_operators_see_files_that_the_bank_does_not_have(self):
        """W34, W45: an order that is to be brought; returns of nothing here."""
        order = self._collect(self._owe(30))
        with self._at(self.today + timedelta(days=3)):
            self.assertEqual(self._look("sepa_order"), ("failing", 1))
        order.draft2open()
        [payment] = order.payment_ids
        day = payment.date
        self.assertEqual(self._look("sepa_order"), ("fine", 0))
        for days, level in ((-4, "fine"), (-3, "late"), (-2, "failing")):
            with self._at(day + timedelta(days=days)):
                self.assertEqual(self._look("sepa_order"), (level, 1))
        order.open2generated()
        with self._at(day - timedelta(days=1)):
            self.assertEqual(self._look("sepa_order"), ("failing", 1))
            order.generated2uploaded()
            self.assertEqual(self._look("sepa_order"), ("fine", 0))
        self.assertEqual(self._look("sepa_foreign"), ("fine", 0))
        told = [*self._say(payment), ("ELSEWHERE", "1.00", "EUR", "AM04")]
        self._import(bank.tell("pain.002.001.03", *told))
        self.assertEqual(self._look("sepa_foreign"), ("fine", 1))
        with self._at(self.today + timedelta(days=9)):
            self.assertEqual(self._look("sepa_foreign"), ("fine", 0))
        # A short notice is not late before it can be brought.
        self.mandate.billing_notice_days = 1
        self._collect(self._owe(5)).draft2open()
        self.assertEqual(self._look("sepa_order"), ("fine", 1))

    def _look(self, kind):
        """Return what operators see of a kind, and see that its button opens it."""
        self.env.flush_all()
        self.env.invalidate_all()
        row = self.env["omni.billing.watch"].search(
            [("kind", "=", kind), ("company_id", "=", self.company.id)]
        )
        self.assertEqual(bool(row.advice), row.level != "fine")
        opened = row.action_open()
        found = self.env[opened["res_model"]].search(opened["domain"])
        self.assertGreaterEqual(len(found), row.waiting)
        return row.level, row.waiting
