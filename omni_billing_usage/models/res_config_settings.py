from odoo import fields, models


class ResConfigSettings(models.TransientModel):
    _inherit = "res.config.settings"

    billing_usage_shows_numbers = fields.Boolean(
        related="company_id.billing_usage_shows_numbers", readonly=False
    )
    billing_usage_list = fields.Boolean(
        related="company_id.billing_usage_list", readonly=False
    )
    billing_usage_own_caps = fields.Boolean(
        related="company_id.billing_usage_own_caps", readonly=False
    )
