"""Found a company in each of some countries, and bill a customer there.

Runs in ``odoo shell``, where Odoo installs what belongs to a country as soon as a
company is there, as it does for a person. Prints what went wrong.
"""

import traceback


def found(code):
    """Return a new company in the country, with its chart of accounts."""
    country = env["res.country"].search([("code", "=", code)])
    company = env["res.company"].create(
        {
            "name": f"Omni {code}",
            "country_id": country.id,
            "currency_id": country.currency_id.id,
        }
    )
    # Its chart is loaded as this is committed.
    env.cr.commit()
    # What was installed on the way made another registry.
    env.transaction.reset()
    company = env["res.company"].browse(company.id)
    assert company.chart_template, "no chart of accounts"
    assert company.chart_template != "generic_coa", "not the country's own chart"
    return company


def bill(company):
    """Bill a customer, print the invoice and take cash for it."""
    env.user.company_ids += company
    env.user.group_ids += env.ref("omni_billing.omni_billing_group_manager")
    here = env(context={**env.context, "allowed_company_ids": company.ids})
    customer = here["res.partner"].create(
        {"name": "Ada", "country_id": company.country_id.id, "company_id": company.id}
    )
    here["omni.billing.transaction"].create(
        {"name": "Fibre 500", "partner_id": customer.id, "retail_cost": 45}
    )
    here["omni.billing.proforma.wizard"].create(
        {"partner_id": customer.id}
    ).action_generate()
    [invoice] = customer.billing_invoice_ids
    assert invoice.state == "posted" and invoice.amount_untaxed == 45
    assert invoice._billing_get_pdf().startswith(b"%PDF")
    invoice._billing_pay("cash")
    assert invoice.billing_state == "paid"
    env.cr.commit()


for code in arguments["countries"]:
    try:
        bill(found(code))
    except Exception:
        env.cr.rollback()
        print(f"{code}: {traceback.format_exc()}")
