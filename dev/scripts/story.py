"""Tell the story of bin/run: 14 months of a telecom, by the product's own means.

Runs in ``odoo shell``, on a database with accounting and the addon, and no data. Each
thing is done on its day: jobs by the jobs, the rest by staff, in the dialogs that staff
use. ``arguments``: the address of a strict Stripe and of its control, and until when
the story goes (a date as text; today if there is none).
"""

import os
import sys
from datetime import date, datetime, time, timedelta

sys.path.insert(0, os.getcwd())

from dev.scripts import complaints  # noqa: E402
from dev.scripts.story_firm import Firm  # noqa: E402
from dev.scripts.story_months import Story  # noqa: E402
from dev.scripts.story_time import Clock  # noqa: E402
from strict_stripe import StripeServer  # noqa: E402

complaints.listen()
stripe = StripeServer.at(arguments["stripe"], arguments["control"])
stripe.take_fees(percent="2.9", fixed=30, dispute=1500)
end = datetime.now().replace(microsecond=0)
if arguments.get("until"):
    day = date.fromisoformat(arguments["until"])
    end = datetime.combine(day, time(18)) + timedelta(minutes=7)
parameters = env["ir.config_parameter"]
parameters.set_param("omni_billing.stripe_api_base", arguments["stripe"])
with Clock(env, stripe, end) as clock:
    Story(Firm(env), stripe, clock).tell()
env.cr.commit()
