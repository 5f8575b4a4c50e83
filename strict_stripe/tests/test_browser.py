"""A customer with a browser: the form of Stripe.js, and the page of the bank."""

import shutil
from contextlib import contextmanager
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import sync_playwright

from .common import (
    AMEX,
    ASKS_ALWAYS,
    ASKS_ONCE,
    GENERIC_DECLINE,
    INSUFFICIENT_FUNDS,
    VISA,
    charge,
    open_intent,
    saved_card,
)

PROGRAMS = ("chromium", "chromium-browser", "google-chrome")
SHOP = """<!DOCTYPE html><title>Shop</title>
<div id="card"></div><button id="pay">Pay</button><p id="error"></p>
<script src="%(script)s"></script>
<script>
const stripe = Stripe("%(key)s", {apiVersion: "2019-05-16"});
const elements = stripe.elements({mode: "payment", amount: 1000, currency: "eur"});
const element = elements.create("payment", {defaultValues: {billingDetails: {}}});
element.on("loaderror", () => {});
element.mount(document.querySelector("#card"));
elements.update({setupFutureUsage: "off_session"});
document.querySelector("#pay").onclick = async () => {
    await elements.submit();
    const {error} = await stripe.%(confirm)s({
        elements,
        clientSecret: "%(secret)s",
        confirmParams: {return_url: location.origin + "/thanks?reference=INV-1"},
    });
    document.querySelector("#error").textContent = error.message;
};
</script>"""


@pytest.fixture(scope="module")
def chromium():
    """The browser of the machine, or the one that Playwright keeps."""
    program = next(filter(None, map(shutil.which, PROGRAMS)), None)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=program, args=["--no-sandbox", "--disable-gpu"]
        )
        yield browser
        browser.close()


@pytest.fixture
def shop(server, merchant, chromium):
    """Opens a page that pays, or saves a card, as Odoo's form does."""

    @contextmanager
    def open_shop(intent, confirm="confirmPayment"):
        merchant.pages["/shop"] = SHOP % {
            "script": server.js_url,
            "key": server.publishable_key,
            "secret": intent.client_secret,
            "confirm": confirm,
        }
        page = chromium.new_page(base_url=merchant.url)
        errors = []
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.goto("/shop")
        yield page
        page.close()
        assert errors == []

    return open_shop


def type_card(page, number=VISA, cvc="123"):
    typed = {"number": number, "exp_month": "12", "exp_year": "40", "cvc": cvc}
    for field, value in typed.items():
        page.fill(f"#card input[placeholder={field}]", value)
    page.click("#pay")


def wait_for_thanks(page):
    page.wait_for_url("**/thanks?*")
    return {
        name: value for name, (value,) in parse_qs(urlsplit(page.url).query).items()
    }


def test_customer_pays_by_a_new_card(server, client, shop):
    intent = open_intent(client)
    with shop(intent) as page:
        # localstripe's class Element does not hide the browser's own.
        assert page.evaluate("document.body instanceof Element")
        type_card(page)
        told = wait_for_thanks(page)
    assert told["reference"] == "INV-1"
    assert told["payment_intent"] == intent.id
    assert told["payment_intent_client_secret"] == intent.client_secret
    assert told["redirect_status"] == "succeeded"
    assert server.totals()["eur"]["charged"] == 1000


def test_customer_pays_by_amex(server, client, shop):
    with shop(open_intent(client)) as page:
        type_card(page, AMEX, "1234")
        wait_for_thanks(page)
    (charged,) = server.store()["charges"]
    assert charged["payment_method_details"]["card"]["brand"] == "amex"


def test_customer_is_told_of_a_decline_and_tries_another_card(server, client, shop):
    with shop(open_intent(client)) as page:
        page.click("#pay")
        page.wait_for_selector("text=Your card number is incomplete.")
        type_card(page, INSUFFICIENT_FUNDS)
        page.wait_for_selector("text=Your card has insufficient funds.")
        assert server.totals()["eur"]["charged"] == 0
        type_card(page)
        wait_for_thanks(page)
    assert server.totals()["eur"]["charged"] == 1000


def test_customer_fails_then_passes_authentication(server, client, shop):
    intent = open_intent(client, setup_future_usage="off_session")
    with shop(intent) as page:
        type_card(page, ASKS_ONCE)
        page.click("text=Fail authentication")
        page.wait_for_selector("text=unable to authenticate")
        assert server.totals() == {}
        type_card(page, ASKS_ONCE)
        page.click("text=Complete authentication")
        wait_for_thanks(page)
    # Authenticated and saved: from now on it pays alone.
    (card,) = client.customers.payment_methods.list(intent.customer).data
    assert charge(client, card).status == "succeeded"


def test_customer_saves_a_card(server, client, shop):
    customer = client.customers.create()
    intent = client.setup_intents.create({"customer": customer.id})
    with shop(intent, "confirmSetup") as page:
        type_card(page, GENERIC_DECLINE)
        page.wait_for_selector("text=Your card was declined.")
        type_card(page, ASKS_ALWAYS)
        page.click("text=Fail authentication")
        page.wait_for_selector("text=unable to authenticate")
        type_card(page, ASKS_ALWAYS)
        page.click("text=Complete authentication")
        told = wait_for_thanks(page)
    assert told["setup_intent"] == intent.id
    (card,) = client.customers.payment_methods.list(customer.id).data
    assert card.card.last4 == ASKS_ALWAYS[-4:]
    assert card.billing_details.address.postal_code is None


def test_customer_comes_back_to_authenticate_a_saved_card(server, client, shop):
    card = saved_card(client, ASKS_ALWAYS)
    intent = charge(client, card, off_session=False)
    with shop(intent) as page:
        page.evaluate(
            """secret => {
                stripe.handleNextAction({clientSecret: secret}).then(done => {
                    document.querySelector("#error").textContent =
                        done.paymentIntent.status;
                });
            }""",
            intent.client_secret,
        )
        page.click("text=Complete authentication")
        page.wait_for_selector("#error:has-text('succeeded')")
    assert server.totals()["eur"]["charged"] == 1000


@pytest.mark.parametrize(
    ("button", "status"), [("Complete", "succeeded"), ("Fail", "failed")]
)
def test_bank_sends_its_customer_back(
    server, client, merchant, chromium, button, status
):
    intent = charge(
        client,
        saved_card(client, ASKS_ALWAYS),
        off_session=False,
        return_url=f"{merchant.url}/thanks?reference=INV-1",
    )
    page = chromium.new_page()
    page.goto(intent.next_action.redirect_to_url.url)
    page.click(f"text={button} authentication")
    told = wait_for_thanks(page)
    page.close()
    assert (told["reference"], told["redirect_status"]) == ("INV-1", status)
    assert bool(server.totals()) is (status == "succeeded")
