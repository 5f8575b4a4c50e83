from . import (
    res_partner,
    res_partner_balance,
    res_partner_payer,
)
