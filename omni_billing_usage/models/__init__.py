from . import omni_billing_meter
from . import omni_billing_usage_identifier
from . import omni_billing_usage_source
from . import omni_billing_usage_column, omni_billing_usage_file
from . import omni_billing_usage_batch
from . import omni_billing_usage_refused
from . import omni_billing_usage, omni_billing_usage_months
from . import omni_billing_usage_intake
from . import omni_billing_service, omni_billing_watch
