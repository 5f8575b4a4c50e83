def migrate(cr, version):
    """Top-ups, and what went back of them, are in no sum of what was invoiced.

    The database takes them off the totals by itself.
    """
    cr.execute(
        """
        UPDATE account_move move
           SET billing_is_advance = TRUE
         WHERE move.id IN (
               SELECT move_id FROM account_move_line
                WHERE billing_wallet_id IS NOT NULL AND display_type = 'product')
           AND move.move_type IN ('out_invoice', 'out_refund')
           AND NOT EXISTS (
               SELECT 1 FROM account_move_line other
                WHERE other.move_id = move.id
                  AND other.display_type = 'product'
                  AND other.billing_wallet_id IS NULL)
        """
    )
