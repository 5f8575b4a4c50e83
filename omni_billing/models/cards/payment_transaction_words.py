import logging

from odoo import api, models
from odoo.exceptions import UserError
from odoo.service.model import PG_CONCURRENCY_EXCEPTIONS_TO_RETRY
from odoo.tools import format_date

from ...const import LET_GO, UNPAID_STATES
from ...exceptions import GatewayDenied, GatewayRefused, GatewayUnknown
from ...tools.database import savepoint

_logger = logging.getLogger(__name__)


class PaymentTransaction(models.Model):
    """What customers and staff are told of a payment."""

    _inherit = "payment.transaction"

    # === CUSTOMERS === #

    @api.private
    def billing_get_client_values(self):
        """Return what the page of the customer needs to go on.

        :return: ``state`` (done, action, declined or unknown), ``message``,
            ``client_secret``, ``publishable_key``, ``landing_url``.
        """
        self.ensure_one()
        waits = (
            self.billing_is_open
            and self.billing_decline_code == "authentication_required"
            and self.provider_reference
        )
        state = (
            "done"
            if self.state == "done"
            else "action"
            if waits
            else "unknown"
            if self.billing_is_open
            else "declined"
        )
        secret = False
        if state == "action":
            gateway = self.provider_id._billing_get_gateway()
            try:
                secret = gateway.get_charge(self.provider_reference).client_secret
            except (GatewayRefused, GatewayUnknown) as error:
                _logger.warning("%s: no page to confirm: %s", self.reference, error)
                state = "unknown"
        return {
            "state": state,
            "message": self.env._("Thank you, the payment was received.")
            if state == "done"
            else self.state_message or "",
            "client_secret": secret,
            "publishable_key": self.provider_id.stripe_publishable_key or "",
            "landing_url": self.landing_route or "/my/billing",
        }

    def _billing_write_mail(self):
        """Write the e-mail that is due, once; it is no reason to undo anything (F124).

        A receipt tells that the card was charged, or the money given back.
        """
        kind = self.billing_mail_due
        self.billing_mail_due = False
        try:
            with savepoint(self.env):
                if kind == "receipt":
                    self._billing_send_template("card_receipt", self.payment_id)
                elif kind == "confirm":
                    # What is paid meanwhile, or void, needs nobody.
                    owed = self.invoice_ids.filtered(
                        lambda move: move.billing_state in UNPAID_STATES
                    )
                    self._billing_send_template("confirm_payment", owed)
        except PG_CONCURRENCY_EXCEPTIONS_TO_RETRY:
            raise
        except Exception as error:  # a broken template, say
            self.invalidate_recordset()
            _logger.warning("%s: no e-mail", self.reference, exc_info=True)
            labels = dict(
                self._fields["billing_mail_due"]._description_selection(self.env)
            )
            self._billing_tell_staff(
                self.env._(
                    "The customer got no e-mail about the payment %(reference)s"
                    " (%(kind)s): %(error)s",
                    reference=self.reference,
                    kind=labels.get(kind),
                    error=error,
                )
            )

    def _billing_send_template(self, name, records):
        template = self.env.ref(f"omni_billing.mail_template_{name}")
        for record in records:
            template.send_mail(record.id)

    def _billing_explain_decline(self, decline):
        """Return what the bank said and what helps (F142-F144)."""
        code = decline and (decline.decline_code or decline.code) or ""
        return self._billing_explain_to_customer(code)

    @api.model
    def _billing_explain_to_customer(self, code):
        """Say why a card was declined, to who may hold it, in the reader's language.

        What a bank says of stolen cards or fraud is not told. Of another method (a bank
        debit, say) there are other words, if it is asked of the payment itself.

        :param str code: the bank's, or one of ours (`billing_decline_code`).
        """
        if any(not method._billing_is_card() for method in self.payment_method_id):
            return self._billing_explain_return(code) or self.env._(
                "The bank did not pay. Choose another way to pay, or ask the bank."
            )
        return self._billing_explain_code(code) or self.env._(
            "Card declined. Choose another card or another way to pay, or ask the bank."
        )

    @api.model
    def _billing_explain_code(self, code):
        """Return what a code of a bank means and what helps, if that may be told."""
        sentences = {
            "expired_card": self.env._(
                "Card expired. Add a new card, or choose another one."
            ),
            "insufficient_funds": self.env._(
                "Card declined: not enough money on the account. Try later, or choose"
                " another card."
            ),
            "lost_card": self.env._(
                "Card declined by the bank. Choose another card, or ask the bank."
            ),
            "incorrect_cvc": self.env._(
                "Card declined: the security code is wrong. Add the card again."
            ),
            "processing_error": self.env._(
                "The card network had a problem. Try again in a few minutes."
            ),
            "currency_not_supported": self.env._(
                "Card declined: it does not support this currency. Choose another card."
            ),
            "card_not_supported": self.env._(
                "Card declined: it does not support this kind of payment. Choose"
                " another card, or ask the bank to allow it."
            ),
            "no_card": self.env._(
                "The payment method that was agreed is not saved any more. Choose"
                " another one."
            ),
            "card_velocity_exceeded": self.env._(
                "Card declined: its limit is reached. Try later, or another card."
            ),
        }
        return sentences.get(code)

    def _billing_explain_refusal(self, error):
        """Return why Stripe did not even ask the bank."""
        if isinstance(error, GatewayDenied):
            return self.env._(
                "Cards cannot be charged at the moment: Stripe does not accept the key"
                " of %(provider)s. Nothing was moved. An administrator enters a valid"
                " one in Invoicing > Configuration > Payment Providers.",
                provider=self.provider_id.name,
            )
        return self.provider_id._billing_explain_refusal(error.code)

    def _billing_explain_silence(self):
        return self.env._(
            "Stripe gave no answer. It is asked again in a moment; until then nothing"
            " else is charged."
        )

    def _billing_explain_confirmation(self):
        return self.env._(
            "The customer's bank asks the customer to confirm this payment."
        )

    def _billing_explain_under_way(self):
        """Return what is true of a payment that a bank has not decided on yet."""
        self.ensure_one()
        return self.env._(
            "%(amount)s of %(reference)s were paid by %(method)s on %(date)s, and the"
            " bank has not decided yet: a card takes minutes, a bank debit up to two"
            " weeks. Nothing else is taken meanwhile. The outcome is booked by itself.",
            amount=self.currency_id._billing_format(self.amount),
            reference=self.reference,
            method=self.payment_method_id.name,
            date=format_date(self.env, self.create_date),
        )

    def _billing_check_not_declined(self):
        """Check that a charge went through, or may have: its outcome is open then.

        :raise UserError: if the card was declined; the message says what helps.
        """
        self.ensure_one()
        if self.state != "done" and not self.billing_is_open:
            raise UserError(self.state_message)

    # === STAFF === #

    def _billing_tell_staff(self, message, is_deleted=False):
        """Leave a message and a to-do where staff look: on the invoices.

        Of what is for none, as an advance or a payment link, it is on the customer.

        :param bool is_deleted: whether the invoices are about to be.
        """
        invoices = None if is_deleted else self._billing_get_invoices()
        for record in invoices or self.partner_id.commercial_partner_id:
            record._billing_tell_staff(message)

    def _billing_tell_amount(self, amount, currency, intent_ref):
        """Tell staff that Stripe took another amount than was asked for."""
        self._billing_tell_staff(
            self.env._(
                "Stripe took %(amount)s %(currency)s (in cents) for %(reference)s,"
                " and another amount was asked for. Look at %(intent)s in Stripe's"
                " dashboard.",
                amount=amount,
                currency=currency.upper(),
                reference=self.reference,
                intent=intent_ref,
            )
        )

    def _billing_tell_bounced(self, reason):
        """Tell staff that a refund which was done came back."""
        self._billing_tell_staff(
            self.env._(
                "The refund %(reference)s of %(amount)s did not reach the customer"
                " (%(reason)s). The money is back with Stripe: give it back in"
                " another way, and cancel the payment in Accounting.",
                reference=self.reference,
                amount=self.currency_id._billing_format(-self.amount),
                reason=reason,
            )
        )

    def _billing_tell_moved_all_the_same(self):
        """Tell staff that what was closed by hand has moved money."""
        self._billing_tell_staff(
            self.env._(
                "%(reference)s was closed by hand, and Stripe says now that the"
                " %(amount)s moved all the same. It is booked: look whether it was"
                " paid in another way, too.",
                reference=self.reference,
                amount=self.currency_id._billing_format(abs(self.amount)),
            )
        )

    def _billing_tell_paid_all_the_same(self):
        """Tell staff if what they went on without is paid."""
        if self.billing_decline_code != LET_GO:
            return
        self._billing_tell_staff(
            self.env._(
                "Stripe could not be asked of %(reference)s, and the invoice was"
                " changed or paid without it. Stripe says now that the %(amount)s"
                " moved all the same. It is booked: look whether it was paid twice.",
                reference=self.reference,
                amount=self.currency_id._billing_format(self.amount),
            )
        )

    def _billing_tell_let_go(self, is_deleted=False):
        """Tell staff what Stripe could not be asked of, before they went on."""
        self._billing_tell_staff(
            self.env._(
                "A customer began to pay %(amount)s by card on %(date)s (%(reference)s,"
                " %(intent)s), and Stripe cannot be asked how that ended: it is"
                " disabled here, or its key is gone or of another account. What was"
                " asked for here was done all the same. Look in the dashboard of the"
                " account of that time whether it was paid; cancel it there if not.",
                amount=self.currency_id._billing_format(self.amount),
                date=format_date(self.env, self.create_date),
                reference=self.reference,
                intent=self.provider_reference,
            ),
            is_deleted,
        )

    def _billing_tell_elsewhere(self, is_deleted=False):
        """Tell staff that a payment which was begun is another database's."""
        self._billing_tell_staff(
            self.env._(
                "The payment %(reference)s of %(amount)s (%(intent)s) was begun in"
                " another database on the same account at Stripe, of which this one may"
                " be a copy. It is closed here, and left alone at Stripe. If this is"
                " the database that you work with, look in Stripe's dashboard whether"
                " it was paid: then record it by hand, or refund it there.",
                reference=self.reference,
                amount=self.currency_id._billing_format(self.amount),
                intent=self.provider_reference,
            ),
            is_deleted,
        )

    def _billing_tell_never_booked(self, is_deleted=False):
        """Tell staff that Accounting changed what was paid long ago."""
        self._billing_tell_staff(
            self.env._(
                "The payment %(reference)s of %(amount)s was made on %(date)s and is"
                " still not booked, and the invoice was changed by Accounting. Look"
                " whether it is in the books, and record it by hand if not.",
                reference=self.reference,
                amount=self.currency_id._billing_format(self.amount),
                date=format_date(self.env, self.last_state_change),
            ),
            is_deleted,
        )

    def _billing_tell_unbooked(self, error):
        """Tell staff what keeps money that moved out of the books."""
        self._billing_tell_staff(
            self.env._(
                "%(amount)s moved, but could not be booked: %(error)s",
                amount=self.currency_id._billing_format(abs(self.amount)),
                error=error if isinstance(error, UserError) else repr(error),
            )
        )

    def _billing_log(self, action, note=None):
        """Write in the history of the customer what became of the attempt (F10)."""
        moves = self._billing_get_invoices()
        self.env["omni.billing.activity.log"]._log(
            [
                {
                    "action": action,
                    "company": self.company_id,
                    "customer": self.partner_id.commercial_partner_id,
                    "move": moves if len(moves) == 1 else None,
                    "currency": self.currency_id,
                    "amount": self.amount,
                    "name": ", ".join(filter(None, moves.mapped("name"))),
                    "note": "\n".join(filter(None, (self.reference, note))),
                }
            ]
        )
