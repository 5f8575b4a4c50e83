"""Items of an invoice that the customer gives up, credited as invoiced (F170, W25)."""

from psycopg2 import IntegrityError

from odoo.exceptions import AccessError, UserError
from odoo.tests import Form, tagged
from odoo.tools import mute_logger

from odoo.addons.omni_billing.tools.write_guard import trust

from .card_common import CardCommon


@tagged("post_install", "-at_install")
class TestCancelItems(CardCommon):
    def setUp(self):
        super().setUp()
        self.skates = self._create_transaction(
            45, name="Skating", tax_ids=self.tax_10, site_id=self.customer.id
        )
        self.swim = self._create_transaction(30, name="Swimming")
        self.invoice = self._bill(self.skates, self.swim)

    def _cancel(self, *items, invoice=None, **values):
        """Tick these items in the dialog and confirm; return the credit note."""
        invoice = invoice or self.invoice
        before = invoice.reversal_move_ids
        # With the context that the client passes on, from the first call to the last.
        context = invoice.action_billing_cancel_items()["context"]
        Wizard = self.env["omni.billing.cancel.wizard"].with_context(**context)
        wizard = Wizard.create(values)
        for line in wizard.line_ids:
            line.included = line.transaction_id in items
        self.answer = wizard.action_cancel_items()["params"]
        return invoice.reversal_move_ids - before

    def _assert_agrees(self):
        self.assertEqual(self._get_books_balance(), self._get_ledger_balance())
        self.env.flush_all()

    # === The credit note === #

    def test_unpaid_item_is_no_longer_owed(self):
        """F170: a credit note over the item, as it was invoiced."""
        note = self._cancel(self.skates, reason="Moved away")
        self.assertRecordValues(
            note,
            [
                {
                    "move_type": "out_refund",
                    "state": "posted",
                    "amount_untaxed": 45,
                    "amount_tax": 4.5,
                    "amount_residual": 0,
                    "reversed_entry_id": self.invoice.id,
                }
            ],
        )
        self.assertEqual(note.invoice_line_ids.name, "Skating")
        self.assertIn("Moved away", note.ref)
        self.assertEqual(self.invoice.amount_residual, 30)
        self.assertEqual(self.invoice.billing_state, "partial")
        entry = self.skates.canceled_by_ids
        self.assertRecordValues(
            entry,
            [
                {
                    "transaction_type": "credit",
                    "state": "invoiced",
                    "invoice_id": note.id,
                    "amount_untaxed": -45,
                    "tax_amount": -4.5,
                    "tax_percentage": 10,
                    "site_id": self.customer.id,
                }
            ],
        )
        self.assertTrue(self.skates.is_canceled)
        self.assertFalse(self.swim.is_canceled)
        self.assertIn("Skating", self.invoice.message_ids[0].body)
        self._assert_agrees()

    def test_penalty_is_kept_with_its_taxes(self):
        """F170: an amount, or a percentage, taxes in proportion."""
        for kind, values in (
            ("amount", {"penalty_amount": 9.9}),
            ("percentage", {"penalty_percentage": 20}),
        ):
            with self.subTest(kind=kind):
                item = self._create_transaction(45, tax_ids=self.tax_10)
                invoice = self._bill(item)
                note = self._cancel(item, invoice=invoice, penalty_type=kind, **values)
                self.assertEqual(note.amount_total, 39.6)
                self.assertEqual(note.amount_tax, 3.6)
                self.assertEqual(invoice.amount_residual, 9.9)
                fee = note.billing_transaction_ids - item.canceled_by_ids
                self.assertEqual(fee.transaction_type, "charge")
                self.assertEqual(fee.amount_total, 9.9)
                self.assertIn("Cancellation fee", fee.name)
                self._assert_agrees()

    def test_penalty_over_several_taxes(self):
        note = self._cancel(
            self.skates, self.swim, penalty_type="percentage", penalty_percentage=33.33
        )
        self.assertEqual(note.amount_total, round(79.5 - 26.5, 2))
        self.assertEqual(note.amount_tax, 3.0)
        self._assert_agrees()

    def test_dialog_shows_the_credit_note_to_the_cent(self):
        """Half of an odd amount: one of the two parts has the cent."""
        item = self._create_transaction(10.01)
        wizard = self.env["omni.billing.cancel.wizard"].create(
            {
                "invoice_id": self._bill(item).id,
                "penalty_type": "percentage",
                "penalty_percentage": 50,
            }
        )
        wizard.line_ids.included = True
        shown = wizard.amount_credit, wizard.penalty
        self.assertEqual(round(sum(shown), 2), 10.01)
        wizard.action_cancel_items()
        self.assertEqual(wizard.note_id.amount_total, shown[0])

    def test_penalty_as_high_as_the_items_is_refused(self):
        for kind, values in (
            ("amount", {"penalty_amount": 30}),
            ("amount", {"penalty_amount": -1}),
            ("percentage", {"penalty_percentage": 100}),
            ("percentage", {"penalty_percentage": -5}),
        ):
            with (
                self.subTest(kind=kind, **values),
                self.assertRaisesRegex(UserError, "penalty"),
            ):
                self._cancel(self.swim, penalty_type=kind, **values)
        self.assertFalse(self.invoice.reversal_move_ids)

    def test_items_one_by_one_come_to_the_invoice(self):
        """To the cent, where taxes are rounded over the whole invoice."""
        self.company.tax_calculation_rounding_method = "round_globally"
        items = self.env["omni.billing.transaction"].concat(
            *(
                self._create_transaction(cost, tax_ids=tax)
                for cost in (10.04, 10.04, 10.04)
                for tax in (self.tax_10, self.tax_20_included)
            )
        )
        invoice = self._bill(*items)
        notes = self.env["account.move"]
        for item in items:
            note = self._cancel(item, invoice=invoice)
            self.assertEqual(note.amount_total, item.amount_total)
            self.assertEqual(note.amount_tax, item.tax_amount)
            notes += note
        for name in ("amount_tax", "amount_total"):
            total = self.currency.round(sum(notes.mapped(name)))
            self.assertEqual(total, invoice[name])
        self.assertEqual(invoice.amount_residual, 0)
        self.assertEqual(invoice.billing_state, "refunded")
        self.assertEqual(self._get_books_balance(), self.invoice.amount_total)
        self._assert_agrees()

    def test_foreign_currency(self):
        euro = self.setup_other_currency("EUR", rates=[("2016-01-01", 0.87)])
        item = self._create_transaction(33.33, currency_id=euro.id, tax_ids=self.tax_10)
        invoice = self._bill(item, currency_id=euro.id)
        note = self._cancel(item, invoice=invoice)
        self.assertEqual(note.currency_id, euro)
        self.assertEqual(note.amount_total, invoice.amount_total)
        self.assertEqual(invoice.billing_state, "refunded")

    # === What is refused === #

    def test_an_item_is_canceled_once(self):
        self._cancel(self.skates)
        wizard = self.env["omni.billing.cancel.wizard"].create(
            {"invoice_id": self.invoice.id}
        )
        self.assertEqual(wizard.line_ids.transaction_id, self.swim)
        with self.assertRaisesRegex(UserError, "any more: Skating"):
            self.invoice._billing_cancel_items(self.skates)
        # Nor by two people at once: the database sees to it.
        entry = self.skates.canceled_by_ids
        with (
            mute_logger("odoo.sql_db"),
            self.assertRaisesRegex(IntegrityError, "cancels_unique"),
            self.env.cr.savepoint(),
        ):
            trust(entry).copy({"cancels_id": self.skates.id})
            self.env.flush_all()

    def test_nothing_ticked(self):
        with self.assertRaisesRegex(UserError, "at least one"):
            self._cancel()

    def test_no_more_than_the_invoice_came_to(self):
        self.invoice._billing_charge(self.card)
        self.invoice._billing_refund(60)
        with self.assertRaisesRegex(UserError, "only"):
            self._cancel(self.swim)
        self._cancel(self.swim, penalty_type="amount", penalty_amount=10.5)
        self.assertEqual(self.invoice.billing_state, "refunded")
        self._assert_agrees()

    def test_closed_books(self):
        self.company.fiscalyear_lock_date = self.today
        with self.assertRaisesRegex(UserError, "closed"):
            self._cancel(self.swim)

    def test_staff_cancel_and_managers_give_back(self):
        self._pay(self.invoice, mode="cash")
        self.env = self.env(user=self.staff)
        with self.assertRaises(AccessError):
            self._cancel(self.swim, mode="cash")
        note = self._cancel(self.swim)
        self.assertEqual(note.amount_residual, 30)
        with Form(
            self.env["omni.billing.cancel.wizard"].with_context(
                default_invoice_id=self.invoice.id
            )
        ) as form:
            with form.line_ids.edit(0) as line:
                line.included = True
            self.assertEqual(form.amount_back, 49.5)

    def test_outsiders_cancel_nothing(self):
        for user in (self.outsider, self.portal):
            with self.assertRaises(AccessError):
                self.env["omni.billing.cancel.wizard"].with_user(user).create(
                    {"invoice_id": self.invoice.id}
                )
            with self.assertRaises(AccessError):
                self.invoice.with_user(user)._billing_cancel_items(self.swim)

    # === What was paid === #

    def test_paid_item_is_credit_on_file(self):
        self._pay(self.invoice, mode="cash")
        note = self._cancel(self.swim)
        self.assertEqual(note.amount_residual, 30)
        self.assertEqual(self.invoice.billing_state, "paid")
        later = self._bill(self._create_transaction(50))
        self._pay(later, mode="credit")
        self.assertEqual(later.amount_residual, 20)
        self._assert_agrees()

    def test_given_back_by_hand_at_once(self):
        """F170, F176: what was owed first, the rest in cash."""
        self._pay(self.invoice, mode="cash", amount=69.5)
        note = self._cancel(self.swim, mode="cash", reference="Slip 7")
        self.assertEqual(self.invoice.billing_state, "paid")
        self.assertEqual(note.amount_residual, 0)
        [payment] = note._get_reconciled_payments().filtered(
            lambda payment: payment.payment_type == "outbound"
        )
        self.assertEqual(payment.amount, 20)
        self.assertEqual(payment.billing_reference, "Slip 7")
        self.assertEqual(self._get_books_balance(), 0)
        self._assert_agrees()

    def test_nothing_to_give_back(self):
        """Of what was never paid, no cent goes out."""
        for mode in ("cash", "stripe"):
            item = self._create_transaction(30)
            invoice = self._bill(item)
            note = self._cancel(item, invoice=invoice, mode=mode)
            self.assertEqual(note.amount_residual, 0)
            self.assertFalse(note._get_reconciled_payments())
        self.assertFalse(self.gateway.refunds)

    def test_to_the_card_at_once(self):
        """F170, F172: one credit note, and the money is set against it."""
        self.invoice._billing_charge(self.card)
        note = self._cancel(
            self.skates, mode="stripe", penalty_type="amount", penalty_amount=9.5
        )
        self.assertEqual(len(note), 1)
        self.assertEqual(note.amount_residual, 0)
        self.assertEqual(self.gateway.taken, 7950 - 4000)
        self.assertEqual(self.invoice.billing_refund_reference, "re_0")
        self.assertEqual(self.answer["type"], "success")
        self.assertEqual(self.answer["next"]["res_id"], note.id)
        self.assertEqual(self._get_books_balance(), 0)
        self.assertEqual(self.invoice._billing_get_refundable_amount(), 39.5)
        self._assert_agrees()

    def test_card_takes_back_what_came_from_it(self):
        """The rest is credit on file."""
        self.invoice._billing_charge(self.card, 20)
        self._pay(self.invoice, mode="cash")
        note = self._cancel(self.skates, mode="stripe")
        self.assertEqual(self.gateway.taken, 0)
        self.assertEqual(note.amount_residual, 29.5)
        self._assert_agrees()

    def test_lost_answer(self):
        """W18: booked once, against the credit note, whatever became of the call."""
        for is_executed in (True, False):
            with self.subTest(is_executed=is_executed):
                item = self._create_transaction(30)
                invoice = self._bill(item)
                invoice._billing_charge(self.card)
                self.gateway.lose(is_executed)
                note = self._cancel(item, invoice=invoice, mode="stripe")
                self.assertEqual(self.answer["type"], "warning")
                later = self._bill(self._create_transaction(50))
                with self.assertRaisesRegex(UserError, "no credit on file"):
                    self._pay(later, mode="credit")
                with self.assertRaisesRegex(UserError, "confirmed|under way"):
                    self._cancel(item, invoice=invoice)
                self.env["payment.transaction"].sudo()._cron_billing_resolve()
                self.assertEqual(invoice.reversal_move_ids, note)
                self.assertEqual(note.amount_residual, 0)
                self.assertFalse(note.billing_attempt_id)
                self.assertEqual(self.gateway.taken, 0)
                self._assert_agrees()

    def test_refused_refund_leaves_credit_that_can_still_go_back(self):
        self.invoice._billing_charge(self.card)
        self.gateway.refuse("charge_disputed")
        note = self._cancel(self.swim, mode="stripe")
        self.assertEqual(self.answer["type"], "danger")
        self.assertIn("credit on file", self.answer["message"])
        self.assertEqual(note.amount_residual, 30)
        self.assertTrue(note.billing_refundable)
        action = note.action_billing_refund()
        wizard = self.env["omni.billing.card.refund.wizard"].with_context(
            **action["context"]
        )
        wizard = wizard.create({})
        self.assertEqual(wizard.amount_available, 30)
        wizard.action_refund()
        self.assertEqual(note.amount_residual, 0)
        self.assertEqual(self.gateway.taken, 4950)
        self.assertFalse(note.billing_refundable)
        self.assertEqual(self.invoice.reversal_move_ids, note)
        self._assert_agrees()

    def test_credit_note_of_another_invoice_is_not_given_back(self):
        """A client may send any: the money would be another customer's."""
        self.invoice._billing_charge(self.card)
        other = self._bill(self._create_transaction(60))
        other._billing_charge(self.card)
        note = self._cancel(self.swim)
        wizard = self.env["omni.billing.card.refund.wizard"].create(
            {"invoice_id": other.id, "note_id": note.id, "amount": 30}
        )
        with self.assertRaisesRegex(UserError, "no credit note of"):
            wizard.action_refund()
        self.assertFalse(self.gateway.refunds)

    def test_refund_in_the_dashboard_is_of_the_credit_note(self):
        """W18: who gives the money back at Stripe itself books no second note."""
        self.invoice._billing_charge(self.card)
        note = self._cancel(self.swim)
        refund = self.gateway.add_foreign_refund("pi_0", 3000)
        # sudo: attempts are internal.
        payment = self.invoice.sudo().transaction_ids
        attempt = payment._billing_create_foreign_refunds(refund)
        attempt._billing_apply(refund)
        self.assertEqual(self.invoice.reversal_move_ids, note)
        self.assertEqual(note.amount_residual, 0)
        self._assert_agrees()

    # === The way back === #

    def test_voided_credit_note_can_be_billed_again(self):
        """F161: its entries are unbilled, with the same amounts; void, they free."""
        self._pay(self.invoice, mode="cash")
        note = self._cancel(self.skates)
        entry = self.skates.canceled_by_ids
        note.action_billing_void()
        self.assertEqual(entry.state, "unbilled")
        self.assertEqual(entry.amount_total, -49.5)
        self.assertEqual(entry.tax_amount, -4.5)
        self.assertTrue(self.skates.is_canceled)
        again = self._bill(entry)
        self.assertEqual(again.amount_tax, 4.5)
        again.action_billing_void()
        entry.action_void()
        self.skates.invalidate_recordset()
        self.assertFalse(self.skates.is_canceled)
        self._cancel(self.skates)
        self._assert_agrees()
