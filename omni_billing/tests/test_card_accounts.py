"""Money is booked on the receivable account of what it is for, and used up there."""

from dataclasses import replace
from unittest.mock import patch

from odoo.exceptions import UserError
from odoo.fields import Command
from odoo.tests import tagged

from .doors_common import DoorsCommon


class AccountsCommon(DoorsCommon):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.receivable = cls.company_data["default_account_receivable"]
        cls.other_receivable = cls.receivable.copy()

    def _move_customer(self):
        """From now on the customer owes on another account."""
        self.customer.property_account_receivable_id = self.other_receivable

    def _tell(self, kind, event_ref="evt_1", **obj):
        # sudo: events are the server's.
        Event = self.env["omni.billing.stripe.event"].sudo()
        event = {"id": event_ref, "type": kind, "data": {"object": obj}}
        Event._store(self.provider, event)
        Event._cron_process()

    def _get_notes(self, *records):
        # sudo: to-dos are of who has them.
        activities = [record.sudo().activity_ids for record in records]
        return " ".join(
            str(note) for each in activities for note in each.mapped("note")
        )

    def _get_booked(self):
        """Return what the payments in the books come to, in cents."""
        self.env.flush_all()
        payments = self.env["account.payment"].search(
            [
                ("partner_id", "child_of", self.customer.id),
                ("state", "in", ("in_process", "paid")),
            ]
        )
        return round(100 * sum(payments.mapped("amount_signed")))

    def _assert_agrees(self):
        """Check that the books have what Stripe has."""
        self.env.invalidate_all()
        self.assertEqual(self._get_booked(), self.gateway.taken)


@tagged("post_install", "-at_install")
class TestInvoicesOnTwoAccounts(AccountsCommon):
    """A payment is booked on one account: it cannot pay what is on another."""

    def setUp(self):
        super().setUp()
        first = self._bill_amounts(40)
        self._move_customer()
        self.invoices = first + self._bill_amounts(60)
        accounts = self.invoices._billing_get_receivable_lines().account_id
        self.assertEqual(accounts, self.receivable + self.other_receivable)

    def test_charged_together_they_are_refused(self):
        with self.assertRaisesRegex(UserError, "one receivable account"):
            self.invoices._billing_charge(self.card)
        self.assertEqual(self.gateway.taken, 0)

    def test_on_odoos_form_they_are_refused(self):
        payment = self._create_payment(
            self.invoices[0], amount=100, invoice_ids=[Command.set(self.invoices.ids)]
        )
        with self.assertRaisesRegex(UserError, "one receivable account"):
            payment._get_processing_values()
        self.assertFalse(self.api.intents)

    def test_each_is_charged_for_itself(self):
        for invoice in self.invoices:
            invoice._billing_charge(self.card)
        self.assertEqual(set(self.invoices.mapped("billing_state")), {"paid"})
        self.assertEqual(self.gateway.taken, 10000)
        self._assert_agrees()

    def test_dialog_pays_each_for_itself(self):
        wizard = self.env["omni.billing.payment.wizard"].create(
            {"invoice_ids": [Command.set(self.invoices.ids)], "mode": "stripe"}
        )
        self.assertTrue(wizard.is_bulk)
        bulk = self.env["omni.billing.bulk"].browse(
            wizard.action_pay()["params"]["bulkId"]
        )
        results = bulk.run_step(self.invoices.ids)
        self.assertFalse([result["error"] for result in results if result["error"]])
        self.assertEqual(set(self.invoices.mapped("billing_state")), {"paid"})
        self._assert_agrees()

    def test_credit_of_each_account_is_used_for_its_own(self):
        self._create_credit(70)
        self._bill()
        used = self.customer._billing_reconcile()
        self.assertEqual(used, {self.currency: 60})
        self.assertEqual(self.invoices.mapped("amount_residual"), [40, 0])

    def test_credit_that_no_unpaid_invoice_can_use_is_shown_apart(self):
        """And who looks for it is told what helps (F152, F176)."""
        self._create_credit(70)
        self._bill()
        first, second = self.invoices
        self._pay(second, mode="credit")
        self.assertEqual(self.customer.billing_credit_amount, 0)
        self.assertEqual(self.customer.billing_credit_elsewhere_amount, 10)
        action = self.customer.action_billing_reconcile()
        self.assertIn("another receivable account", action["params"]["message"])
        self.assertEqual(first.amount_residual, 40)
        wizard = self.env["omni.billing.refund.wizard"].with_context(
            **self.customer.action_billing_refund_credit()["context"]
        )
        self.assertEqual(wizard.new({}).credit_available, 10)
        # Nothing is owed any more: the next invoice may be on any account.
        self._pay(first, mode="cash")
        self.customer.invalidate_recordset()
        self.assertEqual(self.customer.billing_credit_amount, 10)
        self.assertEqual(self.customer.billing_credit_elsewhere_amount, 0)

    def _change_account(self, credit):
        """Have Odoo's wizard of journal items move credit to the invoices' account."""
        wizard = self.env["account.automatic.entry.wizard"].with_context(
            active_model="account.move.line", active_ids=credit.ids
        )
        wizard.create(
            {
                "action": "change_account",
                "destination_account_id": self.receivable.id,
                "journal_id": self.company_data["default_journal_misc"].id,
            }
        ).do_action()

    def test_an_entry_of_accounting_brings_credit_to_the_other_account(self):
        """What is owed agrees after."""
        self._create_credit(70)
        note = self._bill()
        self._pay(self.invoices[1], mode="cash")
        credit = note._billing_get_receivable_lines()
        self.assertEqual(credit.account_id, self.other_receivable)
        self._change_account(credit)
        self.assertEqual(self.customer._billing_reconcile(), {self.currency: 40})
        self.assertEqual(self.invoices[0].billing_state, "paid")
        self.customer.invalidate_recordset()
        self.assertEqual(self.customer.billing_credit_amount, 30)
        self.assertEqual(self._get_books_balance(), self._get_ledger_balance())

    def test_an_entry_of_accounting_brings_money_to_the_other_account(self):
        """Money is in the ledger from when it is used."""
        self._pay(self.invoices[1], mode="cash")
        payment = self._get_a_payment()
        credit = payment.move_id.line_ids.filtered(
            lambda line: line.account_id == self.other_receivable
        )
        self._change_account(credit)
        self.assertEqual(self.customer._billing_reconcile(), {self.currency: 1})
        self.assertEqual(self._get_books_balance(), self._get_ledger_balance())

    def test_one_invoice_on_two_accounts_is_for_accounting(self):
        halves = [
            {"value": "percent", "value_amount": 50, "nb_days": n} for n in (0, 30)
        ]
        term = self.env["account.payment.term"].create(
            {"name": "Halves", "line_ids": [Command.create(half) for half in halves]}
        )
        invoice = self.init_invoice("out_invoice", self.customer, amounts=[100])
        invoice.invoice_payment_term_id = term
        owed = invoice._billing_get_receivable_lines()
        owed[0].account_id = self.receivable
        owed[1].account_id = self.other_receivable
        invoice.action_post()
        payment = self._create_payment(invoice)
        with self.assertRaisesRegex(UserError, "account by account"):
            payment._get_processing_values()
        self.assertFalse(self.api.intents)


