from . import (
    account_move,
    omni_billing_mail,
    omni_billing_run,
    omni_billing_service,
    omni_billing_watch,
    omni_billing_webhook,
    queue_job,
)
