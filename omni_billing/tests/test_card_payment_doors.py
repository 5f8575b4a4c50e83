from odoo.exceptions import UserError
from odoo.fields import Command
from odoo.tests import tagged

from .doors_common import DoorsCommon


@tagged("post_install", "-at_install")
class TestSavedCardsInTheModel(DoorsCommon):
    """What no route can forget: whose card is charged, and for whom (W22)"""

    def test_guest_uses_no_card(self):
        guest = self.env.ref("base.public_user").sudo()  # sudo: of no company
        invoice = self._bill_amounts(45)
        for what in ({"invoice": invoice}, {}):
            with self.assertRaisesRegex(UserError, "Sign in"):
                self._create_payment(
                    user=guest,
                    token_id=self.card.id,
                    operation="online_token",
                    **what,
                )
        payment = self._create_payment(invoice, user=guest, tokenize=True)
        self.assertFalse(payment.tokenize)
        with self.assertRaisesRegex(UserError, "Sign in"):
            payment.token_id = self.card
        with self.assertRaisesRegex(UserError, "Sign in"):
            self._create_payment(user=guest, operation="validation", amount=0)

    def test_card_pays_for_its_own_customer(self):
        """Whoever asks: a customer, staff, an accountant, an administrator."""
        invoice = self._bill_amounts(45)
        foreign = self._save_card("1881", partner=self.neighbor)
        other = self._create_user("accountant", "account.group_account_invoice")
        for user in (self.staff, other, self.env.ref("base.user_root")):
            for values in (
                {"invoice": invoice, "token_id": foreign.id},
                {"token_id": foreign.id},
                {
                    "invoice": invoice,
                    "token_id": foreign.id,
                    "partner_id": self.neighbor.id,
                },
            ):
                with self.assertRaisesRegex(UserError, "another customer"):
                    self._create_payment(user=user, operation="offline", **values)

    def test_accountant_charges_no_other_customer_s_card(self):
        """Odoo's own dialog offers the right ones; RPC takes any."""
        foreign = self._save_card("1881", partner=self.neighbor)
        payment = self.env["account.payment"].create(
            {
                "payment_type": "inbound",
                "partner_type": "customer",
                "partner_id": self.customer.id,
                "amount": 45,
                "journal_id": self.provider.journal_id.id,
                "payment_token_id": foreign.id,
            }
        )
        with self.assertRaisesRegex(UserError, "another customer"):
            payment.action_post()
        self.assertFalse(self.api.calls)

    def test_card_that_changed_hands_is_not_charged(self):
        """It was right when the payment was begun."""
        payment = self._create_payment(
            token_id=self.card.id, operation="online_token", user=self.staff
        )
        self.card.sudo().partner_id = self.neighbor
        with self.assertRaisesRegex(UserError, "another customer"):
            payment._charge_with_token()
        self.assertFalse(self.api.calls)

    def test_card_is_linked_once_it_is_saved(self):
        """A guest's return page may be what links it, when the money is there."""
        guest = self.env.ref("base.public_user").sudo()  # sudo: of no company
        payment = self._create_payment(user=guest)
        payment._set_done()
        payment.token_id = self.card
        self.assertEqual(payment.token_id, self.card)

    def test_refund_is_of_the_card_that_was_charged(self):
        payment = self._create_payment(
            token_id=self.card.id, operation="online_token", user=self.staff
        )
        payment._set_done()
        guest = self.env.ref("base.public_user").sudo()  # sudo: of no company
        refund = payment.with_user(guest).sudo()._create_child_transaction(45, True)
        self.assertEqual(refund.token_id, self.card)
        with self.assertRaisesRegex(UserError, "Sign in"):
            refund.token_id = self._save_card("1881")

    def test_payment_of_an_invoice_is_charged_as_it_was(self):
        invoice = self._bill_amounts(45)
        payment = self._create_payment(
            invoice, token_id=self.card.id, operation="online_token"
        )
        with self.assertRaisesRegex(UserError, "another customer"):
            payment.invoice_ids = [Command.set(self._bill_neighbor().ids)]

    def _bill_neighbor(self):
        self._create_transaction(45, partner_id=self.neighbor.id)
        return self._bill(partner_id=self.neighbor.id)
