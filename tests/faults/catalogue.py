"""What goes wrong, each as a function of a case; the end of each is `Case.settle`.

They are written once, for Omni Billing and for plain payment_stripe. A fault that one
of them cannot have says so by raising `NotApplicable`.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from tests.faults.harness import PRICE, Case, Wish

PATHS = {"charge": "/v1/payment_intents", "refund": "/v1/refunds"}
EVERY = ("charge", "part", "refund")
#: The SDK repeats a call by itself: a fault that it is to feel lasts longer.
OFTEN = 9
#: A world in which nobody waits long for Stripe: seconds, where production waits for
#: ten. Only where there is no answer to wait for, so that no load on a machine is one.
IMPATIENT = {"patience": 0.3}


class NotApplicable(Exception):
    """There is no such thing there, and why."""


@dataclass(frozen=True)
class Fault:
    """A fault: what it is called, of what it is one, and how it happens."""

    title: str
    operations: tuple[str, ...]
    happen: Callable[[Case], None]
    #: Whether it is about when events come, or stops where an event may have been
    #: faster; else they come before, with or after the answer.
    has_own_events: bool = False

    @property
    def name(self) -> str:
        return self.happen.__name__


FAULTS: list[Fault] = []


def fault(title: str, *operations: str, own_events: bool = False) -> Callable:
    """Put a function into the catalogue."""

    def register(happen: Callable[[Case], None]) -> Callable[[Case], None]:
        FAULTS.append(Fault(title, operations or EVERY, happen, own_events))
        return happen

    return register


def path_of(case: Case) -> str:
    """Give the address at Stripe that moves the money."""
    return PATHS["refund" if case.operation == "refund" else "charge"]


def needs_ours(case: Case, why: str) -> None:
    """Stop where plain payment_stripe has no counterpart."""
    if case.subject.name != "ours":
        raise NotApplicable(why)


@contextmanager
def silence() -> Iterator[str]:
    """Give an address where nobody answers, and nothing is ever executed."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


# === PROCESSES THAT ARE KILLED === #


def _kill_at(case: Case, step: str) -> None:
    case.start(stop=step).wait_until_stopped().kill()
    case.settle()


@fault("nothing goes wrong")
def nothing(case):
    case.run().expect()
    case.settle()


@fault("killed before the attempt is committed")
def killed_unsaved(case):
    _kill_at(case, "attempt unsaved")


@fault("killed before the call")
def killed_before_call(case):
    _kill_at(case, "before the call")


@fault("killed while Stripe works; it succeeds after")
def killed_during_call(case):
    hold = case.stripe.hold(path=path_of(case))
    task = case.start()
    hold.wait()
    task.kill()
    hold.release()
    case.stripe.clear_faults()
    case.settle()


@fault("killed while Stripe works; people are faster than Stripe")
def killed_and_repeated(case):
    hold = case.stripe.hold(path=path_of(case))
    task = case.start()
    hold.wait()
    task.kill()
    case.run(by="ben")
    case.recover()
    hold.release()
    case.settle()


@fault("killed while the answer is on its way")
def killed_before_answer(case):
    hold = case.stripe.hold(path=path_of(case), executed=True)
    task = case.start()
    hold.wait()
    task.kill()
    hold.release()
    case.settle()


@fault("killed between the answer and the commit")
def killed_answered(case):
    _kill_at(case, "answered")


@fault("killed after the outcome is committed, before it is booked", own_events=True)
def killed_unbooked(case):
    _kill_at(case, "unbooked")


@fault("killed after it is booked, before that is committed", own_events=True)
def killed_uncommitted(case):
    _kill_at(case, "uncommitted")


# === THE WAY TO STRIPE === #


@fault("time-out, and it succeeded")
def timeout_executed(case):
    hold = case.stripe.hold(path=path_of(case), executed=True, count=OFTEN)
    case.run(world=IMPATIENT)
    hold.release()
    case.settle()


