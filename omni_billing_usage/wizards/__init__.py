from . import omni_billing_usage_import_wizard
