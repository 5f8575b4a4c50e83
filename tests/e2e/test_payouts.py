"""An accountant reads what Stripe paid out, and decides a lost dispute (W46, W47)."""

from __future__ import annotations

import re
from contextlib import contextmanager

import books
import pytest
from playwright.sync_api import expect
from screens import Dialog, Rows, is_told
from stories import bill, charge
from till import become, save_card, welcome

#: Those that are chosen in the settings: code and type.
ACCOUNTS = {
    "clearing": ("101950", "asset_current"),
    "billing_dispute_account_id": ("101952", "asset_current"),
    "billing_fee_account_id": ("620950", "expense"),
}
ROLES = ("account.group_account_user", "omni_billing.omni_billing_group_manager")


class DisputeDialog(Dialog):
    """Where a lost dispute is decided."""

    mark = "decision"


@contextmanager
def booked(server):
    """Have the company book what Stripe pays out, as long as the story lasts."""
    admin = server.rpc("admin")
    accounts = {
        name: admin.call(
            "account.account",
            "create",
            [
                {
                    "name": f"Stripe {code}",
                    "code": code,
                    "account_type": kind,
                    "reconcile": kind == "asset_current",
                }
            ],
        )[0]
        for name, (code, kind) in ACCOUNTS.items()
    }
    provider = server.ref("payment.payment_provider_stripe")
    # Odoo makes its line of the journal when that is read.
    admin.call("payment.provider", "read", [provider], ["journal_id"])
    lines = admin.call(
        "account.payment.method.line",
        "search",
        [("payment_provider_id", "=", provider), ("journal_id", "!=", False)],
    )
    clearing = accounts.pop("clearing")
    admin.call(
        "account.payment.method.line", "write", lines, {"payment_account_id": clearing}
    )
    company = [server.ref("base.main_company")]
    admin.call("res.company", "write", company, accounts)
    try:
        yield
    finally:
        admin.call("res.company", "write", company, dict.fromkeys(accounts, False))


@pytest.fixture
def accountant(server):
    """Have an accountant who manages billing, too; return the login."""
    groups = [server.ref(role) for role in ROLES]
    values = {"name": "Iris Ledger", "login": "iris", "password": "iris"}
    no_mail = {"no_reset_password": True}
    server.rpc("admin").call(
        "res.users",
        "create",
        [values | {"group_ids": [(4, group) for group in groups]}],
        context=no_mail,
    )
    return "iris"


def pay_by_card(server, customer, cost):
    """Have an invoice that a saved card paid: its ``id`` and ``name``."""
    staff = server.rpc("staff")
    charge(staff, customer, "Fibre", cost=cost)
    invoice = bill(staff, customer)
    [card] = staff.call(
        "payment.token", "search", [("partner_id", "=", customer)], limit=1
    )
    values = {"invoice_ids": [invoice["id"]], "mode": "stripe", "token_id": card}
    wizard = staff.call("omni.billing.payment.wizard", "create", [values])
    staff.call("omni.billing.payment.wizard", "action_pay", wizard)
    return invoice


def test_accountant_reads_a_payout_and_decides_a_dispute(
    server,
    stripe,  # noqa: F811
    login,
    accountant,
):
    """W46, W47: fees and a dispute in a payout, its entry, and who bears the loss."""
    customer, user = welcome(server, "Quentin Vale")
    page = login(user)
    save_card(page, "4242424242424242")
    with booked(server):
        stripe.take_fees(percent="2", fixed=30, dispute=1500)
        pay_by_card(server, customer, 100)
        lost = pay_by_card(server, customer, 40)
        [_kept, taken] = stripe.store()["charges"]
        dispute = stripe.dispute(taken["id"])
        stripe.close_dispute(dispute["id"], "lost")
        payout = stripe.pay_out("usd")
        stripe.wait_for_deliveries()
        page = become(login, page, accountant)

        page.goto("/odoo/billing-payouts")
        page.get_by_role("button", name="Fetch Payouts").click()
        is_told(page, "Payouts looked at: 1.")
        rows = Rows(page.locator(".o_list_view"), "reference")
        # Of 100 and of 40 two percent and 0.30 each; the dispute is 40 and 15.
        rows.show(payout["id"], fee="$ 18.40", amount="$ 81.60", state="Booked")
        rows.open(payout["id"])
        form = page.locator(".o_form_view")
        expect(form.locator("[name=gross]").first).to_have_text("$ 100.00")
        movements = Rows(form.locator("[name=row_ids]"), "kind")
        movements.show("adjustment", fee="$ 15.00")
        form.locator("[name=move_id] a").first.click()
        entry = page.locator(".o_form_view [name=line_ids]")
        expect(entry.get_by_text(payout["id"]).first).to_be_visible()
        expect(page.get_by_text("Posted", exact=True).first).to_be_visible()

        page.goto("/odoo/billing-disputes")
        rows = Rows(page.locator(".o_list_view"), "reference")
        rows.show(dispute["id"], amount="$ 40.00", state="Lost: to Decide")
        rows.press(dispute["id"], "action_decide")
        dialog = DisputeDialog(page)
        dialog.enter(note="Agreed by phone")
        dialog.press("Decide")
        is_told(page, "Decided. The entry is")
        rows.show(dispute["id"], state="The Customer Owes It")
        rows.open(dispute["id"])
        page.locator(".o_form_view [name=decision_move_id] a").first.click()
        reference = page.get_by_role("textbox", name="Reference")
        expect(reference).to_have_value(re.compile("owed again"))
        [owed] = server.rpc("staff").call(
            "account.move", "read", [lost["id"]], ["amount_residual"]
        )
        assert owed["amount_residual"] == 40
    books.agree(server)