@fault("time-out, and it succeeds later")
def timeout_executed_later(case):
    hold = case.stripe.hold(path=path_of(case), count=OFTEN)
    case.run(world=IMPATIENT)
    case.recover(world=IMPATIENT)
    hold.release()
    case.settle()


@fault("time-out, and it never comes to Stripe")
def timeout_lost(case):
    with silence() as url:
        case.run(world={**IMPATIENT, "stripe": url})
    case.settle()


@fault("connection dropped before it is executed")
def dropped_before(case):
    case.stripe.drop(path=path_of(case), count=OFTEN)
    case.run()
    case.settle()


@fault("connection dropped after it is executed")
def dropped_after(case):
    case.stripe.drop(path=path_of(case), count=OFTEN, executed=True)
    case.run()
    case.settle()


@fault("connection dropped after it is executed, then 429 to the repeated call")
def dropped_then_limited(case):
    case.stripe.drop(path=path_of(case), executed=True)
    case.stripe.fail(429, path=path_of(case))
    case.run()
    case.settle()


@fault("Stripe is down, for jobs too, then comes back")
def down(case):
    with case.stripe.down():
        case.run()
        case.recover()
    case.settle()


@fault("Stripe answers 500, and did it")
def server_error_executed(case):
    case.stripe.fail(500, path=path_of(case), executed=True)
    case.run()
    case.settle()


@fault("Stripe answers 500, and did not do it")
def server_error(case):
    case.stripe.fail(500, path=path_of(case))
    case.run()
    case.recover()
    # Stripe keeps a 500 as the answer to its key for a day.
    case.stripe.expire_keys()
    case.settle()


@fault("Stripe answers 429")
def rate_limited(case):
    case.stripe.fail(429, path=path_of(case), count=OFTEN)
    case.run()
    case.settle()


# === SEVERAL AT ONCE === #


@fault(
    "the request is run again: somebody edited the invoice meanwhile", own_events=True
)
def run_again_by_invoice(case):
    task = case.start(stop="answered").wait_until_stopped()
    if case.subject.name == "ours":
        edit = case.subject.start("touch_invoice", case=case.ids, stop="written")
        edit.wait_until_stopped()
        # It waits, and what it saw is of the past then.
        case.subject.wait_for_lock(task.go_on())
        edit.go_on().result().expect()
    else:
        case.subject.run("touch_invoice", case=case.ids).expect()
        task.go_on()
    task.result()
    case.settle()


@fault(
    "the request is run again: the event of a lost answer came first", own_events=True
)
def run_again_by_event(case):
    case.stripe.drop(path=path_of(case), count=OFTEN, executed=True)
    task = case.start(stop="answered").wait_until_stopped()
    events = case.events()
    heard = case.hear_meanwhile(*events)
    case.stripe.clear_faults()
    task.go_on().result()
    case.heard(heard, *events)
    case.settle()


@fault("the request is run again: it is booked by the event just now", own_events=True)
def run_again_by_lock(case):
    needs_ours(case, "events do not book, a job does")
    task = case.start(stop="answered").wait_until_stopped()
    case.deliver(*case.events()).result().expect()
    job = case.subject.start("process_events", is_job=True, stop="uncommitted")
    job.wait_until_stopped()
    case.subject.wait_for_lock(task.go_on())
    job.go_on().result().expect()
    task.result()
    case.settle()


@fault("the request is run again between two refunds of one invoice", "part")
def run_again_between_refunds(case):
    """An invoice that two charges paid: 20 and 25. A refund of 22 takes both."""
    needs_ours(case, "a refund is of one payment")
    case.run().expect()
    # Whoever works on its events would be in the way for a moment.
    case.stripe.wait_for_deliveries()
    case.wish.charged = PRICE - case.wish.charged
    case.run().expect()
    case.wish = Wish(charged=PRICE, refunded=22)
    case.operation = "refund"
    task = case.start(stop="before the next refund").wait_until_stopped()
    case.subject.run("touch_invoice", case=case.ids).expect()
    task.go_on().result()
    # A part is refunded, the rest is for who looks; never more than was asked for.
    case.wish.refunded = 20
    case.settle()


