from odoo import SUPERUSER_ID, api

#: They were called as ways to pay, and lower income without any money.
PAYMENTS = ("credit_type_cash", "credit_type_pos", "credit_type_bank")


def migrate(cr, version):
    """Offer them no more; credits that were given keep their type."""
    env = api.Environment(cr, SUPERUSER_ID, {})
    for name in PAYMENTS:
        kind = env.ref(f"omni_billing.{name}", raise_if_not_found=False)
        if kind:
            kind.active = False
