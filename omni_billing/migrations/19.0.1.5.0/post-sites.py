def migrate(cr, version):
    """Have the lines of invoices name the sites that their transactions name."""
    cr.execute(
        """
        UPDATE account_move_line line SET billing_site_id = transaction.site_id
          FROM omni_billing_transaction transaction
         WHERE transaction.id = line.billing_transaction_id
           AND transaction.site_id IS NOT NULL AND line.billing_site_id IS NULL
        """
    )
