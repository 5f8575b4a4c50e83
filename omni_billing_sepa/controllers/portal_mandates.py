from werkzeug.exceptions import NotFound

from odoo import http
from odoo.exceptions import UserError
from odoo.http import request

from odoo.addons.omni_billing.controllers.portal_cards import BillingPortalCards
from odoo.addons.omni_billing.tools.database import savepoint


class BillingPortalMandates(BillingPortalCards):
    """The customer's SEPA mandates, beside the saved cards (W34)."""

    @http.route(
        "/my/billing/mandates/<int:mandate_id>/end",
        type="http",
        auth="user",
        website=True,
        methods=["POST"],
    )
    def billing_mandate_end(self, mandate_id, **_kwargs):
        """End a mandate, or ask staff to, as the company has it."""
        mandate_sudo = self._billing_find_mandates().filtered(
            lambda mandate: mandate.id == mandate_id
        )
        if not mandate_sudo:
            raise NotFound
        try:
            with savepoint(request.env):
                told = "ended" if mandate_sudo._billing_revoke() else "asked"
        except UserError as error:
            return self._billing_render_cards(error=str(error))
        return request.redirect(f"/my/billing/cards?mandate={told}")

    # === HELPERS === #

    def _billing_find_mandates(self):
        """Return the mandates that the user's account gave to this company, in sudo."""
        Mandate = request.env["account.banking.mandate"]
        if not self._billing_sees_account():
            return Mandate
        customer = request.env.user._billing_get_account()
        return Mandate._billing_find_own(customer, request.env.company)

    def _billing_render_cards(self, error=""):
        """Override: and the mandates."""
        response = super()._billing_render_cards(error=error)
        company = request.env.company.sudo()  # sudo: as in `omni_billing`
        mandates = self._billing_find_mandates()
        response.qcontext |= {
            "mandates": mandates,
            "mandate_debits": mandates._billing_find_last_debits(),
            "may_end_mandate": company.billing_sepa_lets_revoke,
            "mandate_told": not error and request.params.get("mandate"),
        }
        return response
