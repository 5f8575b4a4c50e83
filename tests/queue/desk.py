"""What people do and see; runs in ``worker``."""

from __future__ import annotations

from odoo import fields
from odoo.fields import Command

from tests.faults import ours, shared

PRICE = 10


def set_up(env, stripe_url, key, smtp_port):
    """Make a company that charges cards and sends e-mail."""
    users = ours.set_up(env, stripe_url=stripe_url, key=key)
    env["res.users"].browse(users["ann"]).email = "ann@example.com"
    env.company.email = "billing@example.com"
    env["ir.mail_server"].create(
        {"name": "Local", "smtp_host": "127.0.0.1", "smtp_port": smtp_port}
    )
    return users


def add_customers(env, count, email=""):
    """Add customers with two charges each; their e-mail addresses are numbered."""
    env["omni.billing.transaction"].search([("state", "=", "unbilled")]).action_void()
    partners = env["res.partner"].create(
        [
            {
                "name": f"Customer {number}",
                "email": f"{email}{number}@example.com" if email else False,
            }
            for number in range(count)
        ]
    )
    _charge(env, partners, 2)
    return partners.ids


def add_services(env, count):
    """Add customers with a service each, whose first month is due; no other is."""
    env["omni.billing.service"].search([]).write({"active": False})
    env["omni.billing.transaction"].search([("state", "=", "unbilled")]).action_void()
    partners = env["res.partner"].create(
        [{"name": f"Subscriber {number}"} for number in range(count)]
    )
    env["omni.billing.service"].create(
        [
            {
                "name": "Fibre",
                "partner_id": partner.id,
                "price_unit": PRICE,
                "unit": "month",
                "date_start": fields.Date.today(),
                "tax_ids": [Command.clear()],
            }
            for partner in partners
        ]
    )
    return partners.ids


def add_cards(env, cards):
    """Add customers with a saved card and a charge each."""
    env["omni.billing.transaction"].search([("state", "=", "unbilled")]).action_void()
    partners = env["res.partner"]
    for number, (customer, card) in enumerate(cards):
        partner, _token = shared.add_customer(env, f"Card {number}", customer, card)
        partner.email = f"card{number}@example.com"
        partners |= partner
    _charge(env, partners, 1)
    return partners.ids


def forget_payments(env):
    """Have Odoo look for the journal of card payments as if there had been none yet."""
    env.cr.execute(
        "UPDATE account_payment_method_line SET payment_provider_id = NULL,"
        " journal_id = NULL WHERE payment_provider_id = %s",
        [env.ref("payment.payment_provider_stripe").id],
    )


def _charge(env, partners, count):
    env["omni.billing.transaction"].create(
        [
            {
                "name": f"Charge {number}",
                "partner_id": partner.id,
                "retail_cost": PRICE + number,
                "tax_ids": [Command.clear()],
            }
            for partner in partners
            for number in range(count)
        ]
    )


def start_run(env, by, **values):
    """Begin a run, as the button does."""
    run = env["omni.billing.run"].with_user(by).create(values)
    run.action_start()
    return run.id


def read(env, customers):
    """Read the invoices: customer, amount and state."""
    moves = env["account.move"].search(
        [("partner_id", "in", customers), ("move_type", "=", "out_invoice")]
    )
    return sorted(
        [move.partner_id.id, move.amount_total, move.state, move.billing_state]
        for move in moves
    )
