"""What holds in the books, whatever a story did (design §5.2, §5.4)."""

from __future__ import annotations

from collections import Counter, defaultdict
from decimal import Decimal


def agree(server) -> None:
    """Check that entries balance, and that our ledger is Odoo's."""
    admin = server.rpc("admin")
    lines = admin.call(
        "account.move.line",
        "search_read",
        [("parent_state", "=", "posted")],
        ["move_id", "partner_id", "account_type", "balance", "billing_transaction_id"],
    )
    transactions = admin.call(
        "omni.billing.transaction",
        "search_read",
        [("state", "=", "invoiced")],
        ["commercial_partner_id", "transaction_type", "amount_total", "invoice_id"],
    )
    _entries_balance(lines)
    _ledger_is_receivable(transactions, lines)
    _each_is_billed_once(transactions, lines)
    _invoices_total(admin, transactions)


def _entries_balance(lines):
    sums = _sum(lines, "move_id", "balance")
    assert not {move: amount for move, amount in sums.items() if amount}


def _ledger_is_receivable(transactions, lines):
    receivable = [line for line in lines if line["account_type"] == "asset_receivable"]
    owed = _sum(receivable, "partner_id", "balance")
    ledger = _sum(transactions, "commercial_partner_id", "amount_total")
    assert {**dict.fromkeys(owed, 0), **ledger} == owed


def _each_is_billed_once(transactions, lines):
    """Each charge and credit is on one line, of the invoice that it names."""
    told = {
        t["id"]: t["invoice_id"][0]
        for t in transactions
        if t["transaction_type"] != "payment"
    }
    billed = [line for line in lines if line["billing_transaction_id"]]
    times = Counter(line["billing_transaction_id"][0] for line in billed)
    assert not {transaction for transaction, count in times.items() if count > 1}
    written = {line["billing_transaction_id"][0]: line["move_id"][0] for line in billed}
    assert told == written


def _invoices_total(admin, transactions):
    """An invoice comes to what its charges and credits come to."""
    billed = [t for t in transactions if t["transaction_type"] != "payment"]
    sums = _sum(billed, "invoice_id", "amount_total")
    invoices = admin.call(
        "account.move", "read", list(sums), ["amount_total_signed", "state"]
    )
    assert {invoice["state"] for invoice in invoices} <= {"posted"}
    assert sums == {i["id"]: _exact(i["amount_total_signed"]) for i in invoices}


def _sum(rows, key, amount):
    sums = defaultdict(Decimal)
    for row in rows:
        if row[key]:
            sums[row[key][0]] += _exact(row[amount])
    return dict(sums)


def _exact(amount):
    """Give an amount of money without the noise of a float."""
    return Decimal(str(amount)).quantize(Decimal("0.01"))
