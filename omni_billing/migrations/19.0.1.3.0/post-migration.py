from odoo import SUPERUSER_ID, api

from odoo.addons.omni_billing.hooks import (
    _tell_of_lost_charges,
    _tell_of_repeated_intents,
)


def migrate(cr, version):
    """Tell of payments that had another one's intent, and of charges never booked."""
    env = api.Environment(cr, SUPERUSER_ID, {})
    _tell_of_repeated_intents(env)
    _tell_of_lost_charges(env)
