"""Have a company live through what leaves its traces in the database.

Runs in ``odoo shell``. Each table of ours gets rows, so that the test of an upgrade
has something to lose.
"""

import logging

from odoo.fields import Command, Date

# The server of Stripe is not there on purpose.
logging.getLogger("odoo.addons.omni_billing").setLevel(logging.CRITICAL)

env["ir.config_parameter"].set_param(
    "omni_billing.stripe_api_base", "http://127.0.0.1:9"
)
provider = env.ref("payment.payment_provider_stripe")
provider.write(
    {
        "stripe_publishable_key": "pk_test_12345",
        "stripe_secret_key": "sk_test_12345",
        "stripe_webhook_secret": "whsec_test",
        "allow_tokenization": True,
        "state": "test",
    }
)
env.ref("payment.payment_method_card").active = True
env.company.email = "billing@example.com"
today = Date.today()
Transaction = env["omni.billing.transaction"]
tax = env["account.tax"].search(
    [("type_tax_use", "=", "sale"), ("company_id", "=", env.company.id)], limit=1
)
partners = env["res.partner"].create(
    [
        {
            "name": f"Customer {number}",
            "email": f"customer{number}@example.com",
            "country_id": env.company.country_id.id,
        }
        for number in range(8)
    ]
)


def enter(partner, cost=45, **values):
    return Transaction.create(
        {
            "name": "Fibre",
            "partner_id": partner.id,
            "retail_cost": cost,
            "tax_ids": [Command.set(tax.ids)],
            **values,
        }
    )


def bill(partner, *costs):
    for cost in costs or (45,):
        enter(partner, cost)
    wizard = env["omni.billing.proforma.wizard"].create({"partner_id": partner.id})
    return env["account.move"].browse(wizard.action_generate()["res_id"])


def prepare_payment(invoice, **values):
    return env["omni.billing.payment.wizard"].create(
        {"invoice_ids": [Command.set(invoice.ids)], **values}
    )


# Open, paid, partly paid, void, canceled in part, with credits, planned.
open_invoice = bill(partners[0], 45, 5.5)
prepare_payment(bill(partners[1]), mode="cash").action_pay()
prepare_payment(bill(partners[2]), mode="bank", amount=20).action_pay()
bill(partners[3]).action_billing_void(reason="Entered twice")
cancel = env["omni.billing.cancel.wizard"].create(
    {"invoice_id": bill(partners[4], 10, 20).id, "mode": "credit"}
)
cancel.line_ids[0].included = True
cancel.action_cancel_items()
enter(
    partners[5],
    12,
    transaction_type="credit",
    credit_type_id=env["omni.billing.credit.type"].search([], limit=1).id,
)
token = env["payment.token"].create(
    {
        "provider_id": provider.id,
        "payment_method_id": env.ref("payment.payment_method_card").id,
        "partner_id": partners[6].id,
        "provider_ref": "cus_1",
        "payment_details": "4242",
        "stripe_payment_method": "pm_1",
        "billing_brand": "visa",
        "billing_last4": "4242",
        "billing_exp_month": 12,
        "billing_exp_year": 2040,
    }
)
if hasattr(token, "_billing_agree"):  # not in the oldest versions
    token._billing_agree("paper")
prepare_payment(
    bill(partners[6], 90),
    mode="stripe",
    is_post_dated=True,
    frequency="month",
    date_first=Date.add(today, days=10),
    date_last=Date.add(today, days=80),
).action_plan()
# A charge whose answer was lost stays open.
bill(partners[6], 33)._billing_charge(token)
env["omni.billing.stripe.event"]._store(
    provider,
    {
        "id": "evt_1",
        "type": "charge.refunded",
        "data": {"object": {"id": "ch_1", "payment_intent": "pi_1", "metadata": {}}},
    },
)
env["omni.billing.stripe.customer"].create(
    {"provider_id": provider.id, "partner_id": partners[6].id, "reference": "cus_1"}
)
service = env["omni.billing.service"].create(
    {
        "name": "Line",
        "partner_id": partners[7].id,
        "price_unit": 30,
        "unit": "month",
        "date_start": Date.start_of(Date.subtract(today, months=2), "month"),
        "tax_ids": [Command.set(tax.ids)],
    }
)
env["omni.billing.service"]._cron_write_due()
env["omni.billing.service.change"].create(
    {
        "service_id": service.id,
        "date": Date.add(today, months=3),
        "quantity": 1,
        "price_unit": 35,
    }
)
tag = env["res.partner.category"].create({"name": "Monthly"})
partners[7].category_id = tag
selection = {
    "partner_ids": [Command.set(partners[5:8].ids)],
    "category_ids": [Command.set(tag.ids)],
}
env["omni.billing.run.schedule"].create({"name": "Monthly", **selection})
env["omni.billing.run"].create({"title": "Some", "date_due": today, **selection})
run = env["omni.billing.run"].create({"title": "All", "date_due": today})
run.action_start()
env["omni.billing.run"]._cron_process()
open_invoice._billing_send_mail()
mail = env["omni.billing.mail"].search([], limit=1)
env["omni.billing.mail.recipient"].create(
    {"mail_id": mail.id, "partner_id": partners[0].id, "email": partners[0].email}
)
env["omni.billing.mail.event"].create(
    {
        "company_id": env.company.id,
        "mail_id": mail.id,
        "fingerprint": "1",
        "kind": "sent",
        "time": 1735689600,
    }
)
level = env["omni.billing.reminder.level"].search([], limit=1)
env["omni.billing.reminder"].create(
    {"move_id": open_invoice.id, "level_id": level.id, "days": 5, "state": "sent"}
)
env["omni.billing.late.fee"].create({"move_id": open_invoice.id, "month": 0})
open_invoice._billing_get_pdf()
env.cr.commit()
