"""Staff who work in French meet no word of ours that is English."""

from __future__ import annotations

import re

import books
import polib
import pytest
from playwright.sync_api import expect
from screens import (
    CustomerPage,
    InvoiceList,
    TransactionDialog,
    TransactionList,
    VoidDialog,
    find_field,
    is_told,
    press,
)
from stories import add_customer, bill, charge, today, working_in

from dev import paths

#: What a person can read on a page: its texts, and the names of fields and icons.
READABLE = """() => {
    const found = new Set();
    const add = (text) => text && found.add(text.replace(/\\s+/g, " ").trim());
    for (const element of document.body.querySelectorAll("*")) {
        if (element.checkVisibility({ visibilityProperty: true })) {
            for (const name of ["placeholder", "title", "aria-label", "data-tooltip"]) {
                add(element.getAttribute(name));
            }
            for (const node of element.childNodes) {
                add(node.nodeType === Node.TEXT_NODE && node.data);
            }
        }
    }
    return [...found];
}"""


@pytest.fixture(scope="module", autouse=True)
def french(server):
    """Let staff work in French."""
    with working_in(server, "staff", "fr_FR") as french:
        yield french


@pytest.fixture(scope="module")
def english():
    """Give the texts of ours that are written otherwise in French, as a pattern."""
    catalogue = polib.pofile(str(paths.ADDON / "i18n" / "fr.po"))
    terms = {e.msgid for e in catalogue if e.msgstr not in ("", e.msgid)}
    patterns = (
        "".join(
            r".+" if part.startswith("%(") else re.escape(part)
            for part in re.split(r"(%\(\w+\)s)", " ".join(term.split()))
        )
        for term in terms
    )
    return re.compile("|".join(patterns))


@pytest.fixture
def speaks_french(page, english):
    """Give a function that looks for English words on the page."""

    def check():
        texts = page.evaluate(READABLE)
        assert len(texts) > 10
        assert not [text for text in texts if english.fullmatch(text)]

    return check


def add_atelier(server, name):
    """Have a customer who gets invoices in French, with a charge of today."""
    atelier = add_customer(server, name, lang="fr_FR")
    charge(server.rpc("staff"), atelier, "Forfait", cost=45, date=f"{today()}")
    return atelier


def test_month_is_billed_in_french(server, page, login, french, speaks_french):
    """F1, F13, F40, F47, F132, F159: each screen of the daily work."""
    atelier = add_atelier(server, "Atelier Duval")
    amount = french.amount
    login("staff")
    customer = CustomerPage.open(page, atelier)
    customer.owes(unbilled=amount(45))
    expect(page.locator(".o_billing_card")).to_have_count(8)
    speaks_french()

    customer.press("Add a Transaction")
    entry = TransactionDialog(page)
    speaks_french()
    entry.enter(name="Dépannage", retail_cost="12,50")
    entry.save()
    customer.transactions.show(
        "Dépannage", amount_total=amount(12.5), status="Non facturé"
    )

    proforma = customer.bill()
    proforma.counts(2)
    expect(proforma.box.get_by_text("2 transactions sélectionnées")).to_be_visible()
    speaks_french()
    proforma.toggle("Dépannage")
    expect(proforma.box.get_by_text("1 transaction sélectionnée")).to_be_visible()
    proforma.totals(amount(45), amount(0), amount(45))
    speaks_french()
    proforma.clear_all()
    expect(proforma.box.get_by_text("0 transaction sélectionnée")).to_be_visible()
    proforma.select_all()
    proforma.toggle("Dépannage")
    invoice = proforma.generate()
    number = invoice.number
    speaks_french()
    document = invoice.pdf()
    for words in (
        f"Facture {number}",
        "Facturé à",
        "Date d'échéance",
        f"Total {amount(45)}",
    ):
        assert words in document
    assert "Invoice" not in document

    payment = invoice.pay()
    speaks_french()
    payment.pay("Cash", reference="Reçu 12")
    is_told(page, f"Paiement de {amount(45)} enregistré sur {number}.")
    customer.invoices.show(number, billing_status="Payé")
    customer.owes(unbilled=amount(12.5), due=amount(0), paid=amount(45))

    proforma = customer.bill()
    proforma.counts(1)
    invoice = proforma.generate()
    wrong = invoice.number
    invoice.choose_more("Void Invoice")
    void = VoidDialog(page)
    speaks_french()
    void.void("Mauvais mois")
    customer.invoices.show(wrong, billing_status="Annulé")
    speaks_french()
    document = customer.open_invoice(wrong).pdf()
    assert "ANNULÉE" in document
    assert "VOID" not in document
    books.agree(server)


def test_lists_and_menus_speak_french(page, login, server, speaks_french):
    """F7, F26, F68: the lists of the customer, and what opens over them."""
    atelier = add_atelier(server, "Atelier Moreau")
    staff = server.rpc("staff")
    number = bill(staff, atelier)["name"]
    charge(staff, atelier, "Forfait")
    login("staff")
    customer = CustomerPage.open(page, atelier)
    menu = customer.operations()
    assert len(menu.actions) == 4
    speaks_french()
    menu.close()
    menu = customer.transactions.menu("Forfait")
    speaks_french()
    menu.close()

    customer.see("Non facturé")
    transactions = TransactionList(page, is_open=True)
    transactions.rows.show("Forfait", status="Non facturé")
    expect(page.locator(".o_billing_card")).to_have_count(4)
    speaks_french()

    CustomerPage.open(page, atelier).see("Facturé, impayé")
    invoices = InvoiceList(page, is_open=True)
    invoices.rows.show(number, billing_status="Impayé")
    menu = invoices.rows.menu(number)
    assert menu.actions == [
        "Télécharger PDF",
        "Envoyer un e-mail",
        "Envoyer avec un message",
        "Envoyer une relance",
        "Payer",
        "Annuler la facture",
    ]
    speaks_french()
    menu.close()
    invoices.rows.select(number)
    speaks_french()


def test_webhooks_in_french(server, page, login, speaks_french):
    """W39: the form, and what became of messages."""
    with working_in(server, "manager", "fr_FR"):
        login("manager")
        page.goto("/odoo/billing-webhooks/new")
        find_field(page, "name").locator("input").fill("Mise en service")
        url = find_field(page, "url").locator("input")
        url.fill("https://program.invalid/hook")
        url.press("Tab")
        page.locator(".o_form_button_save").click()
        press(page, "Send a Test")
        expect(page.locator(".o_notification")).to_be_visible()
        speaks_french()
        page.goto("/odoo/billing-webhook-messages")
        row = page.locator(".o_data_row").filter(has_text="webhook.test")
        expect(row.first).to_contain_text("Échec")
        speaks_french()
        row.first.locator("[name=kind]").click()
        expect(page.locator(".o_form_view")).to_be_visible()
        speaks_french()
        manager = server.rpc("manager")
        found = manager.call("omni.billing.webhook", "search", [])
        manager.call("omni.billing.webhook", "unlink", found)