@fault("two tabs: the second while Stripe works")
def two_tabs(case):
    if case.operation == "refund":
        case.wish.refunded = PRICE
        case.wish.state = "refunded" if case.subject.name == "ours" else "paid"
    hold = case.stripe.hold(path=path_of(case))
    first = case.start()
    hold.wait()
    second = case.meanwhile()
    hold.release()
    first.result()
    second.result()
    case.settle()


@fault("two tabs: the second before the call of the first")
def two_tabs_before_call(case):
    if case.operation == "refund":
        case.wish.refunded = PRICE
        case.wish.state = "refunded" if case.subject.name == "ours" else "paid"
    first = case.start(stop="before the call").wait_until_stopped()
    second = case.meanwhile()
    first.go_on().result()
    second.result()
    case.settle()


@fault("two tabs: both before either is committed")
def two_tabs_unsaved(case):
    if case.operation == "refund":
        case.wish.refunded = PRICE
        case.wish.state = "refunded" if case.subject.name == "ours" else "paid"
    first = case.start(stop="attempt unsaved").wait_until_stopped()
    second = case.meanwhile()
    first.go_on().result()
    second.result()
    case.settle()


@fault("a job asks while Stripe works")
def job_while_stripe_works(case):
    hold = case.stripe.hold(path=path_of(case))
    task = case.start()
    hold.wait()
    case.recover()
    hold.release()
    task.result()
    case.settle()


@fault("a job asks between the commit of the attempt and the call")
def job_before_call(case):
    task = case.start(stop="before the call").wait_until_stopped()
    case.recover()
    task.go_on().result()
    case.settle()


@fault("a job asks between the answer and its commit")
def job_while_answered(case):
    task = case.start(stop="answered").wait_until_stopped()
    case.recover()
    task.go_on().result()
    case.settle()


@fault("Odoo's own job books it at the same time", own_events=True)
def booked_by_odoo(case):
    needs_ours(case, "its outcome is not committed before it is booked")
    task = case.start(stop="unbooked").wait_until_stopped()
    job = case.subject.start("post_process", is_job=True)
    case.subject.wait_for_lock(job)
    task.go_on().result()
    job.result()
    case.settle()


@fault("cash is paid while the charge is under way", "charge")
def cash_meanwhile(case):
    hold = case.stripe.hold(path=path_of(case))
    task = case.start()
    hold.wait()
    cash = case.meanwhile("pay_cash")
    hold.release()
    task.result()
    is_paid = not cash.result().error
    case.settle()
    if is_paid:
        # Then it is the cash that is wanted.
        case.wish = Wish(charged=0, other=PRICE)


@fault("the invoice is voided while the charge is under way", "charge")
def void_meanwhile(case):
    hold = case.stripe.hold(path=path_of(case))
    task = case.start()
    hold.wait()
    void = case.meanwhile("void")
    hold.release()
    task.result()
    is_void = not void.result().error
    case.settle(tries=0 if is_void else 2)
    if is_void:
        case.wish = Wish(charged=0, state="void")


@fault("the card is deleted while the charge is under way", "charge")
def card_deleted_meanwhile(case):
    hold = case.stripe.hold(path=path_of(case))
    task = case.start()
    hold.wait()
    delete = case.meanwhile("delete_card")
    case.recover()
    hold.release()
    task.result()
    delete.result()
    case.settle()


@fault("the card is deleted before the call", "charge")
def card_deleted_before_call(case):
    task = case.start(stop="attempt unsaved").wait_until_stopped()
    delete = case.meanwhile("delete_card")
    case.recover()
    task.go_on().result()
    delete.result()
    case.settle(tries=0)
    # Either is right, if both agree.
    if not case.stripe.store()["charges"]:
        case.wish = Wish(charged=0, state="unpaid")


