"""What two people do at once, by hand; runs in a fork of ``worker``."""

from __future__ import annotations

from datetime import timedelta

from odoo import fields
from odoo.fields import Command

from tests.faults import shared
from tests.faults.worker import wrap

GROUPS = {
    "sam": "omni_billing.omni_billing_group_user",
    "maud": "omni_billing.omni_billing_group_manager",
    "mia": "omni_billing.omni_billing_group_manager",
}
MANAGERS = ("maud", "mia")
#: What somebody pays of an invoice.
PART = 10


def set_up(env):
    """Make a person of the staff, and two managers, with the rights of these."""
    return shared.add_users(env, {name: [group] for name, group in GROUPS.items()})


def stop_at(registry, step, stop):
    """Have a person stop before the lock on what is worked on, or right after it."""
    left = [step]

    def pause(self):
        # Once, whichever of them comes first.
        if left:
            self.env.cr.execute("SELECT 1")  # From here on it sees what is there now.
            stop(left.pop())

    if step not in ("looked", "locked"):
        raise ValueError(step)
    moves, transactions = registry["account.move"], registry["omni.billing.transaction"]
    cheques = registry["omni.billing.cheque"]
    when = {"before" if step == "looked" else "after": pause}
    wrap(cheques, "_lock", **when)
    wrap(moves, "_billing_lock", **when)
    wrap(transactions, "_lock_unbilled", **when)
    if step == "looked":
        # Who edits or deletes takes no lock before.
        wrap(transactions, "write", **when)
        wrap(transactions, "unlink", **when)


# === WHAT IS THERE BEFORE === #


def add_case(
    env, users, name, titles, cost, is_billed=False, credit=0, has_cheque=False
):
    """Add a customer with charges, and open each dialog for each who may use it.

    :param dict users: ids by name.
    :param is_billed: whether the charges are on an invoice already; the previews were
        made before that.
    :param credit: what the customer has on file.
    :param has_cheque: whether a post-dated cheque is kept, whose day has come.
    """
    partner = env["res.partner"].create({"name": name})
    case = {"partner": partner.id}
    people = {name: env(user=users[name]) for name in GROUPS}
    if credit:
        note = _bill(people["maud"], partner, ["Outage"], credit, is_credit=True)
        case["note"] = note.id
    charges = _add_charges(env, partner, titles, cost)
    case["charges"] = charges.ids
    case |= add_previews(env, users, partner.id)
    if not is_billed:
        return case
    invoices = env["account.move"].browse(
        [_bill(people["maud"], partner, charge=charge).id for charge in charges]
        if credit
        else [_bill(people["maud"], partner).id]
    )
    case.update(
        invoices=invoices.ids,
        names=invoices.mapped("name"),
        payments=[_open_payments(people, invoice) for invoice in invoices],
        cancellations=_open_cancellations(people, invoices[:1]),
    )
    if has_cheque:
        case["cheque"] = _keep_cheque(env, invoices, cost).id
    if credit:
        case["refunds"] = _open_refunds(people, partner)
    return case


def add_previews(env, users, partner):
    """Open the preview of an invoice, for each of them."""
    partner = env["res.partner"].browse(partner)
    return {
        "previews": {
            name: _preview(env(user=users[name]), partner).id for name in GROUPS
        }
    }


def _add_charges(env, partner, titles, cost, is_credit=False):
    goodwill = env.ref("omni_billing.credit_type_goodwill")
    kind = {"transaction_type": "credit", "credit_type_id": goodwill.id}
    return env["omni.billing.transaction"].create(
        [
            {
                "name": title,
                "partner_id": partner.id,
                "retail_cost": cost,
                "tax_ids": [Command.clear()],
                **(kind if is_credit else {}),
            }
            for title in titles
        ]
    )


def _preview(env, partner):
    return env["omni.billing.proforma.wizard"].create(
        {"partner_id": partner.id, "date_start": "2020-01-01"}
    )


def _bill(env, partner, titles=(), cost=0, is_credit=False, charge=None):
    """Bill all that is unbilled, or one charge."""
    _add_charges(env, partner, titles, cost, is_credit)
    preview = _preview(env, partner)
    for line in preview.line_ids if charge else ():
        line.included = line.transaction_id.id == charge.id
    return env["account.move"].browse(preview.action_generate()["res_id"])


