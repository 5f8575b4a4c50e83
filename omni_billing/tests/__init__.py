from . import (
    test_account_move,
    test_http_invoice_pdf,
    test_import,
    test_invoice_pdf,
    test_multi_company,
    test_omni_billing_payment_wizard,
    test_omni_billing_proforma_wizard,
    test_omni_billing_transaction,
    test_properties,
    test_res_partner,
    test_security,
    test_void,
)
