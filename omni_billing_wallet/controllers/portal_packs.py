from odoo import http
from odoo.fields import Domain
from odoo.http import request

from odoo.addons.omni_billing.controllers.portal import BillingPortal
from odoo.addons.omni_billing.tools.numbers import format_number

#: Rows of each list; who has more asks staff for a list.
MAX_PACKS, MAX_USES = 100, 200


class BillingPortalPacks(BillingPortal):
    """The customer's prepaid packs: what is left, and what was used (W42)."""

    @http.route(
        "/my/billing/packs", type="http", auth="user", website=True, methods=["GET"]
    )
    def billing_packs(self, **_kwargs):
        """List the packs and the uses of the account that the user sees."""
        Pack, Use = (
            request.env["omni.billing.pack"],
            request.env["omni.billing.pack.use"],
        )
        own = self._billing_get_own_pack_domain()
        packs = self._billing_search(
            "omni.billing.pack", own=own, order="id desc", limit=MAX_PACKS
        )
        uses = self._billing_search(
            "omni.billing.pack.use",
            # A cent in the books is no matter of the customer's.
            Domain("kind", "!=", "difference"),
            own=own,
            limit=MAX_USES,
        )
        values = self._billing_prepare_values("billing_packs") | {
            "packs": packs.sorted(lambda pack: (pack.state != "open", -pack.id)),
            "uses": uses,
            "states": dict(Pack._fields["state"]._description_selection(request.env)),
            "kinds": dict(Use._fields["kind"]._description_selection(request.env)),
            "write_units": lambda units: format_number(request.env, units),
        }
        return request.render("omni_billing_wallet.portal_billing_packs", values)

    @http.route()
    def billing_overview(self, **kwargs):
        """Override: and where the packs are, if there are any."""
        response = super().billing_overview(**kwargs)
        own = self._billing_get_own_pack_domain()
        count = self._billing_search("omni.billing.pack", own=own, count=1)
        response.qcontext["has_packs"] = bool(count)
        return response

    def _billing_get_own_pack_domain(self):
        customer = request.env.user._billing_get_account()
        return request.env["omni.billing.pack"]._get_customer_domain(customer)
