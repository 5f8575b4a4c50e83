from werkzeug.exceptions import NotFound

from odoo import fields, http
from odoo.exceptions import UserError
from odoo.fields import Domain
from odoo.http import request
from odoo.tools import format_date

from ..const import MAX_ID
from ..tools.database import savepoint
from .portal import BillingPortal

#: Charges to come that the page of a service lists.
NEXT_CHARGES = 4
#: Services on the page of all; a customer with more finds the others by searching.
MAX_SERVICES = 200
#: Colours of states.
COLOURS = {
    "running": "bg-success-subtle text-success-emphasis",
    "suspended": "bg-warning-subtle text-warning-emphasis",
    "upcoming": "bg-info-subtle text-info-emphasis",
}
PLAIN = "text-bg-light border"


class BillingPortalServices(BillingPortal):
    """The customer's services: what they cost, pause, resume, end (W37)."""

    # === PAGES === #

    @http.route(
        "/my/billing/services", type="http", auth="user", website=True, methods=["GET"]
    )
    def billing_services(self, **_kwargs):
        """List the services, with what is charged next."""
        services = self._billing_search("omni.billing.service", limit=MAX_SERVICES)
        values = self._billing_prepare_values("billing_services") | {
            "debts": self._billing_get_suspension(),
            "service_rows": [
                self._billing_write_service(one) for one in services.sorted(_rank)
            ],
        }
        return request.render("omni_billing.portal_billing_services", values)

    @http.route(
        "/my/billing/services/<int:service_id>",
        type="http",
        auth="user",
        website=True,
        methods=["GET"],
    )
    def billing_service(self, service_id, **_kwargs):
        """Show one service, its next charges, and what the customer may do with it."""
        return self._billing_render_service(self._billing_find_service(service_id))

    @http.route(
        "/my/billing/services/<int:service_id>/<any(pause,resume,end,plan,keep,coupon,autopay_on,autopay_off):operation>",
        type="http",
        auth="user",
        website=True,
        methods=["POST"],
    )
    def billing_service_change(
        self,
        service_id,
        operation,
        date_from="",
        date_to="",
        product_id="",
        seen="",
        last="",
        reason_id="",
        note="",
        code="",
        **_kwargs,
    ):
        """Pause, resume, change or end a service, as far as the company allows it.

        And say whether it is paid automatically with the others.
        """
        service = self._billing_find_service(service_id)
        # sudo: the customer's own, as was asked; the model says what is allowed.
        service_sudo = service.sudo()
        if operation == "coupon":
            # Before anything is caught: who tries many codes is told by the status.
            request.env["omni.billing.limit"]._take("coupon")
        try:
            with savepoint(request.env):
                if operation == "pause":
                    service_sudo._billing_pause(
                        self._billing_read_day(date_from),
                        self._billing_read_day(date_to),
                    )
                elif operation == "resume":
                    service_sudo._billing_unpause()
                elif operation == "plan":
                    plan = self._billing_read_plan(service_sudo, product_id)
                    service = service_sudo._billing_change_own_plan(plan, seen)
                elif operation == "coupon":
                    service_sudo._billing_redeem_own(code)
                elif operation == "keep":
                    service_sudo._billing_undo_own_plan()
                elif operation.startswith("autopay"):
                    service_sudo._billing_turn_autopay(
                        operation == "autopay_off" and "customer"
                    )
                else:
                    # The day is sent with the fee that was shown for it.
                    day, _bar, fee = last.partition("|")
                    service_sudo._billing_end(
                        day and self._billing_read_day(day),
                        reason_id,
                        note,
                        fee,
                    )
        except UserError as error:
            return self._billing_render_service(service, error=str(error))
        return request.redirect(f"/my/billing/services/{service.id}")

    @http.route(
        "/my/billing/services/<int:service_id>/plan",
        type="http",
        auth="user",
        website=True,
        methods=["GET"],
    )
    def billing_service_plan(self, service_id, product_id="", **_kwargs):
        """Show what another plan comes to, before it is changed."""
        service = self._billing_find_service(service_id)
        # sudo: the customer's own, and a product that is offered to it.
        service_sudo = service.sudo()
        try:
            plan = self._billing_read_plan(service_sudo, product_id)
            preview = service_sudo._billing_preview_own_plan(plan)
        except UserError as error:
            return self._billing_render_service(service, error=str(error))
        today = service_sudo._get_today()
        due = [row for row in preview["rows"] if row["date"] <= today]
        values = self._billing_prepare_values("billing_service") | {
            "row": self._billing_write_service(service),
            "plan": plan,
            "plan_price": preview["plan"]._billing_describe_price(),
            "day": preview["day"],
            "due": due,
            "due_total": sum(row["amount"] for row in due),
            "later": [row for row in preview["rows"] if row["date"] > today],
            "notes": preview["notes"],
            "seen": preview["seen"],
        }
        return request.render("omni_billing.portal_billing_service_plan", values)

    # === HELPERS === #

    def _billing_read_plan(self, service_sudo, product_id):
        """Return the product that a form sent, if the customer may change to it."""
        plans = service_sudo._billing_get_own_plans()
        return plans.filtered(lambda plan: str(plan.id) == product_id)

    def _billing_list_ends(self, service_sudo, last):
        """Return the days on which the customer may end it, each with its fee."""
        early = service_sudo._billing_get_last_day_with_fee()
        ends = []
        for day in filter(None, (last, early)):
            text = format_date(request.env, day)
            if fee := service_sudo._billing_describe_exit_fee(day):
                text = request.env._(
                    "%(date)s, for an exit fee of %(fee)s, taxes included",
                    date=text,
                    fee=fee,
                )
            ends.append({"day": day, "fee": fee, "text": text})
        return ends

    def _billing_list_plans(self, service_sudo):
        """Return what the customer may change a service to, each with its price."""
        return [
            {
                "id": plan.id,
                "name": plan.with_context(lang=request.env.lang).name,
                "price": service_sudo._billing_describe_plan(plan),
            }
            for plan in service_sudo._billing_get_own_plans()
        ]

    def _billing_find_service(self, service_id):
        """Return a service that is the customer's.

        :raise NotFound: if it is not; the page does not tell one from the other.
        """
        found = service_id <= MAX_ID and self._billing_search(
            "omni.billing.service", Domain("id", "=", service_id)
        )
        if not found:
            raise NotFound
        return found

    def _billing_read_day(self, text):
        """Return the day that a form sent.

        :raise UserError: if it is none.
        """
        try:
            return fields.Date.to_date(text) or self._billing_raise_day()
        except ValueError:
            return self._billing_raise_day()

    def _billing_raise_day(self):
        raise UserError(
            request.env._("Enter the first and the last day. Nothing was changed.")
        )

    def _billing_write_service(self, service, count=1):
        """Return what the page says of a service.

        :param int count: charges to come.
        """
        # sudo: what is charged next is computed from taxes, which are shown, and with
        # settings that are not the customer's to read.
        service_sudo = service.sudo()
        states = dict(service._fields["state"]._description_selection(request.env))
        return {
            "id": service.id,
            "name": service.name,
            # sudo: an address of the customer's own.
            "site": service_sudo.site_id.display_name or "",
            "state": states[service.state],
            "colour": COLOURS.get(service.state, PLAIN),
            "price": service.unit and service_sudo._billing_describe_price(),
            "plus_tax": not service.tax_included
            and any(
                tax.amount and not tax.price_include
                for tax in service_sudo.tax_ids.flatten_taxes_hierarchy()
            ),
            "currency": service_sudo.currency_id,
            "suspension": service.suspension,
            "trial": service.trial,
            "discount": service_sudo.discount,
            "term_end": service.state != "ended" and service_sudo._billing_find_term(),
            "date_start": service.date_start,
            "date_end": service.date_end,
            "next": service_sudo._billing_list_next(count) if service.unit else [],
        }

    def _billing_render_service(self, service, error=""):
        # sudo: as above.
        service_sudo = service.sudo()
        first = service_sudo._billing_get_first_pause()
        days = first and service_sudo._billing_get_pause_days_left(first)
        last = service_sudo._billing_get_last_day()
        values = self._billing_prepare_values("billing_service") | {
            "row": self._billing_write_service(service, NEXT_CHARGES),
            "debts": self._billing_get_suspension(),
            "first_pause": first,
            "pause_text": days
            and request.env._(
                "The days of a pause are not charged. You can pause for %(days)s days"
                " at most, from %(date)s on.",
                days=days,
                date=format_date(request.env, first),
            ),
            "may_resume": service_sudo._billing_may_resume(),
            "autopay": service.unit
            and (
                "off"
                if service_sudo.autopay_off
                else any(
                    card._billing_find_standing() for card in self._billing_find_cards()
                )
                and "on"
            ),
            "end_text": last
            and request.env._(
                "If you end it today, its last day is %s. Nothing is charged for the"
                " time after it.",
                format_date(request.env, last),
            ),
            "ends": last and self._billing_list_ends(service_sudo, last),
            "reasons": last and service_sudo._billing_get_own_reasons(),
            "plans": self._billing_list_plans(service_sudo),
            "plan_change": service_sudo.plan_change,
            "may_redeem": service_sudo._billing_may_redeem(),
            "may_keep": service_sudo._billing_may_keep_plan(),
            "error": error,
        }
        return request.render("omni_billing.portal_billing_service", values)


def _rank(service):
    """Put what is in use first, and what is over last."""
    order = ("running", "suspended", "upcoming", "none", "ended")
    return order.index(service.state), service.name.lower(), service.id
