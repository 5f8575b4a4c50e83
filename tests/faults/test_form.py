"""A customer pays on Odoo's own form, and everything goes wrong there."""

from __future__ import annotations

from dataclasses import dataclass, field
from zlib import crc32

import pytest
import requests

from strict_stripe import PUBLISHABLE_KEY
from tests.faults.catalogue import OFTEN
from tests.faults.harness import PRICE, Case, Task, Wish, new_case
from tests.faults.sweeps import IS_WHOLE

ROUTES = {
    "our page": "/my/billing/pay/transaction/{}",
    "Odoo's page": "/invoice/transaction/{}",
}
SECONDS = 60


@dataclass
class Customer:
    """A customer at the form, with one tab of a browser after the other."""

    case: Case
    route: str
    page: dict = field(default_factory=dict)
    begun: dict = field(default_factory=dict)

    def start(self, **options) -> Task:
        """Press *Pay*."""
        return self.case.subject.start(
            "form.begin",
            path=self.route.format(self.case.ids["invoice"]),
            access_token=self.page["token"],
            amount=self.page["amount"],
            **self.page["form"],
            **options,
        )

    def begin(self) -> str:
        """Press *Pay*; return what the page complains of."""
        return self.has_begun(self.start())

    def has_begun(self, task: Task) -> str:
        """See what comes of it."""
        self.begun = task.result().expect()
        return self.begun.get("error", "")

    @property
    def intent(self) -> str:
        """Give the payment at Stripe."""
        return self.begun["secret"].split("_secret_")[0]

    def confirm(self, card: str = "pm_card_visa") -> str:
        """Confirm at Stripe; return how the payment stands there, or the error."""
        answer = requests.post(
            f"{self.case.stripe.url}/v1/payment_intents/{self.intent}/confirm",
            data={"client_secret": self.begun["secret"], "payment_method": card},
            headers={"Authorization": f"Bearer {PUBLISHABLE_KEY}"},
            timeout=SECONDS,
        ).json()
        return answer["error"]["code"] if "error" in answer else answer["status"]

    def come_back(self, **options) -> Task:
        """Begin to come back to Odoo."""
        return self.case.subject.start(
            "form.come_back",
            session=self.begun["session"],
            reference=self.begun["reference"],
            intent=self.intent,
            **options,
        )

    def look(self, **options) -> Task:
        """Begin to look at the page of the status."""
        return self.case.subject.start(
            "form.look", session=self.begun["session"], **options
        )

    def go_home(self) -> None:
        """Come back, and look, as browsers do by themselves."""
        assert self.come_back().result().expect() in (302, 303)
        self.look().result()


def pytest_generate_tests(metafunc):
    """Have each go wrong on one of the two pages; deep, or if nothing does, on both."""
    name, routes = metafunc.function.__name__, list(ROUTES)
    if not (IS_WHOLE or name == "test_nothing"):
        routes = [routes[crc32(name.encode()) % len(routes)]]
    metafunc.parametrize("customer", routes, indirect=True)


@pytest.fixture
def customer(subjects, stripe, report, request):
    """Have a customer with an invoice of 45; judge at the end."""
    case = new_case(subjects["ours"], stripe, "charge", request.node.name)
    someone = Customer(case, ROUTES[request.param])
    someone.page = case.subject.run("form.prepare", case=case.ids).expect()
    yield someone
    case.settle()
    result = case.judge()
    title = request.function.__doc__.removeprefix("Form: ").strip(".")
    told = {key: result[key] for key in ("stripe", "booked", "outcome")}
    row = report.setdefault((title, "form"), {"ours": told})
    if result["problems"]:
        row["ours"] = told
    stripe.check()
    assert not result["problems"], result["books"]


def test_nothing(customer):
    """Form: nothing goes wrong."""
    assert not customer.begin()
    assert customer.confirm() == "succeeded"
    customer.go_home()
    assert customer.case.read()["state"] == "paid"


@pytest.mark.parametrize("step", ["intent unmade", "intent made"])
def test_killed_beginning(customer, step):
    """Form: killed before the beginning is committed; the customer begins again."""
    customer.start(stop=step).wait_until_stopped().kill()
    assert not customer.begin()
    assert customer.confirm() == "succeeded"
    customer.go_home()


