"""Billing runs and recurring services; runs in a fork of ``worker``."""

from __future__ import annotations

import os
from contextlib import nullcontext
from unittest.mock import patch

from freezegun import freeze_time

from odoo import sql_db
from odoo.fields import Command

from odoo.addons.omni_billing.models.runs import (
    omni_billing_run_billing,
    omni_billing_run_proven,
)
from odoo.addons.omni_billing.models.services import omni_billing_service_charge

from tests.faults import ours, shared
from tests.faults.worker import wrap

set_up = ours.set_up
apply = ours.apply
warm_up = ours.warm_up
ask_stripe = ours.ask_stripe
start_bulk = ours.start_bulk
run_bulk = ours.run_bulk
read_invoices = ours.read_invoices

#: Where a process that bills can be stopped, and what that is.
STEPS = {
    "prepared": "the customers of the run are written, not committed",
    "created": "invoices are created, marked and posted, the run does not know yet",
    "marked": "everything of the chunk is written, not committed",
    "second chunk": "the first chunk is committed, the second begins",
    "over": "all are billed, the run is not at its end",
}
#: The same where a company bills fast.
FAST_STEPS = {
    "patterns": "Odoo made the first and the last, no other is written yet",
    "copied": "the rows of the others are written, not checked in and not committed",
    "marked": STEPS["marked"],
    "second chunk": STEPS["second chunk"],
}


def prepare(registry):
    """Have several chunks where production has one."""
    ours.prepare(registry)
    omni_billing_service_charge.CHUNK = 5


def stop_at(registry, step, stop):
    """Have the fork stop when it first comes to a step; "sql 77" is a statement."""

    def pause(_self):
        stop(step)

    runs = registry["omni.billing.run"]
    transactions = registry["omni.billing.transaction"]
    if step.startswith("sql "):
        _stop_at_statement(int(step.removeprefix("sql ")), stop)
    elif step == "prepared":
        wrap(runs, "_prepare_lines", after=lambda self: self.env.flush_all())
        wrap(runs, "_prepare_lines", after=pause)
    elif step == "created":
        wrap(transactions, "_create_invoices", after=lambda self: self.env.flush_all())
        wrap(transactions, "_create_invoices", after=pause)
    elif step == "patterns":
        wrap(registry["omni.billing.proven"], "_write_others", before=pause)
    elif step == "copied":
        wrap(registry["omni.billing.proven"], "_check_written", after=pause)
    elif step == "marked":
        wrap(runs, "_post_process", after=pause)
    elif step == "second chunk":
        process = runs._process_chunk
        calls = []

        def process_chunk(self, busy=None):
            calls.append(self)
            if len(calls) == 2:
                pause(self)
            return process(self, busy)

        runs._process_chunk = process_chunk
    elif step == "over":
        wrap(runs, "_end_billing", before=pause)
    elif step == "services written":
        services = registry["omni.billing.service"]
        wrap(services, "_try_write_due", after=lambda self: self.env.flush_all())
        wrap(services, "_try_write_due", after=pause)
    else:
        ours.stop_at(registry, step, stop)


def _stop_at_statement(number, stop):
    execute = sql_db.Cursor.execute
    count = 0

    def counting(self, *args, **kwargs):
        nonlocal count
        count += 1
        if count == number:
            stop(f"sql {number}")
        return execute(self, *args, **kwargs)

    sql_db.Cursor.execute = counting


# === WHAT PEOPLE DO === #


def add_customers(env, count, charges=2):
    """Add customers with some charges each, and forget what others are to be billed."""
    env["omni.billing.service"].search([]).action_archive()
    old = env["omni.billing.transaction"].search([("state", "=", "unbilled")])
    old.filtered(lambda t: t.transaction_type == "charge").action_void()
    partners = env["res.partner"].create(
        [{"name": f"Customer {number}"} for number in range(count)]
    )
    env["omni.billing.transaction"].create(
        [
            {
                "name": f"Charge {number}",
                "partner_id": partner.id,
                "retail_cost": 10 * index + number + 1,
                "tax_ids": [Command.clear()],
            }
            for index, partner in enumerate(partners, start=1)
            for number in range(charges)
        ]
    )
    return partners.ids


def add_cards(env, cards):
    """Add customers with a saved card and a charge each."""
    add_customers(env, 0)
    ids = []
    for index, (customer, card) in enumerate(cards, start=1):
        partner, _token = shared.add_customer(env, f"Card {index}", customer, card)
        env["omni.billing.transaction"].create(
            {
                "name": "Fibre",
                "partner_id": partner.id,
                "retail_cost": 10 * index,
                "tax_ids": [Command.clear()],
            }
        )
        ids.append(partner.id)
    return ids


def start_run(env, **values):
    """Begin a run, as the button does."""
    run = env["omni.billing.run"].create(values)
    run.action_start()
    return run.id


def prove(env):
    """Have the company prove fast billing on its customers, as the button does."""
    company = env.company
    company.with_user(env.ref("base.user_admin")).action_billing_prove()
    return company.billing_use_proven, company.billing_proven_problem


def leave_proven(env):
    """Have Odoo make all invoices again."""
    env.company.with_user(env.ref("base.user_admin")).action_billing_leave_proven()


