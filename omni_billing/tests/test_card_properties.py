"""Random sequences of what people, banks, Stripe and power cuts do to card payments.

In one process: a commit is a savepoint here, and a crash goes back to the last one.
Real processes and two at once are in tests/faults.
"""

from collections import Counter
from dataclasses import replace
from datetime import timedelta
from unittest.mock import patch

from freezegun import freeze_time
from hypothesis import given
from hypothesis import strategies as st

from odoo.exceptions import UserError
from odoo.fields import Command
from odoo.tests import tagged

from odoo.addons.omni_billing.gateways.stripe_answers import DATABASE, REFERENCE
from odoo.addons.omni_billing.models import cards
from odoo.addons.omni_billing.models.collection import omni_billing_collection_mixin
from odoo.addons.omni_billing.tools import database as tools_database
from odoo.addons.omni_billing.tools.database import commit

from .card_common import CardCommon
from .fake_gateway import FakeGateway
from .properties import tried

LAST_COMMIT = "billing_last_commit"
MODULES = [module for module in vars(cards).values() if hasattr(module, "commit")]
MODULES.append(tools_database)
MONEY = ["pay", "pay_part", "refund", "refund_part"]
STEPS = [*MONEY, *MONEY, "cash", "void", "event", "event", "dashboard", "ask", "settle"]
STEPS += ["cancel_items", "refund_note", "give_credit", "plan", "plan", "undo"]
TROUBLES = [
    *("", "", "", "lose_call", "lose_answer", "lose_answer", "decline", "wait"),
    *("crash_before", "crash_answered", "crash_unbooked", "crash_uncommitted"),
]
seeds = st.integers(0, 1000)
troubles = st.sampled_from(TROUBLES)
steps = st.tuples(
    st.tuples(st.sampled_from(["pay", "pay_part"]), seeds, troubles),
    st.lists(st.tuples(st.sampled_from(STEPS), seeds, troubles), max_size=5),
).map(lambda parts: [parts[0], *parts[1]])
EXAMPLES = 30


class Crash(BaseException):
    """The process is gone. No Exception, since no code gets to handle it."""


class CrashingGateway(FakeGateway):
    """A Stripe that also tells what happened, and during which a process may die."""

    def __init__(self):
        super().__init__()
        self.crash = ""
        self.events = []

    def crash_at(self, step):
        if self.crash == step:
            self.crash = ""
            raise Crash

    def charge(self, **values):
        self.crash_at("before")
        try:
            return super().charge(**values)
        finally:
            self._tell("payment_intent.succeeded", self.keys.get(values["key"]))
            self.crash_at("answered")

    def refund(self, **values):
        self.crash_at("before")
        try:
            return super().refund(**values)
        finally:
            if values["key"] in self.keys:
                self._tell("charge.refunded", values["intent"])
            self.crash_at("answered")

    def fence(self, *, key, **values):
        # Asked for again, the same fence is the same answer.
        charge = self.charges.get(self.keys.get(key))
        if charge and not charge.reference:
            return True
        return super().fence(key=key, **values)

    def add_foreign_refund(self, charge_id, amount):
        refund = super().add_foreign_refund(charge_id, amount)
        self._tell("charge.refunded", charge_id)
        return refund

    def _tell(self, kind, charge_id):
        if charge_id:
            self.events.append((f"evt_{len(self.events)}", kind, charge_id))


