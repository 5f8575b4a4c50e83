# Which others inherit.
from . import omni_billing_day_mixin  # isort: skip
from . import (
    account_move,
    omni_billing_accrued,
    omni_billing_aged,
    omni_billing_deferral,
    omni_billing_revenue,
    omni_billing_tax,
    res_partner,
)
