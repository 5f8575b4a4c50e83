"""Brings Stripe's events to the server as they happen, while people use the browser."""

from __future__ import annotations

import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager

from dev.pytest_e2e import DemoServer, Rpc
from strict_stripe import WEBHOOK_SECRET, StripeServer
from tests.fakes.endpoint import Endpoint

#: Seconds after which Stripe tells: about when its answer is written.
DELAY = 0.1


@contextmanager
def events_come(server: DemoServer, stripe: StripeServer) -> Iterator[None]:
    """Have each event come, and worked on at once, as by Odoo's scheduler."""
    # The connection of the stories is not for two threads.
    admin = Rpc(server.url, server.database, "admin", "admin")
    job = server.ref("omni_billing.ir_cron_process_events")
    one_at_a_time = threading.Lock()

    def take(body: bytes, headers: dict[str, str]) -> int:
        kept = {name: headers[name] for name in ("Content-Type", "Stripe-Signature")}
        url = f"{server.url}/payment/stripe/webhook"
        request = urllib.request.Request(url, body, kept)
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(request, timeout=120) as answer:
                status = answer.status
        except urllib.error.HTTPError as error:
            return error.code
        with one_at_a_time:
            admin.call("ir.cron", "method_direct_trigger", [job])
        return status

    endpoint = Endpoint(take)
    stripe.add_webhook(endpoint.url, WEBHOOK_SECRET, api_version="2019-05-16")
    stripe.send_webhooks(delay=DELAY)
    try:
        yield
        stripe.wait_for_deliveries()
        assert not endpoint.crashes, endpoint.crashes
    finally:
        stripe.hold_webhooks()
        endpoint.close()
