from datetime import timedelta

from odoo import api, fields, models
from odoo.exceptions import UserError

from ..const import CARD_LINK_DAYS
from ..tools.notice import close, notice
from .omni_billing_dialog_mixin import once


class OmniBillingConsentBaseWizard(models.TransientModel):
    """What a company does about cards that were saved before consents were kept (W32).

    They are not charged automatically before it is said on what base: the customers
    are asked again, or the company states the base that it has (a signed contract,
    say), and answers for it.
    """

    _name = "omni.billing.consent.base.wizard"
    _inherit = "omni.billing.dialog.mixin"
    _description = "Payment Methods without a Consent"

    company_id = fields.Many2one(
        "res.company", required=True, default=lambda self: self.env.company
    )
    card_count = fields.Integer(
        string="Payment Methods without a Consent", compute="_compute_cards"
    )
    unreachable_count = fields.Integer(
        string="Of Them without an E-mail Address", compute="_compute_cards"
    )
    basis = fields.Text(
        string="Legal Base",
        help="On what these customers agreed to be charged. It is kept with each,"
        " with your name.",
    )

    @api.depends("company_id")
    def _compute_cards(self):
        for wizard in self:
            cards = wizard._find_cards()
            wizard.card_count = len(cards)
            wizard.unreachable_count = len(cards - wizard._filter_reachable(cards))

    # === ACTION METHODS === #

    @once
    def action_state(self):
        """Record the legal base that the company states, for each of these cards.

        :raise UserError: if it is not said, or there is no such card.
        """
        basis = (self.basis or "").strip()
        if not basis:
            raise UserError(
                self.env._(
                    "Say on what these customers agreed, e.g. the contract that they"
                    " signed and where it is kept."
                )
            )
        cards = self._check_cards()
        for card in cards:
            card._billing_agree("legal_base", given_by=self.env.user.name, text=basis)
        message = self.env._(
            "The legal base is recorded for %(count)s payment methods.",
            count=len(cards),
        )
        return notice(message, after=close())

    @once
    def action_ask(self):
        """Ask the customers by e-mail to turn automatic payment on.

        :raise UserError: if there is nobody to ask.
        """
        asked = self._filter_reachable(self._check_cards())
        if not asked:
            raise UserError(
                self.env._("None of these customers has an e-mail address.")
            )
        # sudo: the template, and the company that sends, are not staff's.
        template = self.env.ref("omni_billing.mail_template_ask_consent").sudo()
        seller = self.company_id.sudo()  # sudo: as above
        until = fields.Date.context_today(self) + timedelta(days=CARD_LINK_DAYS)
        for card in asked:
            template.with_context(
                billing_link=self._get_link(card), billing_until=until
            ).send_mail(
                card.id,
                email_values={
                    "recipient_ids": self._get_mailed(card).ids,
                    "email_from": seller._billing_get_sender(),
                },
            )
        message = self.env._("Customers who are asked: %(count)s.", count=len(asked))
        return notice(message, after=close())

    # === HELPERS === #

    def _check_cards(self):
        if not self.env.user.has_group("omni_billing.omni_billing_group_manager"):
            raise UserError(
                self.env._(
                    "Only billing managers decide about the payment methods of all."
                )
            )
        cards = self._find_cards()
        if not cards:
            raise UserError(
                self.env._(
                    "Each default payment method has a consent: there is nothing to do."
                )
            )
        return cards

    def _find_cards(self):
        """Return the default cards that may not be charged automatically, in sudo."""
        # sudo: staff read cards one by one.
        return self.env["payment.token"].sudo()._billing_find_unagreed(self.company_id)

    def _filter_reachable(self, cards):
        return cards.filtered(self._get_mailed)

    def _get_mailed(self, card):
        customer = card.partner_id.commercial_partner_id
        return customer._billing_get_mailed(self.company_id, customer)

    def _get_link(self, card):
        """Return where it is turned on: after a login, or with the card anew."""
        customer = card.partner_id.commercial_partner_id
        has_login = card.partner_id.user_ids or customer.user_ids
        if has_login:
            # sudo: staff read no settings of the company.
            return f"{self.company_id.sudo().get_base_url()}/my/billing/cards"
        return customer._billing_sign_card_link(self.company_id, True)
