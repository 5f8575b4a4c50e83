"""Bank accounts for tests, and the kinds of debit that they are debited by.

Sources: Stripe's pages "Canadian pre-authorized debits", "SEPA Direct Debit", "Bacs
Direct Debit" and "ACH Direct Debit" (currencies, cut-offs, business days, limits,
refunds), and the test accounts of "Accept a payment" and "Save details for future
payments" of each. Where a page gives no code for an account that fails, it has the
usual one. Holidays of banks are days like others here.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, timezone
from typing import Any
from zoneinfo import ZoneInfo

from localstripe.resources import fingerprint

from .cards import Decline
from .errors import StripeError

#: When an outcome is told, on its day.
TOLD_AT = time(21, tzinfo=timezone.utc)
#: How far ahead the day of a debit may be asked for (``target_date``).
TARGET_DAYS = (3, 15)
#: Business days until the deposits that verify an account arrive, and days in which
#: they have to be confirmed; a third wrong answer ends that sooner.
DEPOSIT_DAYS = 2
VERIFY_DAYS = 10
MAX_TRIES = 3
DEPOSITS = (32, 45)
TOO_MANY_DEPOSITS = (10, 11)
DESCRIPTOR_CODE = "SM11AA"
#: Business days until a refund has arrived.
REFUND_DAYS = 3
#: Days after a debit in which it can be refunded.
REFUNDABLE_DAYS = 180


@dataclass(frozen=True)
class Scheme:
    """What one kind of debit asks for, and how long it takes.

    ``limit`` is of one debit, in minor units; ``extra`` the business days that the
    first debit of a new mandate takes longer.
    """

    currencies: tuple[str, ...]
    days: int
    zone: str
    cut_off: time
    limit: int = 99999999
    extra: int = 0
    needs_email: bool = True
    #: Whether a charge has to name its mandate.
    names_mandate: bool = False
    #: Whether deposits verify an account that its owner typed.
    verifies: bool = False
    #: Whether only Stripe's own page (Checkout) saves an account.
    by_checkout: bool = False
    #: Whether a part can be refunded.
    refunds_parts: bool = True


SCHEMES = {
    "acss_debit": Scheme(
        ("cad", "usd"),
        4,
        "America/Toronto",
        time(17),
        names_mandate=True,
        verifies=True,
    ),
    "sepa_debit": Scheme(("eur",), 6, "Europe/Paris", time(10, 30), limit=10_000_00),
    "bacs_debit": Scheme(
        ("gbp",),
        3,
        "Europe/London",
        time(20),
        limit=100_000_00,
        extra=3,
        by_checkout=True,
    ),
    "us_bank_account": Scheme(
        ("usd",),
        4,
        "America/New_York",
        time(21),
        needs_email=False,
        verifies=True,
        refunds_parts=False,
    ),
}


@dataclass(frozen=True)
class Account:
    """How a test account behaves.

    ``failure`` is why its bank does not pay, ``dispute`` why it takes back what it
    paid, ``refused`` why Stripe does not even ask it.
    """

    failure: str = ""
    dispute: str = ""
    refused: str = ""
    #: Whether the bank says no on the last day only.
    is_late: bool = False
    #: Whether deposits arrive.
    has_deposits: bool = True
    #: Whether its bank takes a mandate.
    takes_mandate: bool = True


FUNDS = "insufficient_funds"
NOT_AUTHORIZED = "debit_not_authorized"
#: By kind, and by the number that tells them apart.
ACCOUNTS = {
    "acss_debit": {
        "000123456789": Account(),
        "900123456789": Account(is_late=True),
        "000222222227": Account(FUNDS),
        "900222222227": Account(FUNDS, is_late=True),
        "000666666661": Account(has_deposits=False),
        "000777777771": Account(refused="charge_exceeds_source_limit"),
        "000888888881": Account(refused="charge_exceeds_transaction_limit"),
        # Those that have a name and no number.
        "000000000001": Account(NOT_AUTHORIZED),
        "000000000002": Account("account_closed"),
        "000000000003": Account("no_account"),
        "000000000004": Account(dispute=NOT_AUTHORIZED),
    },
    "sepa_debit": {
        "AT611904300234573201": Account(),
        "AT321904300235473204": Account(is_late=True),
        "AT861904300235473202": Account("generic_could_not_process"),
        "AT591904300235473203": Account(dispute=NOT_AUTHORIZED),
        "AT981904300002222227": Account(FUNDS),
    },
    "bacs_debit": {
        "00012345": Account(),
        "90012345": Account(is_late=True),
        "33333335": Account(NOT_AUTHORIZED),
        "22222227": Account(FUNDS),
        "55555559": Account(dispute=NOT_AUTHORIZED),
        "00033333": Account(takes_mandate=False),
    },
    "us_bank_account": {
        "000123456789": Account(),
        "000111111113": Account("account_closed"),
        "000222222227": Account(FUNDS),
        "000555555559": Account(dispute=NOT_AUTHORIZED),
    },
}
NAMED = {
    "pm_acssDebit_success": "000123456789",
    "pm_acssDebit_insufficientFunds": "000222222227",
    "pm_acssDebit_debitNotAuthorized": "000000000001",
    "pm_acssDebit_accountClosed": "000000000002",
    "pm_acssDebit_noAccount": "000000000003",
    "pm_acssDebit_dispute": "000000000004",
}
#: What banks say of a debit that they do not pay.
FAILURES = {
    "account_closed": "The bank account has been closed.",
    "authorization_revoked": "The customer has revoked the authorization to debit.",
    "bank_account_restricted": "The bank account does not take debits.",
    "branch_does_not_exist": "There is no such branch of the bank.",
    "debit_authorization_not_match": "The bank has no such authorization.",
    "debit_disputed": "The customer disputed this debit.",
    "debit_not_authorized": "The customer has not authorized this debit.",
    "generic_could_not_process": "The bank could not process this debit.",
    "incorrect_account_holder_name": "The name is not that of the account.",
    "insufficient_funds": "The bank account has too little money on it.",
    "invalid_account_number": "There is no such number at the bank.",
    "no_account": "The bank account could not be found.",
    "recipient_deceased": "The account holder has died.",
    "refer_to_customer": "The bank refers to the customer.",
}
REFUSALS = {
    "charge_exceeds_source_limit": "This charge would exceed what may be debited of"
    " this kind of account in a week.",
    "charge_exceeds_transaction_limit": "This charge is more than one debit may be of.",
}
#: After these the account is not debited any more.
ENDS_MANDATE = frozenset(
    {
        *("account_closed", "authorization_revoked", "debit_authorization_not_match"),
        *("debit_disputed", "debit_not_authorized", "invalid_account_number"),
        *("no_account", "recipient_deceased", "incorrect_account_details"),
    }
)
#: Why a bank takes back what it paid. Source: ``reason`` of "The Dispute object".
DISPUTES = frozenset(
    {
        *("bank_cannot_process", "customer_initiated", "debit_not_authorized"),
        *("incorrect_account_details", "insufficient_funds"),
    }
)
# In which of the fields the number is that tells test accounts apart, and what else has
# to be typed for one.
NUMBERS = {
    "acss_debit": (
        "account_number",
        {"institution_number": "000", "transit_number": "11000"},
    ),
    "sepa_debit": ("iban", {}),
    "bacs_debit": ("account_number", {"sort_code": "108800"}),
    "us_bank_account": ("account_number", {"routing_number": "110000000"}),
}


def failed(code: str) -> Decline:
    """Give why a bank does not pay; of banks there is one code."""
    return Decline(code, None, FAILURES[code])


def typed_as(kind: str, number: str) -> dict[str, str]:
    """Give what an owner types for a test account."""
    name, more = NUMBERS[kind]
    return {name: number, **more}


def read(kind: str, typed: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """Check what an owner typed.

    :return: the number, and what a payment method shows of it.
    """
    name, more = NUMBERS[kind]
    number = re.sub(r"[\s-]", "", typed.get(name, "")).upper()
    if number not in ACCOUNTS[kind] or any(
        re.sub(r"[\s-]", "", typed.get(other, "")) != value
        for other, value in more.items()
    ):
        raise StripeError(
            400,
            "Your request was in test mode, but used a non test bank account. For a "
            "list of valid test accounts, see Stripe's pages.",
            code="account_number_invalid",
            param=f"{kind}[{name}]",
        )
    shown = {
        "acss_debit": {"bank_name": "STRIPE TEST BANK", **more},
        "bacs_debit": dict(more),
        "sepa_debit": {
            "bank_code": number[4:9],
            "branch_code": "",
            "country": number[:2],
            "generated_from": {"charge": None, "setup_attempt": None},
        },
        "us_bank_account": {
            "account_holder_type": typed.get("account_holder_type", "individual"),
            "account_type": typed.get("account_type", "checking"),
            "bank_name": "STRIPE TEST BANK",
            "financial_connections_account": None,
            "networks": {"preferred": "ach", "supported": ["ach"]},
            "status_details": None,
            **more,
        },
    }[kind]
    marked = fingerprint(kind + number)
    return number, {**shown, "fingerprint": marked, "last4": number[-4:]}


# === DAYS === #


def add_days(day: date, days: int) -> date:
    """Go on by so many business days, from the first that is one."""
    while day.weekday() > 4:
        day += timedelta(days=1)
    for _each in range(days):
        day += timedelta(days=3 if day.weekday() == 4 else 1)
    return day


def sent_on(kind: str, moment: int) -> date:
    """Give the business day on which a debit is handed to the bank."""
    scheme = SCHEMES[kind]
    local = datetime.fromtimestamp(moment, ZoneInfo(scheme.zone))
    is_late = local.time() >= scheme.cut_off
    return add_days(local.date() + timedelta(days=1 if is_late else 0), 0)


def told_on(day: date) -> int:
    """Give the moment at which an outcome of a day is told."""
    return int(datetime.combine(day, TOLD_AT).timestamp())


def deposits_on(moment: int) -> int:
    """Give when the deposits that verify an account arrive."""
    day = datetime.fromtimestamp(moment, timezone.utc).date()
    return told_on(add_days(day, DEPOSIT_DAYS))


def read_target(text: str, moment: int, param: str) -> date:
    """Read the day on which a debit is asked to be made."""
    today = datetime.fromtimestamp(moment, timezone.utc).date()
    first, last = (today + timedelta(days=days) for days in TARGET_DAYS)
    try:
        day = date.fromisoformat(text)
    except ValueError:
        day = date.min
    if not first <= day <= last:
        raise StripeError(
            400,
            f"The target date must be between {TARGET_DAYS[0]} and {TARGET_DAYS[1]} "
            "days in the future.",
            param=param,
        )
    return day