@fault("a job makes sure that a lost charge never happens, and is cut off", "charge")
def fence_cut_off(case):
    needs_ours(case, "nobody makes sure")
    case.start(stop="before the call").wait_until_stopped().kill()
    case.stripe.drop(path="/v1/payment_intents/", count=OFTEN, executed=False)
    case.recover()
    case.settle()


@fault("the call is lost, and the customer is deleted at Stripe", "charge")
def customer_deleted_after_lost_call(case):
    needs_ours(case, "no job makes sure that a lost call never happens")
    case.stripe.drop(path=path_of(case), count=OFTEN)
    case.run()
    _delete_customer(case)
    case.recover()
    # It is known that nothing was made: other money is taken.
    case.run("pay_cash").expect()
    case.wish = Wish(charged=0, other=PRICE)
    case.settle(tries=0)


@fault("the answer is lost, and the customer is deleted at Stripe", "charge")
def customer_deleted_after_lost_answer(case):
    needs_ours(case, "no job asks Stripe")
    case.stripe.drop(path=path_of(case), count=OFTEN, executed=True)
    case.run()
    _delete_customer(case)
    case.recover()
    case.settle(tries=0)


def _delete_customer(case: Case) -> None:
    case.stripe.clear_faults()
    [customer] = case.stripe.store()["customers"]
    case.api.customers.delete(customer["id"])


# === EVENTS === #


@fault("the event comes before the answer", own_events=True)
def event_before_answer(case):
    hold = case.stripe.hold(path=path_of(case), executed=True)
    task = case.start()
    hold.wait()
    events = case.events()
    heard = case.hear_meanwhile(*events)
    hold.release()
    task.result()
    case.heard(heard, *events)
    case.settle()


@fault("the event comes after, and twice", own_events=True)
def event_twice(case):
    case.run().expect()
    case.hear(*case.events(), *case.events())
    case.settle()


@fault("the same event comes twice at once, of a lost answer", own_events=True)
def event_twice_at_once(case):
    case.stripe.drop(path=path_of(case), count=OFTEN, executed=True)
    case.run()
    case.stripe.clear_faults()
    events = case.events()
    tasks = [case.deliver(*events) for _time in range(2)]
    for task in tasks:
        case.heard(task, *events)
    case.settle()


@fault("the event never comes", own_events=True)
def event_never(case):
    case.run()
    case.settle()
    case.recover()


@fault("an event and a job at once, of a lost answer", own_events=True)
def event_and_job(case):
    needs_ours(case, "no job asks Stripe")
    case.stripe.drop(path=path_of(case), count=OFTEN, executed=True)
    case.run()
    case.stripe.clear_faults()
    case.deliver(*case.events()).result().expect()
    job = case.subject.start("process_events", is_job=True, stop="uncommitted")
    job.wait_until_stopped()
    asking = case.subject.start("ask_stripe", is_job=True)
    case.subject.wait_for_lock(asking)
    job.go_on().result().expect()
    # It gives way, and is run again in five minutes.
    asking.result()
    case.settle()


@fault(
    "the failure of an earlier try comes after the success",
    "charge",
    "part",
    own_events=True,
)
def events_reversed(case):
    case.stripe.decline_next()
    case.run()
    case.run().expect()
    case.hear(*reversed(case.events()))
    case.settle()


