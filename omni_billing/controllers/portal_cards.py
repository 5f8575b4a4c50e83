from werkzeug.exceptions import NotFound

from odoo import http
from odoo.exceptions import UserError
from odoo.http import request

from ..tools.database import savepoint
from .portal import BillingPortal


class BillingPortalCards(BillingPortal):
    """The customer's saved cards (F125-F127, F138)."""

    # === PAGES === #

    @http.route(
        "/my/billing/cards", type="http", auth="user", website=True, methods=["GET"]
    )
    def billing_cards(self, **_kwargs):
        """List the saved cards, and let the customer add one (F125, F138)."""
        return self._billing_render_cards()

    @http.route(
        "/my/billing/cards/<int:card_id>/<any(default,delete):operation>",
        type="http",
        auth="user",
        website=True,
        methods=["POST"],
    )
    def billing_card(self, card_id, operation, **_kwargs):
        """Make a card the default one, or delete it (F125, F127)."""
        card_sudo = self._billing_find_cards().filtered(lambda card: card.id == card_id)
        if not card_sudo:
            raise NotFound
        try:
            with savepoint(request.env):
                if operation == "default":
                    card_sudo.action_billing_set_default()
                else:
                    card_sudo.action_billing_delete()
        except UserError as error:
            return self._billing_render_cards(error=str(error))
        return request.redirect("/my/billing/cards")

    # === HELPERS === #

    def _billing_render_cards(self, error=""):
        # Odoo's own page of payment methods knows what its form needs.
        form = self.payment_method().qcontext
        values = self._billing_prepare_values("billing_cards") | {
            **form,
            "cards": self._billing_find_cards(),
            "can_add": self._billing_sees_account()
            and bool(form["payment_methods_sudo"]),
            # The form adds cards; those there are have a list of their own.
            "tokens_sudo": request.env["payment.token"],
            "landing_route": "/my/billing/cards",
            # sudo: settings are not the customer's to read; this one is printed.
            "instructions": request.env.company.sudo().billing_payment_instructions,
            "error": error,
        }
        return request.render("omni_billing.portal_billing_cards", values)
