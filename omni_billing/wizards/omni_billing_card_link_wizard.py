from datetime import timedelta

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.tools import format_list

from ..const import CARD_LINK_DAYS
from ..tools.notice import close, notice
from .omni_billing_dialog_mixin import once


class OmniBillingCardLinkWizard(models.TransientModel):
    """Give a customer the link by which a card is saved, without a login (F125)."""

    _name = "omni.billing.card.link.wizard"
    _inherit = "omni.billing.dialog.mixin"
    _description = "Link to Save a Card"

    partner_id = fields.Many2one("res.partner", string="Customer", required=True)
    company_id = fields.Many2one(
        "res.company", required=True, default=lambda self: self.env.company
    )
    has_default = fields.Boolean(compute="_compute_has_default")
    replaces = fields.Boolean(
        string="In Place of the Default Card",
        compute="_compute_replaces",
        store=True,
        readonly=False,
        precompute=True,
        help="Once the new card is saved, it is the one that is charged, and the"
        " default card of now is deleted.",
    )
    recipients = fields.Char(string="E-mail to", compute="_compute_recipients")
    problem = fields.Char(compute="_compute_problem")
    date_end = fields.Date(string="Works until", compute="_compute_link")
    link = fields.Char(compute="_compute_link")

    # === COMPUTE METHODS === #

    @api.depends("partner_id", "company_id")
    def _compute_has_default(self):
        for wizard in self:
            cards = wizard._get_customer()._billing_get_cards(wizard.company_id)
            wizard.has_default = bool(cards.filtered("billing_is_default"))

    @api.depends("partner_id", "company_id")
    def _compute_replaces(self):
        for wizard in self:
            wizard.replaces = wizard.has_default

    @api.depends("partner_id", "company_id")
    def _compute_recipients(self):
        for wizard in self:
            mailed = wizard._get_mailed()
            wizard.recipients = format_list(self.env, mailed.mapped("email"))

    @api.depends("partner_id", "company_id")
    def _compute_problem(self):
        for wizard in self:
            customer = wizard._get_customer()
            wizard.problem = customer._billing_explain_no_card_form(wizard.company_id)

    @api.depends("partner_id", "company_id", "replaces")
    def _compute_link(self):
        last = fields.Date.context_today(self) + timedelta(days=CARD_LINK_DAYS)
        for wizard in self:
            customer, seller = wizard._get_customer(), wizard.company_id
            # Of one's own companies: whoever works here may name others.
            is_ours = customer and seller in self.env.companies
            wizard.date_end = last
            wizard.link = is_ours and customer._billing_sign_card_link(
                seller, wizard.replaces and wizard.has_default
            )

    # === ACTION METHODS === #

    @once
    def action_send(self):
        """Send the link to who gets the customer's invoices, in its language.

        :raise UserError: if nobody has an address, or no card could be saved.
        """
        if self.problem:
            raise UserError(self.problem)
        customer, mailed = self._get_customer(), self._get_mailed()
        if not mailed:
            _code, text = customer._billing_get_address_problem()
            raise UserError(text)
        self._send(customer, mailed)
        self.env["omni.billing.activity.log"]._log(
            [
                {
                    "action": "card_link",
                    "company": self.company_id,
                    "customer": customer,
                    "name": self.recipients,
                }
            ]
        )
        message = self.env._(
            "The link to save a card goes to %(addresses)s.", addresses=self.recipients
        )
        return notice(message, after=close())

    # === HELPERS === #

    def _send(self, customer, mailed):
        # sudo: the template, and the company that sends, are not staff's.
        template = self.env.ref("omni_billing.mail_template_card_link").sudo()
        seller = self.company_id.sudo()  # sudo: as above
        template.with_context(
            billing_link=self.link,
            billing_seller=seller.name,
            billing_until=self.date_end,
        ).send_mail(
            customer.id,
            email_values={
                "recipient_ids": mailed.ids,
                "email_from": seller._billing_get_sender(),
            },
        )

    def _get_customer(self):
        return self.partner_id._origin.commercial_partner_id

    def _get_mailed(self):
        customer = self._get_customer()
        return customer._billing_get_mailed(self.company_id, customer)
