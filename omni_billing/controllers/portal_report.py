from werkzeug.exceptions import NotFound

from odoo import http
from odoo.exceptions import UserError
from odoo.fields import Domain
from odoo.http import request

from ..const import MAX_ID
from ..tools.database import savepoint
from .portal import BillingPortal


class BillingPortalReport(BillingPortal):
    """Reporting a charge that the customer does not know (F195)."""

    @http.route(
        "/my/billing/transactions/<int:transaction_id>/report",
        type="http",
        auth="user",
        website=True,
        methods=["GET", "POST"],
    )
    def billing_report(self, transaction_id, text="", **_kwargs):
        """Show what was reported of a charge, and what we said; or report it (F58)."""
        # sudo: found among the customer's own; what is reported holds it.
        transaction_sudo = self._billing_find_own_charge(transaction_id).sudo()
        error = ""
        if request.httprequest.method == "POST":
            if not transaction_sudo._is_reportable():
                raise NotFound
            request.env["omni.billing.limit"]._take("report", transaction_sudo)
            try:
                with savepoint(request.env):
                    transaction_sudo._report(text)
            except UserError as problem:
                error = str(problem)
            else:
                return request.redirect(
                    f"/my/billing/transactions/{transaction_id}/report"
                )
        values = self._billing_prepare_values("billing_report") | {
            "transaction": transaction_sudo,
            "is_own_report": transaction_sudo._is_report_of(request.env.user),
            "error": error,
            "text": text,
        }
        return request.render("omni_billing.portal_billing_report", values)

    def _billing_find_own_charge(self, transaction_id):
        """Return a charge or a credit that the customer pays, or used.

        :raise NotFound: if it is none, or another's: nobody learns which.
        """
        own = self._billing_get_own_domain("omni.billing.transaction")
        found = transaction_id <= MAX_ID and self._billing_search(
            "omni.billing.transaction",
            Domain("id", "=", transaction_id),
            own=own | self._billing_get_participant_domain(),
        )
        if not found or not (found.report_state or found._is_reportable()):
            raise NotFound
        return found
