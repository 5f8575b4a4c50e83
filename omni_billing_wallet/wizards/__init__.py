from . import (
    account_move_reversal,
    omni_billing_pack_refund_wizard,
    omni_billing_pack_use_wizard,
    omni_billing_wallet_refund_wizard,
    omni_billing_wallet_top_up_wizard,
)
