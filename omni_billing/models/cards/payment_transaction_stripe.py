import logging
from http import HTTPStatus

from odoo import api, models
from odoo.exceptions import UserError, ValidationError

from odoo.addons.payment import utils as payment_utils
from odoo.addons.payment_stripe import const as stripe_const

from ...exceptions import GatewayRefused, GatewayUnknown
from ...gateways.stripe_answers import DATABASE, REFERENCE, Decline, round_down

_logger = logging.getLogger(__name__)


class PaymentTransaction(models.Model):
    """What is said to Stripe, and read from it, by `payment_stripe`."""

    _inherit = "payment.transaction"

    # === CONSTRAINT METHODS === #

    @api.constrains("amount", "currency_id", "provider_id")
    def _billing_check_step(self):
        """Check that Stripe can charge or refund the amount to its last digit."""
        for tx in self.sudo():  # sudo: who pays does not read providers.
            # What has been made at Stripe already is possible, as a whole.
            is_made = tx.state != "draft" or tx.provider_reference
            if tx.provider_code != "stripe" or is_made:
                continue
            amount, currency = abs(tx.amount), tx.currency_id
            # Converted back: Odoo's conversion cuts off what Stripe has no place for.
            possible = tx._billing_to_major(
                round_down(tx._billing_to_minor(amount), currency.name)
            )
            if currency.compare_amounts(possible, amount):
                raise UserError(
                    self.env._(
                        "Of this currency Stripe does not take all decimals: not"
                        " %(amount)s, but %(possible)s. Nothing was moved. Choose that"
                        " amount, and settle the rest in another way.",
                        amount=currency._billing_format(amount),
                        possible=currency._billing_format(possible),
                    )
                )

    # === OVERRIDES OF PAYMENT_STRIPE === #

    def _send_api_request(self, method, endpoint, **kwargs):
        """Override of `payment`: what Stripe says of it is read by who pays."""
        tx = self.with_context(billing_explains=True)
        try:
            return super(PaymentTransaction, tx)._send_api_request(
                method, endpoint, **kwargs
            )
        except ValidationError as error:
            if self.env.context.get("billing_is_attempt") and _is_silence(error):
                raise GatewayUnknown("", str(error)) from error
            raise

    def _stripe_create_customer(self):
        """Override of `payment_stripe`: one customer for each partner (W4).

        Of what is ours. Who pays in a shop, or gives something, is as Odoo says: with
        the name and addresses of that payment, and never the customer of another one.

        :raise ValidationError: if there is none; the caller closes the payment.
        """
        if not self._billing_is_of_customer():
            return super()._stripe_create_customer()
        try:
            return {"id": self.provider_id._billing_get_customer(self.partner_id)}
        except GatewayUnknown as error:
            _logger.warning("%s: no answer from Stripe: %s", self.reference, error)
            raise ValidationError(
                self.env._(
                    "Stripe gives no answer. Nothing was charged: try again in a"
                    " minute."
                )
            ) from error
        except GatewayRefused as error:
            _logger.warning("%s: refused by Stripe: %s", self.reference, error)
            message = self._billing_explain_refusal(error)
            raise ValidationError(message) from error

    def _billing_is_of_customer(self):
        """Whether it is paid, or a card is saved, by a customer whom we bill."""
        self.ensure_one()
        # All who are not logged in share one partner.
        if self.partner_id.is_public:
            return False
        return self.operation == "validation" or any(
            move._billing_is_ours() for move in self.invoice_ids
        )

    def _stripe_prepare_payment_intent_payload(self):
        """Override of `payment_stripe`: whose it is, and no empty parts of an address.

        By its description alone it might be another database's: so the customer is
        kept before Stripe is asked, which may refuse, and it says which payment of
        which database it is.

        An empty text asks Stripe to remove something, which a new payment does not
        have, and of an address that is sent at all Stripe checks name and street
        (https://docs.stripe.com/api/payment_intents/create#create_payment_intent-shipping).
        """
        payload = super()._stripe_prepare_payment_intent_payload()
        if self.provider_code != "stripe":
            return payload
        sent = {name: value for name, value in payload.items() if value != ""}
        if not {"shipping[name]", "shipping[address][line1]"} <= set(sent):
            sent = {
                name: value
                for name, value in sent.items()
                if not name.startswith("shipping[")
            }
        self.billing_customer_ref = sent["customer"]
        sent[f"metadata[{REFERENCE}]"] = self.reference
        sent[f"metadata[{DATABASE}]"] = self.provider_id._billing_get_uuid()
        return sent

    def _stripe_prepare_mandate_options(self):
        """Override of `payment_stripe`: mandates of India are for its currency."""
        if self.currency_id.name != "INR":
            return {}
        return super()._stripe_prepare_mandate_options()

    def _send_refund_request(self):
        """Override of `payment_stripe`: a refund has a key too.

        Odoo repeats a request after a serialization failure, and staff after an
        error: what was refunded before tells one refund from the next.
        """
        if self.provider_code != "stripe":
            return super()._send_refund_request()
        source = self.source_transaction_id
        earlier = source.child_transaction_ids.filtered(
            lambda tx: tx.operation == "refund" and tx.state in ("pending", "done")
        )
        refunded = self._billing_to_minor(-sum(earlier.mapped("amount")))
        values = self._billing_prepare_refund()
        values["key"] = f"{values['database']}-refund-{source.id}-{refunded}"
        gateway = self.provider_id._billing_get_gateway()
        try:
            # One whose answer was lost has left no row here, and its key is forgotten
            # by Stripe after a day.
            known = self._billing_find_lost_refund(gateway)
            refund = known or gateway.refund(**values)
        except (GatewayRefused, GatewayUnknown) as error:
            raise UserError(
                self.env._("Stripe did not refund: %(error)s", error=error)
            ) from error
        self._billing_apply_refund(refund)
        return None

    def _billing_find_lost_refund(self, gateway):
        """Return the `Refund` of this reference that was made before, if any.

        :raise UserError: if it is of another amount.
        """
        for refund in gateway.list_refunds(
            self.source_transaction_id.provider_reference
        ):
            is_ours = refund.reference == self.reference
            if not is_ours or refund.status in ("failed", "canceled"):
                continue
            if refund.amount != self._billing_to_minor(-self.amount):
                raise UserError(
                    self.env._(
                        "Stripe has refunded %(amount)s of this payment already, and"
                        " the answer was lost. Nothing was refunded now: enter that"
                        " amount, so that it is booked.",
                        amount=self.currency_id._billing_format(
                            self._billing_to_major(refund.amount)
                        ),
                    )
                )
            return refund
        return None

    def _validate_amount(self, payment_data):
        """Override of `payment`: what was taken counts, not what was asked for.

        One may capture less in Stripe's dashboard. Odoo does not book what differs; but
        the money has moved, so staff are told.
        """
        intent = payment_data.get("payment_intent") or {}
        taken = intent.get("amount_received")
        if self.provider_code != "stripe" or intent.get("status") != "succeeded":
            return super()._validate_amount(payment_data)
        if taken is not None:
            payment_data = {
                **payment_data,
                "payment_intent": intent | {"amount": taken},
            }
        before = self.state
        result = super()._validate_amount(payment_data)
        if self.state == "error" and before != "error":
            currency = intent.get("currency") or ""
            self._billing_tell_amount(taken or 0, currency, intent.get("id"))
            self.billing_decline_code = "amount"
        return result

    def _apply_updates(self, payment_data):
        """Override of `payment_stripe`: why a bank said no is said in our words."""
        intent = payment_data.get("payment_intent") or {}
        error = intent.get("last_payment_error")
        if self.provider_code == "stripe" and error:
            codes = (error.get("code") or "", error.get("decline_code") or "")
            message = self._billing_explain_decline(Decline(*codes, ""))
            error = {**error, "message": message}
            intent = {**intent, "last_payment_error": error}
            payment_data = {**payment_data, "payment_intent": intent}
        return super()._apply_updates(payment_data)

    def _extract_token_values(self, payment_data):
        """Override of `payment_stripe`: what the card tells (F125)."""
        values = super()._extract_token_values(payment_data)
        method = payment_data.get("payment_method")
        card = method.get("card") if isinstance(method, dict) else None
        if self.provider_code == "stripe" and values and self._billing_get_debit():
            self._billing_extract_account(values, method, payment_data)
        if self.provider_code == "stripe" and values and card:
            values.update(
                billing_brand=card.get("brand"),
                billing_last4=card.get("last4"),
                billing_exp_month=card.get("exp_month") or 0,
                billing_exp_year=card.get("exp_year") or 0,
                billing_fingerprint=card.get("fingerprint"),
            )
        return values

    def _billing_extract_account(self, values, method, payment_data):
        """Add what a bank account tells, and the mandate that came with it.

        Odoo keeps that of a payment, and not the one of an account saved without.
        """
        account = method.get(method.get("type")) if isinstance(method, dict) else {}
        mandate = (payment_data.get("setup_intent") or {}).get("mandate")
        values.update(
            billing_last4=(account or {}).get("last4"),
            billing_fingerprint=(account or {}).get("fingerprint"),
        )
        if mandate:
            values["stripe_mandate"] = (
                mandate.get("id") if isinstance(mandate, dict) else mandate
            )

    def _tokenize(self, payment_data):
        """Override of `payment`: it takes the place of another, if wished (F127)."""
        result = super()._tokenize(payment_data)
        if self.billing_replaces_card and self.token_id.billing_is_charged:
            self.token_id._billing_take_first_place()
        return result

    # === HELPERS === #

    def _billing_to_minor(self, amount):
        currency = self.currency_id
        return payment_utils.to_minor_currency_units(
            amount,
            currency,
            arbitrary_decimal_number=stripe_const.CURRENCY_DECIMALS.get(currency.name),
        )

    def _billing_to_major(self, amount):
        currency = self.currency_id
        return payment_utils.to_major_currency_units(
            amount,
            currency,
            arbitrary_decimal_number=stripe_const.CURRENCY_DECIMALS.get(currency.name),
        )


def _is_silence(error):
    """Whether what Odoo's call failed with tells nothing of what Stripe did.

    :param error: of `payment.provider._send_api_request`, which hides why.
    """
    cause = error.__context__
    response = getattr(cause, "response", None)
    return isinstance(cause, OSError) and (
        response is None or response.status_code >= HTTPStatus.INTERNAL_SERVER_ERROR
    )
