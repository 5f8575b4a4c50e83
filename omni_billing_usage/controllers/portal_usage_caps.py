from odoo import http
from odoo.exceptions import UserError
from odoo.http import request

from odoo.addons.omni_billing.tools.database import savepoint

from .portal_usage import BillingPortalUsage


class BillingPortalUsageCaps(BillingPortalUsage):
    """What a customer used by now, and what it may cost (W41)."""

    # === PAGES === #

    @http.route()
    def billing_overview(self, **kwargs):
        """Override of `omni_billing`: what usage of all services costs by now."""
        response = super().billing_overview(**kwargs)
        if response.qcontext.get("has_services"):
            domain = self._billing_get_own_domain("omni.billing.service")
            mine = request.env["omni.billing.service"]._search(domain)
            # sudo: of the customer's own services alone.
            Rating = request.env["omni.billing.usage.rating"].sudo()
            response.qcontext["usage_totals"] = Rating._sum_running(mine)
        return response

    @http.route()
    def billing_services(self, **kwargs):
        """Override of `omni_billing`: what each service used by now."""
        response = super().billing_services(**kwargs)
        ids = [row["id"] for row in response.qcontext.get("service_rows", ())]
        # sudo: they are the customer's own, as was asked for the list.
        services = request.env["omni.billing.service"].sudo().browse(ids)
        response.qcontext["usage_now"] = services._billing_read_usage_now()
        return response

    @http.route()
    def billing_service_usage(self, service_id, **kwargs):
        """Override: before the months, the one that runs."""
        response = super().billing_service_usage(service_id, **kwargs)
        return self._billing_add_usage_now(response, service_id)

    @http.route(
        "/my/billing/services/<int:service_id>/usage/<any(consent,own,plan):operation>",
        type="http",
        auth="user",
        website=True,
        methods=["POST"],
    )
    def billing_usage_cap(self, service_id, operation, key="", amount="", **_kwargs):
        """Have the customer agree to go on, or say what usage may cost from now on.

        :param key: of the cap; empty: that of all usage.
        :param amount: of a period in all.
        """
        service = self._billing_find_service(service_id)
        request.env["omni.billing.limit"]._take("usage_cap")
        # sudo: the customer's own, as was asked; the model says what is allowed.
        service_sudo = service.sudo()
        try:
            with savepoint(request.env):
                service_sudo._billing_agree_own_cap(key, operation, amount)
        except UserError as error:
            response = self.billing_service_usage(service_id)
            response.qcontext["error"] = str(error)
            return response
        return request.redirect(f"/my/billing/services/{service.id}/usage")

    # === HELPERS === #

    def _billing_add_usage_now(self, response, service_id):
        # sudo: the customer's own, as was asked for the page.
        service_sudo = request.env["omni.billing.service"].sudo().browse(service_id)
        usage = service_sudo._billing_read_usage_now().get(service_id)
        may_set = service_sudo.company_id.billing_usage_own_caps
        caps = usage and [cap for cap in usage["caps"] if may_set or cap["must_agree"]]
        if usage and may_set and not any(cap["key"] == "" for cap in caps):
            caps.append({"key": "", "name": request.env._("Spending cap")})
        response.qcontext.update(usage_now=usage, may_set=may_set, caps=caps)
        return response
