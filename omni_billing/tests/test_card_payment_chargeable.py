from unittest.mock import patch

from odoo.exceptions import UserError
from odoo.fields import Command
from odoo.tests import tagged

from odoo.addons.omni_billing import const
from odoo.addons.omni_billing.models.payments import account_move_guard
from odoo.addons.omni_billing.tools.write_guard import trust

from .doors_common import DoorsCommon


@tagged("post_install", "-at_install")
class TestWhatMayBeCharged(DoorsCommon):
    """W22: one answer to what may still be charged, whichever door asks."""

    def _pay_form(self, invoice, amount=None, state="done"):
        """Have a customer pay on Odoo's form, and close the tab before it is booked."""
        payment, intent = self._open_form(
            invoice, amount=amount or invoice.amount_residual
        )
        self.api.pay(intent)
        getattr(payment, f"_set_{state}")()
        return payment

    def _pay_elsewhere(self, invoice, amount):
        """Have a part be paid with another provider, and be on its way."""
        # The only other one of plain Odoo takes promises.
        seam = patch.object(const, "OFFLINE_PROVIDERS", ())
        seam.start()
        self.addCleanup(seam.stop)
        payment = self._create_payment(invoice, amount=amount)
        payment.provider_id = self._copy_provider(code="none")
        payment._set_pending()
        return payment

    def _booking_fails(self):
        """Have the books take nothing."""
        return patch.object(
            type(self.env["payment.transaction"]),
            "_post_process",
            side_effect=UserError("The year is closed."),
        )

    def _get_doors(self, invoice, amount=None):
        """Return each way to take money for an invoice."""
        doors = {
            mode: lambda mode=mode: self._pay(
                invoice, mode=mode, **({"amount": amount} if amount else {})
            )
            for mode in ("stripe", "cash", "pos", "bank")
        }
        return doors | {
            "charge": lambda: invoice._billing_charge(self.card, amount),
            "portal": lambda: (
                invoice.with_user(self.portal)
                .sudo()
                ._billing_charge(self.card, amount, is_customer_present=True)
            ),
            "form": lambda: self._open_form(
                invoice, amount=amount or invoice.amount_residual
            ),
            "saved card on Odoo's page": lambda: self._pay_page(invoice, amount),
            "Odoo's dialog": lambda: self._register(invoice, amount),
        }

    def _pay_page(self, invoice, amount=None):
        """Pay with a saved card as Odoo's page does."""
        payment = self._create_payment(
            invoice,
            token_id=self.card.id,
            operation="online_token",
            amount=amount or invoice.amount_residual,
        )
        payment._charge_with_token()
        return payment

    def _register(self, invoice, amount=None, model="account.move"):
        """Pay with a saved card in Odoo's own dialog."""
        self.provider._billing_ensure_method_line()
        lines = self.provider.journal_id.inbound_payment_method_line_ids
        receivable = invoice.line_ids.filtered(
            lambda line: line.account_type == "asset_receivable"
        )
        records = {"account.move": invoice, "account.move.line": receivable}
        values = {
            "journal_id": self.provider.journal_id.id,
            "payment_method_line_id": lines.filtered(
                lambda line: line.payment_provider_id == self.provider
            ).id,
            "payment_token_id": self.card.id,
        }
        context = {"dont_redirect_to_payments": True}
        if model:
            context |= {"active_model": model, "active_ids": records[model].ids}
        else:
            values["line_ids"] = [Command.set(receivable.ids)]
        if amount:
            values["amount"] = amount
        Register = self.env["account.payment.register"].with_context(**context)
        return Register.create(values)._create_payments()

    def _get_refusal(self, door):
        """Return why nothing was done; what was committed before stays."""
        try:
            door()
        except UserError as error:
            return str(error)
        return None

    def _get_taken(self):
        charges = self.gateway.charges.values()
        return sum(charge.amount for charge in charges if charge.is_paid)

    def test_paid_and_not_booked_is_not_paid_again(self):
        """W1: it is booked first, and whoever asks is told."""
        for name in self._get_doors(self.env["account.move"]):
            invoice = self._bill_amounts(45)
            self._pay_form(invoice)
            taken = self._get_taken()
            with self.subTest(name):
                self.assertTrue(self._get_refusal(self._get_doors(invoice)[name]))
                self.assertEqual(self._get_taken(), taken)
                self.assertEqual(invoice.billing_state, "paid")
                self.assertEqual(len(invoice.billing_receipt_ids), 1)

    def test_part_that_is_paid_and_not_booked(self):
        invoice = self._bill_amounts(100)
        self._pay_form(invoice, 60)
        message = self._get_refusal(lambda: invoice._billing_charge(self.card))
        self.assertIn("look at what is left", message)
        self.assertEqual(invoice.amount_residual, 40)
        invoice._billing_charge(self.card)
        self.assertEqual(invoice.billing_state, "paid")

    def test_what_cannot_be_booked_is_not_paid_again(self):
        """However long the books are closed."""
        for name in self._get_doors(self.env["account.move"]):
            invoice = self._bill_amounts(45)
            self._pay_form(invoice)
            taken = self._get_taken()
            with self.subTest(name), self._booking_fails():
                self.assertEqual(invoice._billing_get_chargeable_amount(), 0)
                self.assertFalse(invoice._has_to_be_paid())
                for _time in range(2):
                    message = self._get_refusal(self._get_doors(invoice)[name])
                    self.assertIn("not booked yet", message)
            self.assertEqual(self._get_taken(), taken)
            self.assertEqual(invoice.amount_residual, 45)
            self.assertIn("could not be booked", invoice.activity_ids.note)

    def test_what_is_held_or_on_its_way_is_not_taken_again(self):
        for state in ("authorized", "pending"):
            for name in self._get_doors(self.env["account.move"]):
                invoice = self._bill_amounts(45)
                payment = self._pay_form(invoice, state=state)
                # The bank still thinks about it: it cannot be given up.
                self.gateway.settle(payment.provider_reference, "processing")
                taken = self._get_taken()
                self.assertEqual(invoice._billing_get_chargeable_amount(), 0)
                with self.subTest(name, state=state):
                    self.assertTrue(self._get_refusal(self._get_doors(invoice)[name]))
                self.assertEqual(self._get_taken(), taken)
                self.assertEqual(invoice.amount_residual, 45)

    def test_what_is_left_beside_a_part_that_is_held(self):
        for name in self._get_doors(self.env["account.move"]):
            invoice = self._bill_amounts(100)
            self._pay_elsewhere(invoice, 60)
            with self.subTest(name):
                with self.assertRaisesRegex(UserError, "only .*40.00 can be paid"):
                    self._get_doors(invoice, 40.01)[name]()
                self._get_doors(invoice, 40)[name]()
                self.assertEqual(invoice.amount_residual, 100 if name == "form" else 60)

    def test_how_much_may_be_charged(self):
        first, second, third = invoices = self._bill_amounts(100, 200, 50)
        self.assertEqual(invoices._billing_get_chargeable_amount(), 350)
        both = self._create_payment(first, amount=250, invoice_ids=(first + second).ids)
        # Begun, and not paid: it is given up when another one begins.
        self.assertEqual(first._billing_get_chargeable_amount(), 100)
        both._set_pending()
        self.assertEqual(first._billing_get_chargeable_amount(), 0)
        self.assertEqual(first._billing_get_chargeable_amount(both), 100)
        self.assertEqual(second._billing_get_chargeable_amount(), 0)
        self.assertEqual((first + second)._billing_get_chargeable_amount(), 50)
        self.assertEqual((first + third)._billing_get_chargeable_amount(), 50)
        self.assertEqual(third._billing_get_chargeable_amount(), 50)
        both._set_authorized()
        self.assertEqual((first + second)._billing_get_chargeable_amount(), 50)
        capture = both._create_child_transaction(100)
        void = both._create_child_transaction(150)
        void._set_canceled()
        self.assertEqual((first + second)._billing_get_chargeable_amount(), 200)
        capture._set_done()
        self.assertEqual(both.state, "done")
        self.assertEqual((first + second)._billing_get_chargeable_amount(), 200)
        capture._post_process()
        self.assertEqual((first + second).mapped("amount_residual"), [0, 200])
        self.assertEqual((first + second)._billing_get_chargeable_amount(), 200)

    def test_what_is_no_money_on_its_way(self):
        invoice = self._bill_amounts(100)
        for state in ("canceled", "error"):
            payment = self._create_payment(invoice)
            getattr(payment, f"_set_{state}")("No")
        # A transfer is a promise.
        transfer = self._create_payment(invoice, operation="online_redirect")
        transfer.provider_id = self._copy_provider(code="none")
        transfer._set_pending()
        done = self._pay_form(invoice, 30)
        self.assertEqual(invoice._billing_get_chargeable_amount(), 70)
        done._post_process()
        self.assertEqual(invoice._billing_get_chargeable_amount(), 70)
        # Somebody has dealt with it, before the database kept it.
        self.env.cr.execute(account_move_guard.DROP_TRIGGERS)
        trust(done.payment_id).action_cancel()
        self.assertEqual(invoice._billing_get_chargeable_amount(), 100)
        void = self._bill_amounts(10)
        void.action_billing_void()
        self.assertEqual(void._billing_get_chargeable_amount(), 0)

    def test_saved_card_on_odoos_page_is_an_attempt_like_any_other(self):
        """100 for 100, however often it is asked for, and whatever is lost."""
        invoice = self._bill_amounts(100)
        self.gateway.lose(is_executed=True)
        payment = self._pay_page(invoice)
        self.assertTrue(payment.billing_is_open)
        self.assertEqual(invoice.billing_attempt_id, payment)
        self.assertEqual(payment.billing_customer_ref, "cus_0")
        # It is asked what became of it.
        self.assertTrue(self._get_refusal(lambda: self._pay_page(invoice, 40)))
        self.assertEqual(invoice.billing_state, "paid")
        for _time in range(3):
            for amount in (100, 1):
                with self.assertRaisesRegex(UserError, "at most"):
                    self._pay_page(invoice, amount)
        self.assertEqual(self.gateway.taken, 10000)
        self.assertFalse(self.api.calls)

    def test_declined_on_odoos_page_says_why(self):
        invoice = self._bill_amounts(100)
        self.gateway.decline(decline_code="insufficient_funds")
        payment = self._pay_page(invoice)
        self.assertEqual(payment.state, "error")
        self.assertIn("not enough money", payment.state_message)
        self.assertFalse(invoice.billing_attempt_id)
        self._pay_page(invoice)
        self.assertEqual(invoice.billing_state, "paid")

    def test_saved_card_in_odoos_dialog(self):
        """By an accountant, also by a program that leaves out what it is about."""
        for model in ("account.move", "account.move.line", None):
            invoice = self._bill_amounts(100)
            payment = self._register(invoice, model=model)
            self.assertEqual(invoice.billing_state, "paid")
            self.assertEqual(payment.state, "paid")
            attempt = payment.payment_transaction_id
            self.assertEqual(attempt.invoice_ids, invoice)
            self.assertTrue(attempt.billing_key)
            self.assertEqual(len(invoice.billing_receipt_ids), 1)

    def test_declined_in_odoos_dialog(self):
        invoice = self._bill_amounts(100)
        self.gateway.decline()
        payment = self._register(invoice)
        self.assertEqual(payment.state, "canceled")
        self.assertEqual(invoice.billing_state, "unpaid")
        payment.action_draft()
        with self.assertRaisesRegex(UserError, "has not confirmed"):
            payment.action_post()

    def test_lost_answer_in_odoos_dialog_is_booked(self):
        """Odoo cancels the payment when it has no answer, and never looks again."""
        invoice = self._bill_amounts(100)
        self.gateway.lose(is_executed=True)
        payment = self._register(invoice)
        self.assertEqual(payment.state, "canceled")
        self.assertEqual(invoice._billing_get_chargeable_amount(), 0)
        # sudo: as the job.
        self.env["payment.transaction"].sudo()._cron_billing_resolve()
        self.assertEqual(payment.state, "paid")
        self.assertEqual(invoice.billing_state, "paid")
        self.assertEqual(self.gateway.taken, 10000)

    def test_plan_is_of_what_is_left(self):
        invoice = self._bill_amounts(100)
        self._pay_elsewhere(invoice, 60)
        Installment = self.env["omni.billing.installment"]
        with self.assertRaisesRegex(UserError, "more than"):
            Installment._plan(invoice, [(self.today, 41)], self.card)
        self.assertTrue(Installment._plan(invoice, [(self.today, 40)], self.card))

    def test_credit_waits_as_well(self):
        invoice = self._bill_amounts(100)
        self._pay_elsewhere(invoice, 60)
        self._create_credit(70)
        self._bill()
        with self.assertRaisesRegex(UserError, "can be paid"):
            self._pay(invoice, mode="credit")

    def test_other_providers_form_asks_as_well(self):
        invoice = self._bill_amounts(100)
        self._pay_elsewhere(invoice, 60)
        other = self._copy_provider(code="none")
        payment = self._create_payment(
            invoice, provider_id=other.id, operation="online_redirect"
        )
        with self.assertRaisesRegex(UserError, "can be paid"):
            payment._get_processing_values()
        # A transfer is a promise.
        with patch.object(const, "OFFLINE_PROVIDERS", ("none",)):
            payment._get_processing_values()
