"""Addresses and calls of people who may not see what is behind them (F193)."""

from __future__ import annotations

import re
from types import SimpleNamespace
from urllib.parse import urlsplit

import pytest
from screens import read_message
from stories import add_customer, bill, charge

from dev.pytest_e2e import RpcError

WORD = "Secret Society"
#: Another customer, an employee without our groups, and nobody.
CUSTOMER, EMPLOYEE, NOBODY = "customer", "plain", None
PAGES = [
    "/odoo/billing-transactions",
    "/odoo/billing-invoices",
    "/odoo/billing-services",
    "/odoo/billing-runs",
    "/odoo/billing-run-customers",
    "/odoo/billing-failed-charges",
    "/odoo/billing-schedules",
    "/odoo/billing-credit-types",
    "/odoo/billing-settings",
]
DOCUMENTS = [
    "/report/pdf/omni_billing.report_invoice_page/{}",
    "/report/html/omni_billing.report_invoice_page/{}",
    "/report/pdf/account.report_invoice/{}",
    "/my/invoices/{}",
    "/my/invoices/{}?report_type=pdf&download=true",
    "/my/invoices/{}?access_token=guessed",
    "/crm/invoice/{}/pdf",
    "/web/content/account.move/{}/invoice_pdf_report_file",
]


@pytest.fixture(scope="module")
def secret(server):
    """Have a customer whose file is nobody else's business."""
    admin, staff = server.rpc("admin"), server.rpc("staff")
    groups = admin.call("res.groups", "search", [("full_name", "=", "Role / User")])
    values = {"name": "Pat Plain", "login": EMPLOYEE, "group_ids": groups}
    [employee] = admin.call("res.users", "create", [values])
    admin.call("res.users", "write", [employee], {"password": EMPLOYEE})

    partner = add_customer(server, WORD)
    charge(staff, partner, f"{WORD}: meeting room", cost=1234)
    invoice = bill(staff, partner, title=f"{WORD}, January")
    [unbilled] = charge(staff, partner, f"{WORD}: coffee", cost=4321)
    return SimpleNamespace(
        partner=partner, invoice=invoice["id"], number=invoice["name"], charge=unbilled
    )


@pytest.mark.parametrize("user", [CUSTOMER, EMPLOYEE, NOBODY])
def test_documents_of_others_are_refused(page, login, secret, user):
    """F99, F193: by guessed number, in every way that a document is served."""
    if user:
        login(user)
    for path in DOCUMENTS:
        response = page.request.get(path.format(secret.invoice))
        assert is_refused(response), path
        assert tells_nothing(response.text(), secret), path


@pytest.mark.parametrize("user", [CUSTOMER, NOBODY])
def test_screens_of_staff_lead_elsewhere(page, login, secret, user):
    """F3: a customer comes to the own portal, nobody to the login page."""
    if user:
        login(user)
    for path in PAGES:
        response = page.request.get(path)
        assert urlsplit(response.url).path == ("/my" if user else "/web/login")
        assert tells_nothing(response.text(), secret)


def test_screens_of_staff_show_an_employee_nothing(login, secret):
    """The menu is not there, and the address says that one may not."""
    page = login(EMPLOYEE)
    menus = page.request.get("/web/webclient/load_menus").text()
    assert "omni_billing" not in menus
    for path in PAGES:
        page.goto(path)
        assert "You are not allowed to access" in read_message(page)
        assert tells_nothing(page.content(), secret)


@pytest.mark.parametrize("user", [CUSTOMER, EMPLOYEE])
def test_calls_on_the_file_of_others_are_refused(server, secret, user):
    """Reading, changing, billing and paying, without any screen."""
    rpc = server.rpc(user)
    before = read_file(server, secret)
    for model, method, *args in calls(secret):
        with pytest.raises(RpcError) as refusal:
            rpc.call(model, method, *args)
        assert refusal.value.name == "odoo.exceptions.AccessError", (model, method)
        assert tells_nothing(f"{refusal.value} {refusal.value.trace}", secret)
    assert read_file(server, secret) == before


