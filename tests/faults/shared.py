"""What is the same with and without Omni Billing; runs in a fork of ``worker``."""

from __future__ import annotations

import base64

from werkzeug.test import Client

from odoo import http
from odoo.fields import Command


def set_up(env, stripe_url, key, groups):
    """Make a company that charges cards, and two people who do."""
    provider = env.ref("payment.payment_provider_stripe")
    provider.write(
        {
            "stripe_publishable_key": "pk_test_12345",
            "stripe_secret_key": key,
            "stripe_webhook_secret": "whsec_test",
            "allow_tokenization": True,
            "state": "test",
        }
    )
    env.ref("payment.payment_method_card").active = True
    return add_users(env, dict.fromkeys(("ann", "ben"), groups))


def add_users(env, groups):
    """Add users; return their ids.

    :param dict groups: by name, the groups of each, beside that of all users.
    """
    users = env["res.users"].create(
        [
            {
                "name": name,
                "login": name,
                "group_ids": [
                    Command.set(
                        [env.ref(group).id for group in [*names, "base.group_user"]]
                    )
                ],
            }
            for name, names in groups.items()
        ]
    )
    return dict(zip(groups, users.ids, strict=True))


def add_customer(env, name, customer, card):
    """Add a customer whose card is saved; nobody else has anything under way."""
    env["payment.transaction"].search(
        [("is_post_processed", "=", False)]
    ).is_post_processed = True
    partner = env["res.partner"].create({"name": name})
    token = env["payment.token"].create(
        {
            "provider_id": env.ref("payment.payment_provider_stripe").id,
            "payment_method_id": env.ref("payment.payment_method_card").id,
            "partner_id": partner.id,
            "provider_ref": customer,
            "payment_details": "4242",
            "stripe_payment_method": card,
        }
    )
    if hasattr(token, "_billing_agree"):  # Odoo alone asks for none.
        token._billing_agree("paper")
    return partner, token


def touch_invoice(env, case):
    """Change an invoice as somebody does who edits a note on it."""
    env.cr.execute(
        "UPDATE account_move SET write_date = now() at time zone 'UTC' WHERE id = %s",
        [case["invoice"]],
    )


def receive(events):
    """Have Odoo's web server take events of Stripe; return its answers' statuses."""
    client = Client(http.root)
    return [
        client.post(
            "/payment/stripe/webhook",
            base_url="http://localhost",
            data=base64.b64decode(event["body"]),
            headers=event["headers"],
        ).status_code
        for event in events
    ]


receive.is_web = True


def read_money(env, case):
    """Sum what was booked: by card in and out, and otherwise."""
    sums = {"card_in": 0.0, "card_out": 0.0, "other": 0.0}
    for payment in env["account.payment"].search(
        [("partner_id", "=", case["partner"])]
    ):
        if payment.state not in ("in_process", "paid"):
            continue
        if payment.payment_method_line_id.payment_provider_id:
            is_in = payment.payment_type == "inbound"
            sums["card_in" if is_in else "card_out"] += payment.amount
        else:
            sums["other"] += payment.amount
    return {name: round(amount, 2) for name, amount in sums.items()}


def read(env, case):
    """Read the books of a customer."""
    invoice = env["account.move"].browse(case["invoice"])
    lines = env["account.move.line"].search(
        [
            ("partner_id", "=", case["partner"]),
            ("account_type", "=", "asset_receivable"),
            ("parent_state", "=", "posted"),
        ]
    )
    refunds = env["payment.transaction"].search(
        [
            ("partner_id", "=", case["partner"]),
            ("operation", "=", "refund"),
            ("state", "in", ("pending", "done")),
        ]
    )
    return {
        **read_money(env, case),
        "total": invoice.amount_total,
        "residual": invoice.amount_residual,
        "receivable": round(sum(lines.mapped("balance")), 2),
        # What a person sees on the screen, whether it is booked yet or not.
        "refunds_seen": round(-sum(refunds.mapped("amount")), 2),
        "todos": len(invoice.activity_ids),
    }


def read_books(env, partners):
    """Read what `books.agree` checks: the entries and our ledger, of some customers."""
    lines = env["account.move.line"].search(
        [
            ("move_id.commercial_partner_id", "in", partners),
            ("parent_state", "=", "posted"),
        ]
    )
    transactions = env["omni.billing.transaction"].search(
        [("commercial_partner_id", "in", partners), ("state", "=", "invoiced")]
    )
    return {
        "lines": [
            {
                "move": line.move_id.id,
                "partner": line.partner_id.id,
                "account": line.account_type,
                "balance": line.balance,
                "transaction": line.billing_transaction_id.id,
            }
            for line in lines
        ],
        "transactions": [
            {
                "id": transaction.id,
                "partner": transaction.commercial_partner_id.id,
                "is_payment": transaction.transaction_type == "payment",
                "amount": transaction.amount_total,
                "invoice": transaction.invoice_id.id,
                "total": transaction.invoice_id.amount_total_signed,
                "state": transaction.invoice_id.state,
            }
            for transaction in transactions
        ],
    }
