def migrate(cr, version):
    """What was charged as a whole is one of that price."""
    # With a default the first column is there at once, however many rows there are.
    cr.execute(
        """
        ALTER TABLE omni_billing_transaction
          ADD COLUMN quantity double precision NOT NULL DEFAULT 1,
          ADD COLUMN price_unit double precision
        """
    )
    cr.execute("ALTER TABLE omni_billing_transaction ALTER quantity DROP DEFAULT")
    cr.execute("UPDATE omni_billing_transaction SET price_unit = retail_cost")
