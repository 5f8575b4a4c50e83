from . import product_template, res_company, res_config_settings
from . import omni_billing_pack, omni_billing_pack_use
from . import omni_billing_pack_draw, omni_billing_pack_refund, omni_billing_pack_book
from . import omni_billing_pack_tell
from . import omni_billing_transaction, omni_billing_proven
from . import account_move, account_move_line
from . import omni_billing_service, omni_billing_watch
from . import omni_billing_wallet, omni_billing_wallet_agreed, omni_billing_wallet_job
from . import omni_billing_wallet_tell, res_company_wallet
from . import account_move_line_wallet, account_move_wallet, account_move_draw
from . import omni_billing_transaction_wallet, omni_billing_run_line
from . import res_partner, res_partner_wallet
from . import omni_billing_installment, payment_transaction, account_invoice_report
