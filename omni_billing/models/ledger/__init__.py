# Which others inherit.
from . import omni_billing_distribution_mixin  # isort: skip
from . import (
    account_fiscal_position,
    account_tax,
    account_tax_repartition_line,
    ir_fields_converter,
    omni_billing_credit_type,
    omni_billing_price_mixin,
    omni_billing_stale,
    omni_billing_transaction,
    omni_billing_transaction_amounts,
    omni_billing_transaction_guard,
    omni_billing_transaction_import,
    omni_billing_transaction_payer,
    omni_billing_transaction_price,
    omni_billing_transaction_report,
    omni_billing_transaction_stale,
    omni_billing_transaction_state,
    res_company,
    res_currency,
    res_partner,
    uom_uom,
)
