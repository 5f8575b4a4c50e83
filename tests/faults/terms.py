"""What is agreed of a service, as several change it; runs in a fork of ``worker``."""

from __future__ import annotations

from datetime import timedelta

from odoo import fields
from odoo.fields import Command

from odoo.addons.omni_billing.models.services.omni_billing_service_term import EXIT_PART
from odoo.addons.omni_billing.tools.database import savepoint

from tests.faults.worker import wrap

#: Where somebody who changes a service, or the job that charges it, can be stopped.
STEPS = {
    "looked": "they have seen how it was, and are about to lock it",
    "locked": "they have the lock, and have written nothing",
    "begun": "the job has seen how it was, and is about to lock it",
    "priced": "the job has the lock, and knows what it will charge",
}
MANAGERS = ("maud", "mia")
PRICE, MORE, FEE = 30, 60, 50
#: In percent, and what that makes of the price.
RISE, RISEN = 10, 33


def stop_at(registry, step, stop):
    """Have the fork stop when it first comes to a step."""

    def pause(self):
        self.env.cr.execute("SELECT 1")  # From here on it sees what is there now.
        stop(step)

    name, when = {
        "looked": ("lock_for_update", "before"),
        "locked": ("lock_for_update", "after"),
        "begun": ("_try_write_due", "before"),
        "priced": ("_prepare_period_values", "after"),
    }[step]
    wrap(registry["omni.billing.service"], name, **{when: pause})


# === WHAT IS THERE BEFORE === #


def add_case(env, users, name):
    """Add a customer with a service that is charged, and open each dialog about it.

    It is agreed for a year; the customer may change it, and end it, too.

    :param dict users: ids by name.
    """
    env.company.write({"billing_plan_rule": "upgrade", "billing_lets_end": True})
    large = _add_plan(env, "Large", MORE)
    small = _add_plan(
        env,
        "Small",
        PRICE,
        billing_plan_ids=[Command.set(large.ids)],
        billing_term_months=12,
        billing_exit_fee_kind="fixed",
        billing_exit_fee=FEE,
    )
    partner = env["res.partner"].create({"name": name})
    customer = env["res.users"].create(
        {
            "login": name,
            "partner_id": partner.id,
            "group_ids": [Command.set(env.ref("base.group_portal").ids)],
        }
    )
    today = fields.Date.context_today(env.user)
    service = _add_service(
        env, partner, product_id=small.id, date_start=today - timedelta(days=40)
    )
    service.action_write_due()
    own = service.with_user(customer).sudo()
    preview = own._billing_preview_own_plan(large)
    due = [row["amount"] for row in preview["rows"] if row["date"] <= today]
    last = own._billing_get_last_day_with_fee()
    reason = own._billing_get_own_reasons()[0]
    people = {name: env(user=users[name]) for name in MANAGERS}
    return {
        "customer": customer.id,
        "partner": partner.id,
        "service": service.id,
        "plan": large.id,
        "seen": preview["seen"],
        "before": _sum(service.transaction_ids),
        "due": round(sum(due), 2),
        "last": str(last),
        "fee": own._billing_describe_exit_fee(last),
        "reason": reason.id,
        "plans": {
            name: person["omni.billing.plan.wizard"]
            .create({"service_id": service.id, "product_id": large.id, "when": "now"})
            .id
            for name, person in people.items()
        },
        "ends": {
            name: person["omni.billing.end.wizard"]
            .create(
                {"service_id": service.id, "last": last, "reason_id": reason.id},
            )
            .id
            for name, person in people.items()
        },
    }


def _add_plan(env, name, price, **values):
    return env["product.product"].create(
        {
            "name": name,
            "type": "service",
            "billing_unit": "month",
            "billing_recurring_price": price,
            "taxes_id": [Command.clear()],
            **values,
        }
    )


def _add_service(env, partner, **values):
    return env["omni.billing.service"].create(
        {
            "name": "Gym",
            "partner_id": partner.id,
            "price_unit": PRICE,
            "unit": "month",
            "tax_ids": [Command.clear()],
            **values,
        }
    )


