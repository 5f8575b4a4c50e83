"""Cheques: of today, post-dated, deposited once, bounced with a fee (F151)."""

from datetime import timedelta

from psycopg2 import IntegrityError

from odoo.exceptions import AccessError, UserError
from odoo.fields import Command
from odoo.tests import Form, freeze_time, tagged
from odoo.tools import mute_logger

from .card_common import CardCommon

REFUSED = "You cannot cancel this transaction. Its state does not allow it."


class ChequeCommon(CardCommon):
    def setUp(self):
        super().setUp()
        self.Cheque = self.env["omni.billing.cheque"]
        self.invoice = self._bill_amounts(100)
        self.later = self.today + timedelta(days=10)

    def _take(self, *cheques, invoices=None, context=None, **values):
        """Take cheques in the payment dialog: (number, date, amount); return them."""
        before = self.Cheque.search([])
        wizard = self.env["omni.billing.payment.wizard"].with_user(self.staff)
        wizard = wizard.with_context(**(context or {})).create(
            {
                "invoice_ids": [Command.set((invoices or self.invoice).ids)],
                "mode": "cheque",
                "cheque_line_ids": [
                    Command.clear(),
                    *(
                        Command.create(
                            {"number": number, "date": day, "amount": amount}
                        )
                        for number, day, amount in cheques
                    ),
                ],
            }
            | values
        )
        self.answer = wizard.action_pay()
        return self.Cheque.search([]) - before

    def _take_one(self, amount=100, later=0, number="000101", **values):
        day = self.today + timedelta(days=later)
        return self._take((number, day, amount), **values)

    def _bounce(self, cheque, user=None, **values):
        action = cheque.with_user(user or self.staff).action_open_bounce()
        wizard = self.env[action["res_model"]].with_user(user or self.staff)
        wizard = wizard.with_context(**action["context"])
        return wizard.create({"reason": "No funds"} | values).action_bounce()

    def _on(self, day):
        return freeze_time(f"{day} 12:00:00")

    def _check_balances(self, expected):
        self.assertEqual(self._get_books_balance(), expected)
        self.assertEqual(self._get_ledger_balance(), expected)

    def _find_todo(self, kind):
        self.env.flush_all()
        Todo = self.env["omni.billing.todo"]
        Todo.invalidate_model()
        return Todo.search([("kind", "=", kind)])


