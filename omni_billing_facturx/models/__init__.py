from . import account_edi_xml_cii, account_move, account_move_facturx
from . import account_move_send, omni_billing_proven, omni_billing_run
from . import omni_billing_transaction
from . import res_company, res_config_settings, res_partner
