"""Companies abroad, as a person founds them: for scripts in ``odoo shell``."""


def found(env, code, **values):
    """Return a new company in a country, with its chart of accounts; commits.

    :param values: what it has besides.
    """
    country = env["res.country"].search([("code", "=", code)])
    company = env["res.company"].create(
        {
            "name": f"Omni {code}",
            "country_id": country.id,
            "currency_id": country.currency_id.id,
            **values,
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


def enter(company):
    """Return the environment of a manager in the company."""
    env = company.env
    env.user.company_ids += company
    env.user.group_ids += env.ref("omni_billing.omni_billing_group_manager")
    return env(context={**env.context, "allowed_company_ids": company.ids})
