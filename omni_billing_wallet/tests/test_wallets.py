"""Money that is paid in advance pays invoices first, and is a liability until then."""

from pathlib import Path

from freezegun import freeze_time

from odoo.exceptions import UserError, ValidationError
from odoo.fields import Command, Domain
from odoo.modules.migration import load_script
from odoo.tests import tagged

from odoo.addons.omni_billing.tests.test_omni_billing_run import RunCommon
from odoo.addons.omni_billing.tests.test_proven import ProvenCommon
from odoo.addons.omni_billing.tools.write_guard import trust, trusting

from .wallet_common import WalletCommon

SCRIPTS = Path(__file__).resolve().parents[1] / "migrations/19.0.1.2.0"


@tagged("post_install", "-at_install")
class TestWallets(WalletCommon, RunCommon):
    # === TOPPING UP === #

    def test_it_counts_once_it_is_paid(self):
        """W51: without tax, on the account of advances; in part as it is paid."""
        move = self._top_up(50, paid=False)
        self.assertEqual((move.amount_total, move.amount_tax), (50, 0))
        self.assertEqual(move.invoice_line_ids.account_id, self.advances)
        self.assertEqual((self._read_left(), self._read_advances()), (0, 50))
        move._billing_pay("cash", 20)
        self.assertEqual(self._read_left(), 20)
        move._billing_pay("bank")
        self.assertEqual(self._read_left(), 50)
        payment = move.billing_receipt_ids.payment_id[:1]
        payment._billing_undo("Wrong customer")
        self.assertEqual(self._read_left(), 30 if payment.amount == 20 else 20)
        self._check_books()

    def test_what_is_no_top_up(self):
        """W51: nothing, less than nothing, cents of cents; no account; switched off."""
        for amount in (0, -5, 10.005, float("nan"), float("inf"), True, "50"):
            with self.subTest(amount), self.assertRaises(UserError):
                self.wallet._top_up(amount, "staff")
        self.wallet.active = False
        with self.assertRaises(UserError):
            self._top_up(5)
        self.company.sudo().billing_wallet_account_id = False
        with self.assertRaises(UserError):
            self.Wallet._open_for(self.customer)
        with self.assertRaises(ValidationError):
            self.company.sudo().billing_wallet_account_id = self._add_account(
                "Income", "income"
            )

    def test_staff_top_up_in_the_dialogs_that_there_are(self):
        """W51: cash in the payment dialog; asked twice it is one invoice."""
        dialog = self.env["omni.billing.wallet.top.up.wizard"].with_user(self.staff)
        action = self.customer.with_user(self.staff).action_billing_top_up()
        dialog = dialog.with_context(action["context"]).create({"amount": 80})
        pay = dialog.action_top_up()
        self.assertEqual(dialog.action_top_up(), pay)
        move = self.wallet.top_up_ids
        self.assertEqual(pay["context"]["default_invoice_ids"], move.ids)
        self.assertEqual(move.billing_wallet_origin, "staff")
        self._pay(move, mode="cash")
        self.assertEqual(self._read_left(), 80)

    def test_a_card_on_file_pays_it(self):
        """W51: charged as any invoice; the answer that is lost charges nothing twice"""
        move = self._top_up(40, paid=False)
        self.gateway.lose(is_executed=True)
        move._billing_charge(self.card)
        self.assertEqual(self._read_left(), 0)
        # sudo: as the job that asks for lost answers.
        move.sudo().billing_attempt_id._billing_resolve()
        self.assertEqual((self._read_left(), self.gateway.taken), (40, 4000))

    # === USING IT === #

    def test_it_pays_as_the_invoice_is_posted(self):
        """W51: all of one invoice, and what there is of the next one."""
        self._top_up(100)
        paid = self._bill_amounts(60)
        self.assertEqual((paid.billing_state, paid.amount_residual), ("paid", 0))
        self.assertEqual(paid.billing_wallet_drawn, 60)
        part = self._bill_amounts(60)
        self.assertEqual((part.billing_state, part.amount_residual), ("partial", 20))
        self.assertEqual((self._read_left(), self._read_advances()), (0, 0))
        self.assertEqual(self._bill_amounts(5).amount_residual, 5)
        names = part.billing_adjustment_ids.mapped("name")
        self.assertEqual(names, [f"Prepaid money: {part.name}"])
        self._check_books()

    def test_what_ends_first_is_used_first(self):
        """W51: and what never ends, last."""
        never = self._top_up(10)
        self.company.sudo().billing_wallet_days = 90
        late = self._top_up(10)
        self.company.sudo().billing_wallet_days = 30
        soon = self._top_up(10)
        self._bill_amounts(15)
        self.env.flush_all()
        self.env.invalidate_all()
        left = [move.billing_wallet_left for move in (soon, late, never)]
        self.assertEqual(left, [0, 5, 10])

    def test_no_card_pays_what_is_paid(self):
        """W51: a run uses it first, says so before, and charges what it leaves."""
        self._top_up(30)
        self._create_transaction(45)
        run = self._create_run(is_charge=True)
        run.action_check()
        self._work()
        own = run.line_ids.filtered(lambda line: line.partner_id == self.customer)
        self.assertIn("$\xa030.00 of it first; $\xa015.00 are charged", own.reason)
        self._do(run)
        own = run.line_ids.filtered(lambda line: line.partner_id == self.customer)
        invoice = own.invoice_id
        self.assertEqual((invoice.billing_state, self.gateway.taken), ("paid", 1500))
        self.assertEqual(self._read_left(), 0)
        self._check_books()

    def test_money_that_comes_later(self):
        """W51: pays what is unpaid by the job, or before a card is charged."""
        late, other = self._bill_amounts(20), self._bill_amounts(30)
        self._top_up(25)
        self._run_job()
        self.assertEqual((late.amount_residual, other.amount_residual), (0, 25))
        self._top_up(5)
        other._billing_charge(self.card)
        self.assertEqual(self.gateway.taken, 2000)
        self.assertEqual((self._read_left(), other.billing_state), (0, "paid"))
        self._check_books()

    def test_it_pays_nobody_else_and_no_top_up(self):
        """W51: not another customer, another company or currency; nor what is off."""
        self._top_up(50)
        self.assertEqual(self._top_up(7, paid=False).amount_residual, 7)
        stranger = self.env["res.partner"].create({"name": "Stranger"})
        theirs = self._create_transaction(9, partner_id=stranger.id)
        self.assertEqual(
            theirs._create_invoice(stranger).amount_residual, theirs.amount_total
        )
        kuna = self.setup_other_currency("HRK", rates=[("2016-01-01", 2)])
        far = self._bill_amounts(9, currency_id=kuna.id)
        self.assertEqual(far.amount_residual, 9)
        self.wallet.active = False
        self.assertEqual(self._bill_amounts(8).amount_residual, 8)
        self.wallet.active = True
        self.assertEqual(self._read_left(), 50)

    def test_another_currency_has_a_wallet_of_its_own(self):
        """W51: at the rate of the top-up; advances come to nothing in both."""
        kuna = self.setup_other_currency(
            "HRK", rates=[("2026-01-01", 2), ("2026-02-01", 3)]
        )
        wallet = self.Wallet._open_for(self.customer, kuna)
        self.assertNotEqual(wallet, self.wallet)
        with freeze_time("2026-01-10 12:00:00"):
            self._top_up(100, wallet=wallet)
        self.assertEqual(self._read_advances(), 50)
        with freeze_time("2026-02-10 12:00:00"):
            part = self._bill_amounts(33.33, currency_id=kuna.id)
            rest = self._bill_amounts(66.67, currency_id=kuna.id)
        self.assertEqual((part.amount_residual, rest.amount_residual), (0, 0))
        self.assertEqual((self._read_left(wallet), self._read_advances()), (0, 0))
        self.assertEqual(self._get_books_balance(), 0)

    # === GIVING IT BACK === #

    def test_a_void_gives_it_back(self):
        """W51: also of a later day, by a credit note; the top-up is as before."""
        self._top_up(100)
        invoice = self._bill_amounts(60)
        invoice.action_billing_void()
        self.assertEqual((invoice.billing_state, self._read_left()), ("void", 100))
        again = self._bill(invoice.billing_released_ids)
        self.assertEqual((again.billing_state, self._read_left()), ("paid", 40))
        again.action_billing_void(by_credit_note=True)
        self.assertEqual((again.billing_state, self._read_left()), ("void", 100))
        self.assertEqual(self._read_advances(), 100)
        self._check_books()

    def test_a_person_may_have_it_paid_otherwise(self):
        """W51: it is owed again, and no job takes the money again."""
        self._top_up(100)
        invoice = self._bill_amounts(60)
        invoice.action_billing_without_prepaid()
        self._run_job()
        self.assertEqual((invoice.amount_residual, self._read_left()), (60, 100))
        with self.assertRaises(UserError):
            invoice.action_billing_without_prepaid()
        self._check_books()

    def test_a_credit_note_gives_it_back(self):
        """W51: where it alone had paid; else it is credit on file, as ever."""
        self._top_up(100)
        invoice = self._bill_amounts(60)
        for amount, left in ((25, 65), (35, 100)):
            note = invoice._billing_create_refund_note(amount)
            self.assertEqual((note.amount_residual, self._read_left()), (0, left))
        self.assertEqual(invoice.billing_state, "refunded")
        mixed = self._bill_amounts(120)
        mixed._billing_pay("cash")
        note = mixed._billing_create_refund_note(50)
        self.assertEqual((note.amount_residual, self._read_left()), (50, 0))
        self._check_books()

    def test_what_is_left_goes_back_to_its_card(self):
        """W51: and what was used does not, by whatever door."""
        move = self._top_up(100, paid=False)
        move._billing_charge(self.card)
        self._bill_amounts(30)
        self.assertEqual(move._billing_get_refundable_amount(), 70)
        with self.assertRaises(UserError):
            move._billing_refund(71)
        for act in (
            lambda: move.action_billing_void(),
            lambda: move._billing_cancel_items(move.billing_transaction_ids),
            lambda: self._reverse(move),
        ):
            with self.assertRaises(UserError), self.env.cr.savepoint():
                act()
        self.assertEqual(
            self.wallet.lot_ids.action_billing_give_back()["res_model"],
            "omni.billing.card.refund.wizard",
        )
        move._billing_refund(70)
        self.assertEqual((self.gateway.taken, self._read_left()), (3000, 0))
        self.assertEqual((self._read_advances(), self._get_books_balance()), (0, 0))
        self._check_books()

    def test_a_card_gets_back_what_was_not_used(self):
        """W51: of a top-up that is paid in part, less than is open of it."""
        move = self._top_up(100, paid=False)
        move._billing_charge(self.card, amount=60)
        self._bill_amounts(30)
        self.assertEqual(move._billing_get_refundable_amount(), 30)
        move._billing_refund()
        self.assertEqual((self.gateway.taken, self._read_left()), (3000, 0))

    def test_what_comes_back_late_can_be_used(self):
        """W51: a void, or a credit note, after the end does not make it income."""
        self._let_expire()
        with freeze_time("2026-03-01 12:00:00"):
            self._top_up(100)
            first, second = self._bill_amounts(40), self._bill_amounts(60)
        with freeze_time("2026-05-01 12:00:00"):
            first._billing_create_refund_note(40)
            self.assertEqual(self._read_left(), 40)
            second.action_billing_void()
            self.assertEqual(self._read_left(), 100)
            again = second.billing_released_ids._create_invoice(self.customer)
            self.assertEqual(again.billing_state, "paid")
        self._run_job("2026-05-02")
        self.assertEqual(self._read_advances(), 40)

    def test_credit_on_file_pays_no_top_up_by_itself(self):
        """W51: it is spent on what is owed; nobody is reminded of a top-up."""
        credit = self._bill(self._create_credit(30))
        move = self._top_up(100, paid=False)
        owed = self._bill_amounts(50)
        owed._billing_charge(self.card)
        self.assertEqual((self.gateway.taken, credit.amount_residual), (2000, 0))
        self.assertEqual(move.amount_residual, 100)
        domain = move._billing_get_remindable_domain(self.company)
        self.assertFalse(move.search(domain & Domain("id", "=", move.id)))

    def test_a_draw_is_not_taken_off_by_odoos_widget(self):
        """W51: or as much again would be used."""
        self._top_up(100)
        invoice = self._bill_amounts(60)
        draw = invoice._billing_find_draws()
        for lines in (
            invoice._billing_get_receivable_lines(),
            draw.line_ids.filtered("billing_wallet_id"),
        ):
            with self.assertRaises(UserError), self.env.cr.savepoint():
                lines.remove_move_reconcile()
        with self.assertRaises(UserError), self.env.cr.savepoint():
            draw.write({"state": "draft"})
        self.assertEqual(self._read_left(), 40)

    def test_what_went_back_too_much_is_nobodys_to_get_again(self):
        """W51: it is taken off what can be given back, before anything is booked."""
        move = self._top_up(100, paid=False)
        move._billing_charge(self.card)
        self._bill_amounts(60)
        with trusting(self.env):
            move._billing_create_refund_note(100)
        later = self._top_up(100, paid=False)
        later._billing_charge(self.card)
        self.assertEqual(self._read_left(), 40)
        self.assertEqual(later._billing_get_refundable_amount(), 40)
        line = later.invoice_line_ids
        self.assertEqual(
            (line.billing_wallet_left, later.billing_wallet_left), (40, 40)
        )
        dialog = self.env["omni.billing.wallet.refund.wizard"]
        self.assertEqual(dialog.create({"line_id": line.id}).amount, 40)

    def _reverse(self, move):
        wizard = self.env["account.move.reversal"].with_context(
            active_model="account.move", active_ids=move.ids
        )
        wizard.create({"journal_id": move.journal_id.id}).reverse_moves()

    def test_cash_goes_back_as_cash(self):
        """W51: by a credit note and the dialog that pays credit back."""
        self._top_up(100)
        self._bill_amounts(30)
        lot = self.wallet.lot_ids
        with self.assertRaises(UserError):
            lot.with_user(self.staff).action_billing_give_back()
        dialog = self.env["omni.billing.wallet.refund.wizard"]
        dialog = dialog.with_context(lot.action_billing_give_back()["context"])
        dialog = dialog.create({})
        self.assertEqual(dialog.amount, 70)
        with self.assertRaises(UserError), self.env.cr.savepoint():
            dialog.amount = 70.01
            dialog.action_give_back()
        dialog.amount = 70
        action = dialog.action_give_back()
        self.assertEqual(self._read_left(), 0)
        refund = self.env["omni.billing.refund.wizard"]
        refund = refund.with_context(action["context"]).create({"mode": "cash"})
        self.assertEqual(refund.amount, 70)
        refund.action_refund()
        self.assertEqual((self._read_advances(), self._get_books_balance()), (0, 0))
        self._check_books()

    def test_what_came_back_is_credit_on_file(self):
        """W51: what a credit note brought back is of no top-up, and goes back too."""
        move = self._top_up(60)
        invoice = self._bill_amounts(60)
        invoice._billing_create_refund_note(60)
        self.assertEqual((self._read_left(), move.billing_wallet_left), (60, 0))
        dialog = self.env["omni.billing.wallet.refund.wizard"]
        dialog.create({"line_id": self.wallet.lot_ids.id}).action_give_back()
        self.assertEqual((self._read_left(), self._get_books_balance()), (0, -60))

    def test_what_stripe_gave_back_is_booked_all_the_same(self):
        """W51: the wallet is overdrawn, staff are told, the next top-up covers it."""
        move = self._top_up(100, paid=False)
        move._billing_charge(self.card)
        self._bill_amounts(80)
        # As the booking of what Stripe tells of.
        with trusting(self.env):
            note = move._billing_create_refund_note(50)
        self.assertEqual(note.state, "posted")
        self.assertEqual(self._read_left(), -30)
        self.assertTrue(self.customer.sudo().activity_ids)
        self._top_up(100)
        self.assertEqual(self._read_left(), 70)
        self._bill_amounts(70)
        self.assertEqual((self._read_left(), self._read_advances()), (0, 0))

    def test_a_dispute_holds_it(self):
        """W51: while its bank has the money nothing is used of it."""
        move = self._top_up(100)
        trust(move).billing_dispute = "open"
        self.assertEqual(self._read_left(), 0)
        self.assertEqual(self._bill_amounts(10).amount_residual, 10)
        trust(move).billing_dispute = "won"
        self.assertEqual(self._read_left(), 100)

    # === WHAT IT IS IN REPORTS === #

    def test_a_top_up_is_no_turnover(self):
        """W51: the invoice that it pays is, above the list and in Odoo's analysis."""
        Move = self.env["account.move"]

        def read(domain):
            cards = Move.billing_retrieve_stats(domain)["cards"]
            return {card["name"]: card["amount"] for card in cards}["total"]

        own = [("commercial_partner_id", "=", self.customer.id)]
        before, before_own = read([]), read(own)
        move = self._top_up(100, paid=False)
        move._billing_charge(self.card)
        self._bill_amounts(60)
        move._billing_refund(40)
        self._top_up(9, paid=False).action_billing_void(by_credit_note=True)
        self.env.flush_all()
        self.assertEqual((read([]) - before, read(own) - before_own), (60, 60))
        report = self.env["account.invoice.report"].sudo()
        rows = report.search([("partner_id", "=", self.customer.id)])
        self.assertEqual(sum(rows.mapped("price_subtotal")), 60)
        # A draft that was all of prepaid money, and has other lines by now.
        values = {"move_type": "out_invoice", "partner_id": self.customer.id}
        values["invoice_line_ids"] = [Command.create({"price_unit": 8})]
        invoice = self.env["account.move"].sudo().create(values)
        trust(invoice).billing_is_advance = True
        invoice._post()
        self.assertFalse(invoice.billing_is_advance)
        before += invoice.amount_total_signed
        # As in a database of before.
        self.env.cr.execute("UPDATE account_move SET billing_is_advance = NULL")
        self.assertNotEqual(read([]) - before, 60)
        script = load_script(str(SCRIPTS / "post-advances.py"), "advances")
        script.migrate(self.env.cr, "19.0.1.1.0")
        self.assertEqual(read([]) - before, 60)


@tagged("post_install", "-at_install")
class TestWalletsProven(WalletCommon, ProvenCommon):
    """W45: fast billing leaves to Odoo whom prepaid money may pay for, and no other."""

    def test_only_owners_of_wallets_are_left_to_odoo(self):
        batches = self._create_batches(7)
        owner = batches[2][1]
        wallet = self.Wallet._open_for(owner)
        self._top_up(500, wallet=wallet)
        invoices, count, reasons = self._bill(batches)
        self.assertEqual(reasons, {"wallet"})
        self.assertEqual(count, 4)
        self.assertEqual(invoices[2].billing_state, "paid")
