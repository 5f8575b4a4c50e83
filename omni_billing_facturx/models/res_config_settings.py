from odoo import fields, models


class ResConfigSettings(models.TransientModel):
    _inherit = "res.config.settings"

    billing_facturx = fields.Boolean(
        related="company_id.billing_facturx", readonly=False
    )
    billing_facturx_recovery = fields.Char(
        related="company_id.billing_facturx_recovery", readonly=False
    )
    billing_facturx_penalty = fields.Char(
        related="company_id.billing_facturx_penalty", readonly=False
    )
    billing_facturx_discount = fields.Char(
        related="company_id.billing_facturx_discount", readonly=False
    )
