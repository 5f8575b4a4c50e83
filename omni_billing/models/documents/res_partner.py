from odoo import fields, models


class ResPartner(models.Model):
    """How the invoices of a customer look."""

    _inherit = "res.partner"

    billing_template_id = fields.Many2one(
        "omni.billing.template",
        string="Invoice Template",
        # Whoever duplicates a contact reads and writes all that is copied.
        copy=False,
        groups="omni_billing.omni_billing_group_user",
        help="Empty: the template of the customer's language.",
    )