@fault("the event of an attempt that was rolled back", "charge", own_events=True)
def event_of_rolled_back(case):
    """The database came back from a backup that does not know the attempt."""
    case.start(stop="answered").wait_until_stopped().kill()
    with case.subject.sql() as cursor:
        cursor.execute(
            "UPDATE account_move SET billing_attempt_id = NULL WHERE id = %s"
            if case.subject.name == "ours"
            else "SELECT %s",
            [case.ids["invoice"]],
        )
        cursor.execute(
            "DELETE FROM payment_transaction WHERE partner_id = %s",
            [case.ids["partner"]],
        )
    case.hear(*case.events())
    for _time in range(OFTEN):
        case.recover()
    case.settle(tries=0)
    if "payment_intent.succeeded" in case.read().get("events", []):
        case.told = "left to a person: the event is kept as failed"


@fault("the refund's event comes before the charge is known", "charge", own_events=True)
def refund_before_charge(case):
    case.stripe.drop(path=path_of(case), count=OFTEN, executed=True)
    case.run()
    case.stripe.clear_faults()
    _refund_in_dashboard(case, PRICE)
    case.wish.refunded = PRICE
    case.wish.state = "refunded" if case.subject.name == "ours" else "paid"
    case.hear(*case.events("charge.refunded", "refund.created"))
    case.settle(tries=0)


@fault(
    "killed before it is booked, and refunded in the dashboard: that event comes first",
    "charge",
    own_events=True,
)
def refund_before_booking(case):
    _kill_and_refund(case)
    case.hear(*case.events("charge.refunded", "refund.created"))
    case.settle(tries=0)


@fault(
    "killed before it is booked, and refunded in the dashboard: events in reverse",
    "charge",
    own_events=True,
)
def refund_before_booking_reversed(case):
    _kill_and_refund(case)
    case.hear(*reversed(case.events()))
    case.settle(tries=0)


def _kill_and_refund(case: Case) -> None:
    needs_ours(case, "its outcome is not committed before it is booked")
    case.start(stop="unbooked").wait_until_stopped().kill()
    _refund_in_dashboard(case, 10)
    case.wish.refunded = 10


@fault("a refund in Stripe's dashboard; each event twice", "charge", own_events=True)
def dashboard_refund(case):
    case.run().expect()
    case.recover()
    _refund_in_dashboard(case, 10)
    case.wish.refunded = 10
    events = case.events()
    case.hear(*events, *events)
    case.settle(tries=0)


@fault(
    "a refund in the dashboard while one of ours is under way",
    "refund",
    own_events=True,
)
def dashboard_refund_meanwhile(case):
    task = case.start(stop="before the call").wait_until_stopped()
    _refund_in_dashboard(case, 5)
    events = case.events("charge.refunded", "refund.created")
    heard = case.hear_meanwhile(*events)
    task.go_on().result()
    case.heard(heard, *events)
    case.wish.refunded = 15
    case.settle(tries=0)


@fault("our refund while the event of another is worked on", "refund", own_events=True)
def refund_during_event(case):
    needs_ours(case, "events are worked on at once")
    _refund_in_dashboard(case, 5)
    case.deliver(*case.events("charge.refunded")).result().expect()
    job = case.subject.start("process_events", is_job=True, stop="refunds listed")
    job.wait_until_stopped()
    case.run().expect()
    # Whether it gives way or not: it is run again.
    job.go_on().result()
    case.wish.refunded = 15
    case.settle(tries=0)


@fault("the refund bounces a day later", "refund", own_events=True)
def refund_bounces(case):
    case.run().expect()
    case.recover()
    refunds = case.stripe.store()["refunds"]
    case.stripe.settle(refunds[0]["id"], status="failed")
    case.hear(*case.events("charge.refund.updated", "refund.failed"))
    case.settle(tries=0)
    case.wish.refunded = 0
    if case.read()["todos"]:
        case.told = "left to a person: a to-do says to pay in another way"


def _refund_in_dashboard(case: Case, amount: float) -> None:
    [intent] = [
        intent
        for intent in case.stripe.store()["payment_intents"]
        if intent["status"] == "succeeded"
    ]
    case.api.refunds.create({"payment_intent": intent["id"], "amount": amount * 100})
