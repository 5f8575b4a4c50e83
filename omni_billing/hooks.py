from odoo.tools import SQL

from .models.account_move_numbered import DROP_TRIGGERS
from .models.omni_billing_pdf_cache import SEQUENCES


def _uninstall_hook(env):
    """Remove what Odoo does not: parameters, sequences and triggers."""
    # sudo: the parameters of an addon go with it, whoever removes it.
    env["ir.config_parameter"].sudo().search(
        [("key", "=like", "omni_billing.%")]
    ).unlink()
    for name in SEQUENCES.values():
        env.cr.execute(SQL("DROP SEQUENCE IF EXISTS %s", SQL.identifier(name)))
    env.cr.execute(DROP_TRIGGERS)
