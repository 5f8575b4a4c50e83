from odoo import SUPERUSER_ID, api


def migrate(cr, version):
    """A service that is suspended until further notice has no next charge."""
    env = api.Environment(cr, SUPERUSER_ID, {"active_test": False})
    services = env["omni.billing.service"].search([("suspended_from", "!=", False)])
    env.add_to_compute(services._fields["next_date"], services)
    env.flush_all()
