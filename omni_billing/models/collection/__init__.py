from . import (
    account_move,
    account_move_plan,
    account_move_reminder,
    omni_billing_collection_mixin,
    omni_billing_installment,
    omni_billing_late_fee,
    omni_billing_mail,
    omni_billing_reminder,
    payment_token,
    payment_transaction,
    res_company,
    res_partner,
)
