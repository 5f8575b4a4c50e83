"""Make two companies, their customers and their people.

Runs in ``odoo shell``; prints the ids as JSON. ``arguments``: ``stripe`` (its keys),
``password`` (everybody's), ``cards`` (by customer: the ids of customer and card at
Stripe). ``sessions`` are what each login needs for one: ``uid``, ``context``, ``key``.
"""

PEOPLE = {
    "sam": ["omni_billing.omni_billing_group_user"],
    "mia": ["omni_billing.omni_billing_group_manager"],
    "art": ["account.group_account_manager"],
    "ivy": ["account.group_account_invoice"],
    "pat": ["base.group_user"],
    "otto": ["omni_billing.omni_billing_group_user"],
}
#: Who works there; the others work at the first company.
FOREIGN = {"otto"}
CUSTOMERS = {"acme": ("amy", "bob"), "globex": ("gus", "gil")}

company = env.ref("base.main_company")
company.email = "billing@omni.example.com"
rival = env["res.company"].create(
    {"name": "Rival Ltd", "country_id": env.ref("base.us").id}
)
env["account.chart.template"].try_loading("generic_coa", rival, install_demo=False)
card = env.ref("payment.payment_method_card")
provider = env.ref("payment.payment_provider_stripe")
foreign_provider = provider.copy({"company_id": rival.id})
for one, secret in ((provider, "whsec_test"), (foreign_provider, "whsec_rival")):
    one.write(
        {
            "stripe_publishable_key": arguments["stripe"]["publishable"],
            "stripe_secret_key": arguments["stripe"]["secret"],
            "stripe_webhook_secret": secret,
            "allow_tokenization": True,
            "is_published": True,
            "state": "test",
        }
    )
    # No others: with them, money could not be reserved.
    one.with_context(active_test=False).payment_method_ids = card
card.active = True


def add_user(login, groups, company, **values):
    values |= {
        "login": login,
        "group_ids": [(6, 0, [env.ref(group).id for group in groups])],
        "company_id": company.id,
        "company_ids": [(6, 0, [company.id])],
    }
    return env["res.users"].with_context(no_reset_password=True).create(values)


def add_customer(name, company):
    partner = env["res.partner"].create(
        {
            "name": name.title(),
            "is_company": True,
            "email": f"{name}@example.com",
            "country_id": env.ref("base.us").id,
        }
    )
    holder = foreign_provider if company == rival else provider
    customer, method = arguments["cards"][name]
    env["omni.billing.stripe.customer"].create(
        {"provider_id": holder.id, "partner_id": partner.id, "reference": customer}
    )
    token = env["payment.token"].create(
        {
            "provider_id": holder.id,
            "payment_method_id": card.id,
            "partner_id": partner.id,
            "provider_ref": customer,
            "payment_details": "4242",
            "stripe_payment_method": method,
            "billing_brand": "visa",
            "billing_last4": "4242",
            "billing_exp_month": 12,
            "billing_exp_year": 2040,
        }
    )
    token._billing_agree("paper")
    return partner, token


def add_contact(name, partner):
    contact = env["res.partner"].create(
        {"name": name.title(), "parent_id": partner.id, "email": f"{name}@example.com"}
    )
    return add_user(name, ["base.group_portal"], company, partner_id=contact.id)


users = {}
for login, groups in PEOPLE.items():
    where = rival if login in FOREIGN else company
    users[login] = add_user(
        login, [*groups, "base.group_user"], where, name=login.title()
    )
partners, tokens = {}, {}
for name, contacts in CUSTOMERS.items():
    partners[name], tokens[name] = add_customer(name, company)
    for login in contacts:
        users[login] = add_contact(login, partners[name])
    # Their company's own login: it looks after the account.
    users[name] = add_user(
        name, ["base.group_portal"], company, partner_id=partners[name].id
    )
partners["hidden"], tokens["hidden"] = add_customer("hidden", rival)

# To make a hash takes a third of a second, on purpose.
[first, *others] = users.values()
first.password = arguments["password"]
env.flush_all()
env.cr.execute(
    "UPDATE res_users SET password = (SELECT password FROM res_users WHERE id = %s)"
    " WHERE id IN %s OR login = 'admin'",
    [first.id, tuple(user.id for user in others)],
)
env.cr.commit()


def sign_with(user):
    """Return what Odoo signs the sessions of somebody with: see `res.users`."""
    values = user._session_token_get_values()
    return str(tuple((name, value) for name, value in values if value is not None))


users["admin"] = env.ref("base.user_admin")
sessions = {
    login: {
        "uid": user.id,
        "context": dict(user.with_user(user).context_get()),
        "key": sign_with(user),
    }
    for login, user in users.items()
}
del users["admin"]
print(
    json.dumps(
        {
            "company": company.id,
            "rival": rival.id,
            "provider": provider.id,
            "foreign_provider": foreign_provider.id,
            "card_method": card.id,
            "users": {login: user.id for login, user in users.items()},
            "contacts": {login: user.partner_id.id for login, user in users.items()},
            "partners": {name: partner.id for name, partner in partners.items()},
            "tokens": {name: token.id for name, token in tokens.items()},
            "sessions": sessions,
        }
    )
)
