"""Debts that suspend a service, while somebody pays; runs in a fork of ``worker``."""

from __future__ import annotations

from datetime import timedelta

from odoo import fields
from odoo.fields import Command

from tests.faults.worker import wrap


def stop_at(registry, step, stop):
    """Have the job stop before it locks a customer, or with the lock."""

    def pause(self):
        self.env.cr.execute("SELECT 1")  # From here on it sees what is there now.
        stop(step)

    name = {"looked": "_review", "locked": "_apply"}[step]
    wrap(registry["omni.billing.overdue"], name, before=pause)


def owe(env, case):
    """Have the customer be late, with a service; the day of the notice has come.

    :return: the id of the service, and what `forget` is to know.
    """
    today = fields.Date.context_today(env.user)
    level = env["omni.billing.reminder.level"].search([("days", "=", 30)], limit=1)
    [before] = level.read(["suspends", "suspend_minimum"])
    level.write({"suspends": True, "suspend_minimum": 0})
    invoice = env["account.move"].browse(case["invoices"])
    due = fields.Date.to_string(invoice.invoice_date_due)
    _have_due(env, invoice.id, today - timedelta(days=40))
    mail = env["omni.billing.mail"].create(
        {
            "company_id": invoice.company_id.id,
            "move_id": invoice.id,
            "kind": "reminder",
            "state": "sent",
            "level_id": level.id,
        }
    )
    notice = env["omni.billing.reminder"].create(
        {"move_id": invoice.id, "level_id": level.id, "days": 30, "state": "sent"}
    )
    notice.write({"mail_id": mail.id, "suspend_on": today})
    service = env["omni.billing.service"].create(
        {
            "name": "Fibre",
            "partner_id": case["partner"],
            "company_id": invoice.company_id.id,
            "price_unit": 30,
            "unit": "month",
            "date_start": today - timedelta(days=90),
            "tax_ids": [Command.clear()],
        }
    )
    made = {"invoice": invoice.id, "due": due, "level": before}
    return service.id, made | {"mail": mail.ids, "notice": notice.ids}


def _have_due(env, invoice, day):
    env.cr.execute(
        "UPDATE account_move SET invoice_date_due = %s WHERE id = %s", [day, invoice]
    )
    env.cr.execute(
        "UPDATE account_move_line SET date_maturity = %s"
        " WHERE move_id = %s AND date_maturity IS NOT NULL",
        [day, invoice],
    )
    env.invalidate_all()


def forget(env, service, made):
    """Undo what `owe` has set: other tests know nothing of it."""
    env["omni.billing.service"].browse(service).unlink()
    env["omni.billing.reminder"].browse(made["notice"]).exists().unlink()
    env["omni.billing.mail"].browse(made["mail"]).exists().unlink()
    level = made["level"]
    env["omni.billing.reminder.level"].browse(level.pop("id")).write(level)
    _have_due(env, made["invoice"], made["due"])


def warn_again(env, case, made):
    """Have a reminder go out, and the day come that it names.

    :return: what `forget` is to know by now.
    """
    env["res.partner"].browse(case["partner"]).email = "debtor@example.com"
    of_it = [("move_id", "in", case["invoices"])]
    reminders, mails = env["omni.billing.reminder"], env["omni.billing.mail"]
    reminders._remind([case["partner"]])
    [notice] = reminders.search([*of_it, ("suspend_on", "!=", False)])
    notice.mail_id.state = "sent"
    notice.suspend_on = fields.Date.context_today(env.user)
    return made | {
        "notice": reminders.search(of_it).ids,
        "mail": mails.search(of_it).ids,
    }


def review(env):
    """Do what the job does."""
    env["omni.billing.overdue"]._cron_review()


def read(env, service):
    """Read where the service stands, and how often it was suspended."""
    service = env["omni.billing.service"].browse(service)
    return [service.state, len(service.suspension_ids)]


def count_told(env, case):
    """Count what the history says of suspensions and their ends."""
    return env["omni.billing.activity.log"].search_count(
        [
            ("commercial_partner_id", "=", case["partner"]),
            ("action", "=like", "services_%"),
        ]
    )


def count_triggers(env):
    """Count how often the job was told to look at once."""
    job = env.ref("omni_billing.ir_cron_review_overdue")
    return env["ir.cron.trigger"].search_count([("cron_id", "=", job.id)])