def count_fast(env, runs):
    """Tell how many invoices of runs were written fast."""
    lines = [("run_id", "in", runs), ("is_fast", "=", True)]
    return env["omni.billing.run.line"].search_count(lines)


def press(env, run, button):
    """Press a button of a run."""
    getattr(env["omni.billing.run"].browse(run), button)()


def add_schedule(env, **values):
    """Add a schedule of runs."""
    return env["omni.billing.run.schedule"].create(values).id


def end_schedule(env, schedule):
    """Archive a schedule, so that it begins no more runs."""
    env["omni.billing.run.schedule"].browse(schedule).active = False


def add_services(env, count, start):
    """Add services that are charged each month."""
    partner = env["res.partner"].create({"name": "Subscriber"})
    return (
        env["omni.billing.service"]
        .create(
            [
                {
                    "name": f"Line {number}",
                    "partner_id": partner.id,
                    "unit": "month",
                    "price_unit": 10,
                    "setup_price": 5,
                    "date_start": start,
                }
                for number in range(count)
            ]
        )
        .ids
    )


def end_services(env, services):
    """Archive services: on the last day of a month, the job looks at the next one's."""
    env["omni.billing.service"].browse(services).action_archive()


# === WHAT JOBS DO === #


def work(env, now="", seconds=30, chunk=5):
    """Run the job of billing runs in one slot of time; tell which runs are left."""
    begun = os.times().elapsed

    def commit_progress(self, processed=0, *, remaining=None, deactivate=False):
        self.env.cr.commit()
        return max(seconds - (os.times().elapsed - begun), 0)

    with (
        patch.object(omni_billing_run_billing, "CHUNK", chunk),
        patch.object(omni_billing_run_proven, "TIMES", 1),
        patch.object(env.registry["ir.cron"], "_commit_progress", commit_progress),
        freeze_time(now) if now else nullcontext(),
    ):
        env["omni.billing.run"]._cron_process()
    working = env["omni.billing.run"].search(
        [("state", "in", ("running", "collecting"))]
    )
    return working.ids


def charge_services(env):
    """Run the job of recurring services."""
    env["omni.billing.service"]._cron_write_due()


# === WHAT IS READ === #


def read(env, runs, customers):
    """Read what became of runs and of their customers."""
    moves = env["account.move"].search(
        [("partner_id", "in", customers), ("move_type", "=", "out_invoice")]
    )
    transactions = env["omni.billing.transaction"].search(
        [
            ("partner_id", "in", customers),
            ("transaction_type", "!=", "payment"),
            ("state", "!=", "void"),
        ]
    )
    lines = env["omni.billing.run.line"].search([("run_id", "in", runs)])
    numbers = sorted(int(name.split("/")[-1]) for name in moves.mapped("name") if name)
    return {
        "runs": env["omni.billing.run"].browse(runs).mapped("state"),
        "invoices": [
            [move.partner_id.id, move.amount_total, move.state, move.payment_state]
            for move in moves.sorted(lambda move: move.partner_id.id)
        ],
        "has_gaps": bool(numbers)
        and numbers != list(range(numbers[0], numbers[0] + len(numbers))),
        "unbilled": len(transactions.filtered(lambda t: t.state == "unbilled")),
        "sum": round(sum(transactions.mapped("amount_total")), 2),
        "lines": sorted(
            [line.partner_id.id, line.state, line.charge_state or ""] for line in lines
        ),
        "tries": lines.mapped("charge_tries"),
        "lines_without_invoice": len(
            lines.filtered(lambda line: line.state == "done" and not line.invoice_id)
        ),
    }


def find_invoices(env, customers):
    """Find the invoices of customers."""
    domain = [("partner_id", "in", customers), ("move_type", "=", "out_invoice")]
    return env["account.move"].search(domain, order="id").ids


def read_services(env, services):
    """Read the charges of services: day, amount and part."""
    charges = env["omni.billing.transaction"].search([("service_id", "in", services)])
    return sorted(
        [charge.service_id.id, str(charge.period_start), charge.service_part]
        for charge in charges
    )


def read_months(env, schedule):
    """Read what each customer was billed by the runs of a schedule."""
    runs = env["omni.billing.run"].search([("schedule_id", "=", schedule)])
    return {
        "runs": [[str(run.date_start), run.state] for run in runs.sorted("date_start")],
        "lines": [
            [
                line.partner_id.name,
                str(line.run_id.date_start)[:7],
                line.state,
                line.amount_total,
                line.invoice_id.amount_total,
                line.invoice_id.state,
            ]
            for line in runs.line_ids
        ],
    }


def read_purchases(env):
    """Read each purchase with its invoice, and what the books say of them all."""
    purchases = env["omni.billing.transaction"].search(
        [("external_ref", "like", "cdnow-")]
    )
    receivable = env["account.move.line"].search(
        [
            ("partner_id", "in", purchases.partner_id.ids),
            ("account_type", "=", "asset_receivable"),
            ("parent_state", "=", "posted"),
        ]
    )
    return {
        "purchases": [
            [
                purchase.external_ref,
                purchase.state,
                purchase.amount_total,
                str(purchase.invoice_id.billing_date_start)[:7],
                len(purchase.invoice_line_ids),
            ]
            for purchase in purchases
        ],
        "moves": len(receivable.move_id),
        "receivable": round(sum(receivable.mapped("balance")), 2),
    }
