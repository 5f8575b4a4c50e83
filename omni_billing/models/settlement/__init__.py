from . import (
    account_move,
    account_partial_reconcile,
    omni_billing_balance_transaction,
    omni_billing_dispute,
    omni_billing_dispute_debit,
    omni_billing_dispute_decide,
    omni_billing_payout,
    omni_billing_payout_book,
    omni_billing_payout_fetch,
    omni_billing_stripe_event,
    payment_provider,
    res_company,
)
