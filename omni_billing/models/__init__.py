from . import omni_billing_stats  # isort: skip
from . import (
    account_move,
    account_move_line,
    account_move_send,
    account_partial_reconcile,
    account_payment,
    account_tax,
    ir_actions_report,
    ir_fields_converter,
    omni_billing_credit_type,
    omni_billing_service,
    omni_billing_transaction,
    res_company,
    res_partner,
)
