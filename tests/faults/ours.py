"""What people and jobs do with Omni Billing; runs in a fork of ``worker``."""

from __future__ import annotations

import json
from datetime import timedelta

from stripe import HTTPClient
from werkzeug.test import Client

from odoo import fields, http
from odoo.fields import Command

from odoo.addons.omni_billing import const
from odoo.addons.omni_billing.gateways import stripe as gateway
from odoo.addons.omni_billing.gateways.stripe import StripeGateway
from odoo.addons.omni_billing.models.cards import (
    omni_billing_stripe_event,
    payment_transaction_debit,
)

from tests.faults import shared
from tests.faults.worker import wrap

read_money = shared.read_money
receive = shared.receive
touch_invoice = shared.touch_invoice

#: Where a process can be stopped, and what that is.
STEPS = {
    "looked": "they have seen how the invoice was, and are about to lock it",
    "attempt unsaved": "the attempt is written, not committed",
    "before the call": "the attempt is committed, Stripe not called",
    "answered": "Stripe has answered, nothing of it is written",
    "unbooked": "the outcome is committed, not booked",
    "uncommitted": "it is booked, not committed",
    "cash booked": "cash is booked, not committed",
    "told": "a message is in the outbox, not committed",
}


def prepare(registry):
    """Repeat a call at once where production pauses before it.

    And ask for an answer, or work on an event again, at once, where production lets a
    call have its minute.
    """
    HTTPClient.INITIAL_DELAY = HTTPClient.MAX_DELAY = 0.01
    const.CALL_GRACE = timedelta(0)
    omni_billing_stripe_event.FIRST_WAIT = timedelta(0)
    payment_transaction_debit.ASK_EVERY = timedelta(0)


def warm_up(env):
    """Do what is done often, for the caches."""
    case = add_case(env, "First", "cus_1", "pm_1", 1)
    pay_cash(env, case)
    read(env, case)


def apply(world):
    """Put this fork into a world of its own.

    Stripe may have another address there, and be waited for for another time.
    """
    if seconds := world.get("patience"):
        gateway.TIMEOUT = (3, seconds)
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
    if step == "looked":
        wrap(moves, "_billing_lock", before=pause_with_snapshot)
    elif step == "attempt unsaved":
        wrap(payments, "_billing_begin", before=pause)
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
        create = moves._billing_create_refund
        amounts = []

        def create_refund(self, amount, *values, **options):
            if amounts:
                pause_with_snapshot(self)
            amounts.append(amount)
            return create(self, amount, *values, **options)

        moves._billing_create_refund = create_refund
    elif step == "told":
        wrap(moves, "_billing_queue", after=lambda self: self.env.flush_all())
        wrap(moves, "_billing_queue", after=pause)
    elif step == "cash booked":
        wrap(moves, "_billing_pay", after=lambda self: self.env.flush_all())
        wrap(moves, "_billing_pay", after=pause)
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
    env["payment.transaction"].search(
        [("billing_is_open", "=", True)]
    ).billing_is_open = False
    invoice = _bill(env, partner, amount)
    return {"partner": partner.id, "token": token.id, "invoice": invoice}


def add_account(env, case, account, mandate, notice_days=0):
    """Save a bank account, which is charged from now on; return its id."""
    card = env["payment.token"].browse(case["token"])
    card.company_id.write(
        {"billing_debits": True, "billing_debit_notice_days": notice_days}
    )
    method = env.ref("payment.payment_method_ach_direct_debit")
    token = card.create(
        {
            "provider_id": card.provider_id.id,
            "payment_method_id": method.id,
            "partner_id": card.partner_id.id,
            "provider_ref": card.provider_ref,
            "payment_details": "6789",
            "stripe_payment_method": account,
            "stripe_mandate": mandate,
        }
    )
    token._billing_agree("paper")
    token.action_billing_set_default()
    return token.id


def agree_to_notice(env, case):
    """Have the owner of an account agree to debits that are told 10 days before."""
    token = env["payment.token"].browse(case["token"])
    token.company_id.write({"billing_debit_notice_days": 10, "email": "us@example.com"})
    token.partner_id.email = "payer@example.com"
    token._billing_agree("paper")


def plan_debit(env, case):
    """Plan to debit an invoice today."""
    invoice = env["account.move"].browse(case["invoice"])
    token = env["payment.token"].browse(case["token"])
    payments = [(fields.Date.today(), invoice.amount_residual)]
    env["omni.billing.installment"]._plan(invoice, payments, token)


def collect(env, case=None):
    """Run the job that charges what was planned."""
    env["omni.billing.installment"].sudo()._cron_charge()


def tell_long_ago(env, case):
    """Have the notice be sent long ago, so that its day has come."""
    notice = env["omni.billing.mail"].search(
        [("kind", "=", "notice"), ("move_id", "=", case["invoice"])]
    )
    notice._set_sent()
    notice.sent_date -= timedelta(days=11)
    planned = env["omni.billing.installment"].search(
        [("invoice_id", "=", case["invoice"])]
    )
    planned.charge_date = fields.Date.today()


def count_notices(env, case):
    """Count what the customer was told of debits to come."""
    return env["omni.billing.mail"].search_count(
        [("kind", "=", "notice"), ("move_id", "=", case["invoice"])]
    )