@tagged("post_install", "-at_install")
class TestMoneyThatPaysNoInvoice(AccountsCommon):
    """What was charged and paid no invoice is credit on file, and staff are told."""

    def test_invoice_was_paid_meanwhile(self):
        invoice = self._bill_amounts(45)
        self.gateway.lose(is_executed=True)
        invoice._billing_charge(self.card)
        Register = self.env["account.payment.register"].with_context(
            active_model="account.move",
            active_ids=invoice.ids,
            dont_redirect_to_payments=True,
        )
        journal = self.company_data["default_journal_cash"]
        Register.create({"journal_id": journal.id, "amount": 30})._create_payments()
        # sudo: jobs are the server's.
        self.env["payment.transaction"].sudo()._cron_billing_resolve()
        self.assertEqual(invoice.billing_state, "paid")
        notes = self._get_notes(invoice)
        self.assertIn("30.00", notes)
        self.assertIn("paid none of its invoices", notes)

    def test_nothing_is_told_of_what_paid_its_invoices(self):
        invoices = self._bill_amounts(40, 60)
        invoices._billing_charge(self.card)
        payment, intent = self._open_form(part := self._bill_amounts(45), amount=20)
        self.api.pay(intent)
        self._tell("payment_intent.succeeded", id=intent)
        self.assertEqual(payment.state, "done")
        self.assertFalse(self._get_notes(*invoices, part))


