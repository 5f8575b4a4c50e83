from odoo import fields, models


class ResConfigSettings(models.TransientModel):
    _inherit = "res.config.settings"

    billing_sepa_line_id = fields.Many2one(
        related="company_id.billing_sepa_line_id", readonly=False
    )
    billing_sepa_notice_days = fields.Integer(
        related="company_id.billing_sepa_notice_days", readonly=False
    )
    billing_sepa_retry_days = fields.Integer(
        related="company_id.billing_sepa_retry_days", readonly=False
    )
    billing_sepa_lets_revoke = fields.Boolean(
        related="company_id.billing_sepa_lets_revoke", readonly=False
    )
