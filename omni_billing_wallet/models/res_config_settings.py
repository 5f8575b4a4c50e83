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
    billing_pack_tell_days = fields.Integer(
        related="company_id.billing_pack_tell_days", readonly=False
    )
    billing_pack_journal_id = fields.Many2one(
        related="company_id.billing_pack_journal_id", readonly=False
    )
    billing_wallet_account_id = fields.Many2one(
        related="company_id.billing_wallet_account_id", readonly=False
    )
    billing_wallet_tax_id = fields.Many2one(
        related="company_id.billing_wallet_tax_id", readonly=False
    )
    billing_wallet_days = fields.Integer(
        related="company_id.billing_wallet_days", readonly=False
    )
    billing_wallet_tell_days = fields.Integer(
        related="company_id.billing_wallet_tell_days", readonly=False
    )
    billing_wallet_income_account_id = fields.Many2one(
        related="company_id.billing_wallet_income_account_id", readonly=False
    )
