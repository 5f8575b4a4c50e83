from . import (
    account_edi_common,
    account_edi_proxy_user,
    account_edi_xml_ubl_bis3,
    account_move,
    omni_billing_mail,
    omni_billing_proven,
)
