"""Real purchases, imported and billed: every cent arrives (promise 4).

The CDNOW sample (see ``bin/cdnow``): what people bought of a music shop in 1997 and
1998. That of some customers (``bin/test deep``: of all) is billed by runs, in spite
of deaths; a part of it by hand.
"""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from datetime import date
from decimal import Decimal

import openpyxl
import pytest

from dev import cdnow
from tests.faults import books
from tests.faults.books import exact
from tests.faults.sweeps import IS_WHOLE

MONTHS = 18
KILLS = 20 if IS_WHOLE else 8
#: Of so many customers one; deep, of all.
EACH = 1 if IS_WHOLE else 10
#: Up to which of its statements a process lives: months have more.
LIFE = 400 // EACH
#: Seconds that a job works at a time. As many as a slow machine needs for `LIFE`.
SLOT = 60
#: The lines that are billed by hand, and the year.
PART = slice(150, 250)
YEAR = "1997"


@pytest.fixture(scope="module")
def purchases():
    """Give all purchases of the sample."""
    return list(cdnow.read(cdnow.fetch().read_text().splitlines()))


@pytest.fixture(scope="module")
def paid(purchases):
    """Give the purchases that cost something: a charge must be positive."""
    return [purchase for purchase in purchases if not purchase.is_free]


