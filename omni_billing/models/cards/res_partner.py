from odoo import models
from odoo.fields import Domain
from odoo.tools import html2plaintext, plaintext2html


class ResPartner(models.Model):
    """The saved cards of a customer."""

    _inherit = "res.partner"

    def _billing_get_cards(self, company=None):
        """Return the saved cards of the whole customer, the default one first.

        :param company: the seller, if it is about one: which cards it can charge.
        """
        Token = self.env["payment.token"]
        if not self.commercial_partner_id:
            return Token
        # sudo: staff charge cards that they do not manage.
        cards = Token.sudo().search(
            Domain("billing_is_charged", "=", True)
            & Domain("provider_id.state", "in", ("enabled", "test"))
            & Domain(
                "partner_id.commercial_partner_id", "=", self.commercial_partner_id.id
            )
        )
        if company:
            # sudo: a branch charges cards saved with a company above it.
            sellers = company.sudo().parent_ids
            cards = cards.filtered(lambda card: card.company_id in sellers)
        order = cards.sorted(
            lambda card: (
                not card.billing_is_default,
                card.billing_is_expired,
                -card.id,
            )
        )
        return Token.browse(order.ids)

    def action_billing_consents(self):
        """Open what the customer agreed to be charged, also what has ended."""
        self.ensure_one()
        action = self.env["ir.actions.act_window"]._for_xml_id(
            "omni_billing.omni_billing_consent_action"
        )
        customer = self.commercial_partner_id
        return action | {
            "domain": [("partner_id", "=", customer.id)],
            "context": {},
        }

    def _billing_get_credit_domain(self):
        """Override: what is on its way back to a card is spent (F170)."""
        domain = super()._billing_get_credit_domain()
        return domain & Domain("move_id.billing_attempt_id", "=", False)

    def _billing_tell_staff(self, message):
        """Leave a to-do, once, about money of a customer that is of no invoice."""
        self.ensure_one()
        # sudo: jobs and customers leave it for staff.
        partner = self.sudo()
        kind = self.env.ref("mail.mail_activity_data_warning")
        note = plaintext2html(message)
        notes = partner.activity_ids.filtered(
            lambda activity: activity.activity_type_id == kind
        ).mapped("note")
        if html2plaintext(note) in (html2plaintext(told or "") for told in notes):
            return
        partner.activity_schedule(
            "mail.mail_activity_data_warning",
            note=note,
            user_id=(partner.user_id or self.env.ref("base.user_admin")).id,
        )
