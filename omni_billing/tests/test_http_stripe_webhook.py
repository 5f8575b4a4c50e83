import hashlib
import hmac
import json
import time

from odoo.tests import tagged
from odoo.tools import mute_logger

from .card_common import CardCommon
from .http_common import PatientHttpCase

URL = "/payment/stripe/webhook"


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
