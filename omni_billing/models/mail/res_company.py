import logging
import secrets
from urllib.parse import urlsplit

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.tools import email_normalize

from ... import gateways
from ...const import HOOK_USER
from ...exceptions import GatewayRefused, GatewayUnknown
from ...tools.notice import notice

_logger = logging.getLogger(__name__)


class ResCompany(models.Model):
    """How a company sends its billing e-mail."""

    _inherit = "res.company"

    billing_mail_provider = fields.Selection(
        [("odoo", "Odoo's outgoing mail server"), ("mailjet", "Mailjet")],
        string="Billing E-mail",
        required=True,
        default="odoo",
    )
    billing_mail_sender = fields.Char(
        string="Sender",
        help="Who billing e-mail is from, like: Omni <billing@example.com>. Empty: the"
        " company; if that has no address, the salesperson or the user.",
    )
    billing_mail_template_id = fields.Many2one(
        "mail.template",
        string="E-mail Template",
        domain="[('model', '=', 'account.move')]",
        help="The text of the e-mail with an invoice. Empty: the one of billing.",
    )
    billing_mailjet_api_key = fields.Char(
        string="Mailjet API Key", groups="base.group_system", copy=False
    )
    billing_mailjet_secret_key = fields.Char(
        string="Mailjet Secret Key", groups="base.group_system", copy=False
    )
    billing_mailjet_sandbox = fields.Boolean(
        string="Mailjet Sandbox",
        help="Mailjet checks the messages and delivers none.",
    )
    billing_mailjet_template = fields.Char(
        string="Mailjet Template",
        help="Id or name of a template at Mailjet, like"
        " api_crmCommunicationCustomerInvoice. Empty: the text of Odoo's template.",
    )
    billing_mailjet_problem = fields.Char(
        string="Mailjet Problem",
        compute="_compute_billing_mailjet_problem",
        groups="base.group_system",
    )
    billing_mailjet_hook_token = fields.Char(
        groups="base.group_system", copy=False, index="btree_not_null"
    )
    billing_mailjet_hook_password = fields.Char(groups="base.group_system", copy=False)

    @api.depends("billing_mail_provider")
    def _compute_billing_mailjet_problem(self):
        for company in self:
            is_mailjet = company.billing_mail_provider == "mailjet"
            problem = gateways.find_problem("mailjet") if is_mailjet else ""
            company.billing_mailjet_problem = problem

    def _billing_get_sender(self):
        """Override: the sender of e-mails about billing, if there is one."""
        return self.billing_mail_sender or super()._billing_get_sender()

    @api.constrains("billing_mail_sender", "billing_notice_email")
    def _check_billing_mail_addresses(self):
        for company in self:
            for address in (company.billing_mail_sender, company.billing_notice_email):
                if address and not email_normalize(address):
                    raise UserError(
                        self.env._(
                            "“%(address)s” is no e-mail address.", address=address
                        )
                    )

    def _billing_get_mailjet_gateway(self):
        """Return the gateway to the account of the company. The one seam for tests.

        :raise UserError: if Mailjet is not set up.
        """
        self.ensure_one()
        if problem := self._billing_get_mail_problem():
            raise UserError(problem[1])
        # sudo: staff send, administrators alone read the keys.
        company = self.sudo()
        return gateways.load("mailjet").MailjetGateway(
            company.billing_mailjet_api_key,
            company.billing_mailjet_secret_key,
            sandbox=company.billing_mailjet_sandbox,
            api_base=company._billing_get_mailjet_test_url(),
        )

    def _billing_get_mailjet_test_url(self):
        """Return another address of Mailjet; in sandbox mode only."""
        self.ensure_one()
        if not self.billing_mailjet_sandbox:
            return ""
        # sudo: system parameters are for administrators.
        parameters = self.env["ir.config_parameter"].sudo()
        return parameters.get_param("omni_billing.mailjet_api_base") or ""

    def _billing_get_mail_problem(self):
        """Return code and text of what keeps all mail from being sent, or nothing."""
        self.ensure_one()
        company = self.sudo()  # sudo: whether there are keys, not what they are.
        if company.billing_mail_provider == "mailjet" and not (
            company.billing_mailjet_api_key and company.billing_mailjet_secret_key
        ):
            return "not_configured", self.env._(
                "Mailjet is not set up for %(company)s. An administrator enters its API"
                " keys in Billing > Configuration > Settings.",
                company=company.name,
            )
        if company.billing_mailjet_problem:
            _logger.error("Mailjet does not work: %s", company.billing_mailjet_problem)
            return "no_sdk", self.env._(
                "Mailjet cannot be used: the server's Python package for it is missing,"
                " broken or too old. An administrator reads what to do in Billing >"
                " Configuration > Settings."
            )
        return None

    def _billing_explain_no_server(self):
        """Return what to do where no outgoing mail server is set up, or nothing."""
        self.ensure_one()
        if self.billing_mail_provider != "odoo":
            return None
        # sudo: mail servers are an administrator's; here only whether there is one.
        if self.env["ir.mail_server"].sudo().search_count([], limit=1):
            return None
        return self.env._(
            "No outgoing mail server is set up: e-mails wait. An administrator adds"
            " one in Settings > Technical > Email > Outgoing Mail Servers, or chooses"
            " Mailjet in Billing > Configuration > Settings."
        )

    def _billing_find_mail_warning(self):
        """Return what keeps, or will keep, all mail from going out, or nothing.

        A server that runs beside Odoo needs no setting: it is believed once it took a
        message.
        """
        self.ensure_one()
        if problem := self._billing_get_mail_problem():
            return problem[1]
        warning = self._billing_explain_no_server()
        taken = ("sent", "delivered", "opened")
        # sudo: as above
        mails = self.env["omni.billing.mail"].sudo()
        if warning and not mails.search_count(
            [("company_id", "=", self.id), ("state", "in", taken)], limit=1
        ):
            return warning
        return None

    @api.constrains("billing_mail_template_id")
    def _check_billing_mail_template_id(self):
        templates = self.billing_mail_template_id
        self.env["account.move"]._billing_check_template(templates)

    # === EVENTS === #

    def _billing_get_mailjet_hook_url(self):
        """Return where Mailjet tells events: a path and a password nobody can guess."""
        self.ensure_one()
        if not self.billing_mailjet_hook_token:
            self.billing_mailjet_hook_token = secrets.token_urlsafe(24)
            self.billing_mailjet_hook_password = secrets.token_urlsafe(24)
        base = urlsplit(self.get_base_url())
        user = f"{HOOK_USER}:{self.billing_mailjet_hook_password}"
        # Odoo may be served below a path of its own.
        path = base.path.rstrip("/")
        path += f"/omni_billing/mailjet/{self.billing_mailjet_hook_token}"
        return f"{base.scheme}://{user}@{base.netloc}{path}"

    def action_billing_mailjet_listen(self):
        """Have Mailjet tell what becomes of messages.

        :raise UserError: if Mailjet refuses.
        """
        self.ensure_one()
        self.check_access("write")
        url = self._billing_get_mailjet_hook_url()
        try:
            self._billing_get_mailjet_gateway().listen(url)
        except (GatewayRefused, GatewayUnknown) as error:
            raise UserError(
                self.env._("Mailjet did not take it: %(error)s", error=error)
            ) from error
        return notice(self.env._("Mailjet tells what becomes of messages now."))
