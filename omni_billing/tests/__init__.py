"""The addon's tests; `bin/test` of its repository runs them.

Odoo imports them with ``--test-enable``, whatever is asked for. Where packages that
they use are missing, there are none, and other addons' tests run.
"""

import logging
from importlib.util import find_spec

NEEDED = ("aiosmtpd", "freezegun", "hypothesis", "pypdf")
MISSING = [name for name in NEEDED if find_spec(name) is None]

if MISSING:
    logging.getLogger(__name__).info(
        "Left out, since there is no %s. To run them, install what is in"
        " test-requirements.txt of the addon's repository.",
        ", ".join(MISSING),
    )
else:
    from . import (
        test_account_move,
        test_accountants_acts,
        test_activity_log,
        test_analytic,
        test_archived_tax,
        test_bulk,
        test_cancel_items,
        test_card_accounts,
        test_card_captures,
        test_card_debits,
        test_card_events,
        test_card_in_odoos_dialog,
        test_card_outcomes,
        test_card_payment,
        test_card_payment_chargeable,
        test_card_payment_doors,
        test_card_payment_outcomes,
        test_card_properties,
        test_card_requests,
        test_card_states,
        test_credit_first,
        test_credited,
        test_database,
        test_dialog_once,
        test_dialogs,
        test_doors,
        test_guest,
        test_history,
        test_http_api,
        test_http_invoice_pdf,
        test_http_limits,
        test_http_mailjet_webhook,
        test_http_payment_doors,
        test_http_portal,
        test_http_statement,
        test_http_stripe_webhook,
        test_http_web_client,
        test_import,
        test_installment,
        test_invoicing,
        test_invoice_pdf,
        test_mail,
        test_missing_sdk,
        test_money_on_its_way,
        test_moved_contact,
        test_multi_company,
        test_names,
        test_neutralize,
        test_numbered,
        test_omni_billing_payment_wizard,
        test_omni_billing_proforma_wizard,
        test_omni_billing_template,
        test_omni_billing_run,
        test_omni_billing_run_collection,
        test_omni_billing_service,
        test_omni_billing_transaction,
        test_operations,
        test_payment_doors,
        test_payment_taken,
        test_payments,
        test_payouts,
        test_payouts_apart,
        test_disputes,
        test_disputes_missed,
        test_pdf_cache,
        test_poisoned_context,
        test_properties,
        test_public_methods,
        test_reminder,
        test_reports,
        test_res_partner,
        test_run_without_key,
        test_security,
        test_stats,
        test_undo_payment,
        test_void,
        test_void_credit_note,
        test_write_guard,
    )
