from werkzeug.exceptions import NotFound

from odoo import http
from odoo.exceptions import AccessError, UserError
from odoo.http import request

from ..tools.database import savepoint
from .portal import BillingPortal


class BillingPortalPeople(BillingPortal):
    """Who acts for the customer: invited and removed by its own login (F194)."""

    @http.route(
        "/my/billing/people", type="http", auth="user", website=True, methods=["GET"]
    )
    def billing_people(self, **_kwargs):
        """List who has access to the billing of the customer."""
        return self._billing_render_people()

    @http.route(
        "/my/billing/people/invite",
        type="http",
        auth="user",
        website=True,
        methods=["POST"],
    )
    def billing_invite(self, name="", email="", **_kwargs):
        """Give somebody access, and tell them by e-mail."""
        return self._billing_change_people(
            lambda customer, company: customer._billing_invite(name, email, company),
            name=name,
            email=email,
        )

    @http.route(
        "/my/billing/people/<int:user_id>/<any(remove,again):operation>",
        type="http",
        auth="user",
        website=True,
        methods=["POST"],
    )
    def billing_person(self, user_id, operation, **_kwargs):
        """Take the access of a person away, or send the invitation again."""
        Partner = request.env.registry["res.partner"]
        change = {
            "remove": Partner._billing_remove_person,
            "again": Partner._billing_invite_again,
        }[operation]
        return self._billing_change_people(
            lambda customer, company: change(customer, user_id, company)
        )

    # === HELPERS === #

    def _billing_change_people(self, change, **form):
        """Do it; what is refused is said on the page, with what was typed."""
        try:
            with savepoint(request.env):
                change(request.env.user.partner_id, request.env.company)
        except AccessError as error:
            raise NotFound from error
        except UserError as error:
            return self._billing_render_people(error=str(error), form=form)
        return request.redirect("/my/billing/people")

    def _billing_render_people(self, error="", form=None):
        customer = request.env.user.partner_id
        if not customer._billing_may_invite(request.env.company):
            raise NotFound
        values = self._billing_prepare_values("billing_people") | {
            "people": customer._billing_find_people(),
            "error": error,
            "form": form or {},
        }
        return request.render("omni_billing.portal_billing_people", values)
