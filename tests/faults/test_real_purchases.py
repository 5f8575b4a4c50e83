"""Eighteen months of real purchases, billed month by month, in spite of 20 deaths.

The whole CDNOW sample (see ``bin/cdnow``): a schedule begins a run on the first of each
month, as time goes by; the process that works on it is killed at random statements.
"""

from __future__ import annotations

import random
from collections import defaultdict
from decimal import Decimal

import pytest

from dev import cdnow

MONTHS = 18
KILLS = 20
#: Rows that are imported in one request.
BATCH = 500
#: Up to which of its statements a process lives.
LIFE = 1500


@pytest.fixture
def paid():
    """Give the purchases that cost something: a charge must be positive."""
    lines = cdnow.fetch().read_text().splitlines()
    return [purchase for purchase in cdnow.read(lines) if not purchase.is_free]


@pytest.mark.timeout(3600)
def test_every_purchase_is_billed_once_and_every_total_is_the_files(
    runs, paid, tmp_path
):
    """F186-F188, W8, W9, design §5.4"""
    _import(runs, paid, tmp_path)
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
        deaths = -(-(KILLS - kills) // (MONTHS + 1 - month))
        kills += _bill_month(runs, now, chance, deaths)
        print(f"{now[:7]}: killed {kills} times by now", flush=True)
    assert kills >= KILLS

    due = defaultdict(Decimal)
    for purchase in paid:
        customer = f"CDNOW customer {purchase.customer}"
        due[customer, purchase.date[:7]] += Decimal(purchase.dollars)
    assert len({month for _customer, month in due}) == MONTHS
    found = runs.run("read_months", schedule=schedule).expect()
    assert [state for _start, state in found["runs"]] == ["done"] * MONTHS
    assert {(line[2], line[5]) for line in found["lines"]} == {("done", "posted")}
    assert {(line[0], line[1]): _exact(line[4]) for line in found["lines"]} == due
    assert all(_exact(line[3]) == _exact(line[4]) for line in found["lines"])
    assert len(found["lines"]) == len(due)

    books = runs.run("read_purchases").expect()
    assert sorted(books["purchases"]) == sorted(
        [f"cdnow-{p.line}", "invoiced", float(p.dollars), p.date[:7], 1] for p in paid
    )
    assert books["moves"] == len(due)
    assert _exact(books["receivable"]) == sum(due.values())


def _import(runs, paid, folder):
    contacts, charges = folder / "contacts.csv", folder / "charges.csv"
    cdnow.write(contacts, cdnow.PARTNER_COLUMNS, cdnow.partner_rows(paid))
    cdnow.write(charges, cdnow.TRANSACTION_COLUMNS, cdnow.transaction_rows(paid))
    for model, file in (
        ("res.partner", contacts),
        ("omni.billing.transaction", charges),
    ):
        first, count = 0, 1
        while first < count:
            errors, count = runs.run(
                "import_file",
                model=model,
                file=str(file),
                first=first,
                last=first + BATCH,
            ).expect()
            assert not errors
            first += BATCH


def _bill_month(runs, now, chance, deaths):
    """Let the job work on the first of a month; return how often it was killed."""
    options = {"is_job": True, "now": now, "seconds": 10, "chunk": 50}
    kills = 0
    for _death in range(deaths):
        task = runs.start("work", stop=f"sql {chance.randint(1, LIFE)}", **options)
        if task.stops():
            task.kill()
            kills += 1
    while runs.run("work", **options).expect():
        pass
    return kills


def _exact(amount):
    return Decimal(str(amount)).quantize(Decimal("0.01"))
