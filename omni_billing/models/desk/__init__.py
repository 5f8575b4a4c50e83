from . import omni_billing_todo  # isort: skip
from . import (
    omni_billing_todo_action,
    omni_billing_todo_query,
)
