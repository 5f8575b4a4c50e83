from . import (
    account_tax,
    omni_billing_service,
    omni_billing_service_change,
    omni_billing_service_charge,
    omni_billing_service_guard,
    omni_billing_service_own,
    omni_billing_service_preview,
    omni_billing_service_turn,
    product_template,
    res_company,
    res_partner,
)
