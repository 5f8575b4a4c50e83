def migrate(cr, version):
    """Say of which invoices all that is owed is planned, and how much is.

    The columns are made here: Odoo would compute them for each entry of the books.
    """
    # With a default the first column is there at once, however many rows there are.
    cr.execute(
        """
        ALTER TABLE account_move
          ADD COLUMN IF NOT EXISTS billing_is_planned boolean DEFAULT false,
          ADD COLUMN IF NOT EXISTS billing_planned_amount numeric
        """
    )
    cr.execute("ALTER TABLE account_move ALTER billing_is_planned DROP DEFAULT")
    cr.execute(
        """
        UPDATE account_move move
           SET billing_planned_amount = LEAST(plan.amount, move.amount_residual),
               billing_is_planned = plan.amount >= move.amount_residual
          FROM (SELECT invoice_id, SUM(amount) AS amount
                  FROM omni_billing_installment
                 WHERE charge_state IN ('due', 'open', 'retry')
                 GROUP BY invoice_id) AS plan
         WHERE plan.invoice_id = move.id AND move.state = 'posted'
           AND move.move_type = 'out_invoice' AND move.amount_residual > 0
        """
    )