@pytest.mark.parametrize("executed", [False, True])
def test_no_answer_beginning(customer, executed):
    """Form: Stripe's answer is lost at the beginning; the customer begins again."""
    case = customer.case
    case.stripe.drop(path="/v1/payment_intents", count=OFTEN, executed=executed)
    customer.start().result()
    case.stripe.clear_faults()
    assert not customer.begin()
    assert customer.confirm() == "succeeded"
    customer.go_home()


def test_run_again_beginning(customer):
    """Form: the beginning is run again, since somebody wrote on the invoice."""
    case = customer.case
    task = customer.start(stop="intent made").wait_until_stopped()
    touching = case.subject.start("touch_invoice", case=case.ids)
    case.subject.wait_for_lock(touching)
    assert not customer.has_begun(task.go_on())
    touching.result()
    assert customer.confirm() == "succeeded"
    customer.go_home()


def test_tab_closed_at_stripe(customer):
    """Form: the tab is closed at Stripe, after paying; staff charge the card."""
    assert not customer.begin()
    assert customer.confirm() == "succeeded"
    customer.case.run(by="ben")


def test_tab_closed_at_stripe_unpaid(customer):
    """Form: the tab is closed at Stripe, before paying; staff charge the card."""
    assert not customer.begin()
    customer.case.run(by="ben").expect()
    assert customer.confirm() == "payment_intent_unexpected_state"


def test_tab_closed_before_the_status(customer):
    """Form: the tab is closed before the page of the status; staff charge the card."""
    assert not customer.begin()
    assert customer.confirm() == "succeeded"
    customer.come_back().result().expect()
    customer.case.run(by="ben")


@pytest.mark.parametrize("step", ["outcome read", "outcome written"])
def test_killed_coming_back(customer, step):
    """Form: killed on the way back, before the outcome is committed; then reloaded."""
    assert not customer.begin()
    assert customer.confirm() == "succeeded"
    customer.come_back(stop=step).wait_until_stopped().kill()
    customer.go_home()


@pytest.mark.parametrize("step", ["unbooked", "booked"])
def test_killed_booking(customer, step):
    """Form: killed at the page of the status, before it is committed."""
    assert not customer.begin()
    assert customer.confirm() == "succeeded"
    customer.come_back().result().expect()
    customer.look(stop=step).wait_until_stopped().kill()
    customer.case.run(by="ben")


def test_stripe_down_coming_back(customer):
    """Form: Stripe is down on the way back."""
    assert not customer.begin()
    assert customer.confirm() == "succeeded"
    with customer.case.stripe.down():
        customer.come_back().result()
        customer.look().result()
        customer.case.recover()
    customer.case.run(by="ben")


def test_no_answer_coming_back(customer):
    """Form: Stripe's answer is lost on the way back."""
    assert not customer.begin()
    assert customer.confirm() == "succeeded"
    stripe = customer.case.stripe
    stripe.drop("GET", "/v1/payment_intents", count=OFTEN)
    customer.come_back().result()
    customer.look().result()
    stripe.clear_faults()
    customer.case.run(by="ben")


def test_back_twice_at_once(customer):
    """Form: two tabs come back at once."""
    assert not customer.begin()
    assert customer.confirm() == "succeeded"
    first = customer.come_back(stop="outcome written").wait_until_stopped()
    second = customer.come_back()
    customer.case.subject.wait_for_lock(second)
    first.go_on().result().expect()
    second.result().expect()
    looks = [customer.look(stop="booked").wait_until_stopped()]
    looks.append(customer.look())
    customer.case.subject.wait_for_lock(looks[1])
    looks[0].go_on().result()
    looks[1].result()


def test_event_before_back(customer):
    """Form: the event comes before the customer is back."""
    assert not customer.begin()
    assert customer.confirm() == "succeeded"
    customer.case.hear(*customer.case.events())
    assert customer.case.read()["state"] == "paid"
    customer.go_home()


def test_event_while_coming_back(customer):
    """Form: the event is worked on while the customer comes back."""
    case = customer.case
    assert not customer.begin()
    assert customer.confirm() == "succeeded"
    task = customer.come_back(stop="outcome written").wait_until_stopped()
    heard = case.deliver(*case.events())
    case.heard(heard, *case.events())
    job = case.subject.start("process_events", is_job=True)
    case.subject.wait_for_lock(job)
    task.go_on().result().expect()
    job.result()
    customer.look().result()