@tagged("post_install", "-at_install")
class TestCardProperties(CardCommon):
    def setUp(self):
        super().setUp()
        self.invoices = self._bill_amounts(45, 30)
        for module in MODULES:
            self._patch(module, "commit", self._commit)
        for module in (cards.omni_billing_stripe_event, omni_billing_collection_mixin):
            self._patch(module, "rollback", lambda env: self._undo())
        Transaction = type(self.env["payment.transaction"])
        book, close = Transaction._post_process, Transaction._billing_close

        def crashing_book(records):
            self.gateway.crash_at("unbooked")
            return book(records)

        def crashing_close(records):
            result = close(records)
            self.gateway.crash_at("uncommitted")
            return result

        self._patch(Transaction, "_post_process", crashing_book)
        self._patch(Transaction, "_billing_close", crashing_close)
        self.outcomes = Counter()
        self.addCleanup(self._check_outcomes)

    def _check_outcomes(self):
        """See that sequences came to all that there is, or they would prove little."""
        if self.outcomes["tried"] >= EXAMPLES:
            for outcome in (
                "done",
                "refused",
                "crashed",
                "open",
                "refunded",
                "planned",
            ):
                self.assertGreater(self.outcomes[outcome], 2, self.outcomes)

    def _patch(self, owner, name, value):
        patcher = patch.object(owner, name, value)
        patcher.start()
        self.addCleanup(patcher.stop)

    def _commit(self, env):
        commit(env)
        env.cr.execute(f"SAVEPOINT {LAST_COMMIT}")

    def _undo(self):
        self.env.cr.clear()
        self.env.cr.execute(f"ROLLBACK TO SAVEPOINT {LAST_COMMIT}")
        self.env.invalidate_all()

    @given(steps=steps)
    @tried(ci=EXAMPLES, deep=1500)
    def test_any_sequence_keeps_stripe_and_books_in_agreement(self, steps):
        """Promise 1, F133-F178, W1-W3, W16, W18"""
        self.outcomes["tried"] += 1
        self.gateway = CrashingGateway()
        self._commit(self.env)
        for step, seed, trouble in steps:
            self._prepare(trouble)
            self._do(step, seed)
            self._check_always()
        self.gateway.crash = ""
        self.gateway.plan.clear()
        for seed in range(len(self.gateway.charges)):
            self._do("settle", seed)
        self._do("ask", 0)
        # An event whose call was lost is tried again in a minute, which goes by.
        # sudo: events are the job's.
        self.env["omni.billing.stripe.event"].sudo().search([]).next_try = False
        for seed in reversed(range(len(self.gateway.events))):
            self._do("event", seed)
        self._do("ask", 0)
        self._check_end()

    def _prepare(self, trouble):
        """Say what the next call of Stripe comes to; or when the process dies."""
        kind, _, when = trouble.partition("_")
        if kind == "crash":
            self.gateway.crash = when
        elif kind == "lose":
            self.gateway.lose(is_executed=when == "answer")
        elif kind:
            getattr(self.gateway, kind)()

    def _do(self, step, seed):
        """Do one thing as a request of its own does."""
        try:
            getattr(self, f"_step_{step}")(seed)
        except UserError:
            self._undo()
            self.outcomes["refused"] += 1
        except Crash:
            self._undo()
            self.outcomes["crashed"] += 1
        else:
            self._commit(self.env)
            self.outcomes["done"] += 1

    # === STEPS === #

    def _choose(self, seed):
        chosen = self.invoices.filtered(
            lambda move: (seed >> self.invoices.ids.index(move.id)) % 2
        )
        return chosen or self.invoices

    def _share(self, amount, seed):
        return self.currency.round(amount * (seed % 9 + 1) / 10)

    def _step_pay(self, seed):
        self._pay_by("stripe", seed)

    def _step_pay_part(self, seed):
        self._pay_by("stripe", seed, is_part=True)

    def _step_cash(self, seed):
        self._pay_by("cash", seed, is_part=bool(seed % 2))

    def _pay_by(self, mode, seed, is_part=False):
        invoices = self._choose(seed)
        due = sum(invoices.mapped("amount_residual"))
        amount = self._share(due, seed) if is_part else due
        self.env["omni.billing.payment.wizard"].create(
            {
                "invoice_ids": [Command.set(invoices.ids)],
                "mode": mode,
                "amount": amount,
            }
        ).action_pay()

    def _step_refund(self, seed):
        self._choose(seed)[0]._billing_refund()

    def _step_refund_part(self, seed):
        invoice = self._choose(seed)[0]
        available = invoice._billing_get_refundable_amount()
        invoice._billing_refund(self._share(available, seed))

    def _step_cancel_items(self, seed):
        """F170, less a penalty, the money back to the card or not."""
        wizard = self.env["omni.billing.cancel.wizard"].create(
            {
                "invoice_id": self._choose(seed)[0].id,
                "penalty_type": "percentage" if seed % 3 else "none",
                "penalty_percentage": seed % 50,
                "mode": "stripe" if seed % 4 else "credit",
            }
        )
        wizard.line_ids.included = True
        wizard.action_cancel_items()

    def _step_refund_note(self, seed):
        """What a credit note left goes back later."""
        invoice = self._choose(seed)[0]
        for note in invoice.reversal_move_ids.filtered("billing_refundable")[:1]:
            invoice._billing_refund(note=note)

    def _step_give_credit(self, seed):
        self._bill(self._create_credit(seed % 40 + 1))

    def _step_plan(self, seed):
        """A job charges what was planned: what is owed when credit is used, at most."""
        invoice = self._choose(seed)[0]
        day = self.today + timedelta(days=1)
        values = {"invoice_ids": [Command.set(invoice.ids)], "mode": "stripe"}
        values |= {"is_post_dated": True, "date_first": day}
        self.env["omni.billing.payment.wizard"].create(values).action_plan()
        self._commit(self.env)
        owed = round(invoice._billing_get_amount_owed() * 100)
        before = self._sum_charged()
        try:
            with freeze_time(f"{day} 12:00:00"):
                # sudo: as the job.
                self.env["omni.billing.installment"].sudo()._cron_charge()
        finally:
            self.outcomes["planned"] += self._sum_charged() > before
            self.assertLessEqual(self._sum_charged() - before, owed)

    def _step_undo(self, seed):
        """Cash was entered by mistake."""
        payments = self.env["account.payment"].search(
            [("partner_id", "=", self.customer.id), ("billing_mode", "=", "cash")]
        )
        if payments:
            wizard = self.env["omni.billing.undo.wizard"].create(
                {"payment_id": payments[seed % len(payments)].id, "reason": "Wrong"}
            )
            wizard.action_undo()

    def _step_void(self, seed):
        self._choose(seed)[0].action_billing_void()

    def _step_dashboard(self, seed):
        """Somebody refunds in Stripe's dashboard."""
        paid = [charge for charge in self.gateway.charges.values() if charge.is_paid]
        if paid:
            charge = paid[seed % len(paid)]
            left = charge.amount - self.gateway._refunded(charge.id)
            if left:
                self.gateway.add_foreign_refund(charge.id, seed % left + 1)

    def _step_event(self, seed):
        """Any event that ever was: late, again, in any order."""
        if not self.gateway.events:
            return
        event, kind, charge_id = self.gateway.events[seed % len(self.gateway.events)]
        charge = self.gateway.charges[charge_id]
        metadata = {
            REFERENCE: charge.reference,
            DATABASE: self.provider._billing_get_uuid(),
        }
        # sudo: as the webhook and the job.
        Event = self.env["omni.billing.stripe.event"].sudo()
        obj = {"id": charge_id, "payment_intent": charge_id, "metadata": metadata}
        Event._store(
            self.provider, {"id": event, "type": kind, "data": {"object": obj}}
        )
        Event._cron_process()

    def _step_ask(self, _seed):
        # sudo: as the job.
        self.env["payment.transaction"].sudo()._cron_billing_resolve()

    def _step_settle(self, _seed):
        """The bank decides what it has put off."""
        for charge in list(self.gateway.charges.values()):
            if charge.status == "processing":
                self.gateway.settle(charge.id, "succeeded")
                self.gateway._tell("payment_intent.succeeded", charge.id)
        for refund in list(self.gateway.refunds.values()):
            if refund.status == "pending":
                settled = replace(refund, status="succeeded")
                self.gateway.refunds[refund.id] = settled
                self.gateway._tell("charge.refunded", refund.charge)

    # === CHECKS === #

    def _sum_charged(self):
        """Sum what Stripe took, or may take yet, in cents."""
        return sum(
            charge.amount
            for charge in self.gateway.charges.values()
            if charge.is_paid or charge.status == "processing"
        )

    def _find_open(self):
        # sudo: attempts are internal.
        return (
            self.env["payment.transaction"]
            .sudo()
            .search(
                [
                    ("billing_is_open", "=", True),
                    ("partner_id", "=", self.customer.id),
                ]
            )
        )

    def _sum_payments(self, domain):
        return sum(
            payment.amount if payment.payment_type == "inbound" else -payment.amount
            for payment in self.env["account.payment"].search(
                [
                    ("partner_id", "=", self.customer.id),
                    ("state", "in", ("in_process", "paid")),
                    *domain,
                ]
            )
        )

    def _check_always(self):
        self.env.flush_all()
        self.env.invalidate_all()
        self.outcomes["open"] += bool(self._find_open())
        self.assertEqual(self._get_ledger_balance(), self._get_books_balance())
        taken = sum(
            charge.amount for charge in self.gateway.charges.values() if charge.is_paid
        )
        cash = self._sum_payments([("billing_mode", "=", "cash")])
        payable = self.invoices.filtered(lambda move: move.billing_state != "void")
        # Nothing is ever paid twice.
        self.assertLessEqual(
            taken + round(cash * 100),
            round(sum(payable.mapped("amount_total")) * 100),
        )
        notes = self.invoices.reversal_move_ids
        for invoice in (self.invoices + notes).filtered("billing_attempt_id"):
            self.assertTrue(invoice.sudo().billing_attempt_id.billing_is_open)

    def _check_end(self):
        self._check_always()
        self.outcomes["refunded"] += bool(self.gateway.refunds)
        self.assertFalse(self._find_open())
        notes = self.invoices.reversal_move_ids
        self.assertFalse((self.invoices + notes).billing_attempt_id)
        for invoice in self.invoices:
            # A refund is of what the invoice came to, at most.
            self.assertLessEqual(
                invoice._billing_get_reversed_amount(), invoice.amount_total
            )
        booked = self._sum_payments([("billing_mode", "!=", "cash")])
        self.assertEqual(self.gateway.taken, round(booked * 100))
        # sudo: events are for administrators.
        events = self.env["omni.billing.stripe.event"].sudo().search([])
        self.assertFalse(events.filtered(lambda event: event.state != "done"))
