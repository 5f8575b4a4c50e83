"""What holds in the books, whatever was done at once (promises 2 and 4)."""

from __future__ import annotations

from collections import Counter, defaultdict
from decimal import Decimal


def agree(books: dict) -> None:
    """Check that entries balance, and that our ledger is Odoo's.

    :param books: what ``shared.read_books`` read.
    """
    lines, transactions = books["lines"], books["transactions"]
    billed = [t for t in transactions if not t["is_payment"]]
    assert not {
        move: gap for move, gap in _sum(lines, "move", "balance").items() if gap
    }
    _ledger_is_receivable(transactions, lines)
    _each_is_billed_once(billed, lines)
    # An invoice comes to what its charges and credits come to.
    assert {t["state"] for t in billed} <= {"posted"}
    assert _sum(billed, "invoice", "amount") == {
        t["invoice"]: exact(t["total"]) for t in billed
    }


def _ledger_is_receivable(transactions, lines):
    receivable = [line for line in lines if line["account"] == "asset_receivable"]
    owed = _sum(receivable, "partner", "balance")
    ledger = _sum(transactions, "partner", "amount")
    assert {**dict.fromkeys(owed, 0), **ledger} == owed


def _each_is_billed_once(billed, lines):
    """Each charge and credit is on one line, of the invoice that it names."""
    written = [line for line in lines if line["transaction"]]
    times = Counter(line["transaction"] for line in written)
    assert not {number for number, count in times.items() if count > 1}
    assert {t["id"]: t["invoice"] for t in billed} == {
        line["transaction"]: line["move"] for line in written
    }


def _sum(rows, key, amount):
    sums = defaultdict(Decimal)
    for row in rows:
        if row[key]:
            sums[row[key]] += exact(row[amount])
    return dict(sums)


def exact(amount: float) -> Decimal:
    """Give an amount of money without the noise of a float."""
    return Decimal(str(amount)).quantize(Decimal("0.01"))
