from . import account_move, omni_billing_mail, omni_billing_run, queue_job
