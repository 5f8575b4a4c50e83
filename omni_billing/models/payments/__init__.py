from . import (
    account_move,
    account_move_chargeable,
    account_move_guard,
    account_move_pay,
    account_partial_reconcile,
    account_payment,
    omni_billing_payment_ref,
    res_company,
    res_partner,
)
