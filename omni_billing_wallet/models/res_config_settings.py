from odoo import fields, models


class ResConfigSettings(models.TransientModel):
    _inherit = "res.config.settings"

    billing_pack_usable = fields.Selection(
        related="company_id.billing_pack_usable", readonly=False
    )
    billing_pack_uncovered = fields.Selection(
        related="company_id.billing_pack_uncovered", readonly=False
    )
    billing_pack_expiry = fields.Selection(
        related="company_id.billing_pack_expiry", readonly=False
    )
    billing_pack_journal_id = fields.Many2one(
        related="company_id.billing_pack_journal_id", readonly=False
    )
