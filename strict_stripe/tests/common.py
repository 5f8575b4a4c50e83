"""What the tests share: cards, the SDK of Stripe, and a merchant."""

import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

import stripe

from strict_stripe import WEBHOOK_SECRET

VISA = "4242424242424242"
MASTERCARD = "5555555555554444"
AMEX = "378282246310005"
GENERIC_DECLINE = "4000000000000002"
INSUFFICIENT_FUNDS = "4000000000009995"
EXPIRED = "4000000000000069"
DECLINED_LATER = "4000000000000341"
ASKS_ONCE = "4000002500003155"
ASKS_ALWAYS = "4000002760003184"
OLD_VERSION = "2019-05-16"
#: Seconds to connect, and to wait for an answer: nobody is slow but on purpose.
PATIENCE = (60, 60)


def client_of(server, key=None, timeout=PATIENCE, **options):
    return stripe.StripeClient(
        key or server.secret_key,
        base_addresses={"api": server.url},
        http_client=stripe.RequestsClient(timeout=timeout),
        **options,
    ).v1


def new_card(client, number=VISA, cvc="123", **card):
    year = time.gmtime().tm_year + 3
    typed = {"number": number, "exp_month": 12, "exp_year": year, "cvc": cvc, **card}
    return client.payment_methods.create({"type": "card", "card": typed})


def saved_card(client, number=VISA, customer=None):
    customer = customer or client.customers.create({"name": "Ada"})
    card = new_card(client, number)
    return client.payment_methods.attach(card.id, {"customer": customer.id})


def set_up_card(server, client, number):
    """Save a card with its owner present, who authenticates."""
    customer = client.customers.create()
    intent = client.setup_intents.create(
        {
            "customer": customer.id,
            "payment_method": new_card(client, number).id,
            "allowed_payment_method_types": ["card"],
            "confirm": True,
        }
    )
    if intent.status == "requires_action":
        server.authenticate(intent.id)
    return client.payment_methods.retrieve(intent.payment_method)


def charge(client, card, amount=1000, key=None, **values):
    """Charge a saved card with nobody present."""
    params = {
        "amount": amount,
        "currency": "eur",
        "customer": card.customer,
        "payment_method": card.id,
        "allowed_payment_method_types": ["card"],
        "off_session": True,
        "confirm": True,
        **values,
    }
    return client.payment_intents.create(
        params, {"idempotency_key": key} if key else {}
    )


def open_intent(client, **values):
    customer = client.customers.create()
    return client.payment_intents.create(
        {"amount": 1000, "currency": "eur", "customer": customer.id, **values}
    )


def body_of(error):
    return error.value.json_body["error"]


def types_of(events):
    return [event["type"] for event in events]


class Merchant:
    """A web server that keeps what is posted to it, and answers as told."""

    def __init__(self):
        self.posts = []
        self.answers = []
        self.pages = {}
        merchant = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                length = int(self.headers["Content-Length"])
                merchant.posts.append((self.rfile.read(length), self.headers))
                status = merchant.answers.pop(0) if merchant.answers else 200
                self.send_response(status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def do_GET(self):
                page = merchant.pages.get(urlsplit(self.path).path, "").encode()
                self.send_response(200)
                self.send_header("Content-Type", "text/html")
                self.send_header("Content-Length", str(len(page)))
                self.end_headers()
                self.wfile.write(page)

            def log_message(self, *_args):
                """Keep silent."""

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.http.server_address[1]}"

    def events(self, secret=WEBHOOK_SECRET):
        """Read what came as a merchant should: only if it is signed."""
        return [
            stripe.Webhook.construct_event(body, headers["Stripe-Signature"], secret)
            for body, headers in self.posts
        ]
