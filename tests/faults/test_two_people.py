"""Two people press a button at the same moment, on the same things (promise 2).

The first is held at a moment that matters, while the second presses and is answered;
then the first goes on. Each is the first once. Whoever comes too late is told so in one
clear message, and the books are as if the two had come one after the other.

Sam is of the staff, Maud and Mia are managers.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from tests.faults import books
from tests.faults.sweeps import turns

WORKING = "Someone else is working on"
COST = 45
#: Where the first is held.
MOMENTS = {
    "looked": "they have seen how it was, and are about to lock it",
    "locked": "they have the lock, and have written nothing",
    "written": "all is written, not committed",
    "committed": "it is committed, and they were not told yet",
}


@dataclass(frozen=True)
class Act:
    """What one of the two does."""

    job: str
    by: str
    #: What is read afterwards if it was done, and the other was not.
    end: dict
    #: What the message to the other says then; {invoice} is the name of one.
    told: str = "{invoice}"
    values: dict = field(default_factory=dict)


@dataclass(frozen=True)
class Story:
    """Two acts of which one is done, and the other refused."""

    name: str
    acts: tuple[Act, Act]
    #: What is there before: see ``people.add_case``.
    case: dict


FIBRE = {"titles": ["Fibre"], "cost": COST}
BILL = {**FIBRE, "is_billed": True}
TWICE = {"titles": ["Fibre", "Fibre (entered twice)"], "cost": COST}
THREE = {"titles": ["Mobile", "Fibre", "Router"], "cost": 30}
#: Two invoices, and a credit that is enough for one of them.
CREDIT = {
    "titles": ["Fibre", "Mobile"],
    "cost": COST,
    "is_billed": True,
    "credit": COST,
}
CHEQUE = {**BILL, "has_cheque": True}

ALL_BILLED = {"charges": ["invoiced"] * 3, "invoices": [["unpaid", 90, 90]]}
PAID = {"invoices": [["paid", COST, 0]], "payments": [["inbound", COST]]}
VOID = {"invoices": [["void", COST, COST]], "payments": [], "charges": ["unbilled"]}
CANCELED = {"invoices": [["refunded", COST, 0]], "notes": 1}
OUT = {"payments": [["outbound", COST]], "invoices": [["unpaid", COST, COST]] * 2}
OWED = {"invoices": [["unpaid", COST, COST]], "payments": []}
NO_CREDIT = "no credit on file"
MORE = "more than the credit on file"


def used_on(number):
    """Give what is read when the credit is used on one of the two invoices."""
    invoices = [["unpaid", COST, COST], ["unpaid", COST, COST]]
    invoices[number] = ["paid", COST, 0]
    return {"invoices": invoices, "payments": []}


STORIES = [
    Story(
        "two generate the same invoice",
        (Act("generate", "sam", ALL_BILLED), Act("generate", "maud", ALL_BILLED)),
        THREE,
    ),
    Story(
        "two pay the same invoice in cash",
        (Act("pay", "sam", PAID), Act("pay", "maud", PAID)),
        BILL,
    ),
    Story(
        "one generates what the other voids",
        (
            Act(
                "generate",
                "sam",
                {"charges": ["invoiced"] * 2, "invoices": [["unpaid", 90, 90]]},
            ),
            Act(
                "void_charge",
                "maud",
                {"charges": ["unbilled", "void"], "invoices": []},
                told="Fibre (entered twice)",
            ),
        ),
        TWICE,
    ),
    Story(
        "one pays what the other voids",
        (Act("pay", "sam", PAID), Act("void", "maud", VOID)),
        BILL,
    ),
    Story(
        "two void the same invoice",
        (Act("void", "sam", VOID), Act("void", "maud", VOID)),
        BILL,
    ),
    Story(
        "two void the same charge",
        (
            Act("void_charge", "sam", {"charges": ["void"]}, told="Fibre"),
            Act("void_charge", "maud", {"charges": ["void"]}, told="Fibre"),
        ),
        FIBRE,
    ),
    Story(
        "two cancel the same item",
        (Act("cancel_items", "sam", CANCELED), Act("cancel_items", "maud", CANCELED)),
        BILL,
    ),
    Story(
        "one cancels items of what the other voids",
        (Act("cancel_items", "sam", CANCELED), Act("void", "maud", VOID)),
        BILL,
    ),
    Story(
        "two refund the same credit by hand",
        (Act("refund", "maud", OUT, MORE), Act("refund", "mia", OUT, MORE)),
        CREDIT,
    ),
    Story(
        "two use the same credit on two invoices",
        (
            Act("pay", "sam", used_on(0), NO_CREDIT, {"mode": "credit"}),
            Act("pay", "maud", used_on(1), NO_CREDIT, {"mode": "credit", "invoice": 1}),
        ),
        CREDIT,
    ),
    Story(
        "one uses the credit that the other refunds",
        (
            Act("pay", "sam", used_on(0), MORE, {"mode": "credit"}),
            Act("refund", "maud", OUT, NO_CREDIT),
        ),
        CREDIT,
    ),
    Story(
        "one deposits the cheque that the other gives back",
        (
            Act("deposit", "sam", PAID, "was deposited"),
            Act("give_back", "maud", OWED, "is canceled"),
        ),
        CHEQUE,
    ),
]


class Desk:
    """Where the people work, on one customer."""

    def __init__(self, subject, name, case):
        self._subject = subject
        self.case = subject.run(
            "people.add_case", users=subject.users, name=name, **case
        ).expect()

    def start(self, act, stop=""):
        """Let one of them press."""
        return self._subject.start(
            f"people.{act.job}", by=act.by, case=self.case, stop=stop, **act.values
        )

    def press(self, act):
        """Let one of them press, and have the answer."""
        return self.start(act).result()

    def press_meanwhile(self, act):
        """Let one of them press; they may have to wait for the other."""
        task = self.start(act)
        self._subject.wait_for_lock(task)
        return task

    def read(self):
        """Read what became of it; the books agree, whatever it is."""
        result = self._subject.run("people.read", case=self.case).expect()
        books.agree(result["books"])
        return result

    def check(self, act):
        """See that this was done, and nothing else."""
        found = self.read()
        assert {name: found[name] for name in act.end} == act.end


@pytest.fixture
def open_desk(runs, request) -> Iterator:
    """Give a function that makes a customer, for a story."""
    yield lambda case: Desk(runs, request.node.name, case)
    runs.end()


def refused(outcome, *texts):
    """See that a person was told, in a message that has one of the texts."""
    assert outcome.error == "UserError", outcome
    assert any(text in outcome.message for text in texts), outcome.message


def told(desk, act):
    """Give what is said to who comes after this act."""
    names = desk.read()["names"]
    return act.told.format(invoice=names[0] if names else "")


BY_NAME = {story.name.replace(" ", "_"): story for story in STORIES}
ORDERS = {"one_first": 0, "other_first": 1}


@pytest.mark.parametrize(
    ("story", "held", "moment"), turns(BY_NAME, ORDERS, list(MOMENTS), times=3)
)
def test_one_of_two_is_done_and_the_other_refused(open_desk, story, held, moment):
    first, second = story.acts[held], story.acts[1 - held]
    desk = open_desk(story.case)
    task = desk.start(first, stop=moment).wait_until_stopped()
    late = desk.press_meanwhile(second)
    assert late.has_news(0), "nobody waits for somebody else: they are told at once"
    if moment == "looked":
        late.result().expect()
        refused(task.go_on().result(), told(desk, second))
        desk.check(second)
        return
    outcome = late.result()
    if moment == "committed":
        refused(outcome, told(desk, first))
        task.go_on().result().expect()
    else:
        refused(outcome, WORKING)
        task.go_on().result().expect()
        # In a moment, as they were told.
        refused(desk.press(second), told(desk, first))
    desk.check(first)


@pytest.mark.parametrize(("story", "held"), turns(BY_NAME, ORDERS, times=1))
def test_who_dies_on_the_way_has_done_nothing(open_desk, story, held):
    """Then the other's second click does it."""
    first, second = story.acts[held], story.acts[1 - held]
    desk = open_desk(story.case)
    task = desk.start(first, stop="written").wait_until_stopped()
    refused(desk.press(second), WORKING)
    task.kill()
    desk.press(second).expect()
    desk.check(second)
    refused(desk.press(first), told(desk, second))


