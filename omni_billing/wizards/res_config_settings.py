import re

from odoo import api, fields, models
from odoo.exceptions import ValidationError
from odoo.tools import format_list

from odoo.addons.base.models.res_users import check_identity

from ..const import METRICS_SCOPE, PURGE_DEFAULTS
from ..tools.action import open_dialog
from ..tools.numbers import format_number

#: The name of a host that has a public address.
HOST = re.compile(
    r"(?=.{4,253}$)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z][a-z0-9-]+"
)
#: More than this of a limit of the store is a slip of the keyboard.
MAX_PURGE = {"pdf_max_days": 36500, "pdf_max_idle_days": 36500, "pdf_max_mb": 10**7}


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
    billing_use_proven = fields.Boolean(related="company_id.billing_use_proven")
    billing_proven_at = fields.Datetime(related="company_id.billing_proven_at")
    billing_proven_report = fields.Text(related="company_id.billing_proven_report")
    billing_proven_problem = fields.Text(related="company_id.billing_proven_problem")
    billing_cash_journal_id = fields.Many2one(
        related="company_id.billing_cash_journal_id", readonly=False
    )
    billing_pos_journal_id = fields.Many2one(
        related="company_id.billing_pos_journal_id", readonly=False
    )
    billing_bank_journal_id = fields.Many2one(
        related="company_id.billing_bank_journal_id", readonly=False
    )
    billing_cheque_journal_id = fields.Many2one(
        related="company_id.billing_cheque_journal_id", readonly=False
    )
    billing_cheque_fee = fields.Monetary(
        related="company_id.billing_cheque_fee",
        readonly=False,
        currency_field="billing_currency_id",
    )
    billing_debits = fields.Boolean(related="company_id.billing_debits", readonly=False)
    billing_debit_notice_days = fields.Integer(
        related="company_id.billing_debit_notice_days", readonly=False
    )
    billing_return_fee = fields.Monetary(
        related="company_id.billing_return_fee",
        readonly=False,
        currency_field="billing_currency_id",
    )
    billing_return_fee_product_id = fields.Many2one(
        related="company_id.billing_return_fee_product_id", readonly=False
    )
    billing_payment_instructions = fields.Text(
        related="company_id.billing_payment_instructions", readonly=False
    )
    billing_portal_scope = fields.Selection(
        related="company_id.billing_portal_scope", readonly=False, required=True
    )
    billing_lets_invite = fields.Boolean(
        related="company_id.billing_lets_invite", readonly=False
    )
    billing_pause_days = fields.Integer(
        related="company_id.billing_pause_days", readonly=False
    )
    billing_lets_end = fields.Boolean(
        related="company_id.billing_lets_end", readonly=False
    )
    billing_notice_days = fields.Integer(
        related="company_id.billing_notice_days", readonly=False
    )
    billing_tell_days = fields.Integer(
        related="company_id.billing_tell_days", readonly=False
    )
    billing_plan_rule = fields.Selection(
        related="company_id.billing_plan_rule", readonly=False
    )
    billing_tell_declines = fields.Boolean(
        related="company_id.billing_tell_declines", readonly=False
    )
    billing_retry_days = fields.Char(
        related="company_id.billing_retry_days", readonly=False
    )
    billing_consent_words = fields.Text(
        related="company_id.billing_consent_words", readonly=False
    )
    billing_fee_account_id = fields.Many2one(
        related="company_id.billing_fee_account_id", readonly=False
    )
    billing_fee_tax_account_id = fields.Many2one(
        related="company_id.billing_fee_tax_account_id", readonly=False
    )
    billing_payout_account_id = fields.Many2one(
        related="company_id.billing_payout_account_id", readonly=False
    )
    billing_dispute_account_id = fields.Many2one(
        related="company_id.billing_dispute_account_id", readonly=False
    )
    billing_payout_journal_id = fields.Many2one(
        related="company_id.billing_payout_journal_id", readonly=False
    )
    billing_payouts_since = fields.Date(
        related="company_id.billing_payouts_since", readonly=False
    )
    billing_image_hosts = fields.Char(
        string="Hosts of Images",
        config_parameter="omni_billing.image_hosts",
        help="Names of hosts, separated by spaces, from which invoice templates may"
        " show images, by https.",
    )
    billing_pdf_max_days = fields.Integer(
        default=lambda self: self._default_billing_pdf_limit("pdf_max_days")
    )
    billing_pdf_max_idle_days = fields.Integer(
        default=lambda self: self._default_billing_pdf_limit("pdf_max_idle_days")
    )
    billing_pdf_max_mb = fields.Integer(
        default=lambda self: self._default_billing_pdf_limit("pdf_max_mb")
    )
    billing_pdf_usage = fields.Char(
        string="In Store", compute="_compute_billing_pdf_usage"
    )

    def _default_billing_pdf_limit(self, name):
        return self.env["omni.billing.pdf.cache"]._get_purge_limits()[name]

    @api.constrains("billing_image_hosts")
    def _check_billing_image_hosts(self):
        for settings in self:
            for host in (settings.billing_image_hosts or "").lower().split():
                if not HOST.fullmatch(host):
                    raise ValidationError(
                        self.env._(
                            "Hosts of images: “%(host)s” is no name of a host. Enter"
                            " names alone, like images.example.com, without https://"
                            " and without a path.",
                            host=host,
                        )
                    )

    @api.constrains(*(f"billing_{name}" for name in PURGE_DEFAULTS))
    def _check_billing_pdf_limits(self):
        for settings in self:
            for name, most in MAX_PURGE.items():
                value = settings[f"billing_{name}"]
                if not 0 <= value <= most:
                    raise ValidationError(
                        self.env._(
                            "Stored PDFs: %(value)s is no limit. Enter a number from 1"
                            " to %(most)s, or 0 for no limit.",
                            value=value,
                            most=most,
                        )
                    )

    @api.onchange("billing_fee_account_id")
    def _onchange_billing_fee_account_id(self):
        """Show the day on which it begins (anew): what was before is booked by hand."""
        before = self.company_id.billing_fee_account_id
        if not self.billing_fee_account_id:
            self.billing_payouts_since = False
        elif not before or not self.billing_payouts_since:
            self.billing_payouts_since = fields.Date.context_today(self)

    def set_values(self):
        """Override of `base`: which would take a 0, no limit, for the default."""
        # Anybody can call it, on no record at all; Odoo asks in `execute` only.
        self.check_access("write")
        self.ensure_one()
        result = super().set_values()
        self.company_id._billing_check_late_fee()
        # sudo: as Odoo does for the parameters of settings; only administrators save.
        parameters = self.env["ir.config_parameter"].sudo()
        for name in PURGE_DEFAULTS:
            parameters.set_param(f"omni_billing.{name}", str(self[f"billing_{name}"]))
        return result

    def _compute_billing_pdf_usage(self):
        count, size = self.env["omni.billing.pdf.cache"]._get_usage()
        for settings in self:
            settings.billing_pdf_usage = self.env._(
                "%(count)s PDFs, %(size)s MB",
                count=count,
                size=format_number(self.env, round(size / 1024, 1)),
            )

    def action_billing_clear_pdfs(self):
        """Remove all stored PDFs (F112)."""
        self.env["omni.billing.pdf.cache"].search(
            [("company_id", "in", self.env.companies.ids)]
        ).unlink()
        return True

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
    billing_mailjet_problem = fields.Char(related="company_id.billing_mailjet_problem")
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

    billing_watch_keys = fields.Char(
        string="Keys of Programs That Watch", compute="_compute_billing_watch_keys"
    )

    def _compute_billing_watch_keys(self):
        # sudo: who has one, not what it is; only administrators read settings.
        keys = (
            self.env["res.users.apikeys"].sudo().search([("scope", "=", METRICS_SCOPE)])
        )
        owners = keys.user_id.mapped("name")
        for settings in self:
            settings.billing_watch_keys = format_list(self.env, owners)

    def action_billing_make_watch_key(self):
        """Make a key that opens the counters (W45), and show it once.

        It is Odoo's API key of whoever makes it, kept as a hash, of a scope of its own.
        As for each API key, Odoo asks for the password first.
        """
        self.check_access("write")
        self.ensure_one()
        return self._billing_make_watch_key()

    @check_identity
    def _billing_make_watch_key(self):
        keys = self.env["res.users.apikeys"]
        key = keys._generate(METRICS_SCOPE, self.env._("Counters of billing"), None)
        return open_dialog(
            "res.users.apikeys.show",
            self.env._("Key for the Counters"),
            {"default_key": key},
            view_id=self.env.ref(
                "omni_billing.res_users_apikeys_show_view_form_watch"
            ).id,
        )

    def action_billing_prove(self):
        """Have the company prove fast billing on its own customers (W45)."""
        self.ensure_one()
        return self.company_id.action_billing_prove()

    def action_billing_leave_proven(self):
        """Have Odoo make all invoices again."""
        self.ensure_one()
        return self.company_id.action_billing_leave_proven()

    def action_billing_mailjet_listen(self):
        """Have Mailjet tell what becomes of messages."""
        self.ensure_one()
        return self.company_id.action_billing_mailjet_listen()
