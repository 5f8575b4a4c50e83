from odoo import fields, models


class ResConfigSettings(models.TransientModel):
    _inherit = "res.config.settings"

    billing_facturx = fields.Boolean(
        related="company_id.billing_facturx", readonly=False
    )
