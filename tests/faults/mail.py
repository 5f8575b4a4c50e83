"""E-mail by Mailjet; runs in a fork of ``worker``."""

from __future__ import annotations

from odoo.addons.omni_billing.gateways.mailjet import MailjetGateway

from tests.faults import people
from tests.faults.worker import wrap

#: Where a process that sends can be stopped, and what that is.
STEPS = {
    "leased": "it is written that the message is begun",
    "begun": "the attempt is written, not committed",
    "before the call": "the attempt is committed, Mailjet not called",
    "answered": "Mailjet has answered, nothing of it is written",
    "committed": "the outcome is committed, nobody was told",
}


def stop_at(registry, step, stop):
    """Have the fork stop when it first comes to a step."""

    def pause(_self):
        stop(step)

    mails = registry["omni.billing.mail"]
    if step == "leased":
        wrap(mails, "_begin", before=pause)
    elif step == "begun":
        wrap(mails, "_begin", after=lambda self: self.env.flush_all())
        wrap(mails, "_begin", after=pause)
    elif step == "before the call":
        wrap(MailjetGateway, "send", before=pause)
    elif step == "answered":
        wrap(MailjetGateway, "send", after=pause)
    else:
        raise ValueError(step)


def set_up(env, **values):
    """Have the company send in this way; return how it did before."""
    old = {name: env.company[name] for name in values}
    env.company.write(values)
    return old


def set_address(env, url):
    """Tell where Mailjet is."""
    env["ir.config_parameter"].set_param("omni_billing.mailjet_api_base", url)


def add_invoice(env, users, name):
    """Add a customer who can be reached, with an invoice."""
    case = people.add_case(env, users, name, ["Fibre"], 45, is_billed=True)
    env["res.partner"].browse(case["partner"]).email = "a@example.com"
    return {"invoice": case["invoices"][0]}


def send(env, case):
    """Send an invoice, by the button; return how it went, and what is said of it."""
    action = env["account.move"].browse(case["invoice"]).action_billing_email()
    return action["params"]["type"], action["params"]["message"]


def come_due(env, case):
    """Let the time pass after which a message is looked at again."""
    mails = env["account.move"].browse(case["invoice"]).billing_mail_ids
    mails.filtered(lambda mail: mail.state == "queued").next_try = "2020-01-01"


def send_due(env):
    """Run the job that sends what is due."""
    env["omni.billing.mail"]._cron_send()


def read(env, case):
    """Read what became of the messages of an invoice."""
    return env["account.move"].browse(case["invoice"]).billing_mail_ids.mapped("state")


def become_late(env, case):
    """Have the invoice come to a level today, for a company that reminds."""
    from datetime import timedelta

    from odoo import fields

    from odoo.addons.omni_billing.tools.write_guard import trust

    env["res.company"].search([]).billing_reminders = False
    env.company.billing_reminders = True
    move = env["account.move"].browse(case["invoice"])
    trust(move).invoice_date_due = fields.Date.today() - timedelta(days=8)
    terms = move.line_ids.filtered(lambda line: line.date_maturity)
    trust(terms).date_maturity = move.invoice_date_due


def ring(env, case):
    """Remind by hand; return how it went."""
    action = env["account.move"].browse(case["invoice"]).action_billing_remind()
    return action["params"]["type"]


def remind_due(env):
    """Run the job that reminds customers."""
    env["omni.billing.reminder"]._cron_remind()
