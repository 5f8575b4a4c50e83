from odoo import fields, models


class ResPartner(models.Model):
    """How the invoices of a customer look."""

    _inherit = "res.partner"

    billing_template_id = fields.Many2one(
        "omni.billing.template",
        string="Invoice Template",
        # To duplicate a contact one would need the right to read and write this.
        copy=False,
        groups="omni_billing.omni_billing_group_user",
        help="Empty: the template of the customer's language.",
    )
