from datetime import timedelta

from dateutil.relativedelta import relativedelta

from odoo import fields, http
from odoo.fields import Domain
from odoo.http import request

from odoo.addons.portal.controllers.portal import pager as portal_pager

from ..const import MAX_ID, UNPAID_STATES
from .portal import MAX_DIGITS, BillingPortal
from .portal_rows import (
    ACTIVITY_FIELDS,
    MOVE_FIELDS,
    TRANSACTION_FIELDS,
    write_activities,
    write_moves,
    write_transactions,
)


class BillingPortalLists(BillingPortal):
    """The customer's transactions, invoices and activity, searched and sorted."""

    # === PAGES === #

    @http.route(
        ["/my/billing/transactions", "/my/billing/transactions/page/<int:page>"],
        type="http",
        auth="user",
        website=True,
        readonly=True,
        methods=["GET"],
    )
    def billing_transactions(self, page=1, **kwargs):
        """List all transactions of the customer (F3, F9, F19)."""
        own = None
        if kwargs.get("filterby") == "others":
            own = self._billing_get_participant_domain()
        values = self._billing_prepare_list(
            "omni.billing.transaction",
            "/my/billing/transactions",
            self._get_billing_transaction_sortings(),
            self._get_billing_transaction_filters(),
            ["name", "description", "invoice_id.name", "payment_reference"],
            page,
            own=own,
            fields=TRANSACTION_FIELDS,
            **kwargs,
        )
        values |= {
            "page_name": "billing_transactions",
            "transaction_rows": write_transactions(
                values["records"], values["user_account"]
            ),
        }
        return request.render("omni_billing.portal_billing_transactions", values)

    @http.route(
        ["/my/billing/invoices", "/my/billing/invoices/page/<int:page>"],
        type="http",
        auth="user",
        website=True,
        readonly=True,
        methods=["GET"],
    )
    def billing_invoices(self, page=1, **kwargs):
        """List all invoices of the customer (F3, F9)."""
        values = self._billing_prepare_list(
            "account.move",
            "/my/billing/invoices",
            self._get_billing_invoice_sortings(),
            self._get_billing_invoice_filters(),
            ["name", "billing_title", "billing_payment_reference"],
            page,
            fields=MOVE_FIELDS,
            **kwargs,
        )
        values |= {
            "page_name": "billing_invoices",
            "move_rows": write_moves(values["records"], values["today"]),
            "has_many_due": len(self._billing_find_due(limit=2)) > 1,
        }
        return request.render("omni_billing.portal_billing_invoices", values)

    @http.route(
        ["/my/billing/activity", "/my/billing/activity/page/<int:page>"],
        type="http",
        auth="user",
        website=True,
        readonly=True,
        methods=["GET"],
    )
    def billing_activity(self, page=1, **_kwargs):
        """List what was done: invoices, payments, cards, e-mails (F10)."""
        values = self._billing_prepare_list(
            "omni.billing.activity.log",
            "/my/billing/activity",
            {"date": {"label": request.env._("Date"), "order": "id desc"}},
            {"all": {"label": request.env._("All"), "domain": Domain.TRUE}},
            ["name"],
            page,
            fields=ACTIVITY_FIELDS,
        )
        values |= {
            "page_name": "billing_activity",
            "activity_rows": write_activities(values["records"]),
        }
        return request.render("omni_billing.portal_billing_activity", values)

    # === HOOKS === #

    def _get_billing_transaction_sortings(self):
        """Return how transactions can be sorted. Hook."""
        return {
            "date": {
                "label": request.env._("Date"),
                "order": "date desc, id desc",
            },
            "name": {
                "label": request.env._("Title"),
                "order": "name, id",
            },
            "amount": {
                "label": request.env._("Amount"),
                "order": "amount_total desc, id desc",
            },
        }

    def _get_billing_transaction_filters(self):
        """Return what of the transactions can be shown. Hook."""
        counted = Domain("state", "!=", "void") & Domain(
            "transaction_type", "!=", "payment"
        )
        return {
            "all": {
                "label": request.env._("All"),
                "domain": Domain.TRUE,
            },
            "unbilled": {
                "label": request.env._("Unbilled"),
                "domain": Domain("state", "=", "unbilled"),
            },
            "invoiced": {
                "label": request.env._("Invoiced"),
                "domain": counted & Domain("state", "=", "invoiced"),
            },
            "credits": {
                "label": request.env._("Credits"),
                "domain": Domain("transaction_type", "=", "credit"),
            },
            "payments": {
                "label": request.env._("Payments"),
                "domain": Domain("transaction_type", "=", "payment"),
            },
            "adjustments": {
                "label": request.env._("Adjustments"),
                "domain": Domain("transaction_type", "=", "adjustment"),
            },
            "void": {
                "label": request.env._("Void"),
                "domain": Domain("state", "=", "void"),
            },
            # Used by the customer, and of no sum of it; see `billing_transactions`.
            "others": {
                "label": request.env._("Paid by Others"),
                "domain": Domain.TRUE,
            },
        } | self._billing_prepare_month_filters("date", counted)

    def _get_billing_invoice_sortings(self):
        """Return how invoices can be sorted. Hook."""
        return {
            "date": {
                "label": request.env._("Date"),
                "order": "invoice_date desc, id desc",
            },
            "due": {
                "label": request.env._("Due Date"),
                "order": "invoice_date_due desc, id desc",
            },
            "name": {
                "label": request.env._("Number"),
                "order": "name desc, id desc",
            },
            "amount": {
                "label": request.env._("Amount"),
                "order": "amount_total desc, id desc",
            },
        }

    def _get_billing_invoice_filters(self):
        """Return what of the invoices can be shown. Hook."""
        unpaid = Domain("billing_state", "in", UNPAID_STATES)
        today = fields.Date.context_today(request.env.user)
        counted = Domain("billing_state", "!=", "void")
        return {
            "all": {
                "label": request.env._("All"),
                "domain": Domain.TRUE,
            },
            "unpaid": {
                "label": request.env._("Unpaid"),
                "domain": unpaid,
            },
            "overdue": {
                "label": request.env._("Overdue"),
                "domain": unpaid
                & Domain("move_type", "=", "out_invoice")
                & Domain("billing_is_planned", "!=", True)
                & request.env["account.move"]._billing_get_due_domain(
                    today - timedelta(days=1)
                ),
            },
            "paid": {
                "label": request.env._("Paid"),
                "domain": Domain("billing_state", "in", ("paid", "refunded")),
            },
            "credit_notes": {
                "label": request.env._("Credit Notes"),
                "domain": Domain("move_type", "=", "out_refund"),
            },
        } | self._billing_prepare_month_filters("invoice_date", counted)

    # === HELPERS === #

    def _billing_prepare_month_filters(self, field, domain):
        """Return the filters behind the cards of this month and the last one."""
        first = fields.Date.context_today(request.env.user).replace(day=1)
        before = first - relativedelta(months=1)
        last = first + relativedelta(months=1) - timedelta(days=1)
        this_month = Domain(field, ">=", first) & Domain(field, "<=", last)
        last_month = Domain(field, ">=", before) & Domain(field, "<", first)
        return {
            "this_month": {
                "label": request.env._("This Month"),
                "domain": domain & this_month,
            },
            "last_month": {
                "label": request.env._("Last Month"),
                "domain": domain & last_month,
            },
        }

    def _billing_prepare_list(
        self,
        model,
        url,
        sortings,
        filters,
        searched,
        page,
        sortby=None,
        filterby=None,
        search="",
        own=None,
        fields=None,
        **_kwargs,
    ):
        """Return one page of a list; what the address asks wrongly counts as none.

        :param own: whose it is, if it is not what the customer pays.
        :param fields: what its rows show.
        """
        sortby = sortby if sortby in sortings else next(iter(sortings))
        filterby = filterby if filterby in filters else next(iter(filters))
        domain = filters[filterby]["domain"] & self._billing_search_text(
            search, searched
        )
        pager = portal_pager(
            url=url,
            url_args={"sortby": sortby, "filterby": filterby, "search": search},
            total=self._billing_search(model, domain, count=True, own=own),
            page=page,
            step=self._items_per_page,
        )
        return self._billing_prepare_values("") | {
            "records": self._billing_search(
                model,
                domain,
                own=own,
                fields=fields,
                order=sortings[sortby]["order"],
                limit=self._items_per_page,
                offset=pager["offset"],
            ),
            "pager": pager,
            "default_url": url,
            "searchbar_sortings": sortings,
            "sortby": sortby,
            "searchbar_filters": filters,
            "filterby": filterby,
            "search": search,
        }

    def _billing_search_text(self, search, names):
        """Return the domain of what a person typed: words, a number or an id (F9)."""
        # The database takes no NUL.
        search = search.replace("\0", "").strip()
        if not search:
            return Domain.TRUE
        domain = Domain.OR(Domain(name, "ilike", search) for name in names)
        if search.isdecimal() and len(search) <= MAX_DIGITS:
            domain |= Domain("id", "=", min(int(search), MAX_ID))
        return domain
