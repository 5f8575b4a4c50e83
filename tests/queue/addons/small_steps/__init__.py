"""Have a server do small steps, and wait for Stripe for as long as a test holds it.

The server loads this before any database (``--load``), as it loads ``queue_job``.
"""

from odoo.addons.omni_billing.gateways import stripe
from odoo.addons.omni_billing.models.runs import omni_billing_run_billing
from odoo.addons.omni_billing.models.services import omni_billing_service_charge
from odoo.addons.omni_billing_queue_job.models import (
    omni_billing_run,
    omni_billing_service,
)

from tests.queue import steps

omni_billing_run_billing.CHUNK = steps.CHUNK
omni_billing_service_charge.CHUNK = omni_billing_service.CHUNK = steps.CHUNK
omni_billing_run.CHARGES = steps.CHARGES
omni_billing_run.PDFS = steps.PDFS
stripe.TIMEOUT = (3, steps.HELD_SECONDS)
