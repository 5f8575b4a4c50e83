from . import omni_billing_usage_import_wizard
from . import omni_billing_usage_keep_wizard, omni_billing_usage_move_wizard
from . import omni_billing_usage_cap_wizard
