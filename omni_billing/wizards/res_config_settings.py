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
    billing_mail_provider = fields.Selection(
        related="company_id.billing_mail_provider", readonly=False, required=True
    )
    billing_mail_sender = fields.Char(
        related="company_id.billing_mail_sender", readonly=False
    )
    billing_notice_email = fields.Char(
        related="company_id.billing_notice_email", readonly=False
    )
    billing_mail_template_id = fields.Many2one(
        related="company_id.billing_mail_template_id", readonly=False
    )
    billing_mailjet_api_key = fields.Char(
        related="company_id.billing_mailjet_api_key", readonly=False
    )
    billing_mailjet_secret_key = fields.Char(
        related="company_id.billing_mailjet_secret_key", readonly=False
    )
    billing_mailjet_sandbox = fields.Boolean(
        related="company_id.billing_mailjet_sandbox", readonly=False
    )
    billing_mailjet_template = fields.Char(
        related="company_id.billing_mailjet_template", readonly=False
    )
    billing_reminders = fields.Boolean(
        related="company_id.billing_reminders", readonly=False
    )
    billing_late_fee = fields.Selection(
        related="company_id.billing_late_fee", readonly=False, required=True
    )
    billing_late_fee_percent = fields.Float(
        related="company_id.billing_late_fee_percent", readonly=False
    )
    billing_late_fee_amount = fields.Monetary(
        related="company_id.billing_late_fee_amount",
        readonly=False,
        currency_field="billing_currency_id",
    )
    billing_currency_id = fields.Many2one(
        related="company_id.currency_id", string="Billing Currency"
    )
    billing_late_fee_grace = fields.Integer(
        related="company_id.billing_late_fee_grace", readonly=False
    )

    def action_billing_mailjet_listen(self):
        """Have Mailjet tell what becomes of messages."""
        self.ensure_one()
        return self.company_id.action_billing_mailjet_listen()
