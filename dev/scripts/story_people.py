"""Who is in the story that bin/run tells: a telecom on a coast, and its customers.

Nobody of them lives: names are made up, numbers and addresses are those reserved for
fiction, and all mail goes to example.com.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

FIRM = {
    "name": "Harbour Pine Telecom",
    "street": "12 Custom Wharf",
    "city": "Portland",
    "zip": "04101",
    "phone": "+1 207-555-0100",
    "email": "billing@harbour-pine.example.com",
    "website": "https://harbour-pine.example.com",
}


@dataclass(frozen=True)
class Product:
    """What is sold: its name in English and French, the price, and what it is."""

    english: str
    french: str
    price: float
    #: Equipment has another rate of tax than services.
    is_equipment: bool = False
    #: Months of a period; none if it is sold once.
    months: int = 0
    #: Charged at the end of a period.
    is_arrears: bool = False

    def name(self, is_french: bool) -> str:
        """Return the name that a customer reads."""
        return self.french if is_french else self.english


PRODUCTS = {
    "fibre3": Product("Fibre 300", "Fibre 300", 55, months=1),
    "fibre5": Product("Fibre 500", "Fibre 500", 75, months=1),
    "fibre10": Product("Fibre Gigabit", "Fibre Gigabit", 110, months=1),
    "mobile": Product("Mobile plan 20 GB", "Forfait mobile 20 Go", 25, months=1),
    "line": Product("Business line", "Ligne professionnelle", 24, months=1),
    "seat": Product("Phone system, seat", "Standard, poste", 19, months=1),
    "wifi": Product("Managed Wi-Fi", "Wi-Fi géré", 45, months=1),
    "backup": Product("4G backup", "Secours 4G", 20, months=1),
    "care": Product(
        "On-site maintenance", "Maintenance sur site", 180, months=3, is_arrears=True
    ),
    "calls": Product("Calls abroad", "Appels vers l'étranger", 1),
    "data": Product("Data overage", "Dépassement de données", 4),
    "passes": Product("Guest Wi-Fi pass", "Accès Wi-Fi d'un client", 3),
    "install": Product("Installation", "Installation", 120),
    "router": Product("Fibre router", "Routeur fibre", 149, is_equipment=True),
    "handset": Product("Desk phone", "Téléphone de bureau", 89, is_equipment=True),
}


@dataclass(frozen=True)
class Customer:
    """A customer: where, what it uses, how it pays, and when it came."""

    name: str
    street: str
    city: str
    zip: str
    #: ``card``: charged by the run; ``bank``, ``cash``, ``pos``: comes by itself;
    #: ``late``: weeks after it was due; ``never``: not any more; ``advance``: a year
    #: at once.
    pays: str
    #: (product, quantity)
    uses: tuple[tuple[str, int], ...]
    #: What is counted each month: calls, data or passes; and how much on average.
    counted: tuple[str, int] = ("", 0)
    #: The month of the story in which it came.
    since: int = 0
    #: The month in which it left, if it did.
    until: int | None = None
    is_french: bool = False
    is_person: bool = False

    @property
    def email(self) -> str:
        """Return an address that nobody has."""
        plain = self.name.lower().translate(str.maketrans("éèêàôç'&", "eeeaoc  "))
        return f"{'.'.join(plain.split())}@example.com"


def _read(row: dict[str, str]) -> Customer:
    """Read a customer from its row in the file."""
    return Customer(
        **{name: row[name] for name in ("name", "street", "city", "zip", "pays")},
        uses=tuple(_read_pair(pair) for pair in row["uses"].split()),
        counted=_read_pair(row["counted"]) if row["counted"] else ("", 0),
        since=int(row["since"]),
        until=int(row["until"]) if row["until"] else None,
        is_french=row["language"] == "fr",
        is_person=row["kind"] == "person",
    )


def _read_pair(pair: str) -> tuple[str, int]:
    name, _times, count = pair.partition("*")
    return name, int(count or 1)


with (Path(__file__).parent / "story_customers.csv").open(newline="") as file:
    CUSTOMERS = [_read(row) for row in csv.DictReader(file)]
#: How busy a coast is, by month of the year, from January.
SEASON = (0.5, 0.5, 0.6, 0.8, 1.1, 1.7, 2.4, 2.5, 1.5, 1.0, 0.7, 0.9)
