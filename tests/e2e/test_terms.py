"""Plan, coupon, end and prices of a service, each seen before it is done (W36)."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from playwright.sync_api import expect
from screens import Dialog, find_field, fits, press
from stories import changed, today
from till import become, welcome

from dev.browsing import DESKTOP, PHONE


class PlanDialog(Dialog):
    """Where another plan is chosen."""

    mark = "when"


@pytest.fixture(scope="module")
def company(server):
    """Have customers end their services, a month after they say so."""
    company = server.ref("base.main_company")
    with changed(
        server, "res.company", [company], billing_lets_end=True, billing_notice_days=30
    ):
        yield company


@pytest.fixture(scope="module")
def plans(server):
    """Have two plans, for a year: give their names, and the id of the first one."""
    admin = server.rpc("admin")
    values = {
        "type": "service",
        "billing_unit": "week",
        "billing_interval": 4,
        "billing_term_months": 12,
        "billing_exit_fee_kind": "fixed",
        "billing_exit_fee": 60,
        "taxes_id": [],
    }
    made = admin.call(
        "product.product",
        "create",
        [
            values | {"name": "Storyline 100", "billing_recurring_price": 28},
            values | {"name": "Storyline 500", "billing_recurring_price": 56},
        ],
    )
    yield made
    admin.call("product.product", "write", made, {"active": False})


@pytest.fixture(scope="module")
def coupon(server):
    """Have a code that gives a fifth off for three periods."""
    admin = server.rpc("admin")
    values = {"name": "Spring", "code": "SPRING-STORY", "value": 20, "periods": 3}
    made = admin.call("omni.billing.coupon", "create", [values])
    yield "spring-story"
    admin.call("omni.billing.coupon", "write", made, {"active": False})


def test_plan_coupon_end_and_rise(server, page, login, company, plans, coupon):
    """What each comes to is on the screen before anybody presses the button."""
    customer, user = welcome(server, "Terence Plans")
    staff = server.rpc("staff")
    values = {"partner_id": customer, "product_id": plans[0]}
    begun = values | {"date_start": f"{today() - timedelta(days=7)}"}
    [service] = staff.call("omni.billing.service", "create", [begun])
    staff.call("omni.billing.service", "action_write_due", [service])
    login("manager")
    page.goto(f"/odoo/billing-services/{service}")
    press(page, "Change the Plan")
    dialog = PlanDialog(page)
    dialog.enter(product_id="Storyline 500")
    dialog.field("when").get_by_role("radio", name="Now", exact=True).check()
    expect(dialog.field("preview")).to_contain_text("Today it comes to $ 35.00")
    dialog.press("Change the Plan")
    dialog.is_gone()
    expect(find_field(page, "name").locator("input")).to_have_value("Storyline 500")

    become(login, page, user)
    page.set_viewport_size(PHONE)
    page.goto("/my/billing/services")
    page.get_by_role("link", name="Storyline 500").click()
    page.get_by_label("Code").fill(coupon)
    page.get_by_role("button", name="Redeem").click()
    expect(page.locator(".o_billing_service header")).to_contain_text("20% off")
    due = page.locator(".o_billing_next [class*=o_billing_amount]")
    expect(due.first).to_have_text(re.compile(r"\$\s44\.80"))
    fits(page)
    page.get_by_role("button", name="End This Service").click()
    box = page.get_by_role("dialog")
    early = box.get_by_label(re.compile(r"for an exit fee of \$\s60\.00"))
    early.check()
    box.get_by_role("combobox").select_option(index=1)
    box.get_by_role("button", name="End It").click()
    expect(page.locator(".o_billing_service header")).to_contain_text("Until")
    expect(page.get_by_role("button", name="End This Service")).to_have_count(0)

    become(login, page, "manager")
    page.set_viewport_size(DESKTOP)
    other = staff.call(
        "omni.billing.service", "create", [values | {"date_start": f"{today()}"}]
    )
    rise = {"name": "Storyline prices", "date": "2030-01-01", "percent": 10}
    rise["domain"] = f"[('id', 'in', {other})]"
    [rise] = server.rpc("manager").call("omni.billing.price.rise", "create", [rise])
    page.goto(f"/odoo/billing-price-rises/{rise}")
    press(page, "Look for Services")
    page.get_by_role("tab", name="Prices").click()
    row = find_field(page, "line_ids").locator(".o_data_row")
    expect(row).to_have_count(1)
    expect(row.locator("td[name=price_old]")).to_have_text("$ 28.00")
    expect(row.locator("td[name=price_new]")).to_have_text("$ 30.80")
