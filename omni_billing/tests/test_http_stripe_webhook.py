import hashlib
import hmac
import json
import time
from unittest.mock import patch

from odoo.tests import tagged
from odoo.tools import mute_logger

from odoo.addons.omni_billing import gateways
from odoo.addons.omni_billing.exceptions import GatewayDenied

from .card_common import CardCommon
from .http_common import PatientHttpCase

URL = "/payment/stripe/webhook"
CONTROLLER = "odoo.addons.omni_billing.controllers.stripe_webhook"


@tagged("post_install", "-at_install")
class TestStripeWebhook(CardCommon, PatientHttpCase):
    """W3: signature first and always; kept once; answered at once."""

    def _send(self, event, secret="whsec_test", age=0, header=None):
        payload = event if isinstance(event, bytes) else json.dumps(event).encode()
        moment = int(time.time()) - age
        signed = b"%d.%s" % (moment, payload)
        signature = hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()
        return self.url_open(
            URL,
            data=payload,
            headers={
                "Content-Type": "application/json",
                "Stripe-Signature": f"t={moment},v1={signature}"
                if header is None
                else header,
            },
        )

    def _find_events(self):
        # sudo: the webhook's own rights.
        return self.env["omni.billing.stripe.event"].sudo().search([])

    def _make_event(self, event_ref="evt_1"):
        return {
            "id": event_ref,
            "object": "event",
            "type": "payment_intent.succeeded",
            "data": {"object": {"id": "pi_nobody", "object": "payment_intent"}},
        }

    def test_right_signature_is_kept_once(self):
        for _time in range(2):
            answer = self._send(self._make_event())
            self.assertEqual(answer.status_code, 200)
        self.assertRecordValues(
            self._find_events(),
            [
                {
                    "event_ref": "evt_1",
                    "object_ref": "pi_nobody",
                    "state": "new",
                    "provider_id": self.provider.id,
                }
            ],
        )

    @mute_logger(CONTROLLER)
    def test_without_the_sdk_stripe_is_asked_to_come_again(self):
        missing = GatewayDenied("no_sdk", "stripe>=16 (missing)")
        with patch.object(gateways, "load", side_effect=missing):
            self.assertEqual(self._send(self._make_event()).status_code, 503)
        self.assertFalse(self._find_events())
        self.assertEqual(self._send(self._make_event()).status_code, 200)
        self.assertTrue(self._find_events())

    @mute_logger("odoo.addons.omni_billing.controllers.stripe_webhook")
    def test_everything_else_is_refused(self):
        event = self._make_event()
        for answer in (
            self._send(event, secret="whsec_other"),
            self._send(event, header=""),
            self._send(event, header="t=1,v1=0"),
            self._send(event, age=3600),
            self._send(event, age=-3600),
            self._send(b"not json"),
            self._send(b"[]"),
            self._send(b"{}"),
            self._send(b"x" * 1_000_001),
        ):
            self.assertEqual(answer.status_code, 400)
        self.assertFalse(self._find_events())

    @mute_logger("odoo.addons.omni_billing.controllers.stripe_webhook")
    def test_no_secret_means_no(self):
        """An unsigned event of anybody would mark invoices as paid."""
        self.provider.stripe_webhook_secret = False
        self.assertEqual(self._send(self._make_event(), secret="").status_code, 400)
        self.assertEqual(self._send(self._make_event()).status_code, 400)
        self.assertFalse(self._find_events())

    def test_what_is_no_event_is_refused_with_a_message(self):
        event = self._make_event()
        deep = "[" * 100_000 + "]" * 100_000
        for odd in (
            {**event, "account": "a\0b"},
            {**event, "id": ["evt_1"]},
            deep.encode(),
            b'{"id": "evt_2", "type": "x", "data": %s}' % deep.encode(),
        ):
            with self.subTest(str(odd)[:40]), mute_logger(CONTROLLER):
                self.assertEqual(self._send(odd).status_code, 400)
        self.assertFalse(self._find_events())

    def test_event_without_data_is_kept(self):
        """It may mean something to a person."""
        for number, data in enumerate((None, [], {"object": None}, {"object": 7})):
            event = self._make_event(f"evt_{number}") | {"data": data}
            self.assertEqual(self._send(event).status_code, 200)
        self.assertEqual(len(self._find_events()), 4)

    def test_event_that_names_nothing_is_about_nothing(self):
        """Not about the payments and cards that have no name at Stripe (yet)."""
        invoice = self._bill_amounts(45)
        self._begin_online(invoice)
        card = self.card
        dispute = {"id": "dp_1", "object": "dispute", "payment_intent": None}
        for number, (kind, data) in enumerate(
            (
                ("charge.dispute.created", {"object": dispute}),
                ("charge.dispute.created", None),
                ("customer.deleted", None),
                ("customer.deleted", {"object": {}}),
                ("payment_method.detached", {"object": {}}),
                ("refund.created", {"object": {"id": "re_1"}}),
                ("setup_intent.succeeded", {"object": {"id": "seti_1"}}),
            )
        ):
            event = self._make_event(f"evt_{number}") | {"type": kind, "data": data}
            self.assertEqual(self._send(event).status_code, 200)
        # sudo: as the job.
        self.env["omni.billing.stripe.event"].sudo()._cron_process()
        self.assertEqual(set(self._find_events().mapped("state")), {"unknown"})
        self.assertFalse(invoice.billing_dispute)
        self.assertTrue(card.active)

    def test_a_conflict_logs_no_payload(self):
        """What an event holds is the customer's, and a log is read by many."""
        execute = type(self.env.cr).execute
        seen = []

        def look(cursor, query, params=None, log_exceptions=True):
            if 'INTO "omni_billing_stripe_event"' in str(getattr(query, "code", query)):
                seen.append(log_exceptions)
            return execute(cursor, query, params, log_exceptions)

        with patch.object(type(self.env.cr), "execute", look):
            # sudo: as the webhook.
            Event = self.env["omni.billing.stripe.event"].sudo()
            Event._store(self.provider, self._make_event())
        self.assertEqual(seen, [False])
