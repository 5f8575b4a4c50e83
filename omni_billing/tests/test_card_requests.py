import re
from unittest.mock import patch

from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.tests import tagged

from odoo.addons.omni_billing.exceptions import GatewayRefused

from .card_common import CardCommon

# What Odoo's own calls may send, in the version of 2019-05-16 that they name: names and
# values by https://docs.stripe.com/api, in the words that it had then.
TEXT = r".{1,5000}"
ID = r"(cus|pi|pm|seti)_\w+"
WHOLE = r"\d{1,8}"
TYPES = r"card|sepa_debit|bancontact|ideal"
EXPAND = {"expand[]": "payment_method"}
ADDRESS = {
    f"shipping[address][{part}]": TEXT
    for part in ("city", "country", "line1", "line2", "postal_code", "state")
}
REQUIRED = {
    "payment_intents": {"amount", "currency"},
    "webhook_endpoints": {"url", "enabled_events[]"},
}
TAKES = {
    r"POST payment_intents": {
        **EXPAND,
        **ADDRESS,
        "amount": WHOLE,
        "capture_method": r"automatic|manual",
        "confirm": r"True|False",
        "currency": r"[a-z]{3}",
        "customer": ID,
        "description": r".{1,1000}",
        "mandate": r"mandate_\w+",
        "metadata[odoo_database]": r".{1,500}",
        "metadata[odoo_reference]": r".{1,500}",
        "off_session": r"True|one_off|recurring",
        "payment_method": ID,
        "payment_method_types[]": TYPES,
        "setup_future_usage": r"on_session|off_session",
        "shipping[name]": TEXT,
    },
    r"POST setup_intents": {
        "customer": ID,
        "description": r".{1,1000}",
        "payment_method_types[]": TYPES,
    },
    r"POST payment_intents/pi_\w+/(capture|cancel)": {},
    r"GET (payment|setup)_intents/\w+": EXPAND,
    r"GET customers/cus_\w+/payment_methods": {},
    r"GET webhook_endpoints": {"limit": WHOLE},
    r"POST webhook_endpoints/we_\w+": {"enabled_events[]": r"[a-z_.]+"},
    r"POST webhook_endpoints": {
        "api_version": r"\d{4}-\d\d-\d\d",
        "enabled_events[]": r"[a-z_.]+",
        "url": r"https?://.+",
    },
}
INTENT = {
    "id": "pi_1",
    "amount": 4500,
    "currency": "usd",
    "client_secret": "pi_1_secret",
    "customer": "cus_1",
    "payment_method": "pm_1",
    "status": "succeeded",
}
RENAMED = (
    "payment_method.automatically_updated",
    "payment_method.card_automatically_updated",
)


class RequestCommon(CardCommon):
    """What is sent to Stripe by Odoo's own code is kept, and answered."""

    def setUp(self):
        super().setUp()
        self.sent = []
        self.answers = {}
        core = next(
            cls
            for cls in self.env.registry["payment.provider"].__mro__
            if cls.__module__ == "odoo.addons.payment.models.payment_provider"
        )

        def send(provider, method, endpoint, *, data=None, params=None, **_options):
            self.sent.append((f"{method} {endpoint}", params or data or {}))
            answer = self.answers.get(endpoint, INTENT)
            if callable(answer):
                answer = answer(data)
            return answer

        seam = patch.object(core, "_send_api_request", send)
        seam.start()
        self.addCleanup(seam.stop)