@tagged("post_install", "-at_install")
class TestCheque(ChequeCommon):
    # === OF TODAY === #

    def test_of_today_it_is_money_at_once(self):
        """F151: with number and date; booked on the bank's outstanding receipts."""
        cheque = self._take_one()
        payment = cheque.payment_id
        self.assertRecordValues(
            cheque,
            [
                {
                    "number": "000101",
                    "date": self.today,
                    "amount": 100,
                    "state": "received",
                    "partner_id": self.customer.id,
                    "invoice_ids": self.invoice.ids,
                    "company_id": self.company.id,
                }
            ],
        )
        self.assertRecordValues(
            payment,
            [
                {
                    "billing_mode": "cheque",
                    "billing_reference": "000101",
                    "amount": 100,
                    "date": self.today,
                }
            ],
        )
        self.assertEqual(payment.journal_id.type, "bank")
        self.assertEqual(self.invoice.billing_state, "paid")
        self.assertEqual(self.invoice.billing_payment_reference, "000101")
        self._check_balances(0)

    def test_journal_of_cheques(self):
        journal = self.env["account.journal"].create(
            {"name": "Cheques", "code": "CHQ", "type": "bank"}
        )
        self.company.billing_cheque_journal_id = journal
        self.assertEqual(self._take_one().payment_id.journal_id, journal)

    def test_one_of_an_earlier_day_is_booked_today(self):
        cheque = self._take_one(later=-3)
        self.assertEqual(
            (cheque.state, cheque.payment_id.date), ("received", self.today)
        )

    def test_deposit(self):
        cheque = self._take_one()
        row = self._find_todo("cheque")
        self.assertEqual((row.res_id, row.amount, row.turn), (cheque.id, 100, "staff"))
        self.assertIn("000101", row.reason)
        cheque.with_user(self.staff).action_deposit()
        self.assertEqual((cheque.state, cheque.deposit_date), ("deposited", self.today))
        self.assertFalse(self._find_todo("cheque"))
        self.assertEqual(len(self.invoice.billing_receipt_ids), 1)
        self._check_balances(0)

    # === POST-DATED === #

    def test_post_dated_books_nothing_before_its_day(self):
        """F151, F148: it is kept, on the plan of the invoice, and not overdue."""
        cheque = self._take_one(later=10)
        self.assertEqual((cheque.state, cheque.payment_id.id), ("kept", False))
        self.assertEqual(self.invoice.billing_state, "unpaid")
        self._check_balances(100)
        [planned] = self.invoice.billing_installment_ids
        self.assertEqual(
            (planned.date, planned.amount, planned.cheque_id, planned.is_by_card),
            (self.later, 100, cheque, False),
        )
        self.assertTrue(self.invoice.billing_is_planned)
        self.assertFalse(self._find_todo("cheque"))
        with self.assertRaisesRegex(UserError, "post-dated"):
            cheque.with_user(self.staff).action_deposit()
        self._check_balances(100)

    def test_post_dated_is_deposited_on_its_day(self):
        cheque = self._take_one(later=10)
        with self._on(self.later):
            # sudo: as the job, which leaves it alone.
            self.env["omni.billing.installment"].sudo()._cron_charge()
            self.assertEqual(self._find_todo("cheque").res_id, cheque.id)
            self.assertFalse(self._find_todo("expected"))
            self._find_todo("cheque").with_user(self.staff).action_deposit()
            self.assertEqual(cheque.state, "deposited")
            self.assertEqual(cheque.payment_id.date, self.later)
            self.assertEqual(self.invoice.billing_state, "paid")
            [planned] = self.invoice.billing_installment_ids
            self.assertEqual((planned.charge_state, planned.paid_amount), ("paid", 100))
            self._check_balances(0)
            self.assertFalse(self._find_todo("cheque"))

    def test_who_keeps_cheques_is_not_reminded_even_if_staff_forget(self):
        """It is a plan that the customer keeps: reminders wait until it bounces."""
        cheque = self._take_one(later=10)
        day = self.later + timedelta(days=20)
        with self._on(day):
            self.env["omni.billing.installment"].sudo()._cron_charge()  # sudo: a job
            Move = self.env["account.move"]
            domain = Move._billing_get_remindable_domain(self.company)
            self.assertFalse(self.invoice.filtered_domain(domain))
            cheque.action_deposit()
            self._bounce(cheque)
            self.assertTrue(self.invoice.filtered_domain(domain))

    def test_twelve_at_once(self):
        """F151: number, date and amount of each are proposed, and can be changed."""
        invoice = self._bill_amounts(1000)
        context = invoice.action_billing_pay()["context"]
        Wizard = self.env["omni.billing.payment.wizard"].with_user(self.staff)
        with Form(Wizard.with_context(**context)) as form:
            form.mode = "cheque"
            form.cheque_number = "A-000099"
            form.cheque_date = "2099-01-31"
            form.cheque_count = 12
            lines = form.cheque_line_ids
            self.assertEqual(len(lines), 12)
            with lines.edit(11) as line:
                self.assertEqual(line.number, "A-000110")
                self.assertEqual(str(line.date), "2099-12-31")
                self.assertEqual(line.amount, 83.37)
            with lines.edit(1) as line:
                self.assertEqual(str(line.date), "2099-02-28")
                line.number = "B-7"
        form.record.action_pay()
        cheques = self.Cheque.search([("invoice_ids", "in", invoice.ids)])
        self.assertEqual(len(cheques), 12)
        self.assertAlmostEqual(sum(cheques.mapped("amount")), 1000)
        self.assertIn("B-7", cheques.mapped("number"))
        self.assertEqual(len(invoice.billing_installment_ids), 12)
        self.assertTrue(invoice.billing_is_planned)

    def test_some_of_today_some_later(self):
        cheques = self._take(("1", self.today, 40), ("2", self.later, 60))
        self.assertEqual(set(cheques.mapped("state")), {"received", "kept"})
        self.assertEqual(self.invoice.amount_residual, 60)
        self.assertTrue(self.invoice.billing_is_planned)

    def test_over_several_invoices(self):
        """The oldest first, in the plan as in the books."""
        other = self._bill_amounts(50)
        invoices = self.invoice + other
        cheques = self._take(
            ("1", self.later, 70), ("2", self.later, 80), invoices=invoices
        )
        self.assertEqual(
            self.invoice.billing_installment_ids.mapped("amount"), [70, 30]
        )
        self.assertEqual(other.billing_installment_ids.mapped("amount"), [50])
        with self._on(self.later):
            cheques[0].action_deposit()
            first = min(cheques, key=lambda cheque: cheque.number)
            rest = cheques - cheques[0]
            rest.action_deposit()
            self.assertEqual(set(invoices.mapped("billing_state")), {"paid"})
            self.assertEqual(first.payment_id.amount, 70)
            self._check_balances(0)

    # === NOT TWICE === #

    def test_never_deposited_twice(self):
        """Promise 1: sent again, it answers as the first time."""
        cheque = self._take_one(later=10)
        with self._on(self.later):
            first = cheque.action_deposit()
            payment = cheque.payment_id
            again = cheque.action_deposit()
            self.assertEqual(first, again)
            self.assertEqual(cheque.payment_id, payment)
            self.assertEqual(len(self.invoice.billing_receipt_ids), 1)
            self._check_balances(0)

    def test_dialog_that_is_sent_again_takes_no_second_cheque(self):
        values = {"external_ref": "till-1"}
        cheque = self._take_one(40, **values)
        self.assertFalse(self._take_one(40, **values))
        self.assertEqual(len(self.Cheque.search([])), len(cheque))
        self._check_balances(60)
        with self.assertRaisesRegex(UserError, "another payment"):
            self._take_one(41, **values)

    def test_same_number_is_the_same_cheque(self):
        self._take_one(40)
        with self.assertRaisesRegex(UserError, "000101"):
            self._take_one(40)
        with self.assertRaisesRegex(UserError, "twice"):
            self._take(("7", self.today, 10), ("7", self.later, 10))
        self._check_balances(60)

    def test_payment_of_a_cheque_is_of_no_other(self):
        cheque = self._take_one(40)
        with (
            self.assertRaises(IntegrityError),
            mute_logger("odoo.sql_db"),
            self.env.cr.savepoint(),
        ):
            self.env.cr.execute(
                "INSERT INTO omni_billing_cheque (number, date, amount, state,"
                " payment_id, partner_id, company_id, currency_id)"
                " SELECT 'x', date, amount, state, payment_id, partner_id, company_id,"
                " currency_id FROM omni_billing_cheque WHERE id = %s",
                [cheque.id],
            )
        for state in ("deposited", "bounced", "received"):
            kept = self._take_one(1, later=10, number=state)
            with (
                self.assertRaises(IntegrityError),
                mute_logger("odoo.sql_db"),
                self.env.cr.savepoint(),
            ):
                self.env.cr.execute(
                    "UPDATE omni_billing_cheque SET state = %s WHERE id = %s",
                    [state, kept.id],
                )

    # === CANCELED UNTIL DEPOSITED === #

    def test_cancel_one_that_is_kept(self):
        cheque = self._take_one(later=10)
        cheque.with_user(self.staff).action_cancel()
        self.assertEqual(cheque.state, "canceled")
        self.assertFalse(self.invoice.billing_is_planned)
        self.assertEqual(self.invoice.billing_installment_ids.charge_state, "given_up")
        self._check_balances(100)
        with self._on(self.later), self.assertRaisesRegex(UserError, "anceled"):
            cheque.action_deposit()
        # The same cheque may come again.
        self.assertTrue(self._take_one(later=10))

    def test_cancel_one_that_is_booked(self):
        cheque = self._take_one()
        payment = cheque.payment_id
        cheque.with_user(self.staff).action_cancel()
        self.assertEqual((cheque.state, payment.state), ("canceled", "canceled"))
        self.assertEqual(self.invoice.billing_state, "unpaid")
        self._check_balances(100)
        cheque.with_user(self.staff).action_cancel()
        self._check_balances(100)

    def test_deposited_is_not_canceled(self):
        """F151: and the source's sentence says why not, at each door."""
        cheque = self._take_one()
        cheque.action_deposit()
        payment = cheque.payment_id
        state = payment.state
        doors = [
            cheque.with_user(self.staff).action_cancel,
            lambda: payment.with_user(self.staff)._billing_undo("Wrong"),
            payment.with_user(self.staff).action_billing_undo,
            payment.action_draft,
            payment.action_cancel,
            payment.action_reject,
            lambda: payment.write({"state": "canceled"}),
            lambda: payment.write({"amount": 1}),
            payment.unlink,
            payment.move_id.button_draft,
            payment.move_id.button_cancel,
        ]
        for number, door in enumerate(doors):
            with self.subTest(number), self.assertRaisesRegex(UserError, REFUSED):
                with self.env.cr.savepoint():
                    door()
        self.assertEqual((cheque.state, payment.state), ("deposited", state))
        self._check_balances(0)

    def test_payment_of_one_in_hand_is_undone_with_it(self):
        cheque = self._take_one()
        action = cheque.payment_id.with_user(self.staff).action_billing_undo()
        wizard = self.env[action["res_model"]].with_user(self.staff)
        wizard = wizard.with_context(**action["context"]).create({"reason": "Mistake"})
        wizard.action_undo()
        self.assertEqual(cheque.state, "canceled")
        self._check_balances(100)
        cheque = self._take_one()
        with self.assertRaisesRegex(UserError, "Undo"):
            cheque.payment_id.action_draft()

    def test_sentence_in_french(self):
        self.env["res.lang"]._activate_lang("fr_FR")
        cheque = self._take_one()
        cheque.action_deposit()
        with self.assertRaisesRegex(
            UserError,
            "Vous ne pouvez pas annuler cette transaction. L'état de la transaction ne"
            " permet pas son annulation.",
        ):
            cheque.with_context(lang="fr_FR").action_cancel()

    # === BOUNCED === #

    def test_bounced(self):
        cheque = self._take_one(later=10)
        with self._on(self.later):
            cheque.action_deposit()
        with self._on(self.later + timedelta(days=3)):
            self._bounce(cheque)
            self.assertEqual((cheque.state, cheque.reason), ("bounced", "No funds"))
            self.assertEqual(self.invoice.billing_state, "unpaid")
            self.assertFalse(self.invoice.billing_is_planned)
            self.assertEqual(cheque.payment_id.state, "canceled")
            self._check_balances(100)
            self.assertFalse(cheque.fee_id)
            row = self._find_todo("bounced")
            self.assertEqual((row.res_id, row.amount), (cheque.id, 100))
            self.assertIn("No funds", row.reason)
            with self.assertRaisesRegex(UserError, "deposited"):
                self._bounce(cheque)
            self._pay(self.invoice, mode="cash")
            self.assertFalse(self._find_todo("bounced"))

    def test_bounced_after_the_bank_statement_told_of_it(self):
        """The usual case: the deposit is matched, then the bank takes it back."""
        cheque = self._take_one()
        cheque.action_deposit()
        payment = cheque.payment_id
        statement = self.env["account.bank.statement.line"].create(
            {
                "journal_id": payment.journal_id.id,
                "date": self.today,
                "payment_ref": "Deposit",
                "amount": 100,
            }
        )
        liquidity, _receivable, _other = payment._seek_for_lines()
        _bank, suspense, _rest = statement._seek_for_lines()
        suspense.account_id = liquidity.account_id
        (suspense + liquidity).reconcile()
        matched = liquidity.matched_debit_ids + liquidity.matched_credit_ids
        self._bounce(cheque)
        self.assertEqual(cheque.state, "bounced")
        self.assertEqual(self.invoice.billing_state, "unpaid")
        self._check_balances(100)
        reversal = payment.billing_undo_move_id
        self.assertEqual(reversal.state, "posted")
        # What the bank takes back is open, for the line of its statement.
        opened = reversal.line_ids.filtered(
            lambda line: line.account_id == liquidity.account_id
        )
        self.assertEqual(opened.amount_residual, -100)
        self.assertEqual(suspense.matching_number, liquidity.matching_number)
        self.assertTrue(matched.exists())

    def test_fee_of_the_company(self):
        """A charge of its own, without arithmetic of ours."""
        self.company.billing_cheque_fee = 25
        cheque = self._take_one()
        cheque.action_deposit()
        self._bounce(cheque)
        fee = cheque.fee_id
        self.assertRecordValues(
            fee,
            [
                {
                    "retail_cost": 25,
                    "amount_total": 25,
                    "transaction_type": "charge",
                    "state": "unbilled",
                    "partner_id": self.customer.id,
                }
            ],
        )
        self.assertIn("000101", fee.name)
        again = self._take_one(number="2")
        again.action_deposit()
        self._bounce(again, is_fee=False)
        self.assertFalse(again.fee_id)
        third = self._take_one(number="3")
        third.action_deposit()
        self._bounce(third, fee_amount=7)
        self.assertEqual(third.fee_id.retail_cost, 7)

    def test_bounced_needs_a_reason_and_a_deposit(self):
        cheque = self._take_one()
        with self.assertRaisesRegex(UserError, "deposited"):
            self._bounce(cheque)
        cheque.action_deposit()
        with self.assertRaisesRegex(UserError, "why"):
            self._bounce(cheque, reason=" ")
        self._check_balances(0)

    def test_bounced_of_several_invoices(self):
        """The row is of all that it paid, and so is what is done there."""
        other = self._bill_amounts(50)
        cheque = self._take_one(120, invoices=self.invoice + other)
        cheque.action_deposit()
        self._bounce(cheque)
        row = self._find_todo("bounced")
        self.assertEqual((len(row), row.amount), (1, 120))
        for action in (row.action_promise(), row.action_pay_manually()):
            self.assertEqual(
                set(action["context"]["default_invoice_ids"]),
                set((self.invoice + other).ids),
            )
        row.action_give_up()
        self.assertFalse(self._find_todo("bounced"))
        self._check_balances(150)

    # === WHAT HAPPENS MEANWHILE === #

    def test_paid_otherwise_meanwhile(self):
        """It can be given back; who deposits it all the same has credit on file."""
        cheque = self._take_one(later=10)
        self._pay(self.invoice, mode="cash", amount=70)
        with self._on(self.later):
            cheque.action_deposit()
            self.assertEqual(self.invoice.billing_state, "paid")
            self._check_balances_of_credit(70)

    def _check_balances_of_credit(self, credit):
        self.assertEqual(self._get_books_balance(), -credit)
        self.assertEqual(
            self.customer._billing_get_credit(self.company, self.currency), credit
        )

    def test_void_invoice(self):
        """Nothing is owed: the row says so, and it is given back."""
        cheque = self._take_one(later=10)
        self.invoice.action_billing_void()
        self.assertEqual(cheque.state, "kept")
        with self._on(self.later):
            self.assertIn("Nothing is owed", self._find_todo("cheque").reason)
        cheque.action_cancel()
        self.assertEqual(cheque.state, "canceled")

    def test_reversed_in_accounting_meanwhile(self):
        """Odoo's own button reverses any entry: what it paid is owed again, once."""
        bounced, in_hand = self._take(("1", self.today, 60), ("2", self.today, 40))
        bounced.action_deposit()
        for cheque in (bounced, in_hand):
            entry = cheque.payment_id.move_id
            dialog = self.env["account.move.reversal"].with_context(
                active_model="account.move", active_ids=entry.ids
            )
            dialog.create({"journal_id": entry.journal_id.id}).reverse_moves()
        self._check_balances(100)
        with self.assertRaisesRegex(UserError, "undone already"):
            in_hand.payment_id.with_user(self.staff).action_billing_undo()
        with self.assertRaisesRegex(UserError, "reversed in Accounting"):
            in_hand.with_user(self.staff).action_deposit()
        in_hand.with_user(self.staff).action_cancel()
        self._bounce(bounced)
        self.assertEqual((bounced.state, in_hand.state), ("bounced", "canceled"))
        self._check_balances(100)
        self.assertTrue(self._take_one(40, number="2"))
        self._check_balances(60)

    def test_planned_payment_of_a_cheque_is_the_cheque_s(self):
        cheque = self._take_one(later=10)
        planned = self.invoice.billing_installment_ids.with_user(self.staff)
        for door in (planned.action_cancel, planned.action_pay_manually):
            with self.assertRaisesRegex(UserError, "000101"):
                door()
        self.assertEqual((cheque.state, planned.charge_state), ("kept", "due"))

    def test_merged_customers(self):
        """Odoo merges contacts by SQL."""
        cheque = self._take_one(later=10)
        other = self.env["res.partner"].create({"name": "Acme 2", "is_company": True})
        # sudo: merging is an administrator's.
        merge = self.env["base.partner.merge.automatic.wizard"].sudo().create({})
        merge._merge((self.customer + other).ids, other)
        self.env.invalidate_all()
        self.assertEqual(cheque.partner_id, other)
        with self._on(self.later):
            cheque.action_deposit()
            self.assertEqual(cheque.payment_id.partner_id, other)
            self.assertEqual(self.invoice.billing_state, "paid")

    def test_what_cannot_be_taken(self):
        for message, cheques in (
            ("number", [("", self.today, 10)]),
            ("more than", [("1", self.today, 101)]),
            ("more than", [("1", self.today, 60), ("2", self.later, 60)]),
            ("Enter the amount", [("1", self.today, 0)]),
            ("at least one", []),
        ):
            with self.subTest(message), self.assertRaisesRegex(UserError, message):
                with self.env.cr.savepoint():
                    self._take(*cheques)
        with self.assertRaisesRegex(UserError, "decimals"):
            self.Cheque._take(self.invoice, [("1", self.later, 1.001)])
        self._take_one(70, later=10)
        with self.assertRaisesRegex(UserError, "more than"):
            self._take_one(40, later=10, number="2")
        self.assertEqual(len(self.Cheque.search([])), 1)
        self._check_balances(100)

    def test_closed_period(self):
        cheque = self._take_one(later=10)
        with self._on(self.later):
            self.company.fiscalyear_lock_date = self.later
            with self.assertRaises(UserError):
                with self.env.cr.savepoint():
                    cheque.action_deposit()
            self.assertEqual(cheque.state, "kept")

    def test_of_several_customers_each_for_itself(self):
        other = self.env["res.partner"].create({"name": "Other"})
        theirs = self._create_transaction(10, partner_id=other.id)
        theirs = self._bill(theirs, partner_id=other.id)
        with self.assertRaisesRegex(UserError, "one customer after the other"):
            self._take_one(10, invoices=self.invoice + theirs)
        bulk = self.env["omni.billing.bulk"].create(
            {
                "operation": "pay",
                "mode": "cheque",
                "invoice_ids": [Command.set(self.invoice.ids)],
            }
        )
        [told] = bulk.run_step(self.invoice.ids)
        self.assertIn("cheque", told["error"])
        self._check_balances(100)

    def test_cheque_for_a_payment_that_was_expected(self):
        planned = self.env["omni.billing.installment"]._plan(
            self.invoice, [(self.today, 60)]
        )
        planned.sudo()._cron_charge()  # sudo: as the job.
        self.assertEqual(planned.charge_state, "failed")
        context = planned.action_pay_manually()["context"]
        self._take_one(60, installment_id=context["default_installment_id"])
        self.assertEqual(planned.charge_state, "paid")


