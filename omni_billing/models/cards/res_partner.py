from odoo import models
from odoo.fields import Domain


class ResPartner(models.Model):
    """The saved cards of a customer."""

    _inherit = "res.partner"

    def _billing_get_cards(self):
        """Return the saved cards of the whole customer, the default one first."""
        Token = self.env["payment.token"]
        if not self.commercial_partner_id:
            return Token
        # sudo: staff charge cards that they do not manage.
        cards = Token.sudo().search(
            Domain("billing_is_card", "=", True)
            & Domain("provider_id.state", "in", ("enabled", "test"))
            & Domain(
                "partner_id.commercial_partner_id", "=", self.commercial_partner_id.id
            )
        )
        order = cards.sorted(
            lambda card: (
                not card.billing_is_default,
                card.billing_is_expired,
                -card.id,
            )
        )
        return Token.browse(order.ids)

    def _billing_get_credit_domain(self):
        """Override: what is on its way back to a card is spent (F170)."""
        domain = super()._billing_get_credit_domain()
        return domain & Domain("move_id.billing_attempt_id", "=", False)
