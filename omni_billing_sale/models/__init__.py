from . import account_move, omni_billing_service, omni_billing_todo
from . import omni_billing_transaction, omni_billing_watch
from . import res_company, res_config_settings, res_partner
from . import sale_order, sale_order_follow
from . import sale_order_line, sale_order_line_charge, sale_order_line_follow
from . import sale_order_line_guard, sale_order_line_invoiced, sale_order_line_recurring
