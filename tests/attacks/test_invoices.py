"""Numbered invoices that are to change, or to go."""

import pytest

from tests.attacks.people import Refused, refused, tried_by

EVERYBODY = ("nobody", "amy", "pat", "otto", "sam", "mia", "ivy", "art")
CLERKS = ("sam", "mia", "ivy", "art")
#: What an invoice says; each is tried alone.
VALUES = {
    "move_type": "entry",
    "state": "draft",
    "name": "INV/2020/00001",
    "payment_state": "paid",
    "amount_total": 1,
    "amount_residual": 0,
    "invoice_date": "2020-01-01",
    "date": "2020-01-01",
    "invoice_date_due": "2040-01-01",
    "posted_before": False,
    "invoice_line_ids": [(5,)],
    "line_ids": [(5,)],
    "billing_is_void": True,
    "billing_state": "paid",
    "billing_attempt_id": False,
    "sequence_number": 9,
    "fiscal_position_id": 1,
    "invoice_payment_term_id": 1,
    "access_token": "known",
    "reversed_entry_id": 1,
    "company_id": 2,
    "journal_id": 2,
    "commercial_partner_id": 1,
    "partner_id": 1,
    "currency_id": 2,
    "inalterable_hash": "x",
}
#: What may change, and says nothing of the invoice. Staff can read the token.
UNTOLD = {"access_token", "is_manually_modified", "write_date", "write_uid"}
LINE_VALUES = {
    "price_unit": 1,
    "quantity": 0,
    "name": "Nothing",
    "debit": 1,
    "credit": 1,
    "balance": 1,
    "amount_currency": 1,
    "account_id": 1,
    "partner_id": 1,
    "tax_ids": [(5,)],
    "discount": 100,
    "date_maturity": "2040-01-01",
    "move_id": 1,
    "reconciled": True,
    "amount_residual": 0,
    "billing_transaction_id": False,
    "product_id": 1,
}


@pytest.fixture(scope="module")
def target(whole_world):
    """Have an invoice that all attack; none changes it."""
    return whole_world.bill()


@pytest.fixture
def untouched(world, target):
    """See that all of the invoice is as it was, and its lines."""
    before = _picture(world, target)
    yield target
    assert _picture(world, target) - before == before - _picture(world, target)


def _picture(world, invoice):
    """Give all fields and values, of the invoice and of its lines."""
    found = world.sql(
        "SELECT 0, to_jsonb(m) FROM account_move m WHERE id = %s"
        " UNION ALL SELECT id, to_jsonb(l) FROM account_move_line l WHERE move_id = %s",
        *(invoice.id, invoice.id),
    )
    return {
        (line, name, str(value))
        for line, values in found
        for name, value in values.items()
        if name not in UNTOLD
    }


@tried_by(*EVERYBODY)
def test_fields_of_an_invoice(world, untouched, who):
    """Write each field of a numbered invoice"""
    for name, value in VALUES.items():
        for context in ({}, {"tracking_disable": True, "skip_readonly_check": True}):
            _try(who, "account.move", "write", [untouched.id], {name: value}, context)


@tried_by(*EVERYBODY)
def test_fields_of_its_lines(world, untouched, who):
    """Write each field of a line of a numbered invoice, add one, or take one away"""
    query = "SELECT id FROM account_move_line WHERE move_id = %s"
    lines = [id for (id,) in world.sql(query, untouched.id)]
    for name, value in LINE_VALUES.items():
        for id in lines:
            _try(who, "account.move.line", "write", [id], {name: value}, {})
    for context in ({}, {"force_delete": True, "dynamic_unlink": True}):
        for id in lines:
            _try(who, "account.move.line", "unlink", [id], None, context)
        values = {"move_id": untouched.id, "name": "More", "price_unit": 1}
        _try(who, "account.move.line", "create", [values], None, context)


@tried_by(*EVERYBODY)
def test_delete_an_invoice(world, untouched, who):
    """Delete a numbered invoice, reset it, or make another kind of entry of it"""
    trusted = {"force_delete": True, "omni_billing_trusted": True}
    for method in (
        *("unlink", "button_draft", "action_switch_move_type"),
        *("button_request_cancel", "action_reverse", "refresh_invoice_currency_rate"),
    ):
        for context in ({}, trusted):
            _try(who, "account.move", method, [untouched.id], None, context)


@tried_by(*CLERKS)
def test_resequence(world, untouched, who):
    """Give numbered invoices other numbers, by Odoo's dialog"""
    context = {"active_model": "account.move", "active_ids": [untouched.id]}
    model = "account.resequence.wizard"
    values = {"first_name": "INV/2019/00001", "ordering": "keep"}
    with refused():
        [wizard] = who.call(model, "create", [values], context=context)
        who.call(model, "resequence", [wizard], context=context)


@tried_by("nobody", "amy", "gus", "pat", "otto")
def test_void_without_right(world, untouched, who):
    """Void an invoice as somebody who has no right to invoices"""
    with refused():
        who.call("account.move", "action_billing_void", [untouched.id])
    with refused():
        values = {"invoice_ids": [(6, 0, [untouched.id])]}
        who.call("omni.billing.void.wizard", "create", [values])


@tried_by(*CLERKS)
def test_forged_at_birth(world, who):
    """Make an invoice that is paid, posted or billed from the start"""
    partner = world.ids["partners"]["acme"]
    for values in (
        {"billing_state": "paid"},
        {"billing_is_void": True},
        {"billing_payment_reference": "pi_1"},
        {"invoice_line_ids": [(0, 0, {"name": "X", "billing_transaction_id": 1})]},
    ):
        values = {"move_type": "out_invoice", "partner_id": partner, **values}
        with refused():
            who.call("account.move", "create", [values])


@tried_by(*EVERYBODY)
def test_transaction_of_an_invoice(world, who):
    """Change or delete a charge that is billed"""
    invoice = world.bill()
    query = "SELECT id FROM omni_billing_transaction WHERE invoice_id = %s"
    [(id,)] = world.sql(query, invoice.id)
    for values in (
        *({"retail_cost": 1}, {"name": "Cheap"}, {"state": "unbilled"}),
        *({"state": "void"}, {"invoice_id": False}, {"amount_total": 1}),
        *({"tax_ids": [(5,)]}, {"partner_id": 1}, {"is_free": True}),
        {"date": "2020-01-01"},
    ):
        _try(who, "omni.billing.transaction", "write", [id], values, {})
    _try(who, "omni.billing.transaction", "unlink", [id], None, {})
    [row] = world.sql(
        "SELECT state, retail_cost, name, invoice_id, is_free FROM"
        " omni_billing_transaction WHERE id = %s",
        id,
    )
    assert row[0] == "invoiced"
    assert (float(row[1]), row[3], bool(row[4])) == (100, invoice.id, False)


def _try(who, model, method, ids, values, context):
    args = [ids] if values is None else [ids, values]
    try:
        who.call(model, method, *args, context=context)
    except Refused:
        pass
