import logging
from contextlib import contextmanager

from odoo import Command, api, fields, models
from odoo.exceptions import LockError, UserError
from odoo.service.model import PG_CONCURRENCY_EXCEPTIONS_TO_RETRY
from odoo.tools import format_list

from ...exceptions import GatewayDenied, GatewayRefused, GatewayUnknown
from ...tools.action import open_dialog
from ...tools.database import (
    check_can_commit,
    check_no_savepoint,
    rollback,
    savepoint,
)

_logger = logging.getLogger(__name__)


class AccountMove(models.Model):
    """Charging cards for invoices, and giving the money back (promise 1)."""

    _inherit = "account.move"

    billing_attempt_id = fields.Many2one(
        "payment.transaction",
        string="Payment under Way",
        readonly=True,
        copy=False,
        index="btree_not_null",
        help="Nothing else is charged or refunded before its outcome is known.",
    )
    billing_dispute = fields.Selection(
        [
            ("inquiry", "The Bank Asks"),
            ("open", "Disputed"),
            ("won", "Dispute Won"),
            ("lost", "Dispute Lost"),
            ("owed", "Dispute Lost, Owed Again"),
            ("written_off", "Dispute Lost, Written Off"),
        ],
        string="Dispute",
        readonly=True,
        copy=False,
        index="btree_not_null",
        help="The customer's bank wants the money of a payment back.",
    )

    @api.model
    def _billing_get_state_fields(self):
        return super()._billing_get_state_fields() | {
            *("billing_attempt_id", "billing_dispute", "billing_refund_reference"),
        }

    # === BUSINESS METHODS - CHARGE === #

    def _billing_charge(
        self,
        token,
        amount=None,
        at_most=None,
        is_credit_first=False,
        is_customer_present=False,
        note_down=None,
    ):
        """Charge a saved card for these invoices, the oldest first; commits.

        :param token: `payment.token`, a card at Stripe.
        :param float amount: with taxes, in the currency of the invoices: what a person
            agreed to, never more than is owed. If none is given, credit on file is used
            first, and what it leaves is charged (W15).
        :param float at_most: with no amount given, no more than this is charged.
        :param bool is_credit_first: use credit on file before the amount is charged.
        :param bool is_customer_present: whether the customer is there to confirm.
        :param note_down: called with the attempt; what it writes is committed with it,
            before Stripe is asked.
        :return: the attempt, a `payment.transaction` in sudo: paid, declined, or open
            if Stripe gave no answer.
        :raise UserError: if nothing was tried; the message says why.
        """
        check_can_commit(self.env)
        self._billing_settle_attempts()
        amount = self._billing_prepare_charge(token, amount, at_most, is_credit_first)
        attempt = self._billing_create_charge(token, amount, is_customer_present)
        attempt._billing_begin(note_down)
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
        attempts += self.sudo().transaction_ids._billing_learn_begun()  # sudo: as above
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
        self._billing_check_not_collected()
        if blocked := self.filtered("billing_attempt_id"):
            raise UserError(
                self.env._(
                    "A payment of %(invoices)s is under way and its outcome is"
                    " not known yet. Nothing else was charged. Stripe is asked again"
                    " every few minutes: look again then.",
                    invoices=format_list(self.env, blocked.mapped("display_name")),
                )
            )

    @contextmanager
    def _billing_charging_once(self, is_charging):
        """Have Odoo not run a request again that may have charged a card for these.

        After a conflict Odoo does so, and would charge another part. What was charged
        is committed; the rest is for who looks.

        :param bool is_charging: whether a card is charged in it; for no invoice, maybe.
        :raise UserError: instead of the conflict.
        """
        try:
            yield
            self.env.flush_all()
        except PG_CONCURRENCY_EXCEPTIONS_TO_RETRY as error:
            if not is_charging:
                raise
            rollback(self.env)
            raise UserError(
                self.env._(
                    "Somebody else was working on the same records. The card may have"
                    " been charged: look at what is paid, then go on."
                )
            ) from error

    def _billing_raise_look_again(self):
        raise UserError(
            self.env._(
                "Stripe has just confirmed what was under way for %(invoices)s. Nothing"
                " else was done: look at what is left, then go on.",
                invoices=format_list(self.env, self.mapped("display_name")),
            )
        )

    def _billing_prepare_charge(self, token, amount, at_most, is_credit_first):
        """Lock and check; return what may be charged now: see `_billing_charge`."""
        self._billing_lock_for_money()
        self._billing_check_payable()
        self._billing_check_token(token)
        self._billing_close_other_payments()
        if is_credit_first or amount is None:
            self._billing_spend_credit()
        due = sum(self.mapped("amount_residual"))
        if amount is None:
            self._billing_check_not_covered(due)
            amount = self._billing_get_chargeable_amount() or due
            amount = amount if at_most is None else min(amount, at_most)
        self._billing_check_amount(amount)
        return amount

    def _billing_check_not_covered(self, due):
        if self.currency_id.is_zero(due):
            raise UserError(
                self.env._(
                    "Credit on file covers %(invoices)s: nothing was charged.",
                    invoices=format_list(self.env, self.mapped("display_name")),
                )
            )

    def _billing_create_charge(self, token, amount, is_customer_present):
        """Return the attempt that may begin, of invoices that are locked and checked"""
        # sudo: attempts are internal; the rights on invoice and card were checked.
        Transaction = self.env["payment.transaction"].sudo()
        card = token.sudo()  # sudo: customers do not see providers.
        provider = card.provider_id
        reference = Transaction._compute_reference(
            provider.code, prefix=", ".join(self.mapped("name"))[:40]
        )
        # A job goes on when it is refused: nothing of it stays.
        with savepoint(self.env):
            return Transaction.create(
                {
                    "provider_id": provider.id,
                    "payment_method_id": card.payment_method_id.id,
                    "reference": reference,
                    "amount": amount,
                    "currency_id": self.currency_id.id,
                    "partner_id": self[0].partner_id.id,
                    "token_id": token.id,
                    "operation": "online_token" if is_customer_present else "offline",
                    "invoice_ids": [Command.set(self.ids)],
                    "billing_is_customer_present": is_customer_present,
                }
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
            raise UserError(
                self.env._("This payment method belongs to another customer.")
            )
        # sudo: a branch charges cards saved with a company above it.
        if card.company_id not in self.company_id.sudo().parent_ids:
            raise UserError(
                self.env._(
                    "This payment method is saved with another company. Add it again."
                )
            )
        card._billing_check_card()
        if card.provider_id.state == "disabled":
            raise UserError(
                self.env._(
                    "%(card)s is saved with a Stripe account that is switched off."
                    " Choose another one, or have an administrator switch it on in"
                    " Invoicing > Configuration > Payment Providers.",
                    card=card.display_name,
                )
            )
        if problem := card._billing_explain_no_debit(self.currency_id):
            raise UserError(problem)
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

    def _billing_before_void(self):
        """Override: nor is it paid afterwards, on a page that is open still."""
        self._billing_close_other_payments()
        return super()._billing_before_void()

    def _billing_has_money_under_way(self):
        """Override: a card payment that is open, at a bank or done.

        What a bank holds is asked for before it is void (`_billing_before_void`).
        """
        move = self.sudo()  # sudo: staff see card payments through billing only.
        under_way = move.billing_attempt_id + move.transaction_ids.filtered(
            lambda tx: tx.state in ("pending", "done") and tx.operation != "validation"
        )
        return bool(under_way) or super()._billing_has_money_under_way()

    def _billing_check_payable(self):
        """Override: one card payment at a time."""
        result = super()._billing_check_payable()
        self._billing_check_not_collected()
        for invoice in self.filtered("billing_attempt_id"):
            raise UserError(
                self.env._(
                    "A payment of %(invoice)s is under way. Wait for its outcome.",
                    invoice=invoice.display_name,
                )
            )
        return result

    def _billing_close_other_payments(self, but=None):
        """Give up payments that customers began and did not finish (W1).

        :param but: the `payment.transaction` that asks.
        :raise UserError: if one of them was paid meanwhile, is at a bank, or cannot be
            given up.
        """
        # sudo: see `_billing_create_charge`.
        payments = self.sudo().transaction_ids
        self._billing_close_begun(payments - (but or payments.browse()))

    def _billing_close_begun(self, payments, is_deleted=False):
        """Give up those of these payments that were begun and not finished.

        What a bank holds is given up by staff: it is only asked whether it still does.

        :param bool is_deleted: whether a to-do on an invoice would go with it.
        :raise UserError: as above.
        """
        held = payments.filtered(lambda tx: tx.state == "authorized")
        for other in held + payments._billing_filter_payable():
            if other.provider_code != "stripe":
                other._billing_go_on_without(is_deleted)
                continue
            try:
                charge = other._billing_stop()
            except (GatewayRefused, GatewayUnknown, UserError) as error:
                if other._billing_is_cut_off(error):
                    other._billing_go_on_without(is_deleted)
                    continue
                if isinstance(error, UserError):
                    raise
                if isinstance(error, GatewayDenied):
                    raise UserError(
                        self.env._(
                            "The customer began to pay online, and Stripe does not"
                            " accept the key to ask how that ended. Nothing was"
                            " changed: have an administrator set the key right, or"
                            " disable Stripe, in Invoicing > Configuration > Payment"
                            " Providers."
                        )
                    ) from error
                raise UserError(
                    self.env._(
                        "The customer began to pay online, and Stripe cannot be asked"
                        " how that ended. Nothing was changed: try again in a minute."
                    )
                ) from error
            if other._billing_is_elsewhere(charge):
                other._billing_lock()
                other._billing_leave(is_deleted)
                continue
            if other in held and charge.is_authorized:
                raise UserError(other._billing_explain_held())
            if charge.is_under_way:
                # It passes, or is booked by the webhook or the job that asks.
                raise UserError(other._billing_explain_under_way()) from LockError(
                    self.env._("A payment is under way.")
                )
            if other._billing_is_left_to_staff(charge):
                continue
            if charge.is_paid:
                # The webhook books it, or the job that asks for lost answers.
                raise UserError(
                    self.env._(
                        "The customer is paying %(invoices)s online right now. Look"
                        " again in a minute.",
                        invoices=format_list(self.env, self.mapped("display_name")),
                    )
                ) from LockError(self.env._("A payment is under way."))
            other._billing_apply(charge)

    # === ACTION METHODS === #

    def action_billing_close_attempt(self):
        """Open the dialog that closes a payment of unknown outcome."""
        self.ensure_one()
        title = self.env._("Close a Payment")
        context = {"default_invoice_id": self.id}
        return open_dialog("omni.billing.attempt.wizard", title, context)
