"""Customers who pay at a Stripe of the tests: what they do there, and in the portal."""

from __future__ import annotations

import re
from contextlib import contextmanager
from typing import TYPE_CHECKING

from courier import events_come
from playwright.sync_api import expect
from stories import add_customer, changed, invite, parameters

from strict_stripe import WEBHOOK_SECRET, StripeServer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from playwright.sync_api import Page


@contextmanager
def till(server) -> Iterator[StripeServer]:
    """Have the demo company charge at a test Stripe, as long as a story lasts."""
    provider = server.ref("payment.payment_provider_stripe")
    card = server.ref("payment.payment_method_card")
    with (
        StripeServer() as stripe,
        parameters(server, stripe_api_base=stripe.url, stripe_js_url=stripe.js_url),
        changed(
            server,
            "payment.provider",
            [provider],
            stripe_publishable_key=stripe.publishable_key,
            stripe_secret_key=stripe.secret_key,
            stripe_webhook_secret=WEBHOOK_SECRET,
            allow_tokenization=True,
            state="test",
            is_published=True,
        ),
        changed(server, "payment.method", [card], active=True),
        events_come(server, stripe),
    ):
        yield stripe


def welcome(server, name: str, **values) -> tuple[int, str]:
    """Have a customer with a login to the portal, which is the first name."""
    customer = add_customer(server, name, **values)
    login = name.split()[0].lower()
    invite(server, customer, login)
    return customer, login


def become(login: Callable[..., Page], page: Page, user: str) -> Page:
    """Let another person use the browser."""
    # What is still loading would bring the cookie of its session back.
    page.goto("about:blank")
    page.context.clear_cookies()
    return login(user)


def save_card(page: Page, number: str = "4242424242424242", agrees: bool = True):
    """Save a card as the customer, on Stripe's own form; agree to be charged (W32)."""
    page.goto("/my/billing/cards")
    words = "Pay my invoices automatically with this card"
    page.get_by_label(words).set_checked(agrees)
    form = page.locator(".o_payment_form")
    form.get_by_placeholder("number", exact=True).fill(number)
    form.get_by_placeholder("exp_month").fill("12")
    form.get_by_placeholder("exp_year").fill("35")
    form.get_by_placeholder("cvc").fill("123")
    form.get_by_placeholder("postal_code").fill("12345")
    page.get_by_role("button", name="Save", exact=True).click()
    page.wait_for_url(re.compile("/my/billing/cards"))
    expect(page.get_by_text(f"•••• {number[-4:]}").first).to_be_visible()


def pay_by_default_card(page: Page) -> None:
    """Press the button of the pay page, with the card that is pre-selected."""
    page.get_by_role("button", name=re.compile(r"^Pay \$")).click()
