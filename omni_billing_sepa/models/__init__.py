from . import account_banking_mandate
from . import account_move, account_move_collect
from . import account_payment, account_payment_kept
from . import account_payment_line, account_payment_lot
from . import account_payment_order
from . import omni_billing_run_line
from . import omni_billing_sepa_file, omni_billing_sepa_return
from . import omni_billing_sepa_retry, omni_billing_todo, omni_billing_watch
from . import res_company, res_config_settings, res_partner
