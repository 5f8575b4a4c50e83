def migrate(cr, version):
    """A payout's own movement is no longer among those that it is made of."""
    cr.execute(
        """
        UPDATE omni_billing_balance_transaction own
           SET payout_id = NULL
          FROM omni_billing_payout payout
         WHERE payout.id = own.payout_id AND own.kind = 'payout'
           AND COALESCE(NULLIF(own.source_ref, ''), payout.reference)
               = payout.reference
        """
    )
