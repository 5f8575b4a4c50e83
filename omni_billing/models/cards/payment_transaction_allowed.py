import logging

from odoo import api, models
from odoo.exceptions import AccessError, UserError

from odoo.addons.payment import utils as payment_utils

from ... import const
from ...exceptions import GatewayRefused, GatewayUnknown
from ...tools.card_link import get_card_link
from ...tools.database import insist

_logger = logging.getLogger(__name__)


class PaymentTransaction(models.Model):
    """Which payments may begin: on any page, in any dialog, by any program.

    What they begin with are ids that somebody sent. They are checked here, where no
    page can forget it.
    """

    _inherit = "payment.transaction"

    # === CONSTRAINT METHODS === #

    @api.constrains("provider_id", "token_id", "partner_id", "invoice_ids")
    def _billing_check_beginning(self):
        """Check the payment of an invoice, or the saving of a card, as it begins.

        Provider and card are ids that a browser sent, on any of Odoo's pages.
        """
        for tx in self.sudo():  # sudo: who pays does not read providers.
            if tx.state == "draft":
                tx._billing_check_card()
            is_ours = tx.invoice_ids or tx.operation == "validation"
            has_begun = tx.state != "draft" or tx.source_transaction_id
            if is_ours and not has_begun and not tx._billing_is_provider_right():
                raise UserError(
                    self.env._(
                        "This way to pay is not available here. Nothing was charged:"
                        " reload the page and choose another one."
                    )
                )

    def _billing_is_provider_right(self):
        """Whether the provider is one that the page could have offered."""
        provider, card, user = self.provider_id, self.token_id, self.env.user
        if provider.state == "disabled":
            return False
        if card and (card.provider_id != provider or not card.active):
            return False
        if not card and not provider.is_published and not user._is_internal():
            return False
        if self.invoice_ids:
            # A branch takes money with the providers of a company above it.
            return all(
                provider.company_id in company.parent_ids
                for company in self.invoice_ids.company_id
            )
        if link := get_card_link(self.env):
            return provider.company_id in link.company.parent_ids
        return provider.company_id in (self.env.company | user.company_ids).parent_ids

    def _billing_check_card(self):
        """Check that who pays may use the saved card, and for whom.

        A guest uses none, and a customer those of its own account that it sees. Whoever
        asks, a card pays for the customer whose it is.

        :raise UserError: if not; the message says what helps.
        """
        self.ensure_one()
        card = self.token_id
        if not card or card == self.source_transaction_id.token_id:
            # A refund, or a capture, is of what was charged.
            return
        card._billing_check_seen()
        customers = self.partner_id.commercial_partner_id
        customers |= self.invoice_ids.commercial_partner_id
        if card.partner_id.commercial_partner_id != customers:
            raise UserError(
                self.env._(
                    "This payment method belongs to another customer. Nothing was"
                    " charged: choose one of the customer who is billed, or enter a"
                    " card."
                )
            )

    # === CRUD METHODS === #

    @api.model_create_multi
    def create(self, vals_list):
        """Override of `payment`: a guest's card is not saved for the customer.

        It would be charged for the customer's other invoices from then on. Staff send a
        link for just that.
        """
        if self.env.user._is_public():
            link = get_card_link(self.env)
            for values in vals_list:
                if values.get("operation") == "validation" and not (
                    link and values.get("partner_id") == link.partner.id
                ):
                    raise AccessError(
                        self.env._("Sign in to save a card. Nothing was saved.")
                    )
            vals_list = [
                values | {"tokenize": False} if values.get("invoice_ids") else values
                for values in vals_list
            ]
        return super().create(vals_list)

    # === OVERRIDES OF PAYMENT === #

    def _stripe_create_intent(self):
        """Override of `payment_stripe`: one open payment for an invoice (W1)."""
        is_begun = self.billing_is_open
        if self.operation != "validation" and self.invoice_ids and not is_begun:
            self.invoice_ids._billing_check_chargeable(self)
        return super()._stripe_create_intent()

    def _get_processing_values(self):
        """Override of `payment`: other providers' forms ask what is left to pay, too.

        With Stripe that is where the intent is made. A transfer is a promise.
        """
        begins = self.state == "draft" and self.operation not in (
            "validation",
            "online_token",
        )
        if (
            begins
            and self.invoice_ids
            and self.provider_code not in ("stripe", *const.OFFLINE_PROVIDERS)
        ):
            self.invoice_ids._billing_check_chargeable(self)
        return super()._get_processing_values()

    def _charge_with_token(self):
        """Override of `payment`: asked for under the lock, written down, then charged.

        Odoo calls Stripe in the transaction that creates the payment: nobody knows of
        an answer that is lost, or of a charge whose request fails after. For an
        invoice it is an attempt like any other. Commits.
        """
        self.ensure_one()
        payment = self.sudo()  # sudo: as Odoo does in each place that calls this.
        payment._billing_check_card()
        if payment.invoice_ids:
            payment._ensure_provider_is_not_disabled()
            payment.invoice_ids._billing_check_chargeable(payment)
        is_ours = payment.invoice_ids or payment.payment_id
        if payment.provider_code != "stripe" or not is_ours:
            return super()._charge_with_token()
        if payment.invoice_ids and payment.token_id.billing_is_charged:
            payment._log_sent_message()
            payment._billing_begin()
            payment._billing_send()
            return None
        # A saved bank account, or no invoice: Odoo's own call, but it is known before.
        payment._billing_begin(lambda attempt: attempt._billing_use_odoo_key())
        try:
            attempt = payment.with_context(billing_is_attempt=True)
            super(PaymentTransaction, attempt)._charge_with_token()
        except GatewayUnknown as error:
            _logger.warning("%s: no answer from Stripe: %s", self.reference, error)
            insist(self.env, payment._billing_apply_silence)
        else:
            insist(self.env, payment._billing_hand_back)
        return None

    def _billing_use_odoo_key(self):
        """Take the key of Odoo's own call, by which it can be fenced."""
        self.billing_key = payment_utils.generate_idempotency_key(
            self, scope="payment_intents"
        )

    def _billing_hand_back(self):
        """Leave a payment that Odoo asked for to Odoo, now that its intent is known.

        A bank debit takes days: it is pending then, and no attempt any more.
        """
        charge = None
        if self.provider_reference:
            gateway = self.provider_id._billing_get_gateway()
            try:
                charge = gateway.get_charge(self.provider_reference)
            except (GatewayUnknown, GatewayRefused) as error:
                _logger.warning("%s: asked for later: %s", self.reference, error)
                return
        self._billing_lock()
        if not self.billing_is_open:
            return
        if not charge:
            self._billing_fail(self.state_message, "refused")
            return
        self._billing_close()
        self.billing_key = False
        self._billing_apply(charge)
