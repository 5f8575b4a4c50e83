from odoo import SUPERUSER_ID, api

from odoo.addons.omni_billing.hooks import (
    _tell_of_lost_charges,
    _tell_of_repeated_intents,
)

#: What jobs call, as it was and as it is: they are not written again by an update.
RENAMED = {
    "ir_cron_resolve_attempts": ("_cron_resolve", "_cron_billing_resolve"),
    "ir_cron_detach_cards": ("_cron_detach_cards", "_cron_billing_detach_cards"),
    "ir_cron_expiry_notice": ("_cron_expiry_notice", "_cron_billing_tell_expiry"),
}


def migrate(cr, version):
    """Tell of payments that are not what they seem; call jobs by their new names."""
    env = api.Environment(cr, SUPERUSER_ID, {})
    _tell_of_repeated_intents(env)
    _tell_of_lost_charges(env)
    for name, (old, new) in RENAMED.items():
        job = env.ref(f"omni_billing.{name}", raise_if_not_found=False)
        if job and job.code:
            job.code = job.code.replace(f"model.{old}(", f"model.{new}(")