@tagged("post_install", "-at_install")
class TestAccountOfTheInvoice(AccountsCommon):
    """Money of an invoice is booked where the invoice is, not where the customer is."""

    def _bill_then_move(self):
        invoice = self._bill_amounts(45)
        self._move_customer()
        return invoice

    def test_refund_by_card(self):
        invoice = self._bill_amounts(45)
        invoice._billing_charge(self.card)
        self._move_customer()
        attempt = invoice._billing_refund(10)
        self.assertEqual(attempt.state, "done")
        self.assertFalse(invoice.billing_attempt_id, self._get_notes(invoice))
        self.assertFalse(self._get_notes(invoice))
        self.assertEqual(self._get_books_balance(), 0)
        self._assert_agrees()

    def test_refund_of_a_credit_note(self):
        invoice = self._bill_amounts(45)
        invoice._billing_charge(self.card)
        self._move_customer()
        note = invoice._billing_cancel_items(invoice.billing_transaction_ids)
        invoice._billing_refund(note=note)
        self.assertEqual(note.amount_residual, 0)
        self.assertFalse(invoice.billing_attempt_id, self._get_notes(invoice))
        self._assert_agrees()

    def test_refund_in_the_dashboard(self):
        invoice = self._bill_amounts(45)
        invoice._billing_charge(self.card)
        self._move_customer()
        self.gateway.add_foreign_refund("pi_0", 1000)
        self._tell("charge.refunded", id="ch_1", payment_intent="pi_0")
        self.assertEqual(self._get_books_balance(), 0)
        self.assertFalse(self._get_notes(invoice))
        self._assert_agrees()

    def test_charge(self):
        invoice = self._bill_then_move()
        invoice._billing_charge(self.card)
        self.assertEqual(invoice.billing_state, "paid")

    def test_cash(self):
        invoice = self._bill_then_move()
        self._pay(invoice, mode="cash")
        self.assertEqual(invoice.billing_state, "paid")

    def test_credit_note_given_back_in_cash(self):
        invoice = self._bill_amounts(45)
        self._pay(invoice, mode="cash")
        self._move_customer()
        note = invoice._billing_cancel_items(invoice.billing_transaction_ids)
        note._billing_pay_out("cash")
        self.assertEqual(note.amount_residual, 0)

    def test_credit_on_file_given_back_in_cash(self):
        """It is on the account of then."""
        self._create_credit(45)
        self._bill()
        self._move_customer()
        self.assertEqual(
            self.customer._billing_get_credit(self.company, self.currency), 45
        )
        self.customer._billing_pay_back("cash", 45, self.company, self.currency)
        self.assertEqual(self._get_books_balance(), 0)
        self.assertEqual(
            self.customer._billing_get_credit(self.company, self.currency), 0
        )

    def test_fiscal_position_maps_the_account(self):
        mapped = {
            "account_src_id": self.receivable.id,
            "account_dest_id": self.other_receivable.id,
        }
        self.customer.property_account_position_id = self.env[
            "account.fiscal.position"
        ].create({"name": "Abroad", "account_ids": [Command.create(mapped)]})
        invoice = self._bill_amounts(45)
        account = invoice._billing_get_receivable_lines().account_id
        self.assertEqual(account, self.other_receivable)
        self._pay(invoice, mode="cash", amount=5)
        self.assertEqual(invoice.amount_residual, 40)
        invoice._billing_charge(self.card, 20)
        invoice._billing_refund(10)
        self.assertFalse(invoice.billing_attempt_id, self._get_notes(invoice))
        self.assertEqual(self._get_books_balance(), 20)


@tagged("post_install", "-at_install")
class TestNoOutstandingAccount(AccountsCommon):
    """A full accounting app, and a journal without an account for money on its way."""

    def setUp(self):
        super().setUp()
        seam = patch.object(
            type(self.env["account.move"]),
            "_get_invoice_in_payment_state",
            lambda _self: "in_payment",
        )
        seam.start()
        self.addCleanup(seam.stop)
        self.provider._billing_ensure_method_line()
        # sudo: providers are an administrator's.
        lines = self.env["account.payment.method.line"].sudo()
        lines = lines.search([("payment_provider_id", "=", self.provider.id)])
        self.assertTrue(lines)
        lines.payment_account_id = False

    def test_charge_has_an_entry_and_is_refunded(self):
        invoice = self._bill_amounts(45)
        attempt = invoice._billing_charge(self.card)
        self.assertTrue(attempt.payment_id.move_id)
        self.assertEqual(invoice.billing_state, "paid")
        self.assertEqual(invoice._billing_get_refundable_amount(), 45)
        self.assertEqual(self._get_books_balance(), 0)
        invoice._billing_refund(10)
        self.assertEqual(self._get_books_balance(), 0)
        self._assert_agrees()

    def test_parts_are_never_more_than_is_owed(self):
        invoice = self._bill_amounts(45)
        invoice._billing_charge(self.card, 20)
        self.assertEqual(invoice.amount_residual, 25)
        payment, intent = self._open_form(invoice)
        self.api.pay(intent)
        self._tell("payment_intent.succeeded", id=intent)
        self.assertEqual(payment.state, "done")
        self.assertEqual(self.gateway.taken, 4500)
        self.assertEqual(invoice.billing_state, "paid")
        self._assert_agrees()

    def test_refund_in_the_dashboard(self):
        invoice = self._bill_amounts(45)
        invoice._billing_charge(self.card)
        self.gateway.add_foreign_refund("pi_0", 4500)
        self._tell("charge.refunded", id="ch_1", payment_intent="pi_0")
        self.assertEqual(invoice.billing_state, "refunded")
        self._assert_agrees()


