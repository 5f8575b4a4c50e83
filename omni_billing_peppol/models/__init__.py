from . import (
    account_edi_proxy_user,
    account_move,
    omni_billing_mail,
    omni_billing_proven,
)
