"""What customers do themselves, in French and on a phone (W37, F194)."""

from __future__ import annotations

from datetime import timedelta

import pytest
from letterbox import open_mailbox
from playwright.sync_api import expect
from screens import fits
from stories import changed, today
from till import welcome

from dev.browsing import PHONE_DEVICE


@pytest.fixture
def device():
    return PHONE_DEVICE


@pytest.fixture(scope="module")
def company(server):
    """Have customers pause their services, and invite people."""
    company = server.ref("base.main_company")
    with changed(
        server,
        "res.company",
        [company],
        billing_pause_days=60,
        billing_lets_invite=True,
        email="billing@omni.example.com",
    ):
        yield company


def send_all(server, customer):
    """Have what waits for a customer be sent."""
    admin = server.rpc("admin")
    domain = [("model", "=", "res.partner"), ("res_id", "=", customer)]
    mails = admin.call("mail.mail", "search", [*domain, ("state", "=", "outgoing")])
    assert mails
    admin.call("mail.mail", "send", mails)


def read(message):
    """Read the words of a message."""
    html = message.get_body(("html",)).get_content()
    return " ".join(html.replace("\xa0", " ").split())


def test_customer_pauses_and_invites(server, page, login, company):
    """Each is confirmed: on the page, and by e-mail."""
    customer, user = welcome(server, "Yvette Abonne", is_company=True, lang="fr_FR")
    values = {"name": "Fibre Yvette", "partner_id": customer, "price_unit": 45}
    values |= {"unit": "month", "date_start": f"{today()}", "tax_ids": []}
    server.rpc("staff").call("omni.billing.service", "create", [values])
    login(user)
    page.goto("/my/billing")
    page.get_by_role("link", name="Services et frais à venir").tap()
    page.get_by_role("link", name="Fibre Yvette").tap()
    fits(page)
    page.get_by_label("Dernier jour").fill(f"{today() + timedelta(days=40)}")
    address = "yvette.abonne@example.com"
    with open_mailbox(server) as mailbox:
        page.get_by_role("button", name="Mettre en pause").tap()
        alert = page.get_by_role("status").filter(has_text="Suspendu du")
        expect(alert).to_be_visible()
        send_all(server, customer)
        paused = read(mailbox.wait(address))
        assert "Vous avez mis Fibre Yvette en pause" in paused
        alert.get_by_role("button", name="Reprendre").tap()
        expect(alert).to_have_count(0)

        page.goto("/my/billing")
        page.get_by_role("link", name="Qui agit pour vous").tap()
        page.get_by_label("Nom").fill("Zoé Comptable")
        page.get_by_label("E-mail").fill("zoe@example.com")
        page.get_by_role("button", name="Inviter").tap()
        person = page.locator("li[data-id]").filter(has_text="Zoé Comptable")
        expect(person).to_be_visible()
        fits(page)
