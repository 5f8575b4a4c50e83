"""A gateway that keeps what a Stripe would keep, for tests of one process.

What Stripe itself does is tested against a server (tests/unit, tests/faults); here the
test says what comes back.
"""

import time
from dataclasses import replace

from ..exceptions import GatewayDenied, GatewayRefused, GatewayUnknown
from ..gateways.stripe_answers import Card, Charge, Decline, Refund, SavedAccount


class FakeGateway:
    def __init__(self):
        self.charges = {}
        self.refunds = {}
        self.customers = []
        #: Whether the key is of an account that has none of these customers.
        self.is_another_account = False
        #: Name and address of each customer that was made.
        self.named = {}
        self.detached = []
        #: Saved bank accounts.
        self.accounts = []
        self.keys = {}
        #: What becomes of the next calls: see `fail`, `decline`, `lose`.
        self.plan = []
        #: Whether Stripe does not accept our key, and how often it said so.
        self.is_closed = False
        self.denials = 0
        #: What is lost of the next calls to give up a payment: the call or the answer.
        self.lost_cancels = []
        #: Calls that were refused, by key: the same again is the same answer.
        self.refusals = {}
        #: What Stripe paid out, what each payout is made of, and disputes: `balance`.
        self.payouts = {}
        self.movements = {}
        self.disputes = {}
        #: How mandates stand, by their id, and what the calls to charge named.
        self.mandates = {}
        self.named_charges = []
        #: What Stripe's page was asked for, and what became of it, by its id.
        self.pages = {}
        self.page_keys = []
        self.saved = {}
        #: What was answered of deposits, and what came of it, by key.
        self.answers = {}

    # What the test says.

    def decline(self, code="card_declined", decline_code="generic_decline"):
        self.plan.append(("decline", Decline(code, decline_code, "No.")))

    def lose(self, is_executed):
        self.plan.append(("lose", is_executed))

    def refuse(self, code):
        self.plan.append(("refuse", code))

    def refuse_and_lose(self, code):
        """Refuse a call, and lose the answer that says so."""
        self.plan.append(("refuse_and_lose", code))

    def ask_customer(self):
        self.plan.append(
            (
                "decline",
                Decline("authentication_required", "authentication_required", "No."),
            )
        )

    def wait(self):
        self.plan.append(("status", "processing"))

    def begin(self, charge_id, status, amount, description):
        """Have a payment that began on Odoo's own form."""
        self.charges[charge_id] = Charge(
            charge_id, status, amount, "usd", "secret", description, None
        )

    def settle(self, charge_id, status):
        self.charges[charge_id] = replace(
            self.charges[charge_id], status=status, decline=None
        )

    @property
    def taken(self):
        paid = sum(charge.amount for charge in self.charges.values() if charge.is_paid)
        back = sum(
            refund.amount
            for refund in self.refunds.values()
            if refund.status == "succeeded"
        )
        return paid - back

    def add_foreign_refund(self, charge_id, amount):
        refund = Refund(
            f"re_{len(self.refunds)}", "succeeded", amount, "usd", "", charge_id, ""
        )
        self.refunds[refund.id] = refund
        return refund

    # What billing calls.

    def _check_open(self):
        if self.is_closed:
            self.denials += 1
            raise GatewayDenied("", "Invalid API Key provided: sk_test_***")

    def _step(self):
        self._check_open()
        return self.plan.pop(0) if self.plan else ("status", "succeeded")

    def create_customer(self, name, email, metadata, key):
        values = (name, email, metadata)
        reference, known = self.keys.setdefault(key, (None, values))
        if known != values:
            raise GatewayRefused("idempotency_error", "Keys for idempotent requests…")
        kind, code = self._step() if not reference else ("", "")
        if kind == "refuse":
            raise GatewayRefused(code, f"Stripe's {code}, acct_1, sk_test_1")
        if kind == "lose":
            raise GatewayUnknown("", "No answer")
        if not reference:
            reference = f"cus_{len(self.named)}"
            self.keys[key] = (reference, values)
            self.named[reference] = (name, email)
            self.customers.append(reference)
        return reference

    def has_customer(self, customer):
        return customer in self.customers

    def set_default_card(self, customer, card):
        self.default_card = (customer, card)

    def get_card(self, card):
        if card in self.detached:
            return Card(card, None, "visa", "4242", 12, 2040, "f")
        if card in self.accounts:
            return Card(card, "cus", "", "3000", 0, 0, "f", "sepa_debit")
        return Card(card, "cus", "visa", "4242", 11, 2041, "f")

    def detach_card(self, card):
        kind, value = self._step()
        if kind == "lose":
            raise GatewayUnknown("", "No answer")
        self.detached.append(card)

    def begin_account(self, **asked):
        self.page_keys.append(asked["key"])
        kind, value = self._step()
        if kind == "refuse":
            raise GatewayRefused(value, f"Stripe's {value}, acct_1, sk_test_1")
        if kind == "lose":
            raise GatewayUnknown("", "No answer")
        page = f"cs_{len(self.pages)}"
        self.pages[page] = asked
        self.saved[page] = SavedAccount(
            f"seti_{page}",
            "requires_payment_method",
            reference=asked["reference"],
            database=asked["database"],
            is_live=False,
        )
        return page, f"https://checkout.stripe.test/{page}"

    def finish_page(self, page, deposits="", last4="6789"):
        """Have the owner type an account on Stripe's page."""
        asked = self.pages[page]
        assert self.saved[page].status == "requires_payment_method"
        self.accounts.append(f"pm_{last4}")
        self.saved[page] = replace(
            self.saved[page],
            status="requires_action" if deposits else "succeeded",
            customer=asked["customer"],
            method=f"pm_{last4}",
            kind=asked["kind"],
            last4=last4,
            fingerprint=f"print-{last4}",
            mandate="" if deposits else "mandate_1",
            deposits=deposits,
            deposits_at=int(time.time()) + 2 * 24 * 60 * 60 if deposits else 0,
        )

    def expire_page(self, page):
        """Have nobody finish Stripe's page in time."""
        self.saved[page] = replace(self.saved[page], status="expired")

    def get_account(self, page):
        kind, value = self._step()
        if kind == "refuse":
            raise GatewayRefused(value, "Refused")
        if kind == "lose":
            raise GatewayUnknown("", "No answer")
        return self.saved[page]

    def verify_account(self, setup, *, key, amounts=None, code=""):
        kind, value = self._step()
        if kind == "refuse":
            raise GatewayRefused(value, "Refused")
        if kind == "lose" and not value:
            raise GatewayUnknown("", "No answer")
        asked = (setup, amounts, code)
        if key not in self.answers:
            self.answers[key] = (asked, self._verify(*asked))
        known, outcome = self.answers[key]
        if known != asked:
            raise GatewayRefused("idempotency_error", "Keys for idempotent requests…")
        if kind == "lose":
            raise GatewayUnknown("", "No answer")
        if isinstance(outcome, str):
            raise GatewayRefused(outcome, "Refused")
        return outcome

    def _verify(self, setup, amounts, code):
        """Compare an answer with what was sent; return the account or what is wrong."""
        found = [page for page, saved in self.saved.items() if saved.id == setup]
        if not found:
            return "resource_missing"
        [page] = found
        saved = self.saved[page]
        if saved.status != "requires_action":
            return "setup_intent_unexpected_state"
        if (bool(amounts), bool(code)) != (
            saved.deposits == "amounts",
            saved.deposits == "descriptor_code",
        ):
            return "parameter_missing"
        wrong = "payment_method_microdeposit_verification_"
        is_late = time.time() > saved.deposits_at + 10 * 24 * 60 * 60
        if not is_late and (sorted(amounts or ()) == [32, 45] or code == "SM11AA"):
            self.saved[page] = replace(
                saved, status="succeeded", mandate="mandate_1", deposits=""
            )
            return self.saved[page]
        tried = [
            asked
            for asked, outcome in self.answers.values()
            if asked[0] == setup and str(outcome).endswith("_mismatch")
        ]
        if is_late or len(tried) >= 2:
            self.saved[page] = replace(
                saved, status="requires_payment_method", method="", deposits=""
            )
            return wrong + ("timeout" if is_late else "attempts_exceeded")
        return f"{wrong}{saved.deposits}_mismatch"

    def get_mandate(self, mandate):
        self._check_open()
        return self.mandates.get(mandate)

    def charge(self, *, key, reference, amount, currency, is_customer_present, **kw):
        self._replay(key)
        self.named_charges.append((kw.get("kind", "card"), kw.get("mandate", "")))
        if key in self.keys:
            return self.charges[self.keys[key]]
        kind, value = self._step()
        if kind == "refuse":
            raise GatewayRefused(value, f"Stripe's {value}, acct_1, sk_test_1")
        if kind == "refuse_and_lose":
            self.refusals[key] = value
            raise GatewayUnknown("", "No answer")
        if kind == "lose" and not value:
            raise GatewayUnknown("", "No answer")
        charge = Charge(
            f"pi_{len(self.charges)}",
            {"decline": "requires_payment_method", "status": value}.get(
                kind, "succeeded"
            ),
            amount,
            currency.lower(),
            "secret",
            reference,
            value if kind == "decline" else None,
            kw.get("customer"),
            kw.get("database", ""),
        )
        if is_customer_present and charge.needs_customer:
            charge = replace(charge, status="requires_action", decline=None)
        self.keys[key] = charge.id
        self.charges[charge.id] = charge
        if kind == "lose":
            raise GatewayUnknown("", "No answer")
        return charge

    def _replay(self, key):
        self._check_open()
        if key in self.refusals:
            raise GatewayRefused(self.refusals[key], "Refused")

    def fence(self, *, key, **_kwargs):
        self._check_open()
        if self.is_another_account:
            raise GatewayUnknown("other_account", "There is no such customer.")
        if key in self.keys or key in self.refusals:
            return False
        charge = Charge(f"pi_{len(self.charges)}", "canceled", 0, "usd", "", "", None)
        self.charges[charge.id] = charge
        self.keys[key] = charge.id
        return True

    def get_charge(self, charge_id):
        kind, _value = self._step()
        if kind == "lose":
            raise GatewayUnknown("", "No answer")
        if charge_id not in self.charges:
            raise GatewayRefused("resource_missing", "No such payment_intent")
        return self.charges[charge_id]

    def find_charge(self, customer, reference, database, since):
        kind, _value = self._step()
        if kind == "lose":
            raise GatewayUnknown("", "No answer")
        for charge in self.charges.values():
            if charge.reference == reference and charge.status != "canceled":
                return charge
        return None

    def cancel(self, charge_id):
        self._check_open()
        lost = self.lost_cancels.pop(0) if self.lost_cancels else ""
        charge = self.charges[charge_id]
        if charge.status not in ("succeeded", "processing") and lost != "call":
            # Why an earlier try failed is told for ever.
            self.charges[charge_id] = replace(charge, status="canceled")
        if lost:
            raise GatewayUnknown("", "No answer")
        return self.charges[charge_id]

    def refund(self, *, intent, amount, reference, database, key):
        self._replay(key)
        if key in self.keys:
            return self.refunds[self.keys[key]]
        kind, value = self._step()
        if kind == "refuse_and_lose":
            self.refusals[key] = value
            raise GatewayUnknown("", "No answer")
        if kind == "refuse":
            raise GatewayRefused(value, "Refused")
        if kind == "lose" and not value:
            raise GatewayUnknown("", "No answer")
        if self.charges[intent].amount - self._refunded(intent) < amount:
            raise GatewayRefused("charge_already_refunded", "Refused")
        status = "pending" if (kind, value) == ("status", "processing") else "succeeded"
        refund = Refund(
            f"re_{len(self.refunds)}", status, amount, "usd", reference, intent, ""
        )
        self.refunds[refund.id] = refund
        self.keys[key] = refund.id
        if kind == "lose":
            raise GatewayUnknown("", "No answer")
        return refund

    def _refunded(self, intent):
        return sum(
            refund.amount for refund in self.refunds.values() if refund.charge == intent
        )

    def get_refund(self, refund_id):
        return self.refunds[refund_id]

    def fail_refund(self, refund_id, failure):
        """Have a refund come back that was done."""
        refund = replace(self.get_refund(refund_id), status="failed", failure=failure)
        self.refunds[refund_id] = refund
        return refund

    def list_refunds(self, intent):
        self._check_open()
        return [refund for refund in self.refunds.values() if refund.charge == intent]

    # The balance; see `settlement_common`.

    def list_payouts(self, since):
        self._check_open()
        found = [each for each in self.payouts.values() if each.created >= since]
        return sorted(found, key=lambda each: each.created, reverse=True)

    def get_payout(self, payout):
        self._check_open()
        if payout not in self.payouts:
            raise GatewayRefused("resource_missing", "No such payout")
        return self.payouts[payout]

    def list_movements(self, payout):
        self._check_open()
        if not self.payouts[payout].is_complete:
            raise GatewayRefused("payout_reconciliation_not_ready", "Not yet")
        return self.movements[payout]

    def get_dispute(self, dispute):
        self._check_open()
        if dispute not in self.disputes:
            raise GatewayRefused("resource_missing", "No such dispute")
        return self.disputes[dispute]
