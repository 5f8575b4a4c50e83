def migrate(cr, version):
    """What was charged as a whole is one of that price, in its product's unit.

    Columns that are there are not computed by Odoo, row after row.
    """
    # With a default the first column is there at once, however many rows there are.
    cr.execute(
        """
        ALTER TABLE omni_billing_transaction
          ADD COLUMN quantity double precision NOT NULL DEFAULT 1,
          ADD COLUMN price_unit double precision,
          ADD COLUMN uom_id integer
        """
    )
    cr.execute("ALTER TABLE omni_billing_transaction ALTER quantity DROP DEFAULT")
    # What is billed keeps what its invoice says: no unit.
    cr.execute(
        """
        UPDATE omni_billing_transaction AS transaction
           SET price_unit = retail_cost,
               uom_id = (
                   SELECT template.uom_id
                     FROM product_product AS product
                     JOIN product_template AS template
                       ON template.id = product.product_tmpl_id
                    WHERE product.id = transaction.product_id
                      AND transaction.state = 'unbilled'
               )
        """
    )
    cr.execute("ALTER TABLE omni_billing_service ADD COLUMN uom_id integer")
    cr.execute(
        """
        UPDATE omni_billing_service AS service
           SET uom_id = template.uom_id
          FROM product_product AS product
          JOIN product_template AS template ON template.id = product.product_tmpl_id
         WHERE product.id = service.product_id
        """
    )
