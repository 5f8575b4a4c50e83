from . import omni_billing_meter, omni_billing_meter_price
from . import omni_billing_meter_shown, uom_uom
from . import omni_billing_usage_identifier
from . import omni_billing_usage_source
from . import omni_billing_usage_column, omni_billing_usage_file
from . import omni_billing_usage_place, omni_billing_usage_fetch
from . import omni_billing_usage_arrival
from . import omni_billing_usage_batch
from . import omni_billing_usage_refused
from . import omni_billing_usage, omni_billing_usage_months, omni_billing_usage_search
from . import omni_billing_usage_intake
from . import omni_billing_usage_closing, omni_billing_usage_retention
from . import omni_billing_usage_move
from . import omni_billing_rate_part_mixin
from . import omni_billing_rate, omni_billing_rate_tier, omni_billing_rate_band
from . import omni_billing_allowance, omni_billing_rate_plan
from . import omni_billing_rate_most
from . import omni_billing_rate_listed
from . import omni_billing_usage_plan
from . import omni_billing_usage_rating, omni_billing_usage_rating_line
from . import omni_billing_usage_topup, omni_billing_usage_topup_kept
from . import omni_billing_usage_left
from . import omni_billing_usage_rate, omni_billing_usage_charge
from . import omni_billing_usage_supply, omni_billing_usage_carry
from . import omni_billing_cap, omni_billing_rate_plan_caps
from . import omni_billing_usage_cap, omni_billing_usage_spent
from . import omni_billing_usage_unused
from . import omni_billing_usage_alert, omni_billing_usage_job
from . import omni_billing_usage_items
from . import account_move, account_move_usage
from . import res_company, res_config_settings
from . import omni_billing_transaction
from . import omni_billing_service, omni_billing_service_rated
from . import omni_billing_service_caps, omni_billing_usage_shown
from . import omni_billing_usage_preview
from . import omni_billing_watch
