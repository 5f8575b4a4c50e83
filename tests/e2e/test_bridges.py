"""What our addons beside Odoo's Sales and OCA's SEPA are for, on their screens.

Told by ``bin/test bridges``, where all of them are installed.
"""

from __future__ import annotations

import runpy

import pytest
from playwright.sync_api import expect
from screens import (
    CustomerPage,
    InvoiceDialog,
    TodoList,
    find_field,
    press,
)
from stories import add_customer, charge

from dev import paths

pytestmark = pytest.mark.bridges
#: What a bank says of debits that came back.
tell = runpy.run_path(str(paths.SEPA_ADDON / "tests" / "bank.py"))["tell"]


def test_what_is_ordered_is_billed_once(server, page, login):
    """W38: the seller confirms, staff bill, and the order shows what became of it."""
    cafe = add_customer(server, "Orderly Cafe")
    seller = server.rpc("seller")
    found = seller.call(
        "product.product",
        "search_read",
        [("name", "in", ["Router", "Fibre 500"])],
        ["name"],
    )
    products = {one["name"]: one["id"] for one in found}
    lines = [
        {"product_id": products["Router"], "product_uom_qty": 2, "tax_ids": []},
        {"product_id": products["Fibre 500"], "product_uom_qty": 1, "tax_ids": []},
    ]
    values = {"partner_id": cafe, "order_line": [(0, 0, line) for line in lines]}
    [order] = seller.call("sale.order", "create", [values])
    address = f"/odoo/action-sale.action_orders/{order}"
    login("seller")
    page.goto(address)
    press(page, "Confirm")
    page.get_by_role("tab", name="Other Info").click()
    expect(find_field(page, "billing_unbilled_amount")).to_have_text("$ 160.00")
    expect(page.get_by_role("button", name="Create Invoice")).to_have_count(0)

    login("staff")
    preview = CustomerPage.open(page, cafe).bill()
    preview.totals("$ 160.00", "$ 0.00", "$ 160.00")
    preview.generate().close()

    login("seller")
    page.goto(address)
    page.get_by_role("tab", name="Other Info").click()
    expect(find_field(page, "billing_invoiced_amount")).to_have_text("$ 160.00")
    expect(find_field(page, "billing_unbilled_amount")).to_have_text("$ 0.00")
    expect(page.get_by_role("button", name="Create Invoice")).to_have_count(0)
    invoiced = seller.call(
        "sale.order.line",
        "search_read",
        [("order_id", "=", order), ("product_id", "=", products["Router"])],
        ["qty_invoiced"],
    )
    assert [line["qty_invoiced"] for line in invoiced] == [2]


def test_debits_go_to_the_bank_and_one_comes_back(server, page, login):
    """W34: a run collects, the bank gets the file, and what came back is owed again."""
    manager = server.rpc("lyon")
    [ada] = manager.call("res.partner", "search", [("name", "=", "Ada of Lyon")])
    charge(manager, ada, "Membership", cost=40)
    login("lyon")
    page.goto("/odoo/billing-runs/new")
    find_field(page, "is_charge").locator("input").check()
    press(page, "Bill")
    press(page.get_by_role("dialog"), "Bill")
    expect(page.locator(".o_billing_run")).to_contain_text("Collecting customers")
    server.run_job("process_runs")
    expect(page.locator(".o_arrow_button_current")).to_have_text("Done")

    page.goto("/odoo/billing-debit-orders")
    page.locator(".o_data_row").first.locator("td.o_data_cell").first.click()
    press(page, "Confirm Payments")
    press(page, "Generate Payment File")
    press(page, "File Successfully Uploaded")
    expect(page.locator(".o_arrow_button_current")).to_have_text("File Uploaded")
    [payment] = manager.call(
        "account.payment", "search_read", [("partner_id", "=", ada)], ["memo"]
    )
    page.goto("/odoo/billing-returned-debits")
    press(page, "Import Returned Debits")
    box = page.get_by_role("dialog")
    returned = tell("pain.002.001.10", (payment["memo"], "40.00", "EUR", "AM04"))
    box.locator("input[type=file]").set_input_files(
        {"name": "back.xml", "mimeType": "text/xml", "buffer": returned}
    )
    press(box, "Import")
    expect(box).to_have_count(0)

    todo = TodoList(page)
    expect(page.locator(".o_data_row")).to_contain_text("Ada of Lyon")
    [invoice] = manager.call(
        "account.move", "search_read", [("partner_id", "=", ada)], ["name"]
    )
    todo.rows.open(invoice["name"])
    InvoiceDialog(page)
    assert manager.call(
        "account.move", "read", [invoice["id"]], ["billing_state", "amount_residual"]
    )[0] | {"id": 0} == {"id": 0, "billing_state": "unpaid", "amount_residual": 40}
