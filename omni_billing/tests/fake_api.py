"""What Odoo's own code hears from Stripe, for tests of one process.

`payment_stripe` speaks to another version of Stripe's API than billing does, past the
gateway; both see the same payments here.
"""

from odoo.exceptions import ValidationError

from ..gateways.stripe_answers import DATABASE, Charge

CARD = {
    "id": "pm_4242",
    "type": "card",
    "card": {"brand": "visa", "last4": "4242", "exp_month": 12, "exp_year": 2040},
}


class FakeApi:
    """In place of `payment.provider._send_api_request`."""

    def __init__(self, gateway):
        self._gateway = gateway
        self.intents = {}
        #: Method and path of each call.
        self.calls = []
        #: What the next intent has that it was not asked for.
        self.odd = {}

    def send(self, method, endpoint, *, data=None, **_kwargs):
        self.calls.append((method, endpoint))
        kind, _slash, reference = endpoint.partition("/")
        if (method, endpoint) == ("POST", "customers"):
            # Of a payment that is not ours.
            return {"id": f"cus_form_{len(self.calls)}"}
        if kind not in ("payment_intents", "setup_intents"):
            raise NotImplementedError(endpoint)
        if method == "POST" and not reference:
            return self._create(kind, data)
        if reference not in self.intents:
            # As `payment.provider` raises what Stripe answers.
            answer = f"No such intent: {reference}"
            raise ValidationError(answer)
        return self.intents[reference]

    def _create(self, kind, data):
        is_setup = kind == "setup_intents"
        number = len(self.intents)
        intent = {
            "id": f"{'seti' if is_setup else 'pi'}_form_{number}",
            "object": kind.removesuffix("s"),
            "status": "requires_payment_method",
            "client_secret": "secret",
            "customer": data["customer"],
            "description": data["description"],
            "metadata": {},
            "livemode": False,
            "payment_method": None,
        }
        if not is_setup:
            intent |= {"amount": data["amount"], "currency": data["currency"]}
        intent |= self.odd
        self.odd = {}
        self.intents[intent["id"]] = intent
        self._show(intent)
        if data.get("confirm"):
            self.pay(intent["id"])
        return intent

    def pay(self, reference, **values):
        """Have the customer pay, or save a card, in the browser."""
        intent = self.intents[reference]
        intent |= {"status": "succeeded", "payment_method": CARD, **values}
        details = {"type": "card", "card": {}}
        intent["charges"] = {"data": [{"payment_method_details": details}]}
        self._show(intent)

    def _show(self, intent):
        """Have the gateway see it as well."""
        if intent["object"] == "payment_intent":
            self._gateway.charges[intent["id"]] = Charge(
                intent["id"],
                intent["status"],
                intent["amount"],
                intent["currency"],
                "secret",
                intent["description"],
                None,
                intent["customer"],
                intent["metadata"].get(DATABASE, ""),
            )
