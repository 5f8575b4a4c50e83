"""What holds in the books, whatever a story did (promises 2 and 4).

All of the books, which are those of many stories: the database adds up.
"""

from __future__ import annotations

from decimal import Decimal

TRANSACTION, LINE = "omni.billing.transaction", "account.move.line"
INVOICE = "account.move"
POSTED = [("parent_state", "=", "posted")]
RECEIVABLE = [
    *POSTED,
    ("account_id.account_type", "=", "asset_receivable"),
    ("partner_id", "!=", False),
]
INVOICED = [("state", "=", "invoiced")]
#: Charges and credits.
BILLED = [*INVOICED, ("transaction_type", "!=", "payment")]
ON_LINES = [*POSTED, ("billing_transaction_id", "!=", False)]
#: Invoices that an accountant made; ours have a title.
NOT_OURS = [
    ("state", "=", "posted"),
    ("move_type", "=", "out_invoice"),
    ("billing_title", "=", False),
]


def agree(server) -> None:
    """Check that entries balance, and that our ledger is Odoo's."""
    admin = server.rpc("admin")
    _entries_balance(admin)
    _ledger_is_receivable(admin)
    _each_is_billed_once(admin)
    _invoices_total(admin)


def _entries_balance(admin):
    sums = _sum(admin, LINE, POSTED, "move_id", "balance")
    assert not {move: amount for move, amount in sums.items() if amount}


def _ledger_is_receivable(admin):
    """Of customers whose invoices are all ours (docs/decisions.md)."""
    customer = "commercial_partner_id"
    owed = _sum(admin, LINE, RECEIVABLE, "partner_id", "balance")
    ledger = _sum(admin, TRANSACTION, INVOICED, customer, "amount_total")
    for other in _group(admin, INVOICE, NOT_OURS, customer, "id:count"):
        del owed[other]
        ledger.pop(other, None)
    assert {**dict.fromkeys(owed, 0), **ledger} == owed


def _each_is_billed_once(admin):
    """Each charge and credit is on one line, of the invoice that it names."""
    ids = "billing_transaction_id:array_agg"
    told = _group(admin, TRANSACTION, BILLED, "invoice_id", "id:array_agg")
    written = _group(admin, LINE, ON_LINES, "move_id", ids)
    assert _sort(told) == _sort(written)
    billed = [transaction for some in written.values() for transaction in some]
    assert len(billed) == len(set(billed))


def _invoices_total(admin):
    """An invoice comes to what its charges and credits come to."""
    sums = _sum(admin, TRANSACTION, BILLED, "invoice_id", "amount_total")
    fields = ["amount_total_signed", "state"]
    invoices = admin.call(INVOICE, "read", list(sums), fields)
    assert {invoice["state"] for invoice in invoices} <= {"posted"}
    assert sums == {i["id"]: _exact(i["amount_total_signed"]) for i in invoices}


def _sum(admin, model, domain, group, amount):
    """Add up an amount for each record that some others belong to."""
    sums = _group(admin, model, domain, group, f"{amount}:sum")
    return {record: _exact(total) for record, total in sums.items()}


def _group(admin, model, domain, group, aggregate):
    rows = admin.call(model, "formatted_read_group", domain, [group], [aggregate])
    return {row[group][0]: row[aggregate] for row in rows}


def _sort(groups):
    return {record: sorted(ids) for record, ids in groups.items()}


def _exact(amount):
    """Give an amount of money without the noise of a float."""
    return Decimal(str(amount)).quantize(Decimal("0.01"))
