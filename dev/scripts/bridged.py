"""Have what the stories of our other addons begin with.

Runs in ``odoo shell`` on the demo database with Odoo's Sales, OCA's SEPA direct debit
and our addons for them. Logins are passwords, as in the demo.
"""

from odoo.fields import Command


def add_user(login, company, *groups):
    """Have a user of one company."""
    env["res.users"].with_context(no_reset_password=True).create(
        {
            "name": login.title(),
            "login": login,
            "password": login,
            "company_id": company.id,
            "company_ids": [Command.set(company.ids)],
            "group_ids": [Command.link(env.ref(group).id) for group in groups],
        }
    )


# === SALES === #

company = env.ref("base.main_company")
company.billing_sale = True
add_user("seller", company, "sales_team.group_sale_salesman_all_leads")
env["product.product"].create(
    [
        {
            "name": "Router",
            "list_price": 80,
            "invoice_policy": "order",
            "type": "consu",
        },
        {
            "name": "Fibre 500",
            "list_price": 10,
            "invoice_policy": "order",
            "type": "service",
            "billing_unit": "month",
            "billing_interval": 1,
            "billing_recurring_price": 45,
            "billing_setup_price": 30,
        },
    ]
)

# === SEPA === #

euro = env.ref("base.EUR")
euro.active = True
gym = env["res.company"].create(
    {
        "name": "Gym of Lyon",
        "country_id": env.ref("base.fr").id,
        "currency_id": euro.id,
    }
)
env.user.company_ids += gym
# Odoo has it keep books when it is committed.
env.cr.commit()
gym.currency_id = euro
env = env(context={**env.context, "allowed_company_ids": gym.ids})
journal = env["account.journal"].search(
    [("type", "=", "bank"), ("company_id", "=", gym.id)], limit=1
)
bank = env["res.bank"].create({"name": "Bank", "bic": "AGRIFRPP"})
journal.bank_account_id = env["res.partner.bank"].create(
    {
        "acc_number": "FR1420041010050500013M02606",
        "partner_id": gym.partner_id.id,
        "bank_id": bank.id,
        "company_id": gym.id,
    }
)
gym.sepa_creditor_identifier = "FR78ZZZ424242"
method = env.ref("account_payment_sepa_direct_debit.sepa_direct_debit")
gym.billing_sepa_line_id = env["account.payment.method.line"].create(
    {
        "name": "SEPA",
        "payment_method_id": method.id,
        "journal_id": journal.id,
        "company_id": gym.id,
        "selectable": True,
    }
)
add_user("lyon", gym, "omni_billing.omni_billing_group_manager")
member = env["res.partner"].create(
    {
        "name": "Ada of Lyon",
        "email": "ada@example.com",
        "company_id": gym.id,
        "country_id": env.ref("base.fr").id,
    }
)
account = env["res.partner.bank"].create(
    {"acc_number": "FR7630006000011234567890189", "partner_id": member.id}
)
env["account.banking.mandate"].create(
    {
        "partner_id": member.id,
        "partner_bank_id": account.id,
        "company_id": gym.id,
        "format": "sepa_core",
        "signature_date": "2025-01-02",
        "state": "valid",
    }
)
env.cr.commit()
