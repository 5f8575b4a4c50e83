from odoo import api, fields, models
from odoo.exceptions import UserError

from ..const import CONSENT_CHANNELS
from ..tools.notice import close, notice
from .omni_billing_dialog_mixin import once

#: What staff can say: the others are the customer's own clicks, or a manager's word.
OTHERS = ("portal", "link", "legal_base")
STAFF_CHANNELS = [pair for pair in CONSENT_CHANNELS if pair[0] not in OTHERS]


class OmniBillingConsentWizard(models.TransientModel):
    """Record that a customer agreed to be charged, or took that back (W32)."""

    _name = "omni.billing.consent.wizard"
    _inherit = "omni.billing.dialog.mixin"
    _description = "Record a Consent"

    token_id = fields.Many2one("payment.token", string="Payment Method", required=True)
    company_id = fields.Many2one(related="token_id.company_id")
    partner_id = fields.Many2one(
        related="token_id.partner_id.commercial_partner_id", string="Customer"
    )
    autopay = fields.Char(
        string="Automatic Payment", related="token_id.billing_autopay"
    )
    is_on = fields.Boolean(compute="_compute_is_on")
    channel = fields.Selection(
        STAFF_CHANNELS, string="How the Customer Agreed", default="phone"
    )
    given_by = fields.Char(
        string="Who Agreed",
        compute="_compute_given_by",
        store=True,
        readonly=False,
        precompute=True,
        help="The person whom you spoke with, or who signed.",
    )
    agreed_on = fields.Datetime(string="When", default=fields.Datetime.now)
    currency_id = fields.Many2one(related="company_id.currency_id")
    amount_limit = fields.Monetary(
        string="At Most",
        help="Of each charge, taxes included. 0 is no limit.",
    )
    text = fields.Text(string="Words", compute="_compute_text")
    document = fields.Binary(string="Signed Paper", attachment=False)
    document_name = fields.Char()
    note = fields.Text()

    # === COMPUTE METHODS === #

    @api.depends("token_id")
    def _compute_is_on(self):
        for wizard in self:
            wizard.is_on = bool(wizard.token_id._billing_find_standing())

    @api.depends("token_id")
    def _compute_given_by(self):
        for wizard in self:
            wizard.given_by = wizard.token_id.partner_id.display_name

    @api.depends("token_id", "amount_limit")
    def _compute_text(self):
        for wizard in self:
            wizard.text = wizard.token_id and wizard.token_id._billing_get_consent_text(
                wizard.amount_limit
            )

    # === ACTION METHODS === #

    @once
    def action_record(self):
        """Record that the customer agreed to these words.

        :raise UserError: if it is not said who agreed, when and how.
        """
        self._check_card()
        if not (self.channel and (self.given_by or "").strip() and self.agreed_on):
            raise UserError(self.env._("Say who agreed, when and how."))
        if self.agreed_on > fields.Datetime.now():
            raise UserError(self.env._("Nobody agreed in the future: correct the day."))
        consent = self.token_id._billing_agree(
            self.channel,
            given_by=self.given_by,
            agreed_on=self.agreed_on,
            amount_limit=self.amount_limit,
            document=self.document,
            document_name=self.document_name,
            note=self.note,
        )
        self._tell_customer(consent)
        message = self.env._(
            "%(card)s is charged automatically from now on.",
            card=self.token_id.display_name,
        )
        return notice(message, after=close())

    @once
    def action_withdraw(self):
        """Record that the customer took it back: nothing is charged by itself then."""
        self._check_card()
        ended = self.token_id._billing_withdraw(
            self.note or self.env._("The customer took it back.")
        )
        if standing := ended.filtered(lambda one: one.kind == "standing")[:1]:
            self._tell_customer(standing)
        message = self.env._(
            "%(card)s is not charged automatically any more.",
            card=self.token_id.display_name,
        )
        return notice(message, "info", after=close())

    def _check_card(self):
        self.token_id._billing_check_manage()
        self.token_id._billing_check_card()

    def _tell_customer(self, consent):
        """Tell the customer what was recorded in its name, and how to take it back.

        Who has no address is not told: staff spoke with the customer.

        :param consent: the `omni.billing.consent`, valid or ended.
        """
        customer, seller = consent.partner_id, consent.company_id
        recipients = customer._billing_get_mailed(seller, customer)
        if not recipients:
            return
        spoken = consent.with_context(lang=customer.lang or self.env.lang)
        channels = spoken._fields["channel"]._description_selection(spoken.env)
        # sudo: the template, and the company that sends, are not staff's.
        template = self.env.ref("omni_billing.mail_template_autopay").sudo()
        template.with_context(
            billing_is_on=consent.state == "active",
            billing_consent=consent,
            billing_how=dict(channels)[consent.channel],
            # sudo: as above
            billing_link=f"{seller.sudo().get_base_url()}/my/billing/cards",
        ).send_mail(
            self.token_id.id,
            email_values={
                "recipient_ids": recipients.ids,
                # sudo: as above
                "email_from": seller.sudo()._billing_get_sender(),
            },
        )
