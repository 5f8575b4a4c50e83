from . import (
    account_move,
    account_move_printed,
    account_move_send,
    account_move_swiss,
    ir_actions_report,
    ir_attachment,
    omni_billing_pdf_cache,
    omni_billing_pdf_due,
    omni_billing_template,
    omni_billing_template_law,
    res_partner,
)
