from . import (
    account_move,
    account_move_chargeable,
    account_move_guard,
    account_move_owed,
    account_move_pay,
    account_partial_reconcile,
    account_payment,
    account_payment_undo,
    omni_billing_payment_ref,
    omni_billing_transaction,
    res_company,
    res_partner,
)
