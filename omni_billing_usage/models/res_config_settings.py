from odoo import fields, models


class ResConfigSettings(models.TransientModel):
    _inherit = "res.config.settings"

    billing_usage_shows_numbers = fields.Boolean(
        related="company_id.billing_usage_shows_numbers", readonly=False
    )
