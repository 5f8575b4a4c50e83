"""Found a company in each of some countries, and bill customers there for a month.

Runs in ``odoo shell``, where Odoo installs what belongs to a country as soon as a
company is there, as it does for a person. Prints what went wrong, and each journal item
that is in no report.
"""

import traceback

from odoo import fields


def found(code):
    """Return a new company in the country, with its chart of accounts."""
    country = env["res.country"].search([("code", "=", code)])
    company = env["res.company"].create(
        {
            "name": f"Omni {code}",
            "country_id": country.id,
            "currency_id": country.currency_id.id,
        }
    )
    # Its chart is loaded as this is committed.
    env.cr.commit()
    # What was installed on the way made another registry.
    env.transaction.reset()
    company = env["res.company"].browse(company.id)
    assert company.chart_template, "no chart of accounts"
    assert company.chart_template != "generic_coa", "not the country's own chart"
    return company


def enter(company):
    """Return the environment of a manager in the company."""
    env.user.company_ids += company
    env.user.group_ids += env.ref("omni_billing.omni_billing_group_manager")
    return env(context={**env.context, "allowed_company_ids": company.ids})


def live_a_month(here, company):
    """Bill, credit, give back and take in advance; return the customer."""
    customer = here["res.partner"].create(
        {"name": "Ada", "country_id": company.country_id.id, "company_id": company.id}
    )

    def bill(cost):
        """Bill with the taxes that the country's chart gives."""
        values = {"name": "Fibre 500", "partner_id": customer.id, "retail_cost": cost}
        values["tax_ids"] = company.account_sale_tax_id.ids
        item = here["omni.billing.transaction"].create(values)
        wizard = here["omni.billing.proforma.wizard"]
        wizard.create({"partner_id": customer.id}).action_generate()
        assert item.invoice_id.state == "posted"
        assert item.invoice_id.amount_untaxed == item.amount_untaxed
        return item.invoice_id

    paid, canceled, owed, void = map(bill, (45, 33.33, 59.99, 7))
    assert paid._billing_get_pdf().startswith(b"%PDF")
    paid._billing_pay("cash")
    assert paid.billing_state == "paid"
    canceled._billing_cancel_items(canceled.billing_transaction_ids)
    void.action_billing_void()
    paid._billing_create_refund_note(12)
    customer._billing_pay_back("bank", 5, company, company.currency_id)
    advance = {"payment_type": "inbound", "partner_id": customer.id, "amount": 25}
    here["account.payment"].create(advance).action_post()
    owed._billing_pay("bank", owed.currency_id.round(owed.amount_residual / 2))
    owed._billing_use_credit()
    here.flush_all()
    return customer


def check_reports(here, company, customer):
    """See that each figure is that of its entries, and no entry is in none."""
    own = [("company_id", "=", company.id)]
    items = here["account.move.line"].search([*own, ("parent_state", "=", "posted")])

    def sort(item):
        """Tell which figure an entry belongs to."""
        kind = item.account_id.account_type
        if item.display_type == "tax":
            return "tax"
        if kind.startswith("income"):
            return "revenue"
        if kind == "asset_receivable":
            return "receivable"
        return "receipt" if item.journal_id.type in ("bank", "cash") else "none"

    by_figure = items.grouped(sort)
    if left := by_figure.get("none"):
        raise AssertionError(f"in no report: {left.mapped('display_name')}")

    # The ledger has money from when it is used; before, it is on the statement alone.
    unused = sum(
        item.amount_residual
        for item in by_figure["receivable"]
        if item.move_id.origin_payment_id
    )

    def total(name):
        return sum(by_figure.get(name, items.browse()).mapped("balance"))

    def read(report, *names):
        rows = here[f"omni.billing.{report}"]
        [sums] = rows._read_group(own, [], [f"{name}:sum" for name in names])
        return [value or 0 for value in sums]

    revenue, tax, receipt = read(
        "revenue", "amount_revenue", "amount_tax", "amount_receipt"
    )
    today = fields.Date.context_today(customer)
    [statement] = customer._billing_prepare_statement(company, today, today)
    ledger = here["omni.billing.transaction"].search([*own, ("state", "=", "invoiced")])
    found = {
        "revenue": (revenue, -total("revenue")),
        "taxes": (tax, -total("tax")),
        "taxes by rate": (read("tax", "amount")[0], -total("tax")),
        "receipts": (receipt, total("receipt")),
        "aged": (read("aged", "total")[0], total("receivable")),
        "statement": (statement["closing"], total("receivable")),
        "ledger": (sum(ledger.mapped("amount_total")) + unused, total("receivable")),
    }
    for name, (reported, booked) in found.items():
        unit = company.currency_id
        assert not unit.compare_amounts(reported, booked), f"{name}: {found}"


for code in arguments["countries"]:
    try:
        company = found(code)
        here = enter(company)
        check_reports(here, company, live_a_month(here, company))
        env.cr.commit()
    except Exception:
        env.cr.rollback()
        print(f"{code}: {traceback.format_exc()}")
