def migrate(cr, version):
    """Ask for no payouts again that an earlier day did not bring so far.

    It changed nothing, and people were told to book what lies between by hand. Who has
    no account for fees books all by hand, and begins on the day that one is chosen.
    """
    cr.execute(
        """
        UPDATE res_company SET billing_payouts_since = NULL
         WHERE billing_fee_account_id IS NULL AND billing_payouts_since IS NOT NULL
        """
    )
    cr.execute(
        """
        UPDATE payment_provider provider
           SET billing_payouts_asked = company.billing_payouts_since
          FROM res_company company
         WHERE company.id = provider.company_id
           AND provider.billing_payouts_asked IS NULL
           AND EXISTS (SELECT 1 FROM omni_billing_payout payout
                        WHERE payout.company_id = company.id)
        """
    )