@pytest.mark.timeout(3600)
def test_every_purchase_is_billed_once_and_every_total_is_the_files(
    runs, paid, tmp_path
):
    """F186-F188, W8, W9, promise 4

    A schedule begins a run on the first of each month, as time goes by; the process
    that works on it is killed at random statements.
    """
    paid = [one for one in paid if int(one.customer) % EACH == 0]
    files = _write(tmp_path, paid)
    assert f"{len(paid):,} created, 0 known before" in _import(runs, files)
    schedule = runs.run(
        "add_schedule",
        name="Monthly",
        date_first="1997-02-01",
        period="previous",
        anchor_day=1,
    ).expect()
    chance = random.Random(19970101)
    kills = 0
    for month in range(1, MONTHS + 1):
        now = f"{1997 + month // 12}-{month % 12 + 1:02d}-01 12:00:00"
        # As evenly as it goes; two months are left for what did not happen by then.
        deaths = -(-(KILLS - kills) // max(MONTHS - 1 - month, 1))
        kills += _bill_month(runs, now, chance, deaths)
        print(f"{now[:7]}: killed {kills} times by now", flush=True)
    assert kills >= KILLS
    # Other tests are many years later.
    runs.run("end_schedule", schedule=schedule).expect()

    due = defaultdict(Decimal)
    for purchase in paid:
        customer = f"CDNOW customer {purchase.customer}"
        due[customer, purchase.date[:7]] += Decimal(purchase.dollars)
    assert len({month for _customer, month in due}) == MONTHS
    found = runs.run("read_months", schedule=schedule).expect()
    assert [state for _start, state in found["runs"]] == ["done"] * MONTHS
    assert {(line[2], line[5]) for line in found["lines"]} == {("done", "posted")}
    assert {(line[0], line[1]): exact(line[4]) for line in found["lines"]} == due
    assert all(exact(line[3]) == exact(line[4]) for line in found["lines"])
    assert len(found["lines"]) == len(due)

    # The external reference tells what is there already, billed or not.
    assert f"0 created, {len(paid):,} known before" in _import(runs, files)
    result = runs.run("read_purchases").expect()
    assert sorted(result["purchases"]) == sorted(
        [f"cdnow-{p.line}", "invoiced", float(p.dollars), p.date[:7], 1] for p in paid
    )
    assert result["moves"] == len(due)
    assert exact(result["receivable"]) == sum(due.values())


def _write(folder, purchases):
    """Write the files to import: those of contacts, and of charges."""
    contacts, charges = folder / "contacts.csv", folder / "charges.csv"
    cdnow.write(contacts, cdnow.PARTNER_COLUMNS, cdnow.partner_rows(purchases))
    cdnow.write(charges, cdnow.TRANSACTION_COLUMNS, cdnow.transaction_rows(purchases))
    return {"res.partner": contacts, "omni.billing.transaction": charges}


def _import(runs, files):
    """Import as ``bin/cdnow`` does; tell what it says of the charges."""
    for model, file in files.items():
        values = {"model": model, "file": str(file)}
        said = runs.run("purchases.import_all", is_job=True, **values).expect()
    return said


def _bill_month(runs, now, chance, deaths):
    """Let the job work on the first of a month; return how often it was killed."""
    options = {"is_job": True, "now": now, "seconds": SLOT}
    kills = 0
    for _death in range(deaths):
        step = f"sql {chance.randint(1, LIFE)}"
        task = runs.start("work", stop=step, chunk=50, **options)
        if task.stops():
            task.kill()
            kills += 1
    while runs.run("work", chunk=100, **options).expect():
        pass
    return kills


# === A PART OF THEM, BY HAND === #


@pytest.fixture(scope="module")
def part(purchases):
    """Give some purchases, the free ones too."""
    return purchases[PART]


@pytest.fixture(scope="module")
def subject(subjects):
    """Give an Odoo in which nobody else imports."""
    return subjects["ours"]


@pytest.fixture(scope="module")
def files(part, tmp_path_factory):
    """Give the files of those that cost something."""
    folder = tmp_path_factory.mktemp("cdnow")
    return _write(folder, [purchase for purchase in part if not purchase.is_free])


@pytest.fixture(scope="module")
def imported(subject, files):
    """Import them in the dialog; tell what it says of each model."""
    return [load(subject, model, file) for model, file in files.items()]


def load(subject, model, file, **options):
    """Import a file as Sam does, in the dialog."""
    values = {"model": model, "file": str(file), **options}
    return subject.run("purchases.import_by_dialog", by="sam", **values).expect()


def read(subject):
    return subject.run("purchases.read").expect()


def expected(part, state):
    """Give what is read of the purchases that cost something, in a state each."""
    return [
        [f"cdnow-{p.line}", p.date, state(p), float(p.dollars)]
        for p in part
        if not p.is_free
    ]


def test_purchases_become_charges(subject, part, imported):
    """Each purchase is one charge of its price, unbilled."""
    paid = [purchase for purchase in part if not purchase.is_free]
    customers = {purchase.customer for purchase in paid}
    assert imported == [[len(customers), []], [len(paid), []]]
    assert read(subject)["purchases"] == expected(part, lambda _p: "unbilled")


def test_free_purchases_are_refused(subject, part, imported, tmp_path):
    """All of the file, and the message says which row, and why."""
    free = [purchase for purchase in part if purchase.is_free]
    assert free, "the part has none of the lines that this test is about"
    before = read(subject)
    files = _write(tmp_path, [*part[:2], *free])
    load(subject, "res.partner", files["res.partner"])
    file = files["omni.billing.transaction"]
    count, messages = load(subject, "omni.billing.transaction", file)
    assert count == 0
    assert "“1 CD”: Retail Cost must be more than zero" in messages[0]
    assert read(subject) == before


@pytest.mark.parametrize("kind", ["csv", "xlsx"])
def test_same_file_again_creates_nothing(subject, part, files, imported, kind):
    """The external reference tells what is there already, as CSV or from Excel."""
    before = read(subject)
    file = files["omni.billing.transaction"]
    if kind == "xlsx":
        file = _write_xlsx(file.with_suffix(".xlsx"), part)
    count, messages = load(subject, "omni.billing.transaction", file)
    assert count == 0
    known = len(before["purchases"])
    assert messages == [
        f"Rows skipped, because their external reference is known already: {known}"
    ]
    assert read(subject) == before


def _write_xlsx(file, purchases):
    """Write a sheet, in which days are days and amounts are numbers."""
    book = openpyxl.Workbook()
    book.active.append(cdnow.TRANSACTION_COLUMNS)
    paid = [purchase for purchase in purchases if not purchase.is_free]
    for customer, day, name, dollars, *rest in cdnow.transaction_rows(paid):
        day = date.fromisoformat(day)
        book.active.append([customer, day, name, float(dollars), *rest])
    book.save(file)
    return file


def test_one_invoice_for_each_customer_and_year(subject, part, imported):
    """Σ invoices = Σ file, to the cent; the next year's purchases wait."""
    due = defaultdict(Decimal)
    for purchase in part:
        if not purchase.is_free and purchase.date.startswith(YEAR):
            due[f"CDNOW customer {purchase.customer}"] += Decimal(purchase.dollars)
    period = {"date_start": f"{YEAR}-01-01", "date_end": f"{YEAR}-12-31"}
    billed = subject.run("purchases.bill_each", by="sam", customers=[*due], **period)
    assert len(billed.expect()) == len(due)

    found = read(subject)
    assert {name: exact(total) for name, _state, total in found["invoices"]} == due
    assert Counter(state for _name, state, _total in found["invoices"]) == {
        "unpaid": len(due)
    }
    assert found["purchases"] == expected(
        part, lambda p: "invoiced" if p.date.startswith(YEAR) else "unbilled"
    )
    assert {state for _ref, _day, state, _amount in found["purchases"]} == {
        *("invoiced", "unbilled")
    }
    books.agree(found["books"])
