from odoo import SUPERUSER_ID, api


def migrate(cr, version):
    """Enter in the ledger what accountants set against invoices of ours before."""
    env = api.Environment(cr, SUPERUSER_ID, {})
    env["account.move"].search(
        [
            ("move_type", "in", ("out_invoice", "out_refund")),
            ("state", "=", "posted"),
            ("reversed_entry_id", "!=", False),
        ]
    )._billing_enter_notes()
    cr.execute(
        """
        SELECT partial.id FROM account_partial_reconcile partial
          JOIN account_move_line line
            ON line.id IN (partial.debit_move_id, partial.credit_move_id)
          JOIN omni_billing_transaction billed
            ON billed.invoice_id = line.move_id
           AND billed.transaction_type IN ('charge', 'credit')
         WHERE NOT EXISTS (SELECT 1 FROM omni_billing_transaction
                            WHERE partial_id = partial.id)
      GROUP BY partial.id
        """
    )
    partials = env["account.partial.reconcile"].browse(row[0] for row in cr.fetchall())
    for partial in partials:
        values = partial._billing_prepare_receipt_values()
        if values and values["transaction_type"] == "adjustment":
            partial._billing_create_receipts()
