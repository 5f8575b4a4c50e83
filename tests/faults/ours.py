"""What people and jobs do with Omni Billing; runs in a fork of ``worker``."""

from __future__ import annotations

from odoo.fields import Command

from odoo.addons.omni_billing.gateways import stripe as gateway
from odoo.addons.omni_billing.gateways.stripe import StripeGateway

from tests.faults import shared
from tests.faults.worker import wrap

read_money = shared.read_money
receive = shared.receive
touch_invoice = shared.touch_invoice

#: Where a process can be stopped, and what that is.
STEPS = {
    "attempt unsaved": "the attempt is written, not committed",
    "before the call": "the attempt is committed, Stripe not called",
    "answered": "Stripe has answered, nothing of it is written",
    "unbooked": "the outcome is committed, not booked",
    "uncommitted": "it is booked, not committed",
}


def prepare(registry):
    """Wait for Stripe for a second where production waits for ten."""
    gateway.TIMEOUT = (3, 1)


def apply(world):
    """Put this fork into a world of its own: another address of Stripe."""
    if url := world.get("stripe"):
        original = gateway.stripe.StripeClient

        def client(key, base_addresses, **options):
            return original(key, base_addresses={"api": url}, **options)

        gateway.stripe.StripeClient = client


def stop_at(registry, step, stop):
    """Have the fork stop when it first comes to a step."""

    def pause(_self):
        stop(step)

    def pause_with_snapshot(self):
        self.env.cr.execute("SELECT 1")
        stop(step)

    moves, payments = registry["account.move"], registry["payment.transaction"]
    if step == "attempt unsaved":
        wrap(moves, "_billing_start_charge", after=pause)
        wrap(moves, "_billing_start_refund", after=pause)
    elif step == "before the call":
        wrap(StripeGateway, "charge", before=pause)
        wrap(StripeGateway, "refund", before=pause)
    elif step == "answered":
        wrap(StripeGateway, "charge", after=pause)
        wrap(StripeGateway, "refund", after=pause)
    elif step == "unbooked":
        wrap(payments, "_post_process", before=pause_with_snapshot)
    elif step == "uncommitted":
        wrap(payments, "_billing_close", after=lambda self: self.env.flush_all())
        wrap(payments, "_billing_close", after=pause)
    elif step == "before the next refund":
        start = moves._billing_start_refund

        def start_refund(self, amount, earlier, note=None):
            if earlier:
                pause_with_snapshot(self)
            return start(self, amount, earlier, note)

        moves._billing_start_refund = start_refund
    elif step == "refunds listed":
        wrap(StripeGateway, "list_refunds", before=pause)
    else:
        raise ValueError(step)


def set_up(env, stripe_url, key):
    """Make a company that charges cards, and two people who do."""
    return shared.set_up(
        env,
        stripe_url,
        key,
        groups=[
            "omni_billing.omni_billing_group_manager",
            "account.group_account_invoice",
        ],
    )


def add_case(env, name, customer, card, amount):
    """Add a customer with a saved card and an invoice."""
    partner, token = shared.add_customer(env, name, customer, card)
    # What a failed test has left would disturb the jobs of this one.
    env["omni.billing.stripe.event"].search([]).unlink()
    env["payment.transaction"].search([]).billing_is_open = False
    env["omni.billing.transaction"].create(
        {
            "name": "Fibre",
            "partner_id": partner.id,
            "retail_cost": amount,
            "tax_ids": [Command.clear()],
        }
    )
    wizard = env["omni.billing.proforma.wizard"].create({"partner_id": partner.id})
    invoice = wizard.action_generate()["res_id"]
    return {"partner": partner.id, "token": token.id, "invoice": invoice}


def charge(env, case, amount=None):
    """Pay an invoice by card, in the dialog."""
    return _pay(env, case, "stripe", amount)


def pay_cash(env, case, amount=None):
    """Record cash, in the dialog."""
    return _pay(env, case, "cash", amount)


def _pay(env, case, mode, amount):
    values = {"invoice_ids": [Command.set([case["invoice"]])], "mode": mode}
    if amount:
        values["amount"] = amount
    wizard = env["omni.billing.payment.wizard"].create(values)
    return wizard.action_pay()["params"]["type"]


def refund(env, case, amount=None):
    """Refund an invoice to the card, in the dialog."""
    values = {"invoice_id": case["invoice"]}
    if amount:
        values["amount"] = amount
    wizard = env["omni.billing.card.refund.wizard"].create(values)
    return wizard.action_refund()["params"]["type"]


def void(env, case):
    """Void an invoice."""
    return env["account.move"].browse(case["invoice"]).action_billing_void()


def delete_card(env, case):
    """Delete a saved card."""
    return env["payment.token"].browse(case["token"]).action_billing_delete()


def ask_stripe(env):
    """Run the job that asks for lost answers."""
    env["payment.transaction"]._cron_resolve()


def process_events(env):
    """Run the job that works on events."""
    env["omni.billing.stripe.event"]._cron_process()


def detach_cards(env):
    """Run the job that detaches deleted cards."""
    env["payment.token"]._cron_detach_cards()


def post_process(env):
    """Run the job by which Odoo itself books payments."""
    env["payment.transaction"]._cron_post_process()


def read(env, case):
    """Read all that the checks need."""
    result = shared.read(env, case)
    invoice = env["account.move"].browse(case["invoice"])
    attempts = env["payment.transaction"].search([("partner_id", "=", case["partner"])])
    entries = env["omni.billing.transaction"].search(
        [
            ("commercial_partner_id", "=", case["partner"]),
            ("state", "=", "invoiced"),
        ]
    )
    result.update(
        state=invoice.billing_state,
        open=len(attempts.filtered("billing_is_open"))
        + bool(invoice.billing_attempt_id),
        mails=env["mail.mail"].search_count(
            [("model", "=", "account.move"), ("res_id", "=", invoice.id)]
        ),
        ledger=round(sum(entries.mapped("amount_total")), 2),
        events=env["omni.billing.stripe.event"]
        .search([])
        .filtered(lambda event: event.state in ("new", "failed"))
        .mapped("event_type"),
    )
    return result
