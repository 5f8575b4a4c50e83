from odoo import SUPERUSER_ID, api

from odoo.addons.omni_billing.hooks import _tell_of_repeated_intents


def migrate(cr, version):
    """Tell of payments that had another one's intent."""
    _tell_of_repeated_intents(api.Environment(cr, SUPERUSER_ID, {}))
