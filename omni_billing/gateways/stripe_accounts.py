"""Bank accounts at Stripe: saved on its own page, verified by deposits, their mandates.

Stripe's page (Checkout in setup mode) asks for the account, shows the mandate that its
scheme wants, and has it verified, each in the customer's language
(https://docs.stripe.com/payments/checkout/how-checkout-works, "setup mode").
"""

from __future__ import annotations

from ..exceptions import GatewayRefused
from .stripe_answers import (
    DATABASE,
    REFERENCE,
    Mandate,
    SavedAccount,
    read_account,
    read_mandate,
)
from .stripe_failures import check_id, typed_failures, with_key

#: What a saved account is read with: its SetupIntent, and the account itself.
EXPANDED = {"expand": ["payment_method"]}


class StripeAccounts:
    """The calls about bank accounts; `StripeGateway` has the connection."""

    def begin_account(
        self,
        *,
        kind: str,
        currency: str,
        customer: str,
        options: dict[str, object],
        lang: str,
        done_url: str,
        back_url: str,
        reference: str,
        database: str,
        key: str,
    ) -> tuple[str, str]:
        """Begin to save an account of a customer, on Stripe's page.

        :param kind: Stripe's word for the debit: ``acss_debit``...
        :param options: what the mandate says, if anything.
        :param lang: ISO code of the page's language; Stripe has English for others.
        :return: the id of the page (a Checkout Session), and where it is.
        """
        check_id(customer)
        metadata = {REFERENCE: reference, DATABASE: database}
        values = {
            "mode": "setup",
            "customer": customer,
            "currency": currency.lower(),
            "allowed_payment_method_types": [kind],
            "locale": lang,
            "success_url": done_url,
            "cancel_url": back_url,
            "metadata": metadata,
            "setup_intent_data": {"description": reference, "metadata": metadata},
        }
        if options:
            values["payment_method_options"] = {kind: options}
        with typed_failures():
            page = self._api.checkout.sessions.create(values, with_key(key))
            return page.id, page.url

    def get_account(self, page: str) -> SavedAccount:
        """Return what became of an account that is saved on Stripe's page."""
        check_id(page)
        expand = {"expand": ["setup_intent", "setup_intent.payment_method"]}
        with typed_failures():
            found = self._api.checkout.sessions.retrieve(page, expand)
            return read_account(found.setup_intent, found.status == "expired")

    def verify_account(
        self, setup: str, *, key: str, amounts: list[int] | None = None, code: str = ""
    ) -> SavedAccount:
        """Say which deposits arrived: two amounts in cents, or the code beside one.

        :param setup: the SetupIntent.
        :param key: the same answer again is no further try.
        :raise GatewayRefused: if they are others; its code says whether that was the
            last try (https://docs.stripe.com/error-codes).
        """
        check_id(setup)
        answer = {"amounts": amounts} if amounts else {"descriptor_code": code}
        with typed_failures():
            intent = self._api.setup_intents.verify_microdeposits(
                setup, {**answer, **EXPANDED}, with_key(key)
            )
            return read_account(intent)

    def get_mandate(self, mandate: str) -> Mandate | None:
        """Return that a bank account may be debited, None if there is no such thing."""
        check_id(mandate)
        try:
            with typed_failures():
                return read_mandate(self._api.mandates.retrieve(mandate))
        except GatewayRefused as error:
            if error.code == "resource_missing":
                return None
            raise
