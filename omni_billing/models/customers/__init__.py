from . import (
    account_move,
    res_partner,
    res_partner_balance,
    res_partner_payer,
    res_partner_people,
)
