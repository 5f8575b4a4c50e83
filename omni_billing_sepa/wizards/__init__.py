from . import omni_billing_sepa_import_wizard