@tagged("post_install", "-at_install")
class TestRequests(RequestCommon):
    """W24: each request to Stripe is valid for the version that it names."""

    def _check(self, call, data):
        takes = next(
            (names for path, names in TAKES.items() if re.fullmatch(path, call)), None
        )
        self.assertIsNotNone(takes, call)
        # What is None is not sent.
        data = {name: value for name, value in data.items() if value is not None}
        for name, value in data.items():
            self.assertIn(name, takes, call)
            for each in value if isinstance(value, list) else [value]:
                self.assertRegex(str(each), rf"\A({takes[name]})\Z", f"{call} {name}")
        self.assertLessEqual(REQUIRED.get(call.split()[1], set()), set(data), call)
        has_address = any(name.startswith("shipping[") for name in data)
        needs = {"shipping[name]", "shipping[address][line1]"} if has_address else set()
        self.assertLessEqual(needs, set(data), call)

    def test_odoos_own_calls_are_valid(self):
        france = self.env.ref("base.fr").id
        addresses = (
            {},
            {"city": "Paris", "country_id": france},
            {"street": "1 rue de la Paix"},
            {"street": "1 rue", "street2": "B", "city": "Paris", "zip": "75002"},
        )
        for address in addresses:
            self.customer.write(address)
            invoice = self._bill_amounts(45)
            for values in (
                {"operation": "online_direct"},
                {"operation": "online_direct", "tokenize": True},
                {"operation": "online_token", "token_id": self.card.id},
                {"operation": "offline", "token_id": self.card.id},
            ):
                tx = self._begin_online(invoice, **values)
                tx._send_api_request(
                    "POST",
                    "payment_intents",
                    data=tx._stripe_prepare_payment_intent_payload(),
                )
        rupee = self.env.ref("base.INR")
        rupee.active = True
        self.answers["setup_intents"] = lambda _data: {
            **INTENT,
            "id": f"seti_{len(self.sent)}",
        }
        # Mandates of Indian banks are for rupees, which Odoo asks for none.
        for currency in (self.currency, rupee, self.env.ref("base.EUR")):
            saving = self._begin_online(operation="validation", currency_id=currency.id)
            saving._stripe_create_intent()
        paid = self._begin_online(provider_reference="pi_1")
        capture = paid._create_child_transaction(45)
        for step in ("_send_capture_request", "_send_void_request"):
            with patch.object(type(paid), "_process", lambda *_args: None):
                getattr(capture, step)()
        self.provider.stripe_webhook_secret = False
        self.provider.action_stripe_create_webhook()
        Event = self.env["omni.billing.stripe.event"].sudo()  # sudo: a job
        with patch.object(type(paid), "_process", lambda *_args: None):
            Event.new({"provider_id": self.provider.id})._process_standard(
                paid, "payment_intents", "pi_1"
            )
        for call, data in self.sent:
            with self.subTest(call):
                self._check(call, data)
        self.assertEqual(len(self.sent), 4 * len(addresses) + 7)
        with_address = [data for _call, data in self.sent if "shipping[name]" in data]
        self.assertEqual(len(with_address), 8)
        self.assertEqual(with_address[-1]["shipping[address][line2]"], "B")

    def test_webhook_is_for_both_names_of_what_was_renamed(self):
        self.provider.stripe_webhook_secret = False
        self.provider.action_stripe_create_webhook()
        ((_call, data),) = self.sent
        self.assertEqual(data["api_version"], "2019-05-16")
        self.assertLessEqual(set(RENAMED), set(data["enabled_events[]"]))

    def test_webhook_is_made_where_the_old_name_is_refused(self):
        """Stripe takes it for endpoints of old versions, and not of all accounts."""

        def answer(data):
            if RENAMED[1] in data["enabled_events[]"]:
                self._refuse(f"Invalid enabled_events[3]: {RENAMED[1]}")
            return {"secret": "whsec_new"}

        self.answers["webhook_endpoints"] = answer
        self.provider.stripe_webhook_secret = False
        self.provider.action_stripe_create_webhook()
        self.assertEqual(self.provider.stripe_webhook_secret, "whsec_new")
        first, second = (set(data["enabled_events[]"]) for _call, data in self.sent)
        self.assertEqual(first - second, {RENAMED[1]})
        self.answers["webhook_endpoints"] = lambda _data: self._refuse(
            "Invalid API Key provided"
        )
        self.provider.stripe_webhook_secret = False
        with self.assertRaisesRegex(ValidationError, "Invalid API Key"):
            self.provider.action_stripe_create_webhook()
        self.assertEqual(len(self.sent), 3)

    def test_webhook_that_is_there_gets_the_events_it_lacks(self):
        """W33: what it had stays; one of another address is left alone."""
        address = self.provider._get_stripe_webhook_url()
        known = {"charge.refunded", RENAMED[1]}
        endpoints = [
            {"id": "we_1", "url": address, "enabled_events": sorted(known)},
            {"id": "we_2", "url": f"{address}/shop", "enabled_events": ["*"]},
        ]
        self.answers["webhook_endpoints"] = {"data": endpoints}
        self.provider.action_billing_update_webhook()
        _listed, (call, data) = self.sent
        self.assertEqual(call, "POST webhook_endpoints/we_1")
        wanted = self.provider._billing_get_webhook_events()
        self.assertLessEqual(known | wanted, set(data["enabled_events[]"]))
        self._check(call, data)
        endpoints[0]["enabled_events"] = data["enabled_events[]"]
        self.provider.action_billing_update_webhook()
        self.assertEqual(len(self.sent), 3)
        del endpoints[0]
        with self.assertRaisesRegex(UserError, "no webhook with the address"):
            self.provider.action_billing_update_webhook()
        with self.assertRaises(AccessError):
            self.provider.with_user(self.staff).action_billing_update_webhook()

    @staticmethod
    def _refuse(text):
        raise ValidationError(text)

    def test_who_pays_reads_our_words_when_a_call_is_refused(self):
        contexts = []

        self.answers["payment_intents"] = lambda _data: self._refuse("Ours")
        provider = type(self.provider)
        original = provider._send_api_request

        def note_down(self, *args, **kwargs):
            contexts.append(self.env.context.get("billing_explains"))
            return original(self, *args, **kwargs)

        tx = self._begin_online(self._bill_amounts(45))
        with patch.object(provider, "_send_api_request", note_down):
            values = tx._get_processing_values()
        self.assertEqual(contexts, [True])
        self.assertEqual((values["state"], values["state_message"]), ("error", "Ours"))


