from datetime import timedelta

from dateutil.relativedelta import relativedelta
from werkzeug.exceptions import BadRequest, NotFound

from odoo import fields, http
from odoo.exceptions import AccessError, MissingError, UserError
from odoo.fields import Domain
from odoo.http import content_disposition, request

from odoo.addons.account_payment.controllers.payment import PaymentPortal
from odoo.addons.account_payment.controllers.portal import PortalAccount
from odoo.addons.portal.controllers.portal import pager as portal_pager

from ..const import BILLING_MOVE_TYPES, MAX_ID
from ..tools.commit import savepoint
from ..tools.values import is_text

#: Rows of each list on the overview.
OVERVIEW_ROWS = 5
#: No id has more digits; Python refuses to read thousands of them.
MAX_DIGITS = 10
#: What Odoo's form does; a saved card is charged on a route of ours.
FORM_FLOWS = ("direct", "redirect")
#: Greater sums are nobody's; they are no numbers to compute with either.
MAX_AMOUNT = 10**15


class BillingPortal(PortalAccount, PaymentPortal):
    """The customer's own pages: balance, cards, transactions, invoices (F3)."""

    # === PAGES === #

    def _prepare_home_portal_values(self, counters):
        """Override of `portal`: whether there is anything of billing to see."""
        values = super()._prepare_home_portal_values(counters)
        if "billing_count" in counters:
            values["billing_count"] = self._billing_search(
                "omni.billing.transaction", count=1
            ) + self._billing_search("account.move", count=1)
        return values

    @http.route("/my/billing", type="http", auth="user", website=True, methods=["GET"])
    def billing_overview(self, **_kwargs):
        """Show the balance, and the latest of each of the three sections (F3, F32)."""
        cards = self._billing_find_cards()
        activities = self._billing_search(
            "omni.billing.activity.log", limit=OVERVIEW_ROWS
        )
        transactions = self._billing_search(
            "omni.billing.transaction", limit=OVERVIEW_ROWS
        )
        due = self._billing_find_due()
        values = self._billing_prepare_values("billing") | {
            "balance": self._billing_get_balance(),
            "sees_account": self._billing_sees_account(),
            "unconfirmed": self._billing_find_unconfirmed(),
            "cards": cards[:OVERVIEW_ROWS],
            "has_more_cards": len(cards) > OVERVIEW_ROWS,
            "needs_card": bool(due)
            and not cards.filtered(lambda card: not card.billing_is_expired),
            "due": due,
            "transactions": transactions,
            "transaction_invoices": self._billing_get_readable(transactions.invoice_id),
            "transaction_stats": self._billing_get_stats("omni.billing.transaction"),
            "moves": self._billing_search("account.move", limit=OVERVIEW_ROWS),
            "move_stats": self._billing_get_stats("account.move"),
            "activities": activities,
            "activity_invoices": self._billing_get_readable(activities.move_id),
        }
        return request.render("omni_billing.portal_billing", values)

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
        values = self._billing_prepare_list(
            "omni.billing.transaction",
            "/my/billing/transactions",
            self._get_billing_transaction_sortings(),
            self._get_billing_transaction_filters(),
            ["name", "description", "invoice_id.name", "payment_reference"],
            page,
            **kwargs,
        )
        values |= {
            "page_name": "billing_transactions",
            "transactions": values["records"],
            "transaction_invoices": self._billing_get_readable(
                values["records"].invoice_id
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
            **kwargs,
        )
        values |= {
            "page_name": "billing_invoices",
            "moves": values["records"],
            "due": self._billing_find_due(),
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
        )
        activities = values["records"]
        values |= {
            "page_name": "billing_activity",
            "activities": activities,
            "activity_invoices": self._billing_get_readable(activities.move_id),
        }
        return request.render("omni_billing.portal_billing_activity", values)

    @http.route(
        "/my/billing/invoices/<int:invoice_id>",
        type="http",
        auth="public",
        website=True,
        methods=["GET"],
    )
    def billing_invoice(self, invoice_id, access_token=None, **_kwargs):
        """Show one invoice, to its customer or to who has its link (F3, F119)."""
        try:
            move_sudo, is_guest = self._billing_open_invoice(invoice_id, access_token)
        except (AccessError, MissingError):
            return request.redirect("/my")
        values = self._billing_prepare_values("billing_invoice") | {
            "move": move_sudo,
            "lines": move_sudo._billing_get_lines(),
            "receipts": move_sudo.billing_receipt_ids.sorted("id"),
            "coming_payments": move_sudo._billing_get_coming_payments(),
            "is_payable": bool(self._billing_filter_payable(move_sudo)),
            "query": f"?access_token={move_sudo.access_token}" if is_guest else "",
            "no_breadcrumbs": is_guest,
        }
        return request.render("omni_billing.portal_billing_invoice", values)

    @http.route(
        "/my/billing/invoices/<int:invoice_id>/pdf",
        type="http",
        auth="public",
        website=True,
        methods=["GET"],
    )
    def billing_invoice_pdf(self, invoice_id, access_token=None, **_kwargs):
        """Answer with the PDF of an invoice (F99, F195)."""
        try:
            move_sudo, _is_guest = self._billing_open_invoice(invoice_id, access_token)
        except (AccessError, MissingError):
            return request.redirect("/my")
        content = move_sudo._billing_get_pdf()
        filename = move_sudo._billing_get_filename()
        return request.make_response(
            content,
            headers=[
                ("Content-Type", "application/pdf"),
                ("Content-Length", len(content)),
                ("Content-Disposition", content_disposition(filename)),
                ("X-Content-Type-Options", "nosniff"),
                # Theirs alone, and asked for again each time: it may be paid by now.
                ("Cache-Control", "private, no-cache"),
            ],
        )

    @http.route(
        "/my/billing/addresses/<int:partner_id>/confirm",
        type="http",
        auth="user",
        website=True,
        methods=["POST"],
    )
    def billing_confirm_address(self, partner_id, **_kwargs):
        """Let invoices go to an address that a contact of the company entered."""
        addresses = self._billing_find_unconfirmed()
        addresses = addresses.filtered(lambda address: address.id == partner_id)
        if not addresses:
            raise NotFound
        # sudo: given back; the model checks who it is.
        addresses.sudo(False).action_billing_confirm_address()
        return request.redirect("/my/billing")

    # === PAGES: CARDS === #

    @http.route(
        "/my/billing/cards", type="http", auth="user", website=True, methods=["GET"]
    )
    def billing_cards(self, **_kwargs):
        """List the saved cards, and let the customer add one (F125, F138)."""
        return self._billing_render_cards()

    @http.route(
        "/my/billing/cards/<int:card_id>/<any(default,delete):operation>",
        type="http",
        auth="user",
        website=True,
        methods=["POST"],
    )
    def billing_card(self, card_id, operation, **_kwargs):
        """Make a card the default one, or delete it (F125, F127)."""
        card_sudo = self._billing_find_cards().filtered(lambda card: card.id == card_id)
        if not card_sudo:
            raise NotFound
        try:
            with savepoint(request.env):
                if operation == "default":
                    card_sudo.action_billing_set_default()
                else:
                    card_sudo.action_billing_delete()
        except UserError as error:
            return self._billing_render_cards(error=str(error))
        return request.redirect("/my/billing/cards")

    def _billing_render_cards(self, error=""):
        # Odoo's own page of payment methods knows what its form needs.
        form = self.payment_method().qcontext
        values = self._billing_prepare_values("billing_cards") | {
            **form,
            "cards": self._billing_find_cards(),
            "can_add": self._billing_sees_account()
            and bool(form["payment_methods_sudo"]),
            # The form adds cards; those there are have a list of their own.
            "tokens_sudo": request.env["payment.token"],
            "landing_route": "/my/billing/cards",
            # sudo: settings are not the customer's to read; this one is printed.
            "instructions": request.env.company.sudo().billing_payment_instructions,
            "error": error,
        }
        return request.render("omni_billing.portal_billing_cards", values)

    # === PAGES: PAYMENT === #

    @http.route(
        "/my/billing/invoices/<int:invoice_id>/pay",
        type="http",
        auth="public",
        website=True,
        methods=["GET"],
    )
    def billing_invoice_pay(self, invoice_id, access_token=None, **_kwargs):
        """Pay one invoice, as its customer or by its link (F119, F133, F138)."""
        try:
            move_sudo, is_guest = self._billing_open_invoice(invoice_id, access_token)
        except (AccessError, MissingError):
            return request.redirect("/my")
        return self._billing_render_pay(move_sudo, is_guest)

    @http.route(
        "/my/billing/pay", type="http", auth="user", website=True, methods=["GET"]
    )
    def billing_pay(self, ids="all", **_kwargs):
        """Pay several invoices at once, one amount over them (W16)."""
        try:
            moves = self._billing_find_own(ids)
        except (AccessError, MissingError):
            return request.redirect("/my/billing")
        # sudo: these are the customer's own; a payment needs more than reading.
        return self._billing_render_pay(moves.sudo(), is_guest=False)

    @http.route(
        "/my/billing/pay/charge",
        type="jsonrpc",
        auth="user",
        website=True,
        methods=["POST"],
    )
    def billing_pay_charge(self, ids, card_id, amount):
        """Charge a saved card for the customer's invoices (F119, F133, F134).

        :param str ids: as in the address of the page.
        :param float amount: what the page showed; nothing else is ever charged.
        :return: what `payment.transaction.billing_get_client_values` says, and the
            ``reference`` of the attempt.
        """
        # sudo: as on the page.
        moves_sudo = self._billing_find_own(ids).sudo()
        cards = self._billing_find_cards()
        card_sudo = cards.filtered(lambda card: card.id == card_id)
        self._billing_check_amount(moves_sudo, amount)
        landing = self._billing_get_landing(moves_sudo)
        attempt_sudo = moves_sudo._billing_charge(
            card_sudo,
            amount=amount,
            is_customer_present=True,
            # Before the call: after it nothing may have Odoo run the request again.
            note_down=lambda attempt: attempt.write({"landing_route": landing}),
        )
        return self._billing_describe_attempt(attempt_sudo)

    @http.route(
        "/my/billing/pay/check",
        type="jsonrpc",
        auth="user",
        website=True,
        methods=["POST"],
    )
    def billing_pay_check(self, reference):
        """Tell what became of an attempt, after the bank's own page (W7)."""
        customer = request.env.user._billing_get_account()
        # sudo: attempts are internal; those on the customer's own invoices are told.
        attempt_sudo = request.env["payment.transaction"].sudo()
        if not is_text(reference):
            raise NotFound
        attempt_sudo = attempt_sudo.search([("reference", "=", reference)])
        if not attempt_sudo or (
            attempt_sudo.invoice_ids.commercial_partner_id != customer
        ):
            raise NotFound
        attempt_sudo._billing_resolve()
        return self._billing_describe_attempt(attempt_sudo)

    @http.route(
        "/my/billing/pay/transaction/<string:ids>",
        type="jsonrpc",
        auth="public",
        website=True,
        methods=["POST"],
    )
    def billing_pay_transaction(self, ids, amount, access_token=None, **kwargs):
        """Begin a payment on Odoo's own form: a new card, or no login.

        Like ``/invoice/transaction``, for several invoices too, and the amount and
        what follows are not the browser's to say.
        """
        try:
            if "," in ids:
                # sudo: as on the page.
                moves_sudo, is_guest = self._billing_find_own(ids).sudo(), False
            else:
                [invoice_id] = self._billing_parse_ids(ids)
                moves_sudo, is_guest = self._billing_open_invoice(
                    invoice_id, access_token
                )
        except (AccessError, MissingError) as error:
            raise NotFound from error
        self._validate_transaction_kwargs(kwargs)
        if kwargs.get("flow") not in FORM_FLOWS or kwargs.get("is_validation"):
            raise NotFound
        self._billing_check_ids(kwargs, "provider_id", "payment_method_id")
        self._billing_check_amount(moves_sudo, amount)
        is_public = request.env.user._is_public()
        partner = (
            moves_sudo.partner_id[:1] if is_public else request.env.user.partner_id
        )
        kwargs["amount"] = sum(moves_sudo.mapped("amount_residual"))
        kwargs["landing_route"] = self._billing_get_landing(moves_sudo, is_guest)
        if is_guest:
            kwargs["tokenization_requested"] = False
        return self._process_transaction(
            partner.id,
            moves_sudo.currency_id.id,
            moves_sudo.ids,
            ", ".join(moves_sudo.mapped("name"))[:40],
            **kwargs,
        )

    # === OVERRIDES: PAYMENT === #

    def _create_transaction(self, *args, flow, is_validation=False, **kwargs):
        """Override of `payment`: what a browser sent is checked, on whichever page.

        Saved cards are those of the account that is logged in. The model refuses
        others too (`payment.transaction._billing_check_card`); here nobody learns
        which there are.
        """
        is_public = request.env.user._is_public()
        if flow == "token":
            card = request.env["payment.token"]
            if not is_public:
                self._billing_check_ids(kwargs, "provider_id", "token_id")
                card = card.browse(kwargs["token_id"])
            card._billing_check_own()
        else:
            self._billing_check_ids(kwargs, "provider_id", "payment_method_id")
        amount = kwargs.get("amount")
        if not is_validation and not (
            isinstance(amount, int | float)
            and not isinstance(amount, bool)
            and 0 < amount < MAX_AMOUNT
        ):
            raise BadRequest(
                request.env._("Enter the amount to pay: a number above zero.")
            )
        if is_public:
            kwargs["tokenization_requested"] = False
        return super()._create_transaction(
            *args, flow=flow, is_validation=is_validation, **kwargs
        )

    def _process_transaction(self, partner_id, currency_id, invoice_ids, *args, **kw):
        """Override of `account_payment`: what is known of the invoices comes first.

        It may commit, and is asked before there is a payment that would stay.
        """
        # sudo: the page has checked who pays.
        moves_sudo = request.env["account.move"].sudo().browse(invoice_ids)
        moves_sudo._billing_check_guest(request.env.user)
        moves_sudo._billing_settle_attempts()
        return super()._process_transaction(
            partner_id, currency_id, invoice_ids, *args, **kw
        )

    @staticmethod
    def _compute_show_tokenize_input_mapping(providers_sudo, **kwargs):
        """Override of `payment`: a guest saves no card, and is not asked to."""
        mapping = PaymentPortal._compute_show_tokenize_input_mapping(
            providers_sudo, **kwargs
        )
        is_public = request.env.user._is_public()
        return dict.fromkeys(mapping, False) if is_public else mapping

    def _get_common_page_view_values(self, *args, **kwargs):
        """Override of `account_payment`, which asks the class that it knows."""
        values = super()._get_common_page_view_values(*args, **kwargs)
        if request.env.user._is_public():
            mapping = values["show_tokenize_input_mapping"]
            values["show_tokenize_input_mapping"] = dict.fromkeys(mapping, False)
        return values

    @http.route()
    def overdue_invoices_transaction(self, *args, **kwargs):
        """Override of `account_payment`: without any there is nothing to pay."""
        domain = self._get_overdue_invoices_domain()
        if not request.env.user._is_public() and not (
            request.env["account.move"].search_count(domain, limit=1)
        ):
            raise UserError(request.env._("There are no overdue invoices to pay."))
        return super().overdue_invoices_transaction(*args, **kwargs)

    def _billing_check_ids(self, values, *names):
        """Check ids that a browser sent.

        :raise BadRequest: if one is none.
        """
        for name in names:
            value = values.get(name)
            if type(value) is not int or not 0 < value <= MAX_ID:
                raise BadRequest(
                    request.env._("Choose how to pay: %(name)s is no id.", name=name)
                )

    # === HOOKS: LISTS === #

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
            "void": {
                "label": request.env._("Void"),
                "domain": Domain("state", "=", "void"),
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
        unpaid = Domain("billing_state", "in", ("unpaid", "partial"))
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
                & Domain("invoice_date_due", "<", today),
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

    # === HELPERS: PAGES === #

    def _billing_prepare_values(self, page_name):
        return self._prepare_portal_layout_values() | {
            "page_name": page_name,
            # Odoo's frame says no language; screen readers need it.
            "html_data": {"lang": (request.env.lang or "en").replace("_", "-")},
            "today": fields.Date.context_today(request.env.user),
            "format_percentage": request.env["account.move"]._billing_format_percentage,
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
        **_kwargs,
    ):
        """Return one page of a list; what the address asks wrongly counts as none."""
        sortby = sortby if sortby in sortings else next(iter(sortings))
        filterby = filterby if filterby in filters else next(iter(filters))
        domain = filters[filterby]["domain"] & self._billing_search_text(
            search, searched
        )
        pager = portal_pager(
            url=url,
            url_args={"sortby": sortby, "filterby": filterby, "search": search},
            total=self._billing_search(model, domain, count=True),
            page=page,
            step=self._items_per_page,
        )
        return self._billing_prepare_values("") | {
            "records": self._billing_search(
                model,
                domain,
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

    def _billing_sees_account(self):
        """Tell whether the user sees the billing of the customer it belongs to."""
        user = request.env.user
        return user._billing_get_account() == user.commercial_partner_id

    def _billing_get_own_domain(self, model):
        """Return what is the customer's: of the whole company, if it is one."""
        customer = request.env.user._billing_get_account()
        domain = Domain("commercial_partner_id", "=", customer.id)
        if model == "account.move":
            domain &= Domain("move_type", "in", BILLING_MOVE_TYPES)
            domain &= Domain("state", "!=", "draft")
        return domain

    def _billing_search(self, model, domain=Domain.TRUE, count=False, **kwargs):
        """Search among the customer's own, under the user's rights.

        :param count: count instead; a number counts no further.
        """
        Model = request.env[model]
        if not Model.has_access("read"):
            return 0 if count else Model
        domain = self._billing_get_own_domain(model) & domain
        if count:
            limit = None if count is True else count
            return Model.search_count(domain, limit=limit)
        return Model.search(domain, **kwargs)

    def _billing_get_stats(self, model):
        Model = request.env[model]
        if not Model.has_access("read"):
            return {}
        customer = request.env.user._billing_get_account()
        return Model.billing_retrieve_stats(
            [("commercial_partner_id", "=", customer.id)]
        )

    def _billing_get_balance(self):
        """Return what the customer owes, will owe, and is owed (F32)."""
        # sudo: payments that are not used yet are credit, and their entries are not
        # the customer's to read; these three sums are.
        customer = request.env.user._billing_get_account().sudo()
        if not self._billing_sees_account():
            customer = customer.browse()
        return {
            "currency": customer.billing_currency_id or request.env.company.currency_id,
            "unbilled": customer.billing_unbilled_amount,
            "due": customer.billing_due_amount,
            "credit": customer.billing_credit_amount,
        }

    def _billing_get_readable(self, moves):
        """Return the invoices that the user may open: not those being prepared."""
        return moves._filtered_access("read")

    def _billing_open_invoice(self, invoice_id, access_token=None):
        """Return the invoice, in sudo, and whether it is a link that opens it.

        :raise AccessError, MissingError: if it is not to be shown; pages do not tell
            one from the other.
        """
        if invoice_id > MAX_ID:
            raise MissingError(request.env._("This document does not exist."))
        # Tokens are compared byte by byte, and are plain letters.
        if not (isinstance(access_token, str) and access_token.isascii()):
            access_token = None
        move_sudo = self._document_check_access(
            "account.move", invoice_id, access_token
        )
        if move_sudo.move_type not in BILLING_MOVE_TYPES or move_sudo.state == "draft":
            raise MissingError(request.env._("This document does not exist."))
        move = request.env["account.move"].browse(move_sudo.id)
        is_guest = not move.has_access("read")
        # sudo: access was checked just above; the user stays who it is.
        return move.sudo(), is_guest

    # === HELPERS: MONEY === #

    def _billing_find_due(self):
        """Return the customer's invoices that can be paid, the oldest first."""
        unpaid = self._billing_search(
            "account.move",
            Domain("billing_state", "in", ("unpaid", "partial"))
            & Domain("move_type", "=", "out_invoice"),
            order="invoice_date_due, id",
        )
        return self._billing_filter_payable(unpaid)

    def _billing_filter_payable(self, moves):
        return moves.filtered(
            lambda move: (
                move.move_type == "out_invoice"
                and move.state == "posted"
                and move.billing_state in ("unpaid", "partial")
                and move.currency_id.compare_amounts(move.amount_residual, 0) > 0
            )
        )

    def _billing_find_cards(self):
        """Return the saved cards of the customer, in sudo, the default one first."""
        user = request.env.user
        if user._is_public() or not self._billing_sees_account():
            return request.env["payment.token"]
        # sudo: a card belongs to the company, whichever contact saved it.
        return user.partner_id._billing_get_cards().sudo()

    def _billing_find_unconfirmed(self):
        """Return the addresses that the company's own login may confirm, in sudo."""
        # sudo: this is asked of the customer's own contacts alone.
        Partner = request.env["res.partner"].sudo()
        customer = request.env.user.partner_id
        if customer != customer.commercial_partner_id:
            return Partner
        return Partner.search(
            Domain("commercial_partner_id", "=", customer.id)
            & Domain("billing_is_unconfirmed", "=", True)
        )

    def _billing_parse_ids(self, ids):
        """Read the ids in an address.

        :raise MissingError: if that is not what it is.
        """
        parts = str(ids).split(",")
        if not all(part.isdecimal() and len(part) <= MAX_DIGITS for part in parts):
            raise MissingError(request.env._("This document does not exist."))
        ids = [int(part) for part in parts]
        if max(ids) > MAX_ID:
            raise MissingError(request.env._("This document does not exist."))
        return ids

    def _billing_find_own(self, ids):
        """Return the customer's invoices of an address; "all": what can be paid.

        :raise MissingError: if one of them is not the customer's, or is not at all.
        """
        if ids == "all":
            return self._billing_find_due()
        wanted = set(self._billing_parse_ids(ids))
        moves = self._billing_search(
            "account.move",
            Domain("id", "in", list(wanted)),
            order="invoice_date_due, id",
        )
        if set(moves.ids) != wanted:
            raise MissingError(request.env._("This document does not exist."))
        return moves

    def _billing_check_amount(self, moves, amount):
        """Check that the page showed what is owed now.

        :raise UserError: if it changed meanwhile.
        """
        payable = self._billing_filter_payable(moves)
        if not payable or payable != moves or len(moves.currency_id) > 1:
            raise UserError(
                request.env._(
                    "There is nothing to pay any more, or not all of it. Nothing was"
                    " charged: reload the page."
                )
            )
        due = sum(moves.mapped("amount_residual"))
        is_number = (
            isinstance(amount, int | float) and -MAX_AMOUNT < amount < MAX_AMOUNT
        )
        if not is_number or moves.currency_id.compare_amounts(amount, due):
            raise UserError(
                request.env._(
                    "What is left to pay has changed. Nothing was charged: reload the"
                    " page."
                )
            )

    def _billing_describe_attempt(self, attempt_sudo):
        values = attempt_sudo.billing_get_client_values()
        return values | {"reference": attempt_sudo.reference}

    def _billing_get_landing(self, moves_sudo, is_guest=False):
        """Return where a payment leads to."""
        if len(moves_sudo) > 1:
            return "/my/billing"
        url = f"/my/billing/invoices/{moves_sudo.id}"
        return f"{url}?access_token={moves_sudo.access_token}" if is_guest else url

    def _billing_render_pay(self, moves_sudo, is_guest):
        """Show what is paid, the total, and how: cards, Odoo's form, or other ways."""
        payable = self._billing_filter_payable(moves_sudo)
        groups = payable.grouped(lambda move: (move.company_id, move.currency_id))
        groups = list(groups.values())
        values = self._billing_prepare_values("billing_pay") | {
            "moves": payable,
            "groups": groups if len(groups) > 1 else [],
            "paid_move": moves_sudo if len(moves_sudo) == 1 else None,
            "query": f"?access_token={moves_sudo.access_token}" if is_guest else "",
            "no_breadcrumbs": is_guest,
            "is_guest": is_guest,
        }
        if len(groups) == 1:
            values |= self._billing_prepare_payment(payable, is_guest)
        return request.render("omni_billing.portal_billing_pay", values)

    def _billing_prepare_payment(self, moves_sudo, is_guest):
        """Return what the two forms need: that of saved cards, and Odoo's."""
        amount = sum(moves_sudo.mapped("amount_residual"))
        ids = ",".join(map(str, moves_sudo.ids))
        form = self._get_common_page_view_values(
            {
                "partner": moves_sudo.partner_id[:1],
                "company": moves_sudo.company_id,
                "total_amount": amount,
                "currency": moves_sudo.currency_id,
                "landing_route": self._billing_get_landing(moves_sudo, is_guest),
                "transaction_route": f"/my/billing/pay/transaction/{ids}",
            },
            access_token=moves_sudo.access_token if is_guest else None,
        )
        customer = request.env.user._billing_get_account()
        is_own = not is_guest and moves_sudo.commercial_partner_id == customer
        cards = self._billing_find_cards() if is_own else request.env["payment.token"]
        cards = cards.filtered(lambda card: card.provider_id in form["providers_sudo"])
        usable = cards.filtered(lambda card: not card.billing_is_expired)
        if is_guest:
            form["show_tokenize_input_mapping"] = dict.fromkeys(
                form["show_tokenize_input_mapping"], False
            )
        return form | {
            "amount": amount,
            "ids": ids,
            "cards": cards,
            "chosen_card": usable[:1],
            "is_under_way": any(
                attempt.billing_decline_code != "authentication_required"
                for attempt in moves_sudo.billing_attempt_id
            )
            or moves_sudo._billing_get_chargeable_amount(moves_sudo.billing_attempt_id)
            < amount,
            "can_add": bool(form["payment_methods_sudo"]),
            "tokens_sudo": request.env["payment.token"],
            "instructions": moves_sudo.company_id.billing_payment_instructions,
        }
