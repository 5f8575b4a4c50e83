def migrate(cr, version):
    """Customers of runs who have no card did not fail to pay by one.

    What was left to staff without a try, of a customer for whom no card is saved. An
    expired card stays there.
    """
    cr.execute(
        """
        UPDATE omni_billing_run_line line SET charge_state = 'no_card'
         WHERE charge_state = 'failed' AND charge_attempt_id IS NULL
           AND COALESCE(charge_tries, 0) = 0
           AND NOT EXISTS (
               SELECT FROM payment_token card
                 JOIN res_partner holder ON holder.id = card.partner_id
                WHERE card.active AND card.billing_is_card
                  AND holder.commercial_partner_id = line.partner_id
           )
        """
    )