@pytest.mark.parametrize("moment", MOMENTS)
def test_two_deposit_the_same_cheque(open_desk, moment):
    """It is booked once, and both are answered the same."""
    desk = open_desk(CHEQUE)
    sam, maud = (Act("deposit", name, PAID) for name in ("sam", "maud"))
    task = desk.start(sam, stop=moment).wait_until_stopped()
    outcome = desk.press(maud)
    if moment in ("locked", "written"):
        refused(outcome, WORKING)
    else:
        outcome.expect()
    task.go_on().result().expect()
    desk.press(maud).expect()
    desk.check(sam)


# === BOTH ARE DONE, IF THEY COME ONE AFTER THE OTHER === #

VOID_IT = Act("void", "maud", VOID)
BILL_IT = Act("generate", "sam", {})
AGAIN = [["void", COST, COST], ["unpaid", COST, COST]]


def check_billed_again(desk):
    """See that the charge has gone from the void invoice to the next."""
    found = desk.read()
    assert (found["invoices"], found["charges"]) == (AGAIN, ["invoiced"])


@pytest.mark.parametrize("moment", MOMENTS)
def test_one_bills_again_while_the_other_still_voids(open_desk, moment):
    """Too early, and the charge is on the old invoice; later it goes to the next."""
    desk = open_desk(BILL)
    voiding = desk.start(VOID_IT, stop=moment).wait_until_stopped()
    outcome = desk.press(BILL_IT)
    if moment == "committed":
        outcome.expect()
    else:
        refused(outcome, WORKING if moment == "written" else desk.case["names"][0])
    voiding.go_on().result().expect()
    if moment != "committed":
        desk.check(VOID_IT)
        desk.press(BILL_IT).expect()
    check_billed_again(desk)


