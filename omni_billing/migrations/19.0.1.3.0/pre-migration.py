from odoo.addons.omni_billing.hooks import _set_repeated_intents_aside


def migrate(cr, version):
    """Make way for the rule that one intent is one payment."""
    _set_repeated_intents_aside(cr)
