"""Messages to other programs; runs in a fork of ``worker``."""

from __future__ import annotations

from odoo.addons.omni_billing.gateways.webhook_messages import check_url
from odoo.addons.omni_billing.gateways.webhooks import WebhookGateway

from tests.faults import people
from tests.faults.worker import wrap

#: Where a process that sends can be stopped, and what that is.
STEPS = {
    "begun": "the attempt is written, not committed",
    "before the call": "the attempt is committed, nothing sent",
    "answered": "the program has answered, nothing of it is written",
    "committed": "the outcome is committed",
}


def stop_at(registry, step, stop):
    """Have the fork stop when it first comes to a step."""

    def pause(_self):
        stop(step)

    if step == "begun":
        rows = registry["omni.billing.webhook.delivery"]
        wrap(rows, "_begin", after=lambda self: self.env.flush_all())
        wrap(rows, "_begin", after=pause)
    elif step == "before the call":
        wrap(WebhookGateway, "send", before=pause)
    elif step == "answered":
        wrap(WebhookGateway, "send", after=pause)
    else:
        raise ValueError(step)


def listen(env, url):
    """Have a program be told of everything; return its secret, and what it is."""
    check_url(url, url)
    env["ir.config_parameter"].set_param("omni_billing.webhook_local_base", url)
    webhook = env["omni.billing.webhook"].create({"name": "Program", "url": url})
    action = webhook.action_show_secret()
    return {"id": webhook.id, "secret": action["context"]["default_secret"]}


def hush(env, webhook):
    """Have it be told of nothing any more."""
    env["ir.config_parameter"].set_param("omni_billing.webhook_local_base", "")
    env["omni.billing.webhook"].browse(webhook).unlink()


def add_case(env, users, name):
    """Add an invoice, which is told of."""
    return people.add_case(env, users, name, ["Fibre"], 45, is_billed=True)


def tell_nothing(env, webhook):
    """Have the outbox be empty."""
    env["omni.billing.webhook.delivery"].search([("webhook_id", "=", webhook)]).unlink()


def send_due(env):
    """Run the job that sends what is due."""
    env["omni.billing.webhook"]._cron_send()


def come_due(env, webhook):
    """Let the time pass after which a message is sent again."""
    rows = env["omni.billing.webhook.delivery"].search(
        [("webhook_id", "=", webhook), ("state", "=", "queued")]
    )
    rows.next_try = "2020-01-01"


def read(env, webhook):
    """Read the outbox, in the order in which things happened."""
    rows = env["omni.billing.webhook.delivery"].search(
        [("webhook_id", "=", webhook)], order="id"
    )
    return [{"kind": row.kind, "key": row.key, "state": row.state} for row in rows]


pay = people.pay
