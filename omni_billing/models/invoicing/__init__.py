from . import (
    account_move,
    account_move_booked,
    account_move_credit,
    account_move_guard,
    account_move_line,
    account_move_number,
    account_move_void,
    omni_billing_activity_log,
    omni_billing_transaction,
    res_company,
    res_partner,
)