def _open_payments(people, invoice):
    values = {"invoice_ids": [Command.set(invoice.ids)]}
    kinds = {
        "cash": {"mode": "cash"},
        "credit": {"mode": "credit"},
        "part": {"mode": "cash", "amount": PART},
    }
    return {
        f"{name} {kind}": env["omni.billing.payment.wizard"]
        .create({**values, **kinds[kind]})
        .id
        for name, env in people.items()
        for kind in kinds
    }


def _keep_cheque(env, invoices, amount):
    today = fields.Date.context_today(invoices)
    cheques = env["omni.billing.cheque"]
    cheque = cheques._take(invoices, [("101", today + timedelta(days=1), amount)])
    cheque.sudo().date = today
    return cheque


def _open_cancellations(people, invoice):
    dialogs = {}
    for name, env in people.items():
        dialog = env["omni.billing.cancel.wizard"].create({"invoice_id": invoice.id})
        dialog.line_ids.included = True
        dialogs[name] = dialog.id
    return dialogs


def _open_refunds(people, partner):
    return {
        name: people[name]["omni.billing.refund.wizard"]
        .create({"partner_id": partner.id, "mode": "cash"})
        .id
        for name in MANAGERS
    }


# === WHAT PEOPLE DO === #


def generate(env, case):
    """Generate the invoice of a preview."""
    preview = case["previews"][env.user.login]
    return env["omni.billing.proforma.wizard"].browse(preview).action_generate()


def pay(env, case, mode="cash", invoice=0):
    """Pay an invoice, in the dialog."""
    dialog = case["payments"][invoice][f"{env.user.login} {mode}"]
    return env["omni.billing.payment.wizard"].browse(dialog).action_pay()


def void(env, case):
    """Void an invoice."""
    env["account.move"].browse(case["invoices"]).action_billing_void()


def void_charge(env, case):
    """Void the last charge."""
    env["omni.billing.transaction"].browse(case["charges"][-1:]).action_void()


def edit_charge(env, case, cost):
    """Correct the price of the last charge."""
    charge = env["omni.billing.transaction"].browse(case["charges"][-1:])
    charge.retail_cost = cost


def delete_charge(env, case):
    """Delete the last charge."""
    env["omni.billing.transaction"].browse(case["charges"][-1:]).unlink()


def cancel_items(env, case):
    """Cancel all items of an invoice: a credit note."""
    dialog = case["cancellations"][env.user.login]
    return env["omni.billing.cancel.wizard"].browse(dialog).action_cancel_items()


def deposit(env, case):
    """Note that the cheque was brought to the bank."""
    return env["omni.billing.cheque"].browse(case["cheque"]).action_deposit()


def give_back(env, case):
    """Give the cheque back."""
    env["omni.billing.cheque"].browse(case["cheque"]).action_cancel()


def refund(env, case):
    """Give the credit on file back in cash."""
    dialog = case["refunds"][env.user.login]
    return env["omni.billing.refund.wizard"].browse(dialog).action_refund()


# === WHAT IS READ === #


def read(env, case):
    """Read what became of a customer, and the books."""
    charges = env["omni.billing.transaction"].browse(case["charges"]).exists()
    invoices = env["account.move"].search(
        [("partner_id", "=", case["partner"]), ("move_type", "=", "out_invoice")],
        order="id",
    )
    payments = env["account.payment"].search([("partner_id", "=", case["partner"])])
    notes = env["account.move"].search_count(
        [("partner_id", "=", case["partner"]), ("move_type", "=", "out_refund")]
    )
    return {
        "notes": notes,
        "charges": charges.mapped("state"),
        "invoices": [
            [move.billing_state, move.amount_total, move.amount_residual]
            for move in invoices
        ],
        "names": invoices.mapped("name"),
        "payments": [
            [payment.payment_type, payment.amount]
            for payment in payments
            if payment.state in ("in_process", "paid")
        ],
        "books": shared.read_books(env, [case["partner"]]),
    }
