"""The same, with Odoo's own addons only: account_payment and payment_stripe."""

from __future__ import annotations

import requests

from odoo import SUPERUSER_ID
from odoo.fields import Command

from tests.faults import shared
from tests.faults.worker import wrap

read_money = shared.read_money
receive = shared.receive
touch_invoice = shared.touch_invoice

world: dict[str, str] = {}


def prepare(registry):
    """Point it at the test server."""
    original = requests.request

    def request(*args, **options):
        options["timeout"] = world.get("patience", options.get("timeout"))
        return original(*args, **options)

    requests.request = request
    providers = registry["payment.provider"]
    other = providers._build_request_url

    def build_request_url(self, endpoint, **options):
        if self.code != "stripe":
            return other(self, endpoint, **options)
        parameters = self.env["ir.config_parameter"].sudo()
        base = world.get("stripe") or parameters.get_param("faults.stripe")
        return f"{base}/v1/{endpoint}"

    providers._build_request_url = build_request_url


def warm_up(env):
    """Do what is done often, for the caches."""
    case = add_case(env, "First", "cus_1", "pm_1", 1)
    pay_cash(env, case)
    read(env, case)


def apply(new_world):
    """Put this fork into a world of its own.

    Stripe may have another address there, and be waited for for another time.
    """
    world.update(new_world)


def stop_at(registry, step, stop):
    """Have the fork stop when it first comes to a step."""

    def pause(_self):
        stop(step)

    payments = registry["payment.transaction"]
    if step == "before the call":
        wrap(payments, "_send_api_request", before=pause)
    elif step == "answered":
        wrap(payments, "_send_api_request", after=pause)
    elif step in ("attempt unsaved", "unbooked", "uncommitted"):
        # It commits once, at the end: these are one.
        wrap(payments, "_process", after=lambda self: self.env.flush_all())
        wrap(payments, "_process", after=pause)
    else:
        raise ValueError(step)


def set_up(env, stripe_url, key):
    """Make a company that charges cards, and two people who do."""
    env["ir.config_parameter"].set_param("faults.stripe", stripe_url)
    return shared.set_up(env, stripe_url, key, groups=["account.group_account_manager"])


def add_case(env, name, customer, card, amount):
    """Add a customer with a saved card and an invoice."""
    partner, token = shared.add_customer(env, name, customer, card)
    # Odoo sends each part of an address, and Stripe refuses those that are empty.
    partner.write(
        {
            "street": "1 Main St",
            "street2": "Floor 2",
            "city": "Dover",
            "zip": "19901",
            "state_id": env.ref("base.state_us_8").id,
            "country_id": env.ref("base.us").id,
        }
    )
    line = {"name": "Fibre", "price_unit": amount, "tax_ids": [Command.clear()]}
    invoice = env["account.move"].create(
        {
            "move_type": "out_invoice",
            "partner_id": partner.id,
            "invoice_line_ids": [Command.create(line)],
        }
    )
    invoice.action_post()
    return {"partner": partner.id, "token": token.id, "invoice": invoice.id}


def charge(env, case, amount=None):
    """Pay an invoice by card, in the dialog Pay of an invoice."""
    # sudo: people do not read providers.
    provider = env.ref("payment.payment_provider_stripe").sudo()
    journal = provider.journal_id
    line = journal.inbound_payment_method_line_ids.filtered(
        lambda line: line.payment_provider_id == provider
    )
    values = {"payment_token_id": case["token"]}
    return _register(env, case, journal, line, amount, values)


def pay_cash(env, case, amount=None):
    """Record cash, in the same dialog."""
    line = (
        env["account.journal"]
        .search([("type", "in", ("cash", "bank"))])
        .inbound_payment_method_line_ids.filtered(lambda line: line.code == "manual")
    )[:1]
    journal = line.journal_id
    return _register(env, case, journal, line, amount, {})


def _register(env, case, journal, line, amount, more):
    values = {"journal_id": journal.id, "payment_method_line_id": line.id, **more}
    if amount:
        values["amount"] = amount
    context = {"active_model": "account.move", "active_ids": [case["invoice"]]}
    wizard = env["account.payment.register"].with_context(**context).create(values)
    wizard.action_create_payments()
    payments = (
        env["payment.transaction"]
        .sudo()
        .search([("partner_id", "=", case["partner"]), ("operation", "!=", "refund")])
    )
    return payments[:1].state or "done"


def refund(env, case, amount=None):
    """Refund a payment, in the dialog Refund of a payment."""
    payment = env["account.payment"].search(
        [
            ("partner_id", "=", case["partner"]),
            ("payment_type", "=", "inbound"),
            ("payment_transaction_id", "!=", False),
            ("state", "in", ("in_process", "paid")),
        ],
        limit=1,
    )
    values = {"payment_id": payment.id}
    if amount:
        values["amount_to_refund"] = amount
    wizard = env["payment.refund.wizard"].create(values)
    wizard.action_refund()


def void(env, case):
    """Cancel an unpaid invoice."""
    invoice = env["account.move"].browse(case["invoice"])
    invoice.button_draft()
    invoice.button_cancel()


def delete_card(env, case):
    """Archive a saved card."""
    # sudo: the customer does it in the portal, by a controller that does so.
    env["payment.token"].sudo().browse(case["token"]).active = False


def post_process(env):
    """Run the job by which Odoo books payments."""
    env["payment.transaction"]._cron_post_process()


def read(env, case):
    """Read all that the checks need."""
    result = shared.read(env, case)
    invoice = env["account.move"].browse(case["invoice"])
    state = invoice.payment_state
    attempts = env(user=SUPERUSER_ID)["payment.transaction"].search(
        [("partner_id", "=", case["partner"])]
    )
    result.update(
        state={"not_paid": "unpaid", "in_payment": "paid"}.get(state, state)
        if invoice.state == "posted"
        else "void",
        open=len(attempts.filtered(lambda tx: tx.state in ("draft", "pending"))),
    )
    return result
