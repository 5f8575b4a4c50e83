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
    company.partner_id.write(taxpayer(env, code, is_company=True))
    return company


def taxpayer(env, code, *, is_company):
    """Return what partners of a country need before Odoo invoices at all.

    Odoo asks for it in words where it lacks, and says so of plain invoices, too.
    """
    if code == "AR":
        kind = env.ref("l10n_ar.res_IVARI" if is_company else "l10n_ar.res_CF")
        return {"l10n_ar_afip_responsibility_type_id": kind.id}
    if code == "CL" and not is_company:
        return {"l10n_cl_sii_taxpayer_type": "3", "vat": "12345678-5"}
    return {}


def enter(company):
    """Return the environment of a manager in the company."""
    env = company.env
    env.user.company_ids += company
    env.user.group_ids += env.ref("omni_billing.omni_billing_group_manager")
    return env(context={**env.context, "allowed_company_ids": company.ids})
