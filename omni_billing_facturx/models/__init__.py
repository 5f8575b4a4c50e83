from . import account_edi_common, account_edi_xml_cii
from . import account_move, account_move_facturx, account_move_send
from . import omni_billing_proven, omni_billing_run, omni_billing_transaction
from . import res_company, res_config_settings, res_partner
