from . import (  # isort: skip
    omni_billing_first_step,
    omni_billing_todo,
    omni_billing_watch,
)
from . import (
    omni_billing_first_step_shown,
    omni_billing_todo_action,
    omni_billing_todo_query,
    omni_billing_watch_metrics,
    omni_billing_watch_query,
)
