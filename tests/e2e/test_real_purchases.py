"""A year of real purchases, imported and billed: every cent arrives (design §5.4).

The first lines of the CDNOW sample (see ``bin/cdnow``): what people bought of a music
shop in 1997 and 1998.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from decimal import Decimal

import books
import pytest
from stories import bill

from dev import cdnow, paths

LINES = 400
YEAR = "1997"


@pytest.fixture(scope="module")
def purchases():
    """Give the first purchases of the sample."""
    lines = cdnow.fetch().read_text().splitlines()
    return list(cdnow.read(lines[:LINES]))


@pytest.fixture(scope="module")
def paid(purchases):
    """Give those that cost something: a charge must be positive."""
    return [purchase for purchase in purchases if not purchase.is_free]


@pytest.fixture(scope="module")
def files(paid, tmp_path_factory):
    """Give the files to import, as ``bin/cdnow`` writes them."""
    folder = tmp_path_factory.mktemp("cdnow")
    contacts, charges = folder / "contacts.csv", folder / "charges.csv"
    cdnow.write(contacts, cdnow.PARTNER_COLUMNS, cdnow.partner_rows(paid))
    cdnow.write(charges, cdnow.TRANSACTION_COLUMNS, cdnow.transaction_rows(paid))
    return {"res.partner": contacts, "omni.billing.transaction": charges}


@pytest.fixture(scope="module")
def imported(server, files):
    """Import the files, and tell what the import said."""
    return _import(server, files)


def test_purchases_become_charges(server, purchases, paid, imported):
    """Each purchase is one charge of its price; those of 0.00 are accounted for."""
    free = [purchase for purchase in purchases if purchase.is_free]
    assert free, "the slice has none of the lines that this test is about"
    assert len(paid) + len(free) == LINES
    assert sum(Decimal(purchase.dollars) for purchase in free) == 0

    assert f"{len(paid):,} created" in imported["omni.billing.transaction"]
    charges = _read_charges(server)
    assert {
        charge["external_ref"]: _exact(charge["amount_total"]) for charge in charges
    } == {f"cdnow-{purchase.line}": Decimal(purchase.dollars) for purchase in paid}
    assert {charge["state"] for charge in charges} == {"unbilled"}


def test_same_file_again_creates_nothing(server, paid, files, imported):
    """The external reference tells what is there already."""
    before = _read_charges(server)
    again = _import(server, files)
    assert f"0 created, {len(paid):,} known before" in again["omni.billing.transaction"]
    assert "0 created" in again["res.partner"]
    assert _read_charges(server) == before


def test_one_invoice_for_each_customer_and_year(server, paid, imported):
    """Σ invoices = Σ file, to the cent; the next year's purchases wait."""
    staff = server.rpc("staff")
    due = defaultdict(Decimal)
    for purchase in paid:
        if purchase.date.startswith(YEAR):
            due[f"CDNOW customer {purchase.customer}"] += Decimal(purchase.dollars)
    customers = staff.call(
        "res.partner", "search_read", [("name", "in", list(due))], ["name"]
    )
    assert len(customers) == len(due)

    for customer in customers:
        period = {"date_start": f"{YEAR}-01-01", "date_end": f"{YEAR}-12-31"}
        bill(staff, customer["id"], title=f"Purchases of {YEAR}", **period)

    invoices = staff.call(
        "account.move",
        "search_read",
        [("partner_id", "in", [customer["id"] for customer in customers])],
        ["partner_id", "state", "billing_state", "amount_total"],
    )
    assert {i["partner_id"][1]: _exact(i["amount_total"]) for i in invoices} == due
    assert len(invoices) == len(customers)
    assert {(i["state"], i["billing_state"]) for i in invoices} == {
        ("posted", "unpaid")
    }
    states = Counter(
        (charge["date"][:4] == YEAR, charge["state"])
        for charge in _read_charges(server)
    )
    assert states.keys() == {(True, "invoiced"), (False, "unbilled")}
    books.agree(server)


def _import(server, files):
    """Import as ``bin/cdnow`` does; tell what it says of each model."""
    script = (paths.SCRIPTS / "import_csv.py").read_text()
    return {
        model: server.shell(script, model=model, file=str(file))
        for model, file in files.items()
    }


def _read_charges(server):
    return server.rpc("staff").call(
        "omni.billing.transaction",
        "search_read",
        [("external_ref", "like", "cdnow-")],
        ["external_ref", "date", "state", "amount_total"],
    )


def _exact(amount):
    return Decimal(str(amount)).quantize(Decimal("0.01"))
