from odoo import fields, models


class ResConfigSettings(models.TransientModel):
    _inherit = "res.config.settings"

    billing_journal_id = fields.Many2one(
        related="company_id.billing_journal_id", readonly=False
    )
    billing_number_dashed = fields.Boolean(
        related="company_id.billing_number_dashed", readonly=False
    )
    billing_void_method = fields.Selection(
        related="company_id.billing_void_method", readonly=False, required=True
    )
    billing_cash_journal_id = fields.Many2one(
        related="company_id.billing_cash_journal_id", readonly=False
    )
    billing_pos_journal_id = fields.Many2one(
        related="company_id.billing_pos_journal_id", readonly=False
    )
    billing_bank_journal_id = fields.Many2one(
        related="company_id.billing_bank_journal_id", readonly=False
    )
    billing_payment_instructions = fields.Text(
        related="company_id.billing_payment_instructions", readonly=False
    )
    billing_retry_days = fields.Char(
        related="company_id.billing_retry_days", readonly=False
    )
