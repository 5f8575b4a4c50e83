from . import (
    account_move,
    omni_billing_service,
    omni_billing_webhook,
    omni_billing_webhook_delivery,
    omni_billing_webhook_kind,
    omni_billing_webhook_secret,
    omni_billing_webhook_sending,
    payment_transaction,
)
