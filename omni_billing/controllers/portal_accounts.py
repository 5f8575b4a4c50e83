import logging

from werkzeug.exceptions import NotFound

from odoo import http
from odoo.exceptions import UserError
from odoo.http import request

from ..exceptions import GatewayRefused, GatewayUnknown
from ..tools.card_link import opening
from ..tools.database import savepoint
from .portal_cards import BillingPortalCards

_logger = logging.getLogger(__name__)


class BillingPortalAccounts(BillingPortalCards):
    """Saving a bank account on Stripe's page, and verifying it (W33)."""

    @http.route(
        "/my/billing/cards/account",
        type="http",
        auth="user",
        website=True,
        methods=["POST"],
    )
    def billing_account_begin(self, method_id="", agrees="", **_kwargs):
        """Go to Stripe's page to save a bank account."""
        if not self._billing_sees_account():
            raise NotFound
        partner, company = request.env.user.partner_id, request.env.company
        try:
            with savepoint(request.env):
                url = self._billing_open_page(
                    partner, company, method_id, agrees, "portal", "/my/billing/cards"
                )
        except UserError as error:
            return self._billing_render_cards(error=str(error))
        return request.redirect(url, local=False)

    @http.route(
        "/my/billing/card/<string:link>/account",
        type="http",
        auth="public",
        website=True,
        methods=["POST"],
    )
    def billing_account_link_begin(self, link, method_id="", agrees="", **_kwargs):
        """Go there by the link of staff: for the customer whose that is."""
        opened = request.env["res.partner"]._billing_read_card_link(link)
        if not opened or not request.env.user._is_public():
            raise NotFound
        request.update_context(**opening(opened))
        back = f"/my/billing/card/{link}"
        try:
            with savepoint(request.env):
                url = self._billing_open_page(
                    opened.partner, opened.company, method_id, agrees, "link", back
                )
        except UserError as error:
            values = self._billing_prepare_account("")
            return self._billing_show_account(values | {"problem": str(error)})
        return request.redirect(url, local=False)

    @http.route(
        "/my/billing/account/<string:link>",
        type="http",
        auth="public",
        website=True,
        methods=["GET"],
    )
    def billing_account(self, link, **_kwargs):
        """Tell what became of an account: Stripe's page and an e-mail lead here."""
        return self._billing_show_account(self._billing_prepare_account(link))

    @http.route(
        "/my/billing/account/<string:link>/verify",
        type="http",
        auth="public",
        website=True,
        methods=["POST"],
    )
    def billing_account_verify(self, link, first="", second="", code="", **_kwargs):
        """Verify an account by the deposits that arrived on it."""
        saving_sudo = request.env["payment.transaction"]._billing_read_account_link(
            link
        )
        if not saving_sudo:
            raise NotFound
        request.env["omni.billing.limit"]._take("card", saving_sudo.partner_id)
        problem = saving_sudo._billing_verify_account(first, second, code)
        values = self._billing_prepare_account(link)
        return self._billing_show_account(values | {"problem": problem})

    # === HELPERS === #

    def _billing_open_page(self, partner, company, method_id, agrees, channel, back):
        """Begin to save an account; return where Stripe's page is.

        :param str method_id: as the browser sent it.
        """
        request.env["omni.billing.limit"]._take("card", partner)
        methods_sudo = partner._billing_get_account_methods(company)
        method_sudo = methods_sudo.filtered(lambda one: str(one.id) == method_id)
        if not method_sudo:
            raise UserError(
                request.env._(
                    "Choose what kind of bank account it is. Nothing was saved."
                )
            )
        agreed = agrees and self._billing_write_agreement(
            channel, company, partner, method_sudo
        )
        return request.env["payment.transaction"]._billing_begin_account(
            partner, company, method_sudo, back, billing_agreed=agreed or False
        )

    def _billing_prepare_account(self, link):
        """Return what the page of an account shows, after Stripe was asked."""
        saving_sudo = request.env["payment.transaction"]._billing_read_account_link(
            link
        )
        if saving_sudo.state == "draft":
            try:
                saving_sudo._billing_learn_account()
            except (GatewayRefused, GatewayUnknown, UserError) as error:
                # The job asks again.
                _logger.warning("%s: not asked: %s", saving_sudo.reference, error)
        return {
            "link": link,
            "saving": saving_sudo,
            "problem": "",
            "page_name": "billing_account",
        }

    def _billing_show_account(self, values):
        prepared = self._billing_prepare_values("billing_account")
        return self._billing_render_private(
            "portal_billing_account", prepared | {"no_breadcrumbs": True} | values
        )
