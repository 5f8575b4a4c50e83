# Which others inherit.
from . import omni_billing_server_mixin  # isort: skip
from . import (
    ir_http,
    ir_qweb_field_amount,
    omni_billing_activity_log,
    omni_billing_guard_mixin,
    omni_billing_limit,
    omni_billing_stats,
    omni_billing_total,
    res_company,
    res_currency,
    res_users,
)
