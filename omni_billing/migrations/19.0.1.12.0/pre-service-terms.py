def migrate(cr, version):
    """Services of before have no terms: the columns are empty.

    They are made here: Odoo would compute them for each service.
    """
    cr.execute(
        """
        ALTER TABLE IF EXISTS omni_billing_service
          ADD COLUMN IF NOT EXISTS trial_end date,
          ADD COLUMN IF NOT EXISTS term_end date,
          ADD COLUMN IF NOT EXISTS notice_days integer,
          ADD COLUMN IF NOT EXISTS renewal_months integer,
          ADD COLUMN IF NOT EXISTS exit_fee_kind varchar,
          ADD COLUMN IF NOT EXISTS exit_fee double precision,
          ADD COLUMN IF NOT EXISTS tell_date date
        """
    )
