from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.service.model import PG_CONCURRENCY_EXCEPTIONS_TO_RETRY

from ...const import UNPAID_STATES
from ...tools.action import open_dialog
from ...tools.database import check_can_commit, rollback
from ...tools.numbers import format_amount
from ...tools.write_guard import trust


class AccountMove(models.Model):
    """Giving card payments back, and the credit notes of that (F171-F177)."""

    _inherit = "account.move"

    billing_refund_reference = fields.Char(
        string="Refund Reference", readonly=True, copy=False
    )

    billing_refundable = fields.Boolean(
        compute="_compute_billing_refundable",
        compute_sudo=True,
        help="Whether an online payment can be given back (F171).",
    )

    @api.depends(
        "billing_payment_reference",
        "billing_state",
        "reversed_entry_id.billing_payment_reference",
    )
    def _compute_billing_refundable(self):
        for move in self:
            # A credit note that is credit on file can go back to the card as well.
            is_note = move.move_type == "out_refund"
            invoice = move.reversed_entry_id if is_note else move
            # The reference of a card payment names its PaymentIntent (F136).
            by_card = "pi_" in (invoice.billing_payment_reference or "")
            move.billing_refundable = by_card and move.billing_state in (
                UNPAID_STATES if is_note else ("paid", "partial")
            )

    # === ACTION METHODS === #

    def action_billing_refund(self):
        """Open the dialog that gives a card payment back (F171-F177).

        Who may not do that can ask a manager in it.
        """
        self.ensure_one()
        if self._billing_has_to_ask():
            return self._billing_open_ask("refund")
        is_note = self.move_type == "out_refund"
        title = self.env._("Refund Invoice")
        context = {
            "default_invoice_id": self.reversed_entry_id.id if is_note else self.id,
            "default_note_id": is_note and self.id,
        }
        return open_dialog("omni.billing.card.refund.wizard", title, context)

    def action_billing_open_void(self):
        """Override: who may not void several can ask a manager."""
        if len(self) > 1 and self._billing_has_to_ask():
            return self._billing_open_ask("void")
        return super().action_billing_open_void()

    # === BUSINESS METHODS === #

    def _billing_has_to_ask(self):
        """Whether what managers decide is not for this user to do (F8)."""
        group = "omni_billing.omni_billing_group_manager"
        return not self.env.su and not self.env.user.has_group(group)

    def _billing_open_ask(self, operation):
        context = {"default_operation": operation, "default_invoice_ids": self.ids}
        title = self.env._("Ask a Manager")
        return open_dialog("omni.billing.ask.wizard", title, context)

    def _billing_refund(self, amount=None, note=None, note_down=None, payment=None):
        """Give money back to the card it came from, and book it; commits.

        :param float amount: with taxes; all that can be refunded if none is given.
        :param note: a posted credit note of this invoice that the money is set
            against; without one, each refund posts its own.
        :param payment: the one `payment.transaction` to give back; all of them, the
            oldest first, if none is given.
        :param note_down: called with each attempt; what it writes is committed with
            it, before Stripe is asked.
        :return: the attempts, `payment.transaction` in sudo, one for each card payment.
        :raise UserError: if nothing was tried; the message says why.
        """
        self.ensure_one()
        check_can_commit(self.env)
        self._billing_settle_attempts()
        attempts = self.env["payment.transaction"].sudo()  # sudo: as in charging.
        while not attempts or not self.currency_id.is_zero(amount):
            try:
                attempt, amount = self._billing_create_refund(amount, note, payment)
                attempt._billing_begin(note_down)
            except PG_CONCURRENCY_EXCEPTIONS_TO_RETRY:
                if not attempts:
                    raise
                # Odoo would run the request again, and refund the first part again.
                rollback(self.env)
                self._billing_raise_look_again()
            attempt._billing_send()
            self.invalidate_recordset()
            attempts += attempt
            if attempt.state != "done":
                break
        return attempts

    def _billing_create_refund(self, amount, note=None, payment=None):
        """Lock, check, and return the next attempt and what is left to refund."""
        moves = self | (note or self)
        moves._billing_lock_for_money()
        moves.check_access("write")
        moves._billing_check_no_attempt()
        self._billing_check_not_disputed(payment)
        if note and note.reversed_entry_id != self:
            raise UserError(
                self.env._(
                    "%(note)s is no credit note of %(invoice)s.",
                    note=note.display_name,
                    invoice=self.display_name,
                )
            )
        if note and (note.state != "posted" or note.billing_is_void):
            raise UserError(
                self.env._(
                    "%(note)s is void, or was not posted: there is nothing to give back"
                    " for it. Nothing was refunded.",
                    note=note.display_name,
                )
            )
        available = self._billing_get_refundable_amount(note, payment)
        if self.currency_id.is_zero(available):
            self._billing_check_paid_in_currency(payment)
        if self.billing_state == "void" or self.currency_id.is_zero(available):
            raise UserError(
                self.env._(
                    "%(invoice)s has no online payment that can be refunded. Cash, POS"
                    " and bank payments are given back by hand: add a credit, then"
                    " record the refund.",
                    invoice=self.display_name,
                )
            )
        if amount is None:
            amount = available
        if (
            self.currency_id.compare_amounts(amount, 0) <= 0
            or self.currency_id.compare_amounts(amount, available) > 0
        ):
            raise UserError(
                self.env._(
                    "The refund has to be more than zero and at most %(available)s.",
                    available=format_amount(self.env, available, self.currency_id),
                )
            )
        payment, left = self._billing_get_card_payments(payment)[0]
        part = min(amount, left)
        attempt = payment._create_child_transaction(
            part,
            is_refund=True,
            billing_refund_invoice_id=self.id,
            billing_refund_note_id=note.id if note else False,
        )
        return attempt, self.currency_id.round(amount - part)

    def _billing_check_not_disputed(self, only=None):
        """Say that a bank has the money, where no other card payment is left.

        :param only: the one `payment.transaction` that is to be given back, if any.
        """
        # sudo: staff see card payments through billing only.
        payments = self.sudo().transaction_ids
        disputed = (payments & only if only else payments).filtered(
            lambda tx: tx._billing_is_taken_back()
        )
        if disputed and not self._billing_get_card_payments(only):
            raise UserError(
                self.env._(
                    "The payment of %(invoice)s is disputed: the customer's bank"
                    " has the money, and Stripe gives none back meanwhile. Nothing was"
                    " refunded. Answer the dispute in Stripe's dashboard; to give in,"
                    " accept it there.",
                    invoice=self.display_name,
                )
            )

    def _billing_check_paid_in_currency(self, only=None):
        """Say what helps with a card payment in another currency.

        None begins any more; but there are some from before.

        :param only: the one `payment.transaction` that is to be given back, if any.
        """
        # sudo: staff see card payments through billing only.
        payments = self.sudo().transaction_ids
        for payment in payments & only if only else payments:
            is_paid = payment.provider_code == "stripe" and payment.state == "done"
            if is_paid and payment.currency_id != self.currency_id:
                raise UserError(
                    self.env._(
                        "%(payment)s paid %(invoice)s in %(currency)s, another"
                        " currency, and cannot be refunded here. Refund it in Stripe's"
                        " dashboard: it is booked by itself. Then make a credit note.",
                        payment=payment.reference,
                        invoice=self.display_name,
                        currency=payment.currency_id.name,
                    )
                )

    def _billing_book_refund(self, refund):
        """Set the money of a refund against its credit note, posted now or before.

        :param refund: `payment.transaction`, done, with its `account.payment`.
        """
        self.ensure_one()
        move = trust(self).sudo()  # sudo: whoever may refund books the refund.
        note = refund.billing_refund_note_id
        if not note or note.state != "posted":
            # It is void by now: the money went back all the same.
            note = move._billing_create_refund_note(-refund.amount)
            # Odoo sets it against what is still owed; but it is the refund's. What it
            # took off another account, as of prepaid money, it did.
            note._billing_get_receivable_lines().remove_move_reconcile()
        money = refund.payment_id.move_id._billing_get_receivable_lines()
        lines = money + note._billing_get_receivable_lines()
        lines.filtered(lambda line: not line.reconciled).reconcile()
        if left := sum(money.mapped("amount_residual_currency")):
            move._billing_tell_staff(
                self.env._(
                    "%(amount)s of the refund %(reference)s went back to the customer,"
                    " but %(note)s was used for something else meanwhile: the customer"
                    " owes them now. Make a credit note, or ask the customer.",
                    amount=refund.currency_id._billing_format(left),
                    reference=refund.reference,
                    note=note.display_name,
                )
            )
        references = [move.billing_refund_reference, refund.provider_reference]
        move.billing_refund_reference = ", ".join(filter(None, references))

    # === HELPERS === #

    def _billing_get_card_payments(self, only=None):
        """Return the card payments of the invoice with what can be refunded of each.

        :param only: the one `payment.transaction` to look at, if not all.
        :rtype: list[tuple[payment.transaction, float]]
        """
        self.ensure_one()
        # sudo: staff see card payments through billing only.
        payments = self.sudo().transaction_ids.filtered(
            lambda tx: (
                tx.provider_code == "stripe"
                and tx.state == "done"
                and tx.operation not in ("refund", "validation")
                and (tx.provider_reference or "").startswith("pi_")
                and not tx._billing_is_taken_back()
            )
        )
        result = []
        for payment in (payments & only if only else payments).sorted("id"):
            # What the same charge paid on other invoices is theirs to give back.
            left = payment._billing_get_shares().get(self, 0.0)
            if self.currency_id.compare_amounts(left, 0) > 0:
                result.append((payment, left))
        return result

    def _billing_get_refundable_amount(self, note=None, payment=None):
        """Return how much of the card payments can go back, taxes included.

        :param note: a posted credit note of the invoice that is to be given back.
        :param payment: the one `payment.transaction` to give back, if not all.
        """
        self.ensure_one()
        by_card = sum(left for _tx, left in self._billing_get_card_payments(payment))
        if note:
            return self.currency_id.round(max(0.0, min(by_card, note.amount_residual)))
        not_credited = self.amount_total - self._billing_get_reversed_amount()
        paid = self.amount_total - self.amount_residual
        return self.currency_id.round(max(0.0, min(by_card, not_credited, paid)))

    def _billing_find_open_notes(self):
        """Return the credit notes of the invoice that something is left of."""
        return self.reversal_move_ids.filtered(
            lambda note: (
                note.state == "posted"
                and not note.billing_attempt_id
                and not note.currency_id.is_zero(note.amount_residual)
            )
        ).sorted("id")

    def _billing_get_creditable_amount(self):
        """Return how much can be given back on this invoice, taxes included.

        What is left of its credit notes, and what none was made for yet.
        """
        self.ensure_one()
        not_credited = self.amount_total - self._billing_get_reversed_amount()
        left = sum(self._billing_find_open_notes().mapped("amount_residual"))
        return self.currency_id.round(max(0.0, not_credited) + left)

    def _billing_spread_refund(self, amount):
        """Spread what is given back over open credit notes, the oldest first.

        :param float amount: taxes included.
        :return: credit notes and what is set against each; the last one is none if a
            new one has to be made.
        :rtype: list[tuple[account.move, float]]
        """
        self.ensure_one()
        found = []
        for note in self._billing_find_open_notes():
            part = min(amount, note.amount_residual)
            amount = self.currency_id.round(amount - part)
            found.append((note, part))
        return [*found, (self.browse(), amount)]