def test_back_while_an_event_books(customer):
    """Form: the customer comes back while a job books the event."""
    case = customer.case
    assert not customer.begin()
    assert customer.confirm() == "succeeded"
    case.deliver(*case.events()).result().expect()
    job = case.subject.start("form.process_events", is_job=True, stop="booked")
    job.wait_until_stopped()
    task = customer.come_back()
    case.subject.wait_for_lock(task)
    job.go_on().result().expect()
    task.result().expect()
    customer.look().result()


def test_staff_while_coming_back(customer):
    """Form: staff charge the card while the customer comes back."""
    case = customer.case
    assert not customer.begin()
    assert customer.confirm() == "succeeded"
    task = customer.come_back(stop="outcome written").wait_until_stopped()
    charge = case.meanwhile("charge")
    task.go_on().result().expect()
    charge.result()
    customer.look().result()


def test_staff_while_booking(customer):
    """Form: staff charge the card while the page of the status books."""
    case = customer.case
    assert not customer.begin()
    assert customer.confirm() == "succeeded"
    customer.come_back().result().expect()
    task = customer.look(stop="booked").wait_until_stopped()
    charge = case.meanwhile("charge")
    task.go_on().result().expect()
    charge.result()


def test_cash_before_back(customer):
    """Form: cash is paid between paying at Stripe and coming back."""
    assert not customer.begin()
    assert customer.confirm() == "succeeded"
    assert customer.case.run("pay_cash", by="ben").error
    customer.go_home()


def test_void_before_back(customer):
    """Form: the invoice is voided between paying at Stripe and coming back."""
    assert not customer.begin()
    assert customer.confirm() == "succeeded"
    assert customer.case.run("void", by="ben").error
    customer.go_home()


def test_void_of_a_form_that_is_open(customer):
    """Form: the invoice is voided while the form is open."""
    case = customer.case
    assert not customer.begin()
    is_void = not case.run("void", by="ben").error
    is_paid = customer.confirm() == "succeeded"
    customer.go_home()
    assert is_void != is_paid, "voided, and paid"
    if is_void:
        case.wish = Wish(charged=0, state="void")


@pytest.mark.parametrize(
    ("job", "wish"),
    [
        ("pay_cash", Wish(other=PRICE)),
        ("void", Wish(state="void")),
        ("charge", Wish(charged=PRICE)),
    ],
)
def test_begun_while_staff_have_looked(customer, job, wish):
    """Form: begun while staff, who have looked, take cash, void or charge."""
    # What they saw lacks it: they look again, and give it up.
    case = customer.case
    task = case.start(job, by="ben", stop="looked").wait_until_stopped()
    assert not customer.begin()
    task.go_on().result().expect()
    assert customer.confirm() == "payment_intent_unexpected_state"
    customer.go_home()
    case.wish = wish


def test_two_tabs(customer):
    """Form: begun in two tabs, and confirmed in both."""
    assert not customer.begin()
    other = Customer(customer.case, customer.route, customer.page)
    assert not other.begin()
    first, second = customer.confirm(), other.confirm()
    assert sorted([first, second]) == ["payment_intent_unexpected_state", "succeeded"]
    customer.go_home()
    other.go_home()


def test_two_tabs_begin_at_once(customer):
    """Form: begun in two tabs at once."""
    other = Customer(customer.case, customer.route, customer.page)
    task = customer.start(stop="intent made").wait_until_stopped()
    second = other.start()
    customer.case.subject.wait_for_lock(second)
    assert not customer.has_begun(task.go_on())
    told = other.has_begun(second)
    done = [customer.confirm()] + ([] if told else [other.confirm()])
    assert done.count("succeeded") == 1
    customer.go_home()


def test_declined_first(customer):
    """Form: the bank declines, and the customer tries another card."""
    assert not customer.begin()
    customer.case.stripe.decline_next()
    assert customer.confirm() == "card_declined"
    assert customer.confirm() == "succeeded"
    events = customer.case.events()
    customer.case.hear(*reversed(events))
    customer.go_home()


def test_part_by_staff_first(customer):
    """Form: staff charge a part while the form shows the whole amount."""
    case = customer.case
    assert not customer.begin()
    case.wish.charged = 20
    case.run("part").expect()
    assert customer.confirm() == "payment_intent_unexpected_state"
    customer.go_home()
    assert case.read()["residual"] == PRICE - 20
    case.wish = Wish(charged=20, state="partial")