def add_free(env, name):
    """Add a customer whose service is free, and not charged yet.

    :return: the ids of customer, service and discount.
    """
    today = fields.Date.context_today(env.user)
    partner = env["res.partner"].create({"name": name})
    service = _add_service(
        env,
        partner,
        date_start=today,
        discount_ids=[
            Command.create({"name": "Free", "value": 100, "date_from": today})
        ],
    )
    return {
        "partner": partner.id,
        "service": service.id,
        "discount": service.discount_ids.id,
    }


def add_pause(env, name):
    """Add a customer whose service is not charged yet, and is suspended much later.

    What is suspended before that is not seen on the service itself.
    """
    today = fields.Date.context_today(env.user)
    partner = env["res.partner"].create({"name": name})
    days = Command.create({"date_from": today + timedelta(days=400)})
    service = _add_service(env, partner, date_start=today, suspension_ids=[days])
    return {"partner": partner.id, "service": service.id}


def add_rise(env, name):
    """Add a customer with three services, and look at what a rise comes to."""
    today = fields.Date.context_today(env.user)
    partner = env["res.partner"].create({"name": name})
    for _number in range(3):
        _add_service(env, partner, date_start=today)
    rise = env["omni.billing.price.rise"].create(
        {
            "name": name,
            "date": today,
            "percent": RISE,
            "domain": f"[('partner_id', '=', {partner.id})]",
        }
    )
    rise.action_preview()
    return {"partner": partner.id, "rise": rise.id}


def forget(env, case):
    """Leave nothing that a run would bill, nor a job charge."""
    of_it = [("partner_id", "=", case["partner"])]
    charges = env["omni.billing.transaction"].search(of_it)
    charges.filtered(lambda one: one.state == "unbilled").action_void()
    services = env["omni.billing.service"].search(of_it)
    services.exit_fee_kind = False  # Or its end is not by this.
    services.active = False


# === WHAT PEOPLE DO === #


def change_plan(env, case):
    """Change the plan, in the dialog."""
    dialog = case["plans"][env.user.login]
    return env["omni.billing.plan.wizard"].browse(dialog).action_change()


def change_own_plan(env, case):
    """Change the plan as the customer's page does."""
    with savepoint(env):
        plan = env["product.product"].sudo().browse(case["plan"])
        service = _find_own(env, case)
        return service._billing_change_own_plan(plan, case["seen"]).id


def end(env, case):
    """End the service for the fee, in the dialog."""
    dialog = case["ends"][env.user.login]
    return env["omni.billing.end.wizard"].browse(dialog).action_end()


def end_own(env, case):
    """End the service for the fee, as the customer's page does."""
    last = fields.Date.to_date(case["last"])
    with savepoint(env):
        service = _find_own(env, case)
        return str(service._billing_end(last, str(case["reason"]), "", case["fee"]))


def _find_own(env, case):
    return env["omni.billing.service"].browse(case["service"]).sudo()


def take_back(env, case):
    """Take a discount back."""
    env["omni.billing.service.discount"].browse(case["discount"]).unlink()


def suspend(env, case):
    """Suspend the service for three days, from tomorrow on."""
    today = fields.Date.context_today(env.user)
    env["omni.billing.service.suspension"].create(
        {
            "service_id": case["service"],
            "date_from": today + timedelta(days=1),
            "date_to": today + timedelta(days=3),
        }
    )


def apply_rise(env, case):
    """Have the new prices in force."""
    return env["omni.billing.price.rise"].browse(case["rise"]).action_apply()


def charge(env):
    """Run the job of recurring services."""
    env["omni.billing.service"]._cron_write_due()


# === WHAT IS READ === #


def read(env, case):
    """Read what became of a customer's services, and what stands of their charges."""
    services = env["omni.billing.service"].search(
        [("partner_id", "=", case["partner"])], order="id"
    )
    entries = env["omni.billing.transaction"].search(
        [("partner_id", "=", case["partner"]), ("state", "!=", "void")]
    )
    fees = entries.filtered(lambda one: one.service_part == EXIT_PART)
    return {
        "states": services.mapped("state"),
        "ends": [bool(service.date_end) for service in services],
        "fees": fees.mapped("retail_cost"),
        "sum": _sum(entries - fees),
        "left": [bool(service.adjustment) for service in services],
        "charged": [bool(service.charged_until) for service in services],
        "discounts": len(services.discount_ids),
        "prices": services.change_ids.mapped("price_unit"),
    }


def _sum(entries):
    return round(sum(entries.mapped("amount_total")), 2)
