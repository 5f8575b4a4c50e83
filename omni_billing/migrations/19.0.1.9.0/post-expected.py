def migrate(cr, version):
    """What was expected on a day said "today" on all later days, too."""
    cr.execute(
        """
        UPDATE omni_billing_installment
           SET charge_error = 'Expected by now: record it when the money is here.'
         WHERE charge_error LIKE 'Expected today: %'
            OR charge_error LIKE 'Attendu aujourd''hui : %'
        """
    )
