from dateutil.relativedelta import relativedelta
from werkzeug.exceptions import NotFound

from odoo import fields, http
from odoo.exceptions import AccessError, MissingError
from odoo.fields import Domain
from odoo.http import content_disposition, request

from odoo.addons.omni_billing.const import MAX_ID
from odoo.addons.omni_billing.controllers.portal_services import BillingPortalServices

#: Months of usage that the page shows, this one and those before it: bills of the last
#: twelve are detailed, as law has it in France (decree of 31 December 2013).
MONTHS = 13


class BillingPortalUsage(BillingPortalServices):
    """What a customer used, what it costs, and each event as a file (W41)."""

    # === PAGES === #

    @http.route(
        "/my/billing/services/<int:service_id>/usage",
        type="http",
        auth="user",
        website=True,
        methods=["GET"],
    )
    def billing_service_usage(self, service_id, **_kwargs):
        """Show what the usage of a service comes to, month by month, and why."""
        service = self._billing_find_service(service_id)
        first = fields.Date.context_today(service) - relativedelta(months=MONTHS)
        # sudo: of the customer's own service, as was asked.
        ratings = request.env["omni.billing.usage.rating"].sudo()
        ratings = ratings.search(
            Domain("service_id", "=", service.id)
            & Domain("plan_id", "!=", False)
            & Domain("date_to", ">=", first)
        )
        values = self._billing_prepare_values("billing_service_usage") | {
            "row": self._billing_write_service(service),
            "usage": [rating._billing_write_for_customer() for rating in ratings],
        }
        return request.render("omni_billing_usage.portal_billing_usage", values)

    @http.route(
        "/my/billing/usage/<int:rating_id>.csv",
        type="http",
        auth="user",
        methods=["GET"],
    )
    def billing_usage_csv(self, rating_id, **_kwargs):
        """Answer with the events of a month, numbers as the company shows them."""
        if rating_id > MAX_ID:
            raise NotFound
        # sudo: that it is of the customer's own service is asked next.
        rating = request.env["omni.billing.usage.rating"].sudo().browse(rating_id)
        if not rating.exists() or not rating.plan_id or rating._has_gone():
            raise NotFound
        self._billing_find_service(rating.service_id.id)
        return self._billing_respond_items(rating, rating.display_name)

    @http.route(
        "/my/billing/invoices/<int:invoice_id>/usage.csv",
        type="http",
        auth="public",
        website=True,
        methods=["GET"],
    )
    def billing_invoice_usage_csv(self, invoice_id, access_token=None, **_kwargs):
        """Answer with the events that an invoice charges, to who may see it."""
        try:
            move_sudo, _is_guest = self._billing_open_invoice(invoice_id, access_token)
        except (AccessError, MissingError):
            return request.redirect("/my")
        ratings = move_sudo._billing_find_itemised()
        if not ratings:
            raise NotFound
        return self._billing_respond_items(ratings, move_sudo.name)

    @http.route(
        "/my/billing/invoices/<int:invoice_id>/usage.pdf",
        type="http",
        auth="public",
        website=True,
        methods=["GET"],
    )
    def billing_invoice_usage_pdf(self, invoice_id, access_token=None, **_kwargs):
        """Answer with the list of what an invoice charges, to who may see it."""
        try:
            move_sudo, _is_guest = self._billing_open_invoice(invoice_id, access_token)
        except (AccessError, MissingError):
            return request.redirect("/my")
        if not move_sudo._billing_may_list_usage():
            raise NotFound
        return self._billing_respond_pdf(
            move_sudo._billing_make_usage_pdf(), move_sudo._billing_get_usage_filename()
        )

    # === HELPERS === #

    def _billing_write_service(self, service, count=1):
        """Override of `omni_billing`: whether its usage has a price."""
        # sudo: the customer's own.
        plans = service.sudo().usage_plan_ids
        return super()._billing_write_service(service, count) | {
            "has_usage": bool(plans)
        }

    def _billing_respond_items(self, ratings, name):
        """Answer with a file of events, which no cache between keeps for others."""
        return request.make_response(
            ratings._billing_write_items(),
            headers=[
                ("Content-Type", "text/csv; charset=utf-8"),
                ("Content-Disposition", content_disposition(f"{name}.csv")),
                ("X-Content-Type-Options", "nosniff"),
                ("Cache-Control", "private, no-cache"),
            ],
        )
