from odoo.tools.sql import column_exists, create_column

#: What is computed, and is nothing in all that is there already.
COLUMNS = [
    ("omni_billing_service", "sale_order_id", "int4"),
    ("omni_billing_transaction", "sale_order_id", "int4"),
    ("sale_order", "billing_is_pooled", "boolean"),
    ("sale_order_line", "billing_is_due", "boolean"),
    ("sale_order_line", "billing_setup_price", "float8"),
]


def pre_init_hook(env):
    """Leave the orders that are there as they are, without a look at each."""
    for table, column, kind in COLUMNS:
        if not column_exists(env.cr, table, column):
            create_column(env.cr, table, column, kind)
