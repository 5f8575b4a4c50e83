import logging

from odoo import Command, api, fields, models
from odoo.exceptions import LockError, UserError
from odoo.service.model import PG_CONCURRENCY_EXCEPTIONS_TO_RETRY
from odoo.tools import format_amount, format_list, html2plaintext, plaintext2html

from ..exceptions import GatewayRefused, GatewayUnknown
from ..tools.commit import (
    check_can_commit,
    check_no_savepoint,
    commit,
    rollback,
    savepoint,
)
from ..tools.trust import trust

_logger = logging.getLogger(__name__)


class AccountMove(models.Model):
    """Charging cards for invoices, and giving the money back (design §5.1)."""

    _inherit = "account.move"

    billing_attempt_id = fields.Many2one(
        "payment.transaction",
        string="Card Payment under Way",
        readonly=True,
        copy=False,
        index="btree_not_null",
        help="Nothing else is charged or refunded before its outcome is known.",
    )
    billing_refundable = fields.Boolean(
        compute="_compute_billing_refundable",
        compute_sudo=True,
        help="Whether a card payment can be given back (F171).",
    )
    billing_dispute = fields.Selection(
        [("open", "Disputed"), ("won", "Dispute Won"), ("lost", "Dispute Lost")],
        string="Dispute",
        readonly=True,
        copy=False,
        index="btree_not_null",
        help="The customer's bank wants the money of a card payment back.",
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
                ("unpaid", "partial") if is_note else ("paid", "partial")
            )

    # === BUSINESS METHODS - CHARGE === #

    def _billing_charge(
        self, token, amount=None, is_customer_present=False, note_down=None
    ):
        """Charge a saved card for these invoices, the oldest first; commits.

        :param token: `payment.token`, a card at Stripe.
        :param float amount: with taxes, in the currency of the invoices; what is owed
            if none is given, never more.
        :param bool is_customer_present: whether the customer is there to confirm.
        :param note_down: called with the attempt; what it writes is committed with it,
            before Stripe is asked.
        :return: the attempt, a `payment.transaction` in sudo: paid, declined, or open
            if Stripe gave no answer.
        :raise UserError: if nothing was tried; the message says why.
        """
        check_can_commit(self.env)
        self._billing_settle_attempts()
        attempt = self._billing_start_charge(token, amount, is_customer_present)
        if note_down:
            note_down(attempt)
        commit(self.env)
        attempt._billing_send()
        self.invalidate_recordset()
        return attempt

    def _billing_settle_attempts(self):
        """Learn what became of earlier attempts before a new one may start; commits.

        :raise UserError: if that is not to be learnt now.
        """
        check_no_savepoint(self.env)
        # sudo: attempts are internal; staff and customers see their outcome.
        attempts = self.sudo().billing_attempt_id
        open_attempts = attempts._billing_resolve()
        # A customer paid on Odoo's form, and closed it before it was booked.
        attempts += self.sudo().transaction_ids._billing_book_late()  # sudo: as above
        try:
            open_attempts.filtered(
                lambda tx: tx.billing_decline_code == "authentication_required"
            )._billing_give_up()
        except (GatewayRefused, GatewayUnknown) as error:
            _logger.info("An attempt stays open: %s", error)
        self.invalidate_recordset()
        # Whoever asks did not know of it yet, so it may be the same wish again.
        if attempts.filtered(lambda tx: tx.state == "done") and (
            "refund" in attempts.mapped("operation")
            or sum(self.mapped("amount_residual"))
        ):
            self._billing_raise_look_again()
        self._billing_check_no_attempt()

    def _billing_check_no_attempt(self):
        if blocked := self.filtered("billing_attempt_id"):
            raise UserError(
                self.env._(
                    "A card payment of %(invoices)s is under way and its outcome is"
                    " not known yet. Nothing else was charged. Stripe is asked again"
                    " every few minutes: look again then.",
                    invoices=format_list(self.env, blocked.mapped("display_name")),
                )
            )

    def _billing_raise_look_again(self):
        raise UserError(
            self.env._(
                "Stripe has just confirmed what was under way for %(invoices)s. Nothing"
                " else was done: look at what is left, then go on.",
                invoices=format_list(self.env, self.mapped("display_name")),
            )
        )

    def _billing_start_charge(self, token, amount, is_customer_present):
        """Check, lock, and write the attempt down; see `_billing_charge`."""
        self._billing_lock_for_money()
        self._billing_check_payable()
        self._billing_check_token(token)
        currency = self.currency_id
        self._billing_close_other_payments()
        if amount is None:
            amount = self._billing_get_chargeable_amount() or sum(
                self.mapped("amount_residual")
            )
        self._billing_check_amount(amount)
        # sudo: attempts are internal; the rights on invoice and card were checked.
        Transaction = self.env["payment.transaction"].sudo()
        card = token.sudo()  # sudo: customers do not see providers.
        provider = card.provider_id
        reference = Transaction._compute_reference(
            provider.code, prefix=", ".join(self.mapped("name"))[:40]
        )
        # A job goes on when it is refused: nothing of it stays.
        with savepoint(self.env):
            attempt = Transaction.create(
                {
                    "provider_id": provider.id,
                    "payment_method_id": card.payment_method_id.id,
                    "reference": reference,
                    "amount": amount,
                    "currency_id": currency.id,
                    "partner_id": self[0].partner_id.id,
                    "token_id": token.id,
                    "operation": "online_token" if is_customer_present else "offline",
                    "invoice_ids": [Command.set(self.ids)],
                    "billing_customer_ref": card.provider_ref,
                    "billing_is_customer_present": is_customer_present,
                    "billing_is_open": True,
                    "billing_key": Transaction._billing_make_key(provider, reference),
                }
            )
        # sudo: customers pay their own without a right to write.
        trust(self).sudo().billing_attempt_id = attempt
        return attempt

    def _billing_lock_for_money(self):
        """Lock the invoices; customers pay their own without a right to write."""
        self.check_access("read")
        # sudo: the lock needs a right to write that customers do not have.
        self.sudo()._billing_lock()
        self.invalidate_recordset()

    def _billing_check_payable(self):
        if not self:
            raise UserError(self.env._("Select at least one invoice to pay."))
        for invoice in self:
            if (
                invoice.move_type != "out_invoice"
                or invoice.state != "posted"
                or invoice.billing_state not in ("unpaid", "partial")
            ):
                labels = dict(
                    invoice._fields["billing_state"]._description_selection(self.env)
                )
                raise UserError(
                    self.env._(
                        "%(invoice)s cannot be paid: it is %(state)s. Nothing was"
                        " changed.",
                        invoice=invoice.display_name,
                        state=labels.get(
                            invoice.billing_state, self.env._("not an invoice")
                        ).lower(),
                    )
                )
            if invoice.billing_attempt_id:
                raise UserError(
                    self.env._(
                        "A card payment of %(invoice)s is under way. Wait for its"
                        " outcome.",
                        invoice=invoice.display_name,
                    )
                )
        self._billing_check_together()

    def _billing_check_together(self):
        if (
            len(self.company_id) > 1
            or len(self.currency_id) > 1
            or len(self.commercial_partner_id) > 1
        ):
            raise UserError(
                self.env._(
                    "Invoices paid together must belong to one customer, one company"
                    " and one currency. Select fewer."
                )
            )

    def _billing_check_token(self, token):
        token.check_access("read")
        # sudo: customers do not see providers.
        card = token.sudo()
        if not card or not card.active:
            raise UserError(
                self.env._("No payment method found. Add a card first, then pay.")
            )
        if card.partner_id.commercial_partner_id != self.commercial_partner_id:
            raise UserError(self.env._("This card belongs to another customer."))
        # sudo: a branch charges cards saved with a company above it.
        if card.company_id not in self.company_id.sudo().parent_ids:
            raise UserError(
                self.env._("This card is saved with another company. Add it again.")
            )
        card._billing_check_card()
        if card.provider_id.state == "disabled":
            raise UserError(
                self.env._(
                    "%(card)s is saved with a Stripe account that is switched off."
                    " Choose another card, or have an administrator switch it on in"
                    " Invoicing > Configuration > Payment Providers.",
                    card=card.display_name,
                )
            )
        # Before anything is written down: it says so if Stripe is not set up.
        card.provider_id._billing_get_gateway()
        card.provider_id._billing_check_mode()
        if card.billing_is_expired:
            raise UserError(
                self.env._(
                    "Card expired: %(card)s. Add a new card, or choose another one.",
                    card=card.display_name,
                )
            )

    def _billing_close_other_payments(self, but=None):
        """Give up payments that customers began and did not finish (W1).

        :param but: the `payment.transaction` that asks.
        :raise UserError: if one of them was paid meanwhile, is at a bank, or cannot be
            given up.
        """
        # sudo: see `_billing_start_charge`.
        payments = self.sudo().transaction_ids
        payments._billing_check_none_authorized()
        others = payments.filtered(
            lambda tx: (
                tx.provider_code == "stripe"
                and tx.state in ("draft", "pending")
                and tx.operation not in ("refund", "validation")
                and tx.provider_reference
                and not tx.billing_is_open
                and tx != but
            )
        )
        for other in others:
            try:
                charge = other._billing_stop()
            except (GatewayRefused, GatewayUnknown) as error:
                raise UserError(
                    self.env._(
                        "The customer began to pay by card, and Stripe cannot be asked"
                        " how that ended. Nothing was changed: try again in a minute."
                    )
                ) from error
            if charge.is_under_way:
                # It passes, or is booked by the webhook or the job that asks.
                raise UserError(other._billing_explain_under_way()) from LockError(
                    self.env._("A payment is under way.")
                )
            if charge.is_paid:
                # The webhook books it, or the job that asks for lost answers.
                raise UserError(
                    self.env._(
                        "The customer is paying %(invoices)s by card right now. Look"
                        " again in a minute.",
                        invoices=format_list(self.env, self.mapped("display_name")),
                    )
                ) from LockError(self.env._("A payment is under way."))
            other._billing_apply(charge)

    # === BUSINESS METHODS - REFUND === #

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
        while True:
            try:
                attempt, amount = self._billing_start_refund(
                    amount, attempts, note, payment
                )
                if attempt and note_down:
                    note_down(attempt)
                commit(self.env)
            except PG_CONCURRENCY_EXCEPTIONS_TO_RETRY:
                if not attempts:
                    raise
                # Odoo would run the request again, and refund the first part again.
                rollback(self.env)
                self._billing_raise_look_again()
            if not attempt:
                return attempts
            attempt._billing_send()
            self.invalidate_recordset()
            attempts += attempt
            if attempt.state != "done":
                return attempts

    def _billing_start_refund(self, amount, earlier, note=None, payment=None):
        """Write the next attempt down; return it and what is left to refund."""
        if earlier and self.currency_id.is_zero(amount):
            return self.env["payment.transaction"], 0.0
        moves = self | (note or self)
        moves._billing_lock_for_money()
        moves.check_access("write")
        if note and note.reversed_entry_id != self:
            raise UserError(
                self.env._(
                    "%(note)s is no credit note of %(invoice)s.",
                    note=note.display_name,
                    invoice=self.display_name,
                )
            )
        available = self._billing_get_refundable_amount(note, payment)
        if self.billing_state == "void" or self.currency_id.is_zero(available):
            raise UserError(
                self.env._(
                    "%(invoice)s has no card payment that can be refunded. Cash, POS"
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
            billing_is_open=True,
            billing_refund_invoice_id=self.id,
            billing_refund_note_id=note.id if note else False,
        )
        attempt.billing_key = attempt._billing_make_key(
            payment.provider_id, attempt.reference
        )
        # sudo: customers pay their own without a right to write.
        trust(moves).sudo().billing_attempt_id = attempt
        return attempt, self.currency_id.round(amount - part)

    def _billing_book_refund(self, refund):
        """Set the money of a refund against its credit note, posted now or before.

        :param refund: `payment.transaction`, done, with its `account.payment`.
        """
        self.ensure_one()
        move = trust(self).sudo()  # sudo: whoever may refund books the refund.
        note = refund.billing_refund_note_id
        if not note:
            note = move._billing_create_refund_note(-refund.amount)
            # Odoo sets it against what is still owed; but it is the refund's.
            note.line_ids.remove_move_reconcile()
        lines = (refund.payment_id.move_id.line_ids + note.line_ids).filtered(
            lambda line: line.account_type == "asset_receivable" and not line.reconciled
        )
        lines.reconcile()
        references = [move.billing_refund_reference, refund.provider_reference]
        move.billing_refund_reference = ", ".join(filter(None, references))

    # === ACTION METHODS === #

    def action_billing_close_attempt(self):
        """Open the dialog that closes a card payment of unknown outcome."""
        self.ensure_one()
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Close a Card Payment"),
            "res_model": "omni.billing.attempt.wizard",
            "view_mode": "form",
            "target": "new",
            "context": {"default_invoice_id": self.id},
        }

    def action_billing_refund(self):
        """Open the dialog that gives a card payment back (F171-F177)."""
        self.ensure_one()
        is_note = self.move_type == "out_refund"
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Refund Invoice"),
            "res_model": "omni.billing.card.refund.wizard",
            "view_mode": "form",
            "target": "new",
            "context": {
                "default_invoice_id": self.reversed_entry_id.id if is_note else self.id,
                "default_note_id": is_note and self.id,
            },
        }

    # === HELPERS === #

    def _billing_tell_staff(self, message):
        """Leave a note and a to-do for who follows up on the invoice."""
        self.ensure_one()
        # sudo: jobs and customers leave it for staff.
        move = self.sudo()
        kind = self.env.ref("mail.mail_activity_data_warning")
        note = plaintext2html(message)
        told = move.activity_ids.filtered(
            lambda activity: (
                activity.activity_type_id == kind
                and html2plaintext(activity.note or "") == html2plaintext(note)
            )
        )
        if told:
            # The job asks again every few minutes; one to-do is enough.
            return
        user = move.invoice_user_id or self.env.ref("base.user_admin")
        move.activity_schedule(
            "mail.mail_activity_data_warning", note=note, user_id=user.id
        )
