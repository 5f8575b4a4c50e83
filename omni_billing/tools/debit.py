"""Bank debits: what each kind asks for, and whose rule that is. See docs/debit.md."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Debit:
    """A kind of bank debit.

    ``kind`` is Stripe's word for it. ``currencies`` are those in which an account can
    be debited. ``retry_days`` are the days after the first return on which a debit may
    be made again that came back for too little money; each is one more try.
    ``notice_days`` are those between notice and debit, if nothing else was agreed.
    ``countries`` are those in which a seller may be to debit by it; none is any.
    """

    kind: str
    currencies: tuple[str, ...]
    retry_days: tuple[int, ...]
    notice_days: int
    countries: tuple[str, ...] = ()


#: By the code of Odoo's payment method.
DEBITS = {
    # Payments Canada, Rule H1: once more, within 30 days of the first return; notice of
    # 10 days, unless the payer agreed to less.
    "acss_debit": Debit("acss_debit", ("CAD", "USD"), (7,), 10, ("CA", "US")),
    # Nacha: twice more, within 180 days. Regulation E, 12 CFR 1005.10(d): 10 days
    # before an amount that differs.
    "ach_direct_debit": Debit("us_bank_account", ("USD",), (5, 12), 10, ("US",)),
    # The schemes leave it to who collects; twice is ours, as for ACH. The notice is as
    # promised to the payer, 10 working days as a rule.
    "bacs_direct_debit": Debit("bacs_debit", ("GBP",), (5, 12), 14, ("GB",)),
    # EPC's rulebook: 14 calendar days, unless something else was agreed.
    "sepa_direct_debit": Debit("sepa_debit", ("EUR",), (5, 12), 14),
}
KINDS = frozenset(debit.kind for debit in DEBITS.values())

#: Why a debit came back that may be made again by itself: nothing else.
SOFT_RETURN = "insufficient_funds"
#: Why an account is not debited any more (https://docs.stripe.com/payments/sepa-debit,
#: failure codes; the dispute's reasons of the same meaning).
ENDS_MANDATE = frozenset(
    {
        *("account_closed", "authorization_revoked", "bank_account_restricted"),
        *("debit_authorization_not_match", "debit_disputed", "debit_not_authorized"),
        *("customer_initiated", "incorrect_account_details", "invalid_account_number"),
        *("no_account", "payment_intent_mandate_invalid", "recipient_deceased"),
        "payment_method_bank_account_blocked",
    }
)
