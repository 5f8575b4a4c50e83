from odoo import SUPERUSER_ID, api


def migrate(cr, version):
    """How services stand now is nothing new: nobody is told of it."""
    env = api.Environment(cr, SUPERUSER_ID, {"active_test": False})
    services = env["omni.billing.service"].search([("known_state", "=", False)])
    for state, found in services.grouped(lambda one: one._get_own_state()).items():
        cr.execute(
            "UPDATE omni_billing_service SET known_state = %s WHERE id = ANY(%s)",
            [state, found.ids],
        )
    env.invalidate_all()