@tagged("post_install", "-at_install")
class TestOtherCurrency(AccountsCommon):
    """An invoice is paid online in its own currency, and given back in it."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        rates = [("2020-01-01", 2.0)]
        cls.euro = cls.setup_other_currency("EUR", rates=rates)

    def test_saved_card_in_odoos_dialog(self):
        invoice = self._bill_amounts(100)
        with self.assertRaisesRegex(UserError, "owed in USD.* in EUR"):
            self._register(invoice, amount=200, currency_id=self.euro.id)
        self.assertEqual(self.gateway.taken, 0)

    def test_odoos_form(self):
        invoice = self._bill_amounts(100)
        payment = self._create_payment(invoice, amount=200, currency_id=self.euro.id)
        with self.assertRaisesRegex(UserError, "owed in USD.* in EUR"):
            payment._get_processing_values()
        self.assertFalse(self.api.intents)

    def test_saved_card_on_odoos_page(self):
        invoice = self._bill_amounts(100)
        payment = self._create_payment(
            invoice, amount=200, currency_id=self.euro.id, token_id=self.card.id
        )
        with self.assertRaisesRegex(UserError, "owed in USD.* in EUR"):
            payment._charge_with_token()
        self.assertEqual(self.gateway.taken, 0)

    def test_invoice_in_that_currency_is_paid_and_refunded(self):
        invoice = self._bill_amounts(100, currency_id=self.euro.id)
        payment = self._register(invoice)
        self.assertEqual(payment.currency_id, self.euro)
        self.assertEqual(invoice.billing_state, "paid")
        invoice._billing_refund(10)
        [refund] = self.gateway.refunds.values()
        self.assertEqual(refund.amount, 1000)
        self.assertEqual(invoice.reversal_move_ids.amount_total, 10)

    def _pay_as_before(self):
        """Return an invoice that was paid in euro when that was possible."""
        invoice = self._bill_amounts(100)
        Move = type(invoice)
        with (
            patch.object(Move, "_billing_check_currency"),
            patch.object(Move, "_billing_check_amount"),
        ):
            self._register(invoice, amount=200, currency_id=self.euro.id)
        self.assertEqual(invoice.billing_state, "paid")
        self.assertEqual(self.gateway.charges["pi_0"].currency, "eur")
        return invoice

    def test_what_was_paid_before_is_refunded_by_a_person(self):
        invoice = self._pay_as_before()
        with self.assertRaisesRegex(UserError, "dashboard"):
            invoice._billing_refund()
        self.assertFalse(self.gateway.refunds)
        self.gateway.add_foreign_refund("pi_0", 10000)
        self._tell("charge.refunded", id="ch_1", payment_intent="pi_0")
        refund = self.env["account.payment"].search(
            [("partner_id", "=", self.customer.id), ("payment_type", "=", "outbound")]
        )
        self.assertEqual((refund.amount, refund.currency_id), (100, self.euro))
        self.assertIn("Make a credit note", self._get_notes(invoice))
        self.assertFalse(invoice.reversal_move_ids)


@tagged("post_install", "-at_install")
class TestCreditOnItsWayBack(AccountsCommon):
    """Credit that goes back to a card is not spent on anything else."""

    def setUp(self):
        super().setUp()
        self.invoice = self._bill_amounts(45)
        self.invoice._billing_charge(self.card)
        items = self.invoice.billing_transaction_ids
        self.note = self.invoice._billing_cancel_items(items)
        self.other = self._bill_amounts(45)

    def _cron(self):
        # sudo: jobs are the server's.
        self.env["payment.transaction"].sudo()._cron_billing_resolve()

    def _lose_refund(self):
        self.gateway.lose(is_executed=True)
        self.invoice._billing_refund(note=self.note)

    def _await_dashboard(self):
        """Have somebody give it back in the dashboard, to a bank that takes days."""
        refund = self.gateway.add_foreign_refund("pi_0", 4500)
        self.gateway.refunds[refund.id] = replace(refund, status="pending")
        self._tell("refund.created", "e1", id=refund.id, payment_intent="pi_0")
        return refund

    def _check_widget(self):
        """Odoo's widget "outstanding credits" on its form of the invoice."""
        self.assertTrue(self.note.billing_attempt_id)
        [line] = self.note._billing_get_receivable_lines()
        with self.assertRaisesRegex(UserError, "on its way back"):
            self.other.js_assign_outstanding_line(line.id)

    def test_credit_of_a_refund_whose_answer_is_lost_is_not_spent(self):
        self._lose_refund()
        self._check_widget()

    def test_credit_of_a_refund_of_the_dashboard_is_not_spent(self):
        self._await_dashboard()
        self._check_widget()

    def test_it_is_not_given_back_by_hand_as_well(self):
        self._await_dashboard()
        with self.assertRaisesRegex(UserError, "on its way back"):
            self.note._billing_pay_out("cash")

    def test_it_is_booked_all_the_same(self):
        self._lose_refund()
        self._cron()
        self.assertEqual(self.note.amount_residual, 0)
        self.assertFalse(self.note.billing_attempt_id)
        self.assertEqual(self._get_books_balance(), 45)
        self._assert_agrees()

    def test_refund_of_the_dashboard_that_waits(self):
        refund = self._await_dashboard()
        with self.assertRaisesRegex(UserError, "no credit"):
            self._pay(self.other, mode="credit")
        with self.assertRaisesRegex(UserError, "under way"):
            self.invoice._billing_refund(note=self.note)
        self.gateway.refunds[refund.id] = refund
        self._tell("refund.updated", "e2", id=refund.id, payment_intent="pi_0")
        self.assertEqual(self.note.amount_residual, 0)
        self.assertFalse(self.note.billing_attempt_id)
        self.assertFalse(self._get_notes(self.invoice, self.note))
        self._assert_agrees()

    def test_refund_of_the_dashboard_that_fails_sets_it_free(self):
        refund = self._await_dashboard()
        self.gateway.refunds[refund.id] = replace(refund, status="canceled")
        self._tell("refund.updated", "e2", id=refund.id, payment_intent="pi_0")
        self.assertFalse(self.note.billing_attempt_id)
        self._pay(self.other, mode="credit")
        self.assertEqual(self.other.billing_state, "paid")

    def test_what_was_spent_all_the_same_is_told(self):
        self._lose_refund()
        Partial = type(self.env["account.partial.reconcile"])
        [line] = self.note._billing_get_receivable_lines()
        with patch.object(Partial, "_billing_check_possible"):
            self.other.js_assign_outstanding_line(line.id)
        self._cron()
        self._assert_agrees()
        self.assertIn("was used for something else", self._get_notes(self.invoice))
        self.assertEqual(self._get_books_balance(), 45)


