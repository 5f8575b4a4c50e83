"""Constants shared by models, wizards and controllers."""

from datetime import timedelta

#: Transaction types whose signed amounts lower what the customer owes.
LOWERING_TYPES = ("credit", "payment", "adjustment")

#: Transaction types that go on an invoice; the others say what was booked for one.
BILLED_TYPES = ("charge", "credit")

#: Largest amount of one transaction, exclusive. A double holds 15 to 17 significant
#: digits: below this bound, an amount of three decimals is stored exactly, and so
#: is a sum of thousands of them.
MAX_AMOUNT = 10**12

#: Longest title of a transaction or an invoice; longer text goes in the description.
MAX_TITLE_LENGTH = 512

#: Move types shown in our screens.
BILLING_MOVE_TYPES = ("out_invoice", "out_refund")

#: Values of ``billing_state`` of an invoice that something is owed of.
UNPAID_STATES = ("unpaid", "partial")

#: Values of ``charge_state`` of a payment that is still to come.
COMING_STATES = ("due", "open", "collecting", "retry")

#: Ways of sending that are no e-invoicing: our e-mail goes out instead.
NO_CHANNELS = ("email", "manual", "snailmail")

#: How long an answer of a mail server may be under way, and Mailjet may take to know a
#: message.
MAIL_GRACE = timedelta(minutes=5)

#: How long a call to Stripe may be under way, with its second try; after that nobody
#: waits for its answer any more.
CALL_GRACE = timedelta(minutes=1)

#: How long Stripe keeps the answer to a key, at least; after that the same call with
#: the same key is a new one (https://docs.stripe.com/api/idempotent_requests).
KEY_LIFE = timedelta(hours=23)

#: Codes of ours, beside those of banks and Stripe: why an attempt was closed.
NO_ACCESS = "no_access"
CLOSED_BY_HAND = "closed_by_hand"
#: Stripe cannot be asked of it any more, and it kept people from their work.
LET_GO = "let_go"
#: Days in which what is paid and not booked keeps Accounting from its invoice. Odoo
#: tries to book as long.
BOOKING_DAYS = 4

#: It is the payment of another database, of which this one may be a copy.
ELSEWHERE = "elsewhere"

#: Days after which Stripe gives up what nobody captured, as a rule
#: (https://docs.stripe.com/payments/place-a-hold-on-a-payment-method).
HOLD_DAYS = 7
#: Days in which a bank decides on a debit, or an authorization ends by itself.
BANK_DAYS = 30

#: How often customers may begin what costs money or work: what, of whom, how many at
#: once, and after how many seconds one more. A card tester needs hundreds; a person
#: mistypes a card a few times, and an office may share one address. The system
#: parameter ``omni_billing.limit_WHAT_WHOM`` says otherwise: ``40/30``, or ``off``.
LIMITS = {
    "payment": {
        "account": (10, 120),
        "guest": (10, 120),
        "link": (40, 60),
        "address": (40, 30),
    },
    "card": {
        "account": (6, 300),
        "guest": (6, 300),
        "link": (20, 300),
        "address": (20, 60),
    },
    # Charges that a customer says are wrong: each is work for a person.
    "report": {"account": (10, 300), "address": (30, 60)},
    # Codes of coupons, of which somebody may try many.
    "coupon": {"account": (10, 300), "address": (30, 60)},
    # What usage may cost (`omni_billing_usage`): each is kept, and rated by.
    "usage_cap": {"account": (20, 120), "address": (60, 30)},
    # E-mail addresses of other contacts: the mail that tells of them costs nothing.
    "address": {"account": (5, 600), "address": (20, 60)},
    "pdf": {
        "account": (40, 5),
        "guest": (20, 5),
        "link": (60, 5),
        "address": (120, 2),
    },
}

#: Days in which the link works by which a customer saves a card without a login.
CARD_LINK_DAYS = 7

#: How long a payment that the customer began is not given up for a guest: time for the
#: bank's own page.
PAYING_GRACE = timedelta(minutes=15)

#: Units of the periods of recurring services.
PERIOD_UNITS = [
    ("day", "Days"),
    ("week", "Weeks"),
    ("month", "Months"),
    ("year", "Years"),
]
SERVICE_TIMINGS = [("advance", "In Advance"), ("arrears", "In Arrears")]
#: What staff may agree of a plan otherwise than its product says.
PLAN_FIELDS = (
    *("quantity", "price_unit", "unit", "interval", "timing", "tax_included"),
    "name",
)
DISCOUNT_KINDS = [("percent", "Percent"), ("amount", "An Amount")]
EXIT_FEES = [("fixed", "An Amount"), ("rest", "Percent of the Rest")]

#: Why a bank said no for now: the same card may be charged some days later. Whatever
#: else it says is for a person (https://docs.stripe.com/declines/codes).
SOFT_DECLINES = {
    "approve_with_id",
    "call_issuer",
    "card_velocity_exceeded",
    "do_not_honor",
    "generic_decline",
    "insufficient_funds",
    "issuer_not_available",
    "never_reached",
    "no_action_taken",
    "processing_error",
    "rate_limit",
    "reenter_transaction",
    "try_again_later",
    "withdrawal_count_limit_exceeded",
}

#: The name that Mailjet logs in with to tell events.
HOOK_USER = "mailjet"

#: How long stored PDFs are kept, in days, and how much of them (F110); a size of 0 is
#: no limit. The names of system parameters, after ``omni_billing.``.
PURGE_DEFAULTS = {"pdf_max_days": 90, "pdf_max_idle_days": 30, "pdf_max_mb": 0}

#: Before the reference at Stripe of a payment that another payment has, too: found as
#: the database was upgraded. No money of its own came.
AGAIN = "again: "

#: The database reads no greater id.
MAX_ID = 2**31 - 1

#: Providers that move no money: a transfer is a promise of the customer's.
OFFLINE_PROVIDERS = ("none", "custom")

#: How a dispute stands, by Stripe's word for it; it is open if it is none of these.
#: While a bank only asks, it has taken nothing.
DISPUTE_STATES = {
    "won": "won",
    "lost": "lost",
    "prevented": "won",
    "warning_closed": "won",
    "warning_needs_response": "inquiry",
    "warning_under_review": "inquiry",
}
#: Events come late, and twice: nothing goes back to a state before.
DISPUTE_STEPS = {
    "inquiry": 0,
    "open": 1,
    "won": 2,
    "lost": 2,
    "owed": 3,
    "written_off": 3,
}

#: Of the API keys that open the counters for operators, and nothing else.
METRICS_SCOPE = "omni_billing.metrics"

#: How the customer agreed. A legal base is the company's own statement, for cards that
#: were saved before consents were kept.
CONSENT_CHANNELS = [
    ("portal", "In the Customer Area"),
    ("link", "By a Link"),
    ("phone", "By Phone"),
    ("in_person", "In Person"),
    ("email", "By E-mail"),
    ("paper", "On Paper"),
    ("legal_base", "Legal Base Stated"),
]
