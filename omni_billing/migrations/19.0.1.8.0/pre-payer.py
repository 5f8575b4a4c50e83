def migrate(cr, version):
    """Until now who used something paid for it: there is no payer, and no participant.

    The columns are made here: Odoo would compute them for each transaction.
    """
    cr.execute(
        """
        ALTER TABLE omni_billing_transaction
          ADD COLUMN IF NOT EXISTS payer_id integer,
          ADD COLUMN IF NOT EXISTS participant_id integer
        """
    )
