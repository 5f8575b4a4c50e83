"""Stripe, by its own SDK: typed answers, typed failures, one seam.

Amounts are integers in the currency's minor unit, as Stripe has them. Every call that
changes something at Stripe takes an idempotency key: the same key gives the same answer
(https://docs.stripe.com/api/idempotent_requests). A failure says which of two things
happened: Stripe refused and nothing was done (`GatewayRefused`), or nobody knows
(`GatewayUnknown`), and then the caller has to ask before it tries anything else.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone

import stripe

from ..exceptions import GatewayRefused, GatewayUnknown
from .stripe_accounts import StripeAccounts
from .stripe_answers import (
    DATABASE,
    REFERENCE,
    Card,
    Charge,
    Refund,
    read_card,
    read_charge,
    read_decline,
    read_refund,
)
from .stripe_balance import (
    Dispute,
    Movement,
    Payout,
    read_dispute,
    read_movement,
    read_payout,
)
from .stripe_failures import (
    CountingClient,
    check_id,
    typed_failures,
    with_key,
)

#: What Stripe takes and answers depends on it, so an upgrade of the SDK must not change
#: it unseen (https://docs.stripe.com/api/versioning).
API_VERSION = "2026-10-28.endive"
#: Seconds to connect, and to wait for an answer.
TIMEOUT = (3, 10)
#: The SDK repeats a call with the same key when the connection breaks.
RETRIES = 1
#: Why an amount can never be charged, whoever asks.
IMPOSSIBLE = ("amount_too_small", "amount_too_large")
#: How far from its attempt a charge is looked for, if its customer is gone: clocks
#: differ, and the call is made at once or never.
WINDOW = timedelta(hours=1)

#: The longest name of a customer (https://docs.stripe.com/api/customers/create).
MAX_NAME = 256
#: The longest key (https://docs.stripe.com/api/idempotent_requests).
MAX_KEY = 255

#: Seconds that the time of an event may differ from ours.
TOLERANCE = 300


class StripeGateway(StripeAccounts):
    """The calls that billing needs.

    :param str secret_key: of the account.
    :param str api_base: another server, in test mode only.
    """

    def __init__(self, secret_key: str, api_base: str = "") -> None:
        options = {"base_addresses": {"api": api_base}} if api_base else {}
        self._client = CountingClient(timeout=TIMEOUT)
        self._api = stripe.StripeClient(
            secret_key,
            http_client=self._client,
            max_network_retries=RETRIES,
            stripe_version=API_VERSION,
            **options,
        ).v1

    # === Customers and cards === #

    def create_customer(
        self, name: str, email: str, metadata: dict[str, str], key: str
    ) -> str:
        """Create a customer; return its id.

        The same key gives the same customer, for as long as Stripe keeps it (a day).
        One that was deleted meanwhile would be given again: then another is made.
        """
        values = {"name": name[:MAX_NAME], "metadata": metadata}
        if email:
            values["email"] = email
        with typed_failures():
            created = self._api.customers.create(values, with_key(key))
            while _is_replayed(created) and not self.has_customer(created.id):
                key = f"{key}-{created.id}"[-MAX_KEY:]
                created = self._api.customers.create(values, with_key(key))
            return created.id

    def has_customer(self, customer: str) -> bool:
        """Tell whether the customer is there, and was not deleted."""
        found = self._find_customer(customer)
        return bool(found) and not getattr(found, "deleted", False)

    def _find_customer(self, customer: str):
        """Return what Stripe knows of a customer, also of one that was deleted.

        None if this account, or this mode of it, never had the customer.
        """
        check_id(customer)
        try:
            with typed_failures():
                return self._api.customers.retrieve(customer)
        except GatewayRefused as error:
            if error.code == "resource_missing":
                return None
            raise

    def set_default_card(self, customer: str, card: str) -> None:
        """Make it the card that Stripe itself would use."""
        check_id(customer, card)
        settings = {"invoice_settings": {"default_payment_method": card}}
        with typed_failures():
            self._api.customers.update(customer, settings)

    def get_card(self, card: str) -> Card | None:
        """Return a card, None if there is none of that id."""
        check_id(card)
        try:
            with typed_failures():
                return read_card(self._api.payment_methods.retrieve(card))
        except GatewayRefused as error:
            if error.code == "resource_missing":
                return None
            raise

    def attach_card(self, card: str, customer: str) -> Card:
        """Give a new card to a customer."""
        check_id(card, customer)
        with typed_failures():
            return read_card(
                self._api.payment_methods.attach(card, {"customer": customer})
            )

    def detach_card(self, card: str) -> None:
        """Take a card away from its customer; that it is gone already is fine."""
        found = self.get_card(card)
        if found and found.customer:
            with typed_failures():
                self._api.payment_methods.detach(card)

    # === Charges === #

    def charge(
        self,
        *,
        amount: int,
        currency: str,
        customer: str,
        card: str,
        reference: str,
        database: str,
        key: str,
        kind: str = "card",
        mandate: str = "",
        is_customer_present: bool = False,
    ) -> Charge:
        """Charge a saved card, or debit a bank account.

        :param str kind: Stripe's word for the method: ``card``, ``sepa_debit``...
        :param str mandate: of a bank account, where it is known.
        :return: the charge as it stands; one that a bank declined, or that the
            customer has to confirm, is an answer and no failure.
        """
        check_id(customer, card)
        values = self._prepare_intent(
            amount, currency, customer, card, reference, database
        )
        values["confirm"] = True
        if kind != "card":
            values["allowed_payment_method_types"] = [kind]
            values["expand"] = ["latest_charge"]
        if mandate:
            values["mandate"] = mandate
        if not is_customer_present:
            values["off_session"] = True
        try:
            with typed_failures(but=stripe.CardError, client=self._client):
                intent = self._api.payment_intents.create(values, with_key(key))
        except stripe.CardError as error:
            return read_decline(error)
        return read_charge(intent)

    def fence(
        self,
        *,
        amount: int,
        currency: str,
        customer: str,
        reference: str,
        key: str,
        **_who: str,
    ) -> bool:
        """Make sure that a charge whose call may be lost never happens later.

        The same key with other parameters: if the call of :meth:`charge` came to
        Stripe, Stripe refuses this one; if not, it refuses that one from now on. No
        customer and no card are named, for they may be gone by now, and no metadata of
        ours, for it is no payment.

        Nothing is proved at another account, or in the other mode: an administrator may
        have entered another key since. One that has, or had, the customer is the right
        one.

        :return: True if the charge was never made, and will not be.
        :raise GatewayUnknown: if this is not where the charge was asked for.
        """
        if not self._find_customer(customer):
            raise GatewayUnknown(
                "other_account",
                "The key of Stripe is that of another account, or of the other mode:"
                f" there is no customer {customer}.",
            )
        values = {
            "amount": amount,
            "currency": currency.lower(),
            "allowed_payment_method_types": ["card"],
            "description": f"{reference} (given up)",
        }
        try:
            with typed_failures():
                intent = self._api.payment_intents.create(values, with_key(key))
        except GatewayRefused as error:
            if error.code == "idempotency_error":
                return False
            if error.code in IMPOSSIBLE:
                # As the lost call was, or will be when it arrives.
                return True
            raise
        self.cancel(intent.id)
        return True

    def _prepare_intent(self, amount, currency, customer, card, reference, database):
        return {
            "amount": amount,
            "currency": currency.lower(),
            "customer": customer,
            "payment_method": card,
            # Cards only, and nothing that leaves the page. Stripe drops from this list
            # what it cannot use, without a word, and takes no other way to choose
            # methods (`automatic_payment_methods`) beside it.
            "allowed_payment_method_types": ["card"],
            "description": reference,
            "metadata": {REFERENCE: reference, DATABASE: database},
        }

    def get_charge(self, intent: str) -> Charge:
        """Return a PaymentIntent as it stands."""
        check_id(intent)
        with typed_failures():
            return read_charge(
                self._api.payment_intents.retrieve(
                    intent, {"expand": ["latest_charge"]}
                )
            )

    def find_charge(
        self, customer: str, reference: str, database: str, since: datetime
    ) -> Charge | None:
        """Find the charge of a reference among those of its customer.

        Stripe's list, not its search: the search lags behind. If the customer is gone,
        among all of the account that were made about then.

        :param since: when the charge was asked for, in UTC.
        """
        check_id(customer, reference)
        try:
            return self._find_charge({"customer": customer}, reference, database)
        except GatewayRefused as error:
            if error.code != "resource_missing":
                raise
        moment = since.replace(tzinfo=timezone.utc)
        created = {
            "gte": int((moment - WINDOW).timestamp()),
            "lte": int((moment + WINDOW).timestamp()),
        }
        return self._find_charge({"created": created}, reference, database)

    def _find_charge(self, params, reference, database) -> Charge | None:
        with typed_failures():
            for intent in self._list(self._api.payment_intents, params):
                metadata = intent.metadata.to_dict() if intent.metadata else {}
                if (metadata.get(REFERENCE), metadata.get(DATABASE)) == (
                    reference,
                    database,
                ) and intent.status not in ("canceled", "requires_confirmation"):
                    # A charge is confirmed at once.
                    return read_charge(intent)
        return None

    def cancel(self, intent: str) -> Charge:
        """Give a PaymentIntent up; one that is decided already stays as it is."""
        check_id(intent)
        try:
            with typed_failures():
                return read_charge(self._api.payment_intents.cancel(intent))
        except GatewayRefused as error:
            if error.code != "payment_intent_unexpected_state":
                raise
            return self.get_charge(intent)

    # === Refunds === #

    def refund(
        self, *, intent: str, amount: int, reference: str, database: str, key: str
    ) -> Refund:
        """Give money back to the card it came from."""
        values = {
            "payment_intent": intent,
            "amount": amount,
            "metadata": {REFERENCE: reference, DATABASE: database},
        }
        check_id(intent)
        with typed_failures(client=self._client):
            return read_refund(self._api.refunds.create(values, with_key(key)))

    def get_refund(self, refund: str) -> Refund:
        """Return a refund as it stands."""
        check_id(refund)
        with typed_failures():
            return read_refund(self._api.refunds.retrieve(refund))

    def list_refunds(self, intent: str) -> list[Refund]:
        """Return all refunds of a charge."""
        check_id(intent)
        with typed_failures():
            refunds = self._list(self._api.refunds, {"payment_intent": intent})
            return [read_refund(refund) for refund in refunds]

    # === The balance === #

    def list_payouts(self, since: datetime) -> list[Payout]:
        """Return all payouts that began since then, in UTC; the newest is first."""
        moment = int(since.replace(tzinfo=timezone.utc).timestamp())
        with typed_failures():
            payouts = self._list(self._api.payouts, {"created": {"gte": moment}})
            return [read_payout(payout) for payout in payouts]

    def get_payout(self, payout: str) -> Payout:
        """Return a payout as it stands."""
        check_id(payout)
        with typed_failures():
            return read_payout(self._api.payouts.retrieve(payout))

    def list_movements(self, payout: str) -> list[Movement]:
        """Return all that an automatic payout is made of, itself as well."""
        check_id(payout)
        params = {"payout": payout, "expand": ["data.source"]}
        with typed_failures():
            rows = self._list(self._api.balance_transactions, params)
            return [read_movement(row) for row in rows]

    def get_dispute(self, dispute: str) -> Dispute:
        """Return a dispute as it stands, with what it moved."""
        check_id(dispute)
        with typed_failures():
            return read_dispute(self._api.disputes.retrieve(dispute))

    # === Events === #

    @staticmethod
    def read_event(payload: bytes, signature: str, secret: str) -> dict:
        """Return an event whose signature is right.

        :raise GatewayRefused: if it is not, or its time is not about now.
        """
        if not secret:
            raise GatewayRefused("no_secret", "The webhook has no signing secret.")
        try:
            text = payload.decode()
            stripe.WebhookSignature.verify_header(text, signature, secret, TOLERANCE)
            # The SDK refuses what is too old, and takes what is yet to come.
            moment = int(re.search(r"\bt=(\d+)", signature)[1])
            event = json.loads(text)
        except RecursionError as error:
            raise GatewayRefused("bad_event", "This is no event.") from error
        except (stripe.SignatureVerificationError, ValueError) as error:
            raise GatewayRefused("bad_signature", str(error)) from error
        if moment > time.time() + TOLERANCE:
            raise GatewayRefused("bad_signature", "The event is of the future.")
        names = (event.get("id"), event.get("type")) if isinstance(event, dict) else ()
        if not names or not all(name and isinstance(name, str) for name in names):
            raise GatewayRefused("bad_event", "This is no event.")
        return event

    # === Helpers === #

    def _list(self, service, params) -> Iterator:
        return service.list({**params, "limit": 100}).auto_paging_iter()


def _is_replayed(created) -> bool:
    """Whether Stripe answered as it had answered the same key before."""
    headers = created.last_response.headers
    return headers.get("Idempotent-Replayed") == "true"
