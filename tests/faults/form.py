"""Odoo's own payment form, and the way back to it; runs in a fork of ``worker``.

A customer begins to pay with the link of an invoice, confirms at Stripe (which the test
does), comes back to Odoo, and looks at the page that tells how it went, which books it.
"""

from __future__ import annotations

import json

from werkzeug.test import Client

from odoo import http

from tests.faults import ours
from tests.faults.worker import wrap

#: Where a process can be stopped, and what that is.
STEPS = {
    "intent unmade": "the attempt is written, Stripe not asked for an intent",
    "intent made": "Stripe has made the intent, nothing is committed",
    "outcome read": "back from Stripe: it has told the outcome, nothing is written",
    "outcome written": "back from Stripe: the outcome is written, not committed",
    "unbooked": "the page of the status, or a job, is about to book",
    "booked": "it has booked, and not committed",
}


def stop_at(registry, step, stop):
    """Have the fork stop when it first comes to a step."""
    payments = registry["payment.transaction"]

    def pause(_self):
        stop(step)

    def pause_written(self):
        self.env.flush_all()
        stop(step)

    if step == "intent unmade":
        wrap(payments, "_stripe_create_intent", before=pause_written)
    elif step == "intent made":
        wrap(payments, "_stripe_create_intent", after=pause_written)
    elif step == "outcome read":
        wrap(payments, "_process", before=pause)
    elif step == "outcome written":
        wrap(payments, "_process", after=pause_written)
    elif step == "unbooked":
        wrap(payments, "_post_process", before=pause)
    elif step == "booked":
        wrap(payments, "_post_process", after=pause_written)
    else:
        raise ValueError(step)


def prepare(env, case):
    """Publish the form, and give what a browser needs to begin."""
    provider = env.ref("payment.payment_provider_stripe")
    provider.is_published = True
    invoice = env["account.move"].browse(case["invoice"])
    return {
        "token": invoice._portal_ensure_token(),
        "amount": invoice.amount_residual,
        "form": {
            "provider_id": provider.id,
            "payment_method_id": env.ref("payment.payment_method_card").id,
            "token_id": None,
            "flow": "direct",
            "tokenization_requested": False,
            "landing_route": "/my",
        },
    }


def begin(path, **params):
    """Begin to pay; return what the browser goes on with, or why it cannot."""
    client = Client(http.root)
    answer = _call(client, path, **params)
    if "error" in answer:
        return {"error": answer["error"]["data"]["message"]}
    return {
        "reference": answer["result"]["reference"],
        "secret": answer["result"].get("client_secret"),
        "session": client.get_cookie("session_id").value,
    }


begin.is_web = True


def come_back(session, reference, intent):
    """Come back from Stripe; return the status of the answer."""
    query = {"reference": reference, "payment_intent": intent}
    client = _open(session)
    path = "/payment/stripe/return"
    return client.get(path, base_url="http://localhost", query_string=query).status_code


come_back.is_web = True


def look(session):
    """Look at the page of the status; return the state of the payment."""
    answer = _call(_open(session), "/payment/status/poll")
    if "error" in answer:
        return answer["error"]["data"]["message"]
    return answer["result"]["state"]


look.is_web = True


def process_events(env):
    """Run the job that works on events."""
    ours.process_events(env)


def _open(session):
    client = Client(http.root)
    client.set_cookie("session_id", session)
    return client


def _call(client, path, **params):
    return client.post(
        path,
        base_url="http://localhost",
        data=json.dumps({"jsonrpc": "2.0", "params": params}),
        content_type="application/json",
        environ_base={"REMOTE_ADDR": "127.0.0.1"},
    ).get_json()