def read_debits(env, case):
    """Read what became of debits, and of the account."""
    invoice = env["account.move"].browse(case["invoice"])
    token = env["payment.token"].browse(case["token"])
    return {
        "state": invoice.billing_state,
        "collecting": bool(invoice.billing_collecting),
        "mandate": token.billing_mandate_state or "",
        "consents": len(token._billing_find_active()),
        "fees": env["omni.billing.transaction"].search_count(
            [
                ("partner_id", "=", case["partner"]),
                ("name", "like", "returned debit"),
            ]
        ),
    }


def charge_fees(env):
    """Have the company ask for a fee of what comes back."""
    env.company.billing_return_fee = 12


def forget_fees(env):
    """Have nothing left of it that a run would bill."""
    env.company.billing_return_fee = 0
    env["omni.billing.transaction"].search(
        [("name", "like", "returned debit"), ("state", "=", "unbilled")]
    ).unlink()


def add_invoice(env, case, amount, customer=""):
    """Add an invoice, of another customer if there is a name of one."""
    partner = env["res.partner"].browse(case["partner"])
    if customer:
        partner = partner.create({"name": customer})
    return _bill(env, partner, amount)


def _bill(env, partner, amount):
    env["omni.billing.transaction"].create(
        {
            "name": "Fibre",
            "partner_id": partner.id,
            "retail_cost": amount,
            "tax_ids": [Command.clear()],
        }
    )
    wizard = env["omni.billing.proforma.wizard"].create({"partner_id": partner.id})
    return wizard.action_generate()["res_id"]


def add_login(env, case, login):
    """Let the customer into the portal; the password is the same word."""
    group = env.ref("base.group_portal")
    env["res.users"].create(
        {
            "login": login,
            "password": login,
            "partner_id": case["partner"],
            "group_ids": [Command.set(group.ids)],
        }
    )


def charge(env, case, amount=None):
    """Pay an invoice by card, in the dialog."""
    return _pay(env, case, "stripe", amount)


def pay_cash(env, case, amount=None):
    """Record cash, in the dialog."""
    return _pay(env, case, "cash", amount)


def _pay(env, case, mode, amount):
    values = {"amount": amount} if amount else {}
    wizard = _open_payment(env, [case["invoice"]], mode, **values)
    return wizard.action_pay()["params"]["type"]


def _open_payment(env, invoices, mode, **values):
    values |= {"invoice_ids": [Command.set(invoices)], "mode": mode}
    return env["omni.billing.payment.wizard"].create(values)


def pay_several(env, invoices, mode):
    """Pay invoices of one customer, in the dialog."""
    return _open_payment(env, invoices, mode).action_pay()["params"]["type"]


def start_bulk(env, invoices, mode):
    """Begin to pay invoices of several customers, each for itself."""
    return _open_payment(env, invoices, mode).action_pay()["params"]["bulkId"]


def run_bulk(env, bulk, invoices):
    """Do a step of that; return why it was not done, for each invoice."""
    results = env["omni.billing.bulk"].browse(bulk).run_step(invoices)
    errors = {result["id"]: result["error"] for result in results}
    return [errors[invoice] for invoice in invoices]


def charge_in_savepoint(env, case):
    """Charge a card in a savepoint, as code of others may."""
    with env.cr.savepoint():
        return charge(env, case)


def pay_cash_in_savepoint(env, case):
    """Record cash in a savepoint, as code of others may."""
    with env.cr.savepoint():
        return pay_cash(env, case)


def pay_in_portal(login, invoices, card, amount):
    """Pay in the portal, over HTTP; return the state, or what went wrong."""
    client = Client(http.root)

    def call(path, **params):
        answer = client.post(
            path,
            base_url="http://localhost",
            data=json.dumps({"jsonrpc": "2.0", "params": params}),
            content_type="application/json",
            environ_base={"REMOTE_ADDR": "127.0.0.1"},
        )
        return answer.get_json()

    database = http.db_list(host="localhost")[0]
    call("/web/session/authenticate", db=database, login=login, password=login)
    ids = ",".join(map(str, invoices))
    answer = call("/my/billing/pay/charge", ids=ids, card_id=card, amount=amount)
    if "error" in answer:
        return answer["error"]["data"]["message"]
    return answer["result"]["state"]


pay_in_portal.is_web = True


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
    env["payment.transaction"]._cron_billing_resolve()


def process_events(env):
    """Run the job that works on events."""
    env["omni.billing.stripe.event"]._cron_process()


def detach_cards(env):
    """Run the job that detaches deleted cards."""
    env["payment.token"]._cron_billing_detach_cards()


def post_process(env):
    """Run the job by which Odoo itself books payments."""
    env["payment.transaction"]._cron_post_process()


def read_invoices(env, invoices):
    """Read how invoices stand, what their customers paid, and if the books agree."""
    moves = env["account.move"].browse(invoices)
    partners = moves.partner_id
    payments = env["account.payment"].search([("partner_id", "in", partners.ids)])
    lines = env["account.move.line"].search(
        [
            ("partner_id", "in", partners.ids),
            ("account_type", "=", "asset_receivable"),
            ("parent_state", "=", "posted"),
        ]
    )
    entries = env["omni.billing.transaction"].search(
        [("commercial_partner_id", "in", partners.ids), ("state", "=", "invoiced")]
    )
    return {
        "states": moves.mapped("billing_state"),
        "open": [bool(move.billing_attempt_id) for move in moves],
        "payments": sorted(
            [payment.billing_mode or "card", payment.amount]
            for payment in payments
            if payment.state in ("in_process", "paid")
        ),
        "receivable": round(sum(lines.mapped("balance")), 2),
        "ledger": round(sum(entries.mapped("amount_total")), 2),
    }


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
