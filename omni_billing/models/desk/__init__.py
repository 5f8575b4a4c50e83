from . import omni_billing_first_step, omni_billing_todo  # isort: skip
from . import (
    omni_billing_first_step_shown,
    omni_billing_todo_action,
    omni_billing_todo_query,
)
