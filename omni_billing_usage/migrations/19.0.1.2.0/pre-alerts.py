def migrate(cr, version):
    """Customers of plans of before are told nothing, until a company wants it.

    Else all who are beyond a percent by now would be told at once.
    """
    cr.execute(
        "ALTER TABLE IF EXISTS omni_billing_rate_plan"
        " ADD COLUMN IF NOT EXISTS alert_percents varchar"
    )