def test_calls_of_nobody_are_refused(page, secret):
    """Without a session nothing is answered at all."""
    for model, method, *args in calls(secret):
        params = {"model": model, "method": method, "args": args, "kwargs": {}}
        response = page.request.post(
            f"/web/dataset/call_kw/{model}/{method}",
            data={"jsonrpc": "2.0", "method": "call", "params": params},
        )
        answer = response.json()
        assert answer["error"]["data"]["name"] == "odoo.http.SessionExpiredException"
        assert tells_nothing(response.text(), secret)


def test_customer_reads_the_own_file_only(server, secret):
    """Lists, totals and cards of a customer hold what is the customer's."""
    rpc = server.rpc(CUSTOMER)
    [me] = rpc.call("res.users", "read", [rpc.uid], ["partner_id"])
    own = me["partner_id"][0]
    model = "omni.billing.transaction"
    rows = rpc.call(model, "search_read", [], ["partner_id", "amount_total"])
    assert {row["partner_id"][0] for row in rows} == {own}
    total = sum(row["amount_total"] for row in rows)
    [group] = rpc.call(model, "formatted_read_group", [], [], ["amount_total:sum"])
    assert group["amount_total:sum"] == pytest.approx(total)
    assert not rpc.call(model, "search", [("name", "like", WORD)])
    assert not rpc.call("account.move", "search", [("billing_title", "like", WORD)])


def calls(secret):
    """Give what a program could try: model, method, arguments."""
    transaction, move = "omni.billing.transaction", "account.move"
    partner, invoice, own = [secret.partner], [secret.invoice], [secret.charge]
    values = {"partner_id": secret.partner, "name": "Gift", "retail_cost": 1}
    return [
        (transaction, "read", own, ["name", "amount_total"]),
        (transaction, "read", own, ["void_reason"]),
        (transaction, "write", own, {"retail_cost": 0.01}),
        (transaction, "unlink", own),
        (transaction, "create", [values]),
        (transaction, "action_void", own),
        (transaction, "action_mark_free", own),
        (move, "read", invoice, ["name", "billing_title"]),
        (move, "write", invoice, {"billing_title": "Mine"}),
        (move, "action_billing_open_detail", invoice),
        (move, "action_billing_pay", invoice),
        (move, "action_billing_email", invoice),
        (move, "action_billing_void", invoice),
        ("res.partner", "read", partner, ["billing_unbilled_amount"]),
        ("res.partner", "read", partner, ["billing_transaction_ids"]),
        ("res.partner", "action_billing_pay_all", partner),
        ("omni.billing.proforma.wizard", "create", [{"partner_id": secret.partner}]),
        ("omni.billing.payment.wizard", "create", [{"invoice_ids": invoice}]),
        ("omni.billing.void.wizard", "create", [{"invoice_ids": invoice}]),
        ("omni.billing.service", "create", [{"partner_id": secret.partner}]),
        ("omni.billing.run", "create", [{"name": "Mine"}]),
        ("omni.billing.run.line", "search_read", [], ["reason"]),
        ("omni.billing.run.schedule", "create", [{"name": "Mine"}]),
        ("omni.billing.credit.type", "search_read", [], ["name"]),
    ]


def read_file(server, secret):
    """Read, as staff, what nobody else may have changed."""
    staff = server.rpc("staff")
    domain = [("partner_id", "=", secret.partner)]
    fields = ["name", "state", "amount_total", "write_date"]
    return [
        staff.call("omni.billing.transaction", "search_read", domain, fields),
        staff.call("account.move", "search_read", domain, [*fields, "billing_title"]),
    ]


def is_refused(response):
    """Tell whether there was an error, or another page instead."""
    elsewhere = urlsplit(response.url).path in ("/my", "/web/login")
    is_pdf = "pdf" in response.headers["content-type"]
    return not is_pdf and (elsewhere or response.status in (401, 403, 404))


def tells_nothing(text, secret):
    """Tell whether a text is free of the name, the number and the amounts.

    In a longer number, or in a token, the amounts may be by chance.
    """
    amounts = r"(?<![\w.,])(1,234|1234\.0|4,321|4321\.0)"
    is_told = WORD in text or secret.number in text or re.search(amounts, text)
    return not is_told
