from datetime import date

from werkzeug.exceptions import NotFound, UnprocessableEntity

from odoo import fields, http
from odoo.exceptions import ValidationError
from odoo.http import request

from .portal import BillingPortal


class BillingPortalStatement(BillingPortal):
    """What the customer was charged and paid in a period, as a PDF."""

    @http.route(
        "/my/billing/statement",
        type="http",
        auth="user",
        website=True,
        methods=["GET"],
    )
    def billing_statement(self, date_from=None, date_to=None, **_kwargs):
        """Answer with the statement of account of the user's customer.

        :param date_from, date_to: days like 2026-01-31; this year if none is given.
        """
        if not self._billing_sees_account():
            raise NotFound
        today = fields.Date.context_today(request.env.user)
        values = {
            "partner_id": request.env.user._billing_get_account().id,
            "company_id": request.env.company.id,
            "date_from": _read_day(date_from) or today.replace(month=1, day=1),
            "date_to": _read_day(date_to) or today,
        }
        # sudo: customers make no dialogs; this one is about their own account.
        Statement = request.env["omni.billing.statement"].sudo()
        lang = request.env.user.commercial_partner_id.lang or request.env.lang
        try:
            statement = Statement.with_context(lang=lang).create(values)
        except ValidationError as error:
            raise UnprocessableEntity(str(error)) from error
        filename = f"{statement.display_name}.pdf"
        return self._billing_respond_pdf(statement._render(), filename)


def _read_day(text):
    """Read a day of the address; None if none is given.

    :raise UnprocessableEntity: if it is none.
    """
    if not text:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise UnprocessableEntity(
            request.env._("“%s” is no day. Write it like 2026-01-31.", text)
        ) from error
