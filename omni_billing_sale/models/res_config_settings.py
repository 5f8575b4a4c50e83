from odoo import fields, models


class ResConfigSettings(models.TransientModel):
    _inherit = "res.config.settings"

    billing_sale = fields.Boolean(related="company_id.billing_sale", readonly=False)
