"""Payouts and disputes, as jobs and managers do them; runs in a fork of ``worker``."""

from __future__ import annotations

from odoo.addons.omni_billing.gateways.stripe import StripeGateway

from tests.faults.worker import wrap

#: What is set up, by the names under which the tests read it: code and type.
ACCOUNTS = {
    "clearing": ("101950", "asset_current"),
    "held": ("101952", "asset_current"),
    "fees": ("620950", "expense"),
    "losses": ("620951", "expense"),
}


def set_up(env):
    """Have the company book what Stripe pays out; what another test left is gone."""
    accounts = {name: _find_account(env, name) for name in ACCOUNTS}
    provider = env.ref("payment.payment_provider_stripe")
    provider._billing_ensure_method_line()
    lines = provider.journal_id.inbound_payment_method_line_ids
    line = lines.filtered(lambda line: line.payment_provider_id == provider)
    line.payment_account_id = accounts["clearing"]
    provider.company_id.write(
        {
            "billing_fee_account_id": accounts["fees"].id,
            "billing_dispute_account_id": accounts["held"].id,
        }
    )
    return read(env)


def _find_account(env, name):
    code, kind = ACCOUNTS[name]
    accounts = env["account.account"]
    values = {"name": name, "code": code, "account_type": kind}
    if kind == "asset_current":
        values["reconcile"] = True
    return accounts.search([("code", "=", code)]) or accounts.create(values)


def tear_down(env):
    """Have it book nothing of that any more."""
    company = env.ref("payment.payment_provider_stripe").company_id
    company.write({"billing_fee_account_id": False})


def stop_at(registry, step, stop):
    """Have a process stop when it first comes to a step."""

    def pause(_self):
        stop(step)

    def flush_and_pause(self):
        self.env.flush_all()
        stop(step)

    if step == "listed":
        wrap(StripeGateway, "list_movements", after=pause)
    elif step == "asked":
        wrap(StripeGateway, "get_dispute", after=pause)
    elif step == "booked":
        wrap(registry["omni.billing.payout"], "_set_state", before=flush_and_pause)
    elif step == "withdrawn":
        wrap(registry["omni.billing.dispute"], "_book", after=flush_and_pause)
    elif step == "decided":
        wrap(registry["omni.billing.dispute"], "_match_held", before=flush_and_pause)
    else:
        raise ValueError(step)


def fetch(env):
    """Run the job that asks Stripe what it paid out."""
    env["omni.billing.payout"]._cron_fetch()


def process_events(env):
    """Run the job that works on events."""
    env["omni.billing.stripe.event"]._cron_process()


def decide(env, decision):
    """Decide the last dispute that was heard of, in the dialog."""
    # By id: where a test let days pass, there are disputes of days to come.
    dispute = env["omni.billing.dispute"].search([], order="id desc", limit=1)
    values = {"dispute_id": dispute.id, "decision": decision}
    if decision == "written_off":
        values["account_id"] = _find_account(env, "losses").id
    dialog = env["omni.billing.dispute.wizard"].create(values)
    return dialog.action_decide()["params"]["type"]


def read(env):
    """Read what the books have of Stripe's balance, and what is known of it."""
    entries = env["account.move"].search([("billing_stripe_ref", "!=", False)])
    accounts = {name: _find_account(env, name) for name in ACCOUNTS}
    accounts["transit"] = env.company.transfer_account_id
    lines = env["account.move.line"].search([("parent_state", "=", "posted")])
    return {
        "entries": len(entries),
        "drafts": len(entries.filtered(lambda move: move.state != "posted")),
        "payouts": env["omni.billing.payout"].search([], order="id").mapped("state"),
        "disputes": env["omni.billing.dispute"].search([], order="id").mapped("state"),
        "unmatched": env["omni.billing.balance.transaction"].search_count(
            [("is_matched", "=", False), ("kind", "=", "charge")]
        ),
        **{
            name: round(
                sum(
                    lines.filtered(
                        lambda line, account=account: line.account_id == account
                    ).mapped("balance")
                ),
                2,
            )
            for name, account in accounts.items()
        },
    }
