from . import omni_billing_meter
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
from . import omni_billing_service, omni_billing_watch, res_company