@tagged("post_install", "-at_install")
class TestDiscounts(AccountsCommon):
    """No more is given back than was charged, whatever else settled the invoice."""

    def test_write_off(self):
        invoice = self._bill_amounts(100)
        self._register(
            invoice,
            amount=90,
            payment_difference_handling="reconcile",
            writeoff_account_id=self.company_data["default_account_expense"].id,
            writeoff_label="Rebate",
        )
        self.assertEqual(invoice.billing_state, "paid")
        self.assertEqual(invoice._billing_get_refundable_amount(), 90)
        invoice._billing_refund(50)
        self.assertEqual(invoice._billing_get_refundable_amount(), 40)
        attempt = invoice._billing_refund()
        self.assertEqual(attempt.state, "done", attempt.state_message)
        self.assertEqual(self.gateway.taken, 0)


@tagged("post_install", "-at_install")
class TestFewerDecimalsAtStripe(AccountsCommon):
    """Ariary has cents here, and none at Stripe: what it cannot take is not cut off."""

    def setUp(self):
        super().setUp()
        self.ariary = self.env.ref("base.MGA")
        self.ariary.active = True

    def test_charge(self):
        invoice = self._bill_amounts(100.6, currency_id=self.ariary.id)
        with self.assertRaisesRegex(UserError, "100.60.*100.00"):
            invoice._billing_charge(self.card)
        self.assertEqual(self.gateway.taken, 0)
        attempt = invoice._billing_charge(self.card, 100)
        self.assertEqual(attempt.payment_id.amount, 100)
        self.assertEqual(self.gateway.charges["pi_0"].amount, 100)

    def test_refund(self):
        invoice = self._bill_amounts(100, currency_id=self.ariary.id)
        invoice._billing_charge(self.card)
        with self.assertRaisesRegex(UserError, "10.90.*10.00"):
            invoice._billing_refund(10.9)
        self.assertFalse(self.gateway.refunds)
