from . import (
    account_payment_register,
    omni_billing_dialog_mixin,
    omni_billing_money_mixin,
    omni_billing_attempt_wizard,
    omni_billing_bulk,
    omni_billing_cancel_wizard,
    omni_billing_card_refund_wizard,
    omni_billing_payment_wizard,
    omni_billing_proforma_wizard,
    omni_billing_refund_wizard,
    omni_billing_void_wizard,
    res_config_settings,
)