@pytest.mark.parametrize("moment", ["looked", "locked"])
def test_one_voids_while_the_other_is_about_to_bill_again(open_desk, moment):
    """Who has looked is run again, and bills; who has the lock saw the old invoice."""
    desk = open_desk(BILL)
    billing = desk.start(BILL_IT, stop=moment).wait_until_stopped()
    voiding = desk.press_meanwhile(VOID_IT)
    outcome = billing.go_on().result()
    voiding.result().expect()
    if moment == "looked":
        outcome.expect()
    else:
        refused(outcome, desk.case["names"][0])
        desk.check(VOID_IT)
        desk.press(BILL_IT).expect()
    check_billed_again(desk)


EDIT = Act("edit_charge", "maud", {"charges": ["unbilled"]}, values={"cost": 50})
DELETE = Act("delete_charge", "maud", {"charges": ["invoiced"]})


@pytest.mark.parametrize("moment", MOMENTS)
def test_one_corrects_a_price_that_the_other_is_billing(open_desk, moment):
    """The invoice has the price before or after, and the charge the same."""
    desk = open_desk(FIBRE)
    billing = desk.start(BILL_IT, stop=moment).wait_until_stopped()
    editing = desk.press_meanwhile(EDIT)
    billing.go_on().result().expect()
    outcome = editing.result()
    if moment == "looked":
        outcome.expect()
        assert desk.read()["invoices"] == [["unpaid", 50, 50]]
    else:
        refused(outcome, "“Fibre” is invoiced")
        assert desk.read()["invoices"] == [["unpaid", COST, COST]]


@pytest.mark.parametrize("moment", ["looked", "written", "committed"])
def test_one_bills_while_the_other_corrects_the_price(open_desk, moment):
    desk = open_desk(FIBRE)
    editing = desk.start(EDIT, stop=moment).wait_until_stopped()
    outcome = desk.press(BILL_IT)
    done = editing.go_on().result()
    if moment == "looked":
        outcome.expect()
        refused(done, "“Fibre” is invoiced")
        assert desk.read()["invoices"] == [["unpaid", COST, COST]]
        return
    done.expect()
    if moment == "written":
        refused(outcome, WORKING)
        desk.press(BILL_IT).expect()
    assert desk.read()["invoices"] == [["unpaid", 50, 50]]


@pytest.mark.parametrize("moment", MOMENTS)
def test_one_deletes_what_the_other_is_billing(open_desk, moment):
    desk = open_desk(TWICE)
    billing = desk.start(BILL_IT, stop=moment).wait_until_stopped()
    deleting = desk.press_meanwhile(DELETE)
    billed, deleted = billing.go_on().result(), deleting.result()
    billed.expect()
    if moment == "looked":
        deleted.expect()
        assert desk.read()["invoices"] == [["unpaid", COST, COST]]
    else:
        refused(deleted, "“Fibre (entered twice)” is invoiced")
        assert desk.read()["invoices"] == [["unpaid", 90, 90]]


# === ONE PERSON, OR A PROGRAM, PRESSES TWICE IN ONE DIALOG === #

PART_PAID = {"invoices": [["partial", COST, COST - 10]], "payments": [["inbound", 10]]}
TWICE_PRESSED = {
    "generate": (Act("generate", "sam", ALL_BILLED), THREE),
    "pay": (Act("pay", "sam", PART_PAID, values={"mode": "part"}), BILL),
    "cancel_items": (Act("cancel_items", "sam", CANCELED), BILL),
    "refund": (Act("refund", "maud", OUT), CREDIT),
}


@pytest.mark.parametrize(
    ("pressed", "moment"), turns(TWICE_PRESSED, list(MOMENTS), times=2)
)
def test_who_presses_twice_is_answered_twice_and_it_is_done_once(
    open_desk, pressed, moment
):
    act, case = pressed
    desk = open_desk(case)
    first = desk.start(act, stop=moment).wait_until_stopped()
    second = desk.press_meanwhile(act)
    if moment != "committed":
        assert not second.has_news(0), "the second waits for the first"
    answer = first.go_on().result().expect()
    assert answer
    assert second.result().expect() == answer
    assert desk.press(act).expect() == answer
    desk.check(act)


@pytest.mark.parametrize(
    ("act", "case"), TWICE_PRESSED.values(), ids=list(TWICE_PRESSED)
)
def test_who_presses_again_after_a_crash_does_it(open_desk, act, case):
    """What was not committed was not done, and nobody waits for the dead."""
    desk = open_desk(case)
    first = desk.start(act, stop="written").wait_until_stopped()
    second = desk.press_meanwhile(act)
    first.kill()
    assert second.result().expect()
    desk.check(act)