@tagged("post_install", "-at_install")
class TestChequeDoors(ChequeCommon):
    """Promise 10: who may do what, at each door."""

    def setUp(self):
        super().setUp()
        self.cheque = self._take_one(40)
        self.kept = self._take_one(40, later=10, number="2")

    def test_nobody_writes_creates_copies_or_deletes(self):
        manager = self._create_user("chief", "omni_billing.omni_billing_group_manager")
        accountant = self._create_user("books", "account.group_account_manager")
        self.cheque.action_deposit()
        for user in (self.staff, manager, accountant, self.portal, self.outsider):
            for cheque in (self.cheque, self.kept):
                own = cheque.with_user(user)
                for door in (
                    lambda own=own: own.write({"state": "deposited"}),
                    lambda own=own: own.write({"amount": 1}),
                    own.copy,
                    own.unlink,
                    lambda own=own: own.create({"number": "9"}),
                ):
                    with self.subTest(user.login), self.assertRaises(AccessError):
                        door()

    def test_one_in_the_books_is_not_deleted_by_anybody(self):
        with self.assertRaises(UserError):
            self.cheque.sudo().unlink()  # sudo: as another addon might.

    def test_who_sees_and_acts(self):
        reader = self._create_user("reader-c", "account.group_account_readonly")
        invoicing = self._create_user("invoicing-c", "account.group_account_invoice")
        for user in (self.staff, reader, invoicing):
            self.assertEqual(self.kept.with_user(user).number, "2")
        for user in (self.portal, self.outsider):
            with self.assertRaises(AccessError):
                self.kept.with_user(user).read(["number"])
        for user in (reader, invoicing, self.portal, self.outsider):
            for name in ("action_deposit", "action_cancel", "action_open_bounce"):
                with (
                    self.subTest(user.login, name=name),
                    self.assertRaises(AccessError),
                ):
                    getattr(self.cheque.with_user(user), name)()
        self.assertEqual(self.cheque.state, "received")

    def test_other_company(self):
        other = self.env["res.company"].create({"name": "Other"})
        user = self._create_user("elsewhere", "omni_billing.omni_billing_group_manager")
        user.write({"company_ids": [Command.set(other.ids)], "company_id": other.id})
        Cheque = self.Cheque.with_user(user)
        self.assertFalse(Cheque.search([]))
        for name in ("action_deposit", "action_cancel", "action_open_bounce"):
            with self.assertRaises(AccessError):
                getattr(self.cheque.with_user(user), name)()

    def test_values_of_a_client_do_not_come_in(self):
        """A caller's context has no default for what the server makes."""
        context = {"default_state": "deposited", "default_payment_id": 1}
        cheque = self._take_one(10, number="3", context=context)
        self.assertEqual(cheque.state, "received")
