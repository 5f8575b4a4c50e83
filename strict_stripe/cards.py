"""Test cards, and how each behaves.

Sources: Stripe's pages "Testing" (cards by brand, declined payments, 3D Secure, the
``pm_card_…`` names) and "Decline codes".
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

from localstripe.resources import fingerprint

from .errors import StripeError

AMEX_CVC = 4
CVC = 3


@dataclass(frozen=True)
class Decline:
    """Why a bank says no."""

    code: str
    decline_code: str | None
    message: str


def _declined(decline_code: str, message: str = "Your card was declined.") -> Decline:
    return Decline("card_declined", decline_code, message)


GENERIC = _declined("generic_decline")
FUNDS = _declined("insufficient_funds", "Your card has insufficient funds.")
LOST = _declined("lost_card")
STOLEN = _declined("stolen_card")
EXPIRED = Decline("expired_card", None, "Your card has expired.")
WRONG_CVC = Decline("incorrect_cvc", None, "Your card's security code is incorrect.")
PROCESSING = Decline(
    "processing_error",
    None,
    "An error occurred while processing your card. Try again in a little bit.",
)
AUTHENTICATION_REQUIRED = Decline(
    "authentication_required",
    "authentication_required",
    "Your card was declined. This transaction requires authentication.",
)
NOT_A_TEST_CARD = _declined(
    "test_mode_live_card",
    "Your card was declined. Your request was in test mode, but used a non test card. "
    "For a list of valid test cards, see Stripe's page on testing.",
)
DECLINES = {
    "generic_decline": GENERIC,
    "insufficient_funds": FUNDS,
    "lost_card": LOST,
    "stolen_card": STOLEN,
    "expired_card": EXPIRED,
    "incorrect_cvc": WRONG_CVC,
    "processing_error": PROCESSING,
    "authentication_required": AUTHENTICATION_REQUIRED,
}

# When a card asks for authentication.
NEVER = "never"
ALWAYS = "always"
UNLESS_SET_UP = "unless set up"
ON_SESSION = "on session"


@dataclass(frozen=True)
class Card:
    """How a test card behaves."""

    brand: str = "visa"
    decline: Decline | None = None
    # Most declining cards cannot be saved either.
    can_be_saved: bool = True
    authentication: str = NEVER
    funding: str = "credit"


CARDS = {
    "4242424242424242": Card(),
    "4000056655665556": Card(funding="debit"),
    "5555555555554444": Card("mastercard"),
    "2223003122003222": Card("mastercard"),
    "5200828282828210": Card("mastercard", funding="debit"),
    "378282246310005": Card("amex"),
    "371449635398431": Card("amex"),
    "6011111111111117": Card("discover"),
    "3056930009020004": Card("diners"),
    "3566002020360505": Card("jcb"),
    "6200000000000005": Card("unionpay"),
    "4000000000000002": Card(decline=GENERIC, can_be_saved=False),
    "4000000000009995": Card(decline=FUNDS, can_be_saved=False),
    "4000000000009987": Card(decline=LOST, can_be_saved=False),
    "4000000000009979": Card(decline=STOLEN, can_be_saved=False),
    "4000000000000069": Card(decline=EXPIRED, can_be_saved=False),
    "4000000000000127": Card(decline=WRONG_CVC, can_be_saved=False),
    "4000000000000119": Card(decline=PROCESSING, can_be_saved=False),
    "4000000000000341": Card(decline=GENERIC),
    "4000002500003155": Card(authentication=UNLESS_SET_UP),
    "4000002760003184": Card(authentication=ALWAYS),
    "4000003800000446": Card(authentication=ON_SESSION),
    "4000000000003220": Card(authentication=ALWAYS),
    "4000008400001629": Card(decline=GENERIC, authentication=ALWAYS),
    "4000008260003178": Card(decline=FUNDS, authentication=ALWAYS),
}
# Names for what a test would otherwise have to write as a number.
NAMED = {
    "pm_card_visa": "4242424242424242",
    "pm_card_visa_debit": "4000056655665556",
    "pm_card_mastercard": "5555555555554444",
    "pm_card_amex": "378282246310005",
    "pm_card_discover": "6011111111111117",
    "pm_card_chargeDeclined": "4000000000000002",
    "pm_card_visa_chargeDeclined": "4000000000000002",
    "pm_card_chargeDeclinedInsufficientFunds": "4000000000009995",
    "pm_card_visa_chargeDeclinedInsufficientFunds": "4000000000009995",
    "pm_card_visa_chargeDeclinedLostCard": "4000000000009987",
    "pm_card_visa_chargeDeclinedStolenCard": "4000000000009979",
    "pm_card_chargeDeclinedExpiredCard": "4000000000000069",
    "pm_card_chargeDeclinedIncorrectCvc": "4000000000000127",
    "pm_card_chargeDeclinedProcessingError": "4000000000000119",
    "pm_card_chargeCustomerFail": "4000000000000341",
    "pm_card_authenticationRequiredOnSetup": "4000002500003155",
    "pm_card_authenticationRequired": "4000002760003184",
    "pm_card_authenticationRequiredSetupForOffSession": "4000003800000446",
    "pm_card_threeDSecure2Required": "4000000000003220",
    "pm_card_authenticationRequiredChargeDeclinedInsufficientFunds": "4000008260003178",
}


def named(name: str) -> dict[str, Any]:
    """Give the card that a name such as ``pm_card_visa`` stands for."""
    number = NAMED[name]
    cvc = "1234" if CARDS[number].brand == "amex" else "123"
    year = time.gmtime().tm_year + 5
    return {"number": number, "exp_month": 12, "exp_year": year, "cvc": cvc}


def read(typed: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """Check what a customer typed.

    Source: error codes ``incorrect_number``, ``invalid_expiry_month`` and so on.

    :return: the number, and the ``card`` of a payment method
    """
    number = typed.get("number", "").replace(" ", "")
    if not number.isdigit() or not _has_luhn_sum(number):
        raise _refused("incorrect_number", "Your card number is incorrect.", "number")
    month, year = typed.get("exp_month"), typed.get("exp_year")
    if month is None or not 1 <= month <= 12:
        raise _refused(
            "invalid_expiry_month",
            "Your card's expiration month is invalid.",
            "exp_month",
        )
    if year is not None and year < 100:
        year += 2000
    now = time.gmtime()
    if year is None or not now.tm_year <= year <= now.tm_year + 50:
        raise _refused(
            "invalid_expiry_year", "Your card's expiration year is invalid.", "exp_year"
        )
    if (year, month) < (now.tm_year, now.tm_mon):
        raise _refused(
            "invalid_expiry_month",
            "Your card's expiration month is invalid.",
            "exp_month",
        )
    if number not in CARDS:
        raise StripeError(
            402,
            NOT_A_TEST_CARD.message,
            type="card_error",
            code=NOT_A_TEST_CARD.code,
            decline_code=NOT_A_TEST_CARD.decline_code,
        )
    card = CARDS[number]
    cvc = typed.get("cvc")
    digits = AMEX_CVC if card.brand == "amex" else CVC
    if cvc is not None and not (cvc.isdigit() and len(cvc) == digits):
        raise _refused("invalid_cvc", "Your card's security code is invalid.", "cvc")
    return number, {
        "brand": card.brand,
        "checks": {
            "address_line1_check": None,
            "address_postal_code_check": None,
            "cvc_check": "pass" if cvc else None,
        },
        "country": "US",
        "display_brand": card.brand,
        "exp_month": month,
        "exp_year": year,
        # The same number has the same fingerprint, whoever saves it.
        "fingerprint": fingerprint(number),
        "funding": card.funding,
        "last4": number[-4:],
        "networks": {"available": [card.brand], "preferred": None},
        "three_d_secure_usage": {"supported": True},
        "wallet": None,
    }


def _has_luhn_sum(number: str) -> bool:
    """Check the last digit of a card's number (ISO/IEC 7812-1)."""
    digits = [int(digit) for digit in reversed(number)]
    doubled = [sum(divmod(digit * 2, 10)) for digit in digits[1::2]]
    return (sum(digits[::2]) + sum(doubled)) % 10 == 0


def _refused(code: str, message: str, param: str) -> StripeError:
    return StripeError(402, message, type="card_error", code=code, param=param)
