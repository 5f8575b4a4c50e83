from odoo import fields, models
from odoo.exceptions import AccessError, UserError
from odoo.fields import Domain

from ...tools.action import open_dialog
from ...tools.lock import take_turns
from ...tools.write_guard import trust
from .omni_billing_dispute import DECIDED

#: Types of accounts that a loss may be on.
LOSSES = ("expense", "expense_other")


class OmniBillingDispute(models.Model):
    """Who bears a dispute that was lost: the customer, or the company; once."""

    _inherit = "omni.billing.dispute"

    def action_decide(self):
        """Open the dialog in which a lost dispute is decided."""
        self.ensure_one()
        context = {"default_dispute_id": self.id}
        title = self.env._("Decide a Lost Dispute")
        return open_dialog("omni.billing.dispute.wizard", title, context)

    def _decide(self, decision, account=None, note=""):
        """Book who bears a lost dispute, once.

        :param str decision: ``owed``: the customer owes it again, ``owed_by_hand``: an
            accountant has booked that, or ``written_off``.
        :param account: `account.account` that it is written off to.
        :return: the `account.move`; the same again if it was decided so before. Empty
            if it was booked by hand.
        :raise UserError: if it is not lost, not booked, or decided otherwise.
        """
        self.ensure_one()
        self.check_access("read")
        self._check_may_decide()
        dispute = self.sudo()  # sudo: managers decide it, and do not write it.
        # Invoices come first, and whoever pays or refunds them waits.
        dispute.invoice_ids._billing_lock()
        take_turns(dispute)
        state = "owed" if decision == "owed_by_hand" else decision
        if dispute.state == state:
            return dispute.decision_move_id
        dispute._check_decidable(decision)
        move = dispute._book_decision(decision, account, note)
        dispute.write(
            {
                "state": state,
                "decision_move_id": move.id,
                "decided_by_id": self.env.uid,
                "decision_note": note,
            }
        )
        dispute._match_held()
        dispute.transaction_id._billing_note_dispute(dispute.reference, state)
        return move

    def _book_decision(self, decision, account, note):
        if self._is_by_hand():
            return self.env["account.move"]
        if decision == "owed":
            return self._owe_again(note)
        if decision == "owed_by_hand":
            self._check_booked_by_hand()
            return self.env["account.move"]
        return self._write_off(account)

    def _check_booked_by_hand(self):
        """Check that what the bank took stands on the account of disputes no more.

        :raise UserError: if it does.
        """
        if left := self._get_left_lines():
            raise UserError(
                self.env._(
                    "What %(dispute)s moved still stands on %(account)s. Book it from"
                    " there by a journal entry, reconcile the two, and decide then.",
                    dispute=self.reference,
                    account=left.account_id[:1].display_name,
                )
            )

    def _check_may_decide(self):
        if not self.env.user.has_group("omni_billing.omni_billing_group_manager"):
            raise AccessError(
                self.env._("Only billing managers decide who bears a lost dispute.")
            )

    def _is_by_hand(self):
        """Whether all that it moved was booked by hand, before the first day."""
        return bool(self.row_ids) and all(
            not row.move_id and row._is_before() for row in self.row_ids
        )

    def _check_decidable(self, decision):
        """Check that there is something to decide, and that it is booked.

        What was booked by hand is decided by hand, and only noted here.

        :raise UserError: if not; the message says what to do.
        """
        if self.state in DECIDED:
            raise UserError(
                self.env._(
                    "%(dispute)s is decided already, by %(user)s: %(state)s.",
                    dispute=self.reference,
                    user=self.decided_by_id.name,
                    state=dict(self._fields["state"]._description_selection(self.env))[
                        self.state
                    ],
                )
            )
        if self.state != "lost":
            raise UserError(
                self.env._(
                    "%(dispute)s is not lost. Answer it in Stripe's dashboard, and wait"
                    " for the bank.",
                    dispute=self.reference,
                )
            )
        if self._is_by_hand() and decision != "owed":
            return
        if self.problem or not self._get_held_amount():
            raise UserError(
                self.env._(
                    "What %(dispute)s moved is not in the books yet. %(problem)s",
                    dispute=self.reference,
                    problem=self.problem or "",
                )
            )

    def _get_held_amount(self):
        """Return what stands on the account of disputes, in the company's currency."""
        balance = sum(self._get_held_lines().mapped("balance"))
        return self.company_id.currency_id.round(balance)

    def _create_decision(self, title, values):
        """Post the entry that takes what is held to where it belongs.

        :param dict values: of the item that gets it.
        """
        held = self._get_held_lines()
        currency = held.currency_id[:1]
        balance = self._get_held_amount()
        name = f"Stripe {self.reference}"
        amount = sum(held.mapped("amount_currency"))
        lines = [
            {
                "name": name,
                "account_id": held.account_id.id,
                "partner_id": self.partner_id.id,
                "currency_id": currency.id,
                "amount_currency": -currency.round(amount),
                "balance": -balance,
            },
            {
                "name": name,
                "partner_id": self.partner_id.id,
                "currency_id": currency.id,
                "amount_currency": currency.round(amount),
                "balance": balance,
                **values,
            },
        ]
        today = fields.Date.context_today(self)
        return self.company_id._billing_create_entry(
            f"{self.reference} decided", today, title, lines
        )

    def _write_off(self, account):
        if not account:
            raise UserError(self.env._("Choose the account that it is written off to."))
        if account.account_type not in LOSSES:
            raise UserError(
                self.env._(
                    "%(account)s is no account of expenses: a loss is written off to"
                    " one.",
                    account=account.display_name,
                )
            )
        title = self.env._("Lost dispute %(dispute)s", dispute=self.reference)
        return self._create_decision(title, {"account_id": account.id})

    # === OWED AGAIN === #

    def _owe_again(self, note):
        """Take the payment off its invoices, as far as the bank took it back.

        What it paid until today was paid until today: the ledger has an entry of today
        for what is owed again, as of a payment that is undone.
        """
        payment = self._find_payment()
        money = payment.move_id._billing_get_receivable_lines()
        invoices = payment._billing_find_paid()
        title = self.env._(
            "Lost dispute %(dispute)s: owed again", dispute=self.reference
        )
        entry = self._create_decision(title, self._prepare_owed(payment))
        today = entry.date
        receipts = payment._billing_find_receipts().filtered("partial_id")
        trust(receipts).partial_id = False
        reason = note or title
        values = [receipt._prepare_undo_values(today, reason) for receipt in receipts]
        trust(receipts).create(values)
        money.remove_move_reconcile()
        (money + entry._billing_get_receivable_lines()).reconcile()
        self._pay_rest(payment, money, invoices, today)
        invoices._billing_update_payment_reference()
        return entry

    def _prepare_owed(self, payment):
        """Return what is owed again, in the currency of the payment."""
        values = {
            "account_id": payment.destination_account_id.id,
            "partner_id": payment.partner_id.id,
            "currency_id": self.currency_id.id,
            "amount_currency": self.amount,
        }
        if self.currency_id == self.company_id.currency_id:
            # What Stripe gave for it, and what is owed, may differ.
            if self.currency_id.compare_amounts(self.amount, self._get_held_amount()):
                raise UserError(
                    self.env._(
                        "Of %(dispute)s the bank took %(held)s, and the customer paid"
                        " %(amount)s: book it by a journal entry, and reconcile it with"
                        " the payment. Then decide that it was booked by hand.",
                        dispute=self.reference,
                        held=self.currency_id._billing_format(self._get_held_amount()),
                        amount=self.currency_id._billing_format(self.amount),
                    )
                )
        return values

    def _find_payment(self):
        """Return what the disputed charge is booked as.

        :raise UserError: if it is not booked.
        """
        payments = self.transaction_id._billing_get_payments().filtered(
            lambda payment: payment.move_id.state == "posted"
        )
        if not payments:
            raise UserError(
                self.env._(
                    "%(payment)s is not booked yet. Look again when it is.",
                    payment=self.payment_ref,
                )
            )
        large = payments.filtered(lambda payment: payment.amount >= self.amount)
        return (large or payments)[:1]

    def _pay_rest(self, payment, money, invoices, today):
        """Have what the bank did not take pay the invoices again, the oldest first."""
        lines = invoices._billing_get_receivable_lines() + money
        lines = lines.filtered(
            lambda line: not line.reconciled and line.account_id == money.account_id
        )
        if money.reconciled or len(lines) < 2:
            return
        lines.reconcile()
        receipts = self.env["omni.billing.transaction"].search(
            Domain("payment_id", "=", payment.id) & Domain("partial_id", "!=", False)
        )
        trust(receipts).date = today
