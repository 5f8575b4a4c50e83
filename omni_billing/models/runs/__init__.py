from . import omni_billing_run_selection  # isort: skip
from . import (
    account_move,
    omni_billing_mail,
    omni_billing_run,
    omni_billing_run_billing,
    omni_billing_run_charging,
    omni_billing_run_judge,
    omni_billing_run_line,
    omni_billing_run_line_collection,
    omni_billing_run_line_sending,
    omni_billing_run_proven,
    omni_billing_run_schedule,
    omni_billing_run_sending,
    omni_billing_service_autopay,
    payment_transaction,
)
