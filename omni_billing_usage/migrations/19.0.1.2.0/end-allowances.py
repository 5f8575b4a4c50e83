from odoo import SUPERUSER_ID, api


def migrate(cr, version):
    """Have rated what draws from allowances: what is left of them is kept from now on.

    Until then all of it would be left of the months that run.
    """
    env = api.Environment(cr, SUPERUSER_ID, {"active_test": False})
    plans = env["omni.billing.allowance"].search([]).plan_id
    env["omni.billing.usage.rating"]._mark_plans(plans)
