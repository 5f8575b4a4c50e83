"""What customers do themselves, in French and on a phone (W37, F194)."""

from __future__ import annotations

from datetime import timedelta

import pytest
from letterbox import open_mailbox
from playwright.sync_api import expect
from screens import fits
from stories import changed, today
from till import become, welcome

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


def test_contact_adds_an_address(server, page, login):
    """F194: of a country with states; mail goes there when the company says yes."""
    customer, user = welcome(server, "Xavier Transports", is_company=True, lang="fr_FR")
    _contact, other = welcome(
        server, "Odilon Transit", parent_id=customer, lang="fr_FR", country_id=False
    )
    login(other)
    page.goto("/my/addresses")
    page.get_by_label("Identique à l'adresse de livraison").uncheck()
    # Odoo's form asks the server what the country needs, and works from then on.
    with page.expect_response("**/my/address/country_info/**"):
        page.get_by_role("button", name="Ajouter une adresse").last.tap()
    address = "comptes@example.com"
    for name, value in {
        "name": "Comptabilité",
        "email": address,
        "phone": "+1 212 555 0100",
        "street": "7 Tanner Street",
        "city": "New York",
        "zip": "10001",
    }.items():
        page.locator(f"#o_{name}").fill(value)
    page.get_by_label("État").select_option("New York")
    page.locator("#save_address").tap()
    page.wait_for_url("**/my/addresses**")
    expect(page.get_by_text(address).first).to_be_visible()

    become(login, page, user)
    page.goto("/my/billing")
    asked = page.get_by_role("status").filter(has_text=address)
    expect(asked).to_contain_text("Odilon Transit")
    fits(page)
    asked.get_by_role("button", name="Confirmer").tap()
    expect(asked).to_have_count(0)
    [made] = server.rpc("staff").call(
        "res.partner",
        "search_read",
        [("parent_id", "=", customer), ("email", "=", address)],
        ["state_id"],
    )
    assert made["state_id"][1].startswith("New York")