@tagged("post_install", "-at_install")
class TestCustomersAtStripe(RequestCommon):
    """W4: a partner is one customer, whatever happened before."""

    def _forget(self):
        """Lose what was written, as a rollback does."""
        self.env["omni.billing.stripe.customer"].sudo().search([]).unlink()

    def _get_customer(self):
        return self.provider._billing_get_customer(self.customer)

    def test_rollback_gives_the_same_customer_again(self):
        first = self._get_customer()
        self._forget()
        self.assertEqual(self._get_customer(), first)

    def test_changed_address_after_a_rollback(self):
        """Stripe keeps for a day what came with a key, and refuses all else."""
        self._get_customer()
        self._forget()
        self.customer.email = "other@example.com"
        second = self._get_customer()
        self.assertEqual(
            self.gateway.named[second], ("Acme Rentals", "other@example.com")
        )
        self._forget()
        self.customer.name = "Acme Rentals SA"
        third = self._get_customer()
        self.assertEqual(self.gateway.named[third][0], "Acme Rentals SA")

    def test_stripe_gets_one_address(self):
        expected = {
            "a@x.com, b@x.com": "a@x.com",
            "a@x.com; b@x.com": "a@x.com",
            '"Ann" <Ann@X.com>': "ann@x.com",
            "Ann <a@x.com>, b@x.com": "a@x.com",
            "nobody": "",
            False: "",
        }
        for email, sent in expected.items():
            with self.subTest(email):
                self._forget()
                self.customer.email = email
                reference = self._get_customer()
                self.assertEqual(self.gateway.named[reference][1], sent)

    def test_address_that_stripe_does_not_take_is_left_out(self):
        self.customer.email = "a@x"
        self.gateway.refuse("email_invalid")
        reference = self._get_customer()
        self.assertEqual(self.gateway.named[reference], ("Acme Rentals", ""))
        self._forget()
        self.customer.email = "b@x"
        self.gateway.refuse("api_key_expired")
        with self.assertRaises(GatewayRefused):
            self._get_customer()

    def test_payment_closes_when_there_is_no_customer(self):
        """Saved or paid: the page says so, and nothing of keys and accounts."""
        for values in ({"operation": "validation"}, {"operation": "online_direct"}):
            for plan, words in (
                (("refuse", "api_key_expired"), "did not accept"),
                (("lose", False), "no answer"),
            ):
                with self.subTest(plan=plan, **values):
                    invoice = (
                        self._bill_amounts(45) if "direct" in str(values) else None
                    )
                    tx = self._begin_online(invoice, **values)
                    self.gateway.plan.append(plan)
                    told = tx._get_processing_values()
                    self.assertEqual(told["state"], "error")
                    self.assertIn(words, told["state_message"])
                    self.assertNotIn("acct_", str(told))
                    self.assertEqual(told["client_secret"], "")
        self.assertFalse(self.sent)
