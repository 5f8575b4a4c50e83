from . import (
    account_move,
    account_move_warning,
    account_partial_reconcile,
    omni_billing_installment,
    omni_billing_mail,
    omni_billing_overdue,
    omni_billing_overdue_look,
    omni_billing_overdue_review,
    omni_billing_reminder,
    omni_billing_service,
    res_partner,
)
