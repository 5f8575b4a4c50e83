from odoo.tests import TransactionCase, tagged

#: Each foreign key of a table or column of ours that no index serves: one that begins
#: with it and holds all rows, or all that refer to something.
WITHOUT_INDEX = r"""
    SELECT child.relname, col.attname, parent.relname
      FROM pg_constraint fk
      JOIN pg_class child ON child.oid = fk.conrelid
      JOIN pg_class parent ON parent.oid = fk.confrelid
      JOIN pg_attribute col ON col.attrelid = fk.conrelid AND col.attnum = fk.conkey[1]
     WHERE fk.contype = 'f'
       AND (child.relname LIKE 'omni\_billing\_%'
            OR parent.relname LIKE 'omni\_billing\_%'
            OR col.attname LIKE 'billing\_%')
       AND NOT EXISTS (
           SELECT FROM pg_index i
            WHERE i.indrelid = fk.conrelid AND i.indkey[0] = fk.conkey[1]
              AND (i.indpred IS NULL
                   OR pg_get_expr(i.indpred, i.indrelid)
                      = format('(%I IS NOT NULL)', col.attname)))
     ORDER BY child.relname, col.attname
"""
#: What is archived when it is no longer used, and cannot go while anything refers to
#: it. Odoo has no index for these in its own tables.
KEPT = {"res_company", "res_currency", "res_users", "uom_uom"}
#: Tables of which a company has a few rows.
SMALL = {
    *("omni_billing_credit_type", "omni_billing_reminder_level"),
    *("omni_billing_run_schedule", "omni_billing_template", "res_company"),
}


@tagged("post_install", "-at_install")
class TestForeignKeys(TransactionCase):
    """Who deletes or merges waits for no look through a whole table.

    PostgreSQL looks, for each row that goes, into each table that may refer to it.
    """

    def test_each_has_an_index(self):
        self.env.cr.execute(WITHOUT_INDEX)
        # Dialogs are gone the next day.
        dialogs = {model._table for model in self.env.values() if model.is_transient()}
        found = [
            f"{table}.{column} -> {parent}"
            for table, column, parent in self.env.cr.fetchall()
            if table not in SMALL | dialogs and parent not in KEPT
        ]
        self.assertFalse(found)
