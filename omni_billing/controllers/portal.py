from urllib.parse import quote

from werkzeug.exceptions import NotFound

from odoo import fields, http
from odoo.exceptions import AccessError, MissingError, UserError
from odoo.fields import Domain
from odoo.http import content_disposition, request

from odoo.addons.account_payment.controllers.payment import PaymentPortal
from odoo.addons.account_payment.controllers.portal import PortalAccount

from ..const import BILLING_MOVE_TYPES, MAX_ID
from ..tools.database import savepoint
from .portal_rows import (
    ACTIVITY_FIELDS,
    MOVE_FIELDS,
    TRANSACTION_FIELDS,
    Written,
    describe_state,
    find_late,
    write_activities,
    write_moves,
    write_transactions,
)

#: No id has more digits; Python refuses to read thousands of them.
MAX_DIGITS = 10
#: What Odoo's form of an address says beside the fields of the contact.
ADDRESS_ARGUMENTS = {"address_type", "use_delivery_as_billing", "callback"}
#: Rows of each list on the overview.
OVERVIEW_ROWS = 5
#: What is asked of all invoices that are due, which may be many.
DUE_FIELDS = (
    *("name", "state", "move_type", "billing_state", "amount_residual"),
    *("commercial_partner_id", "company_id", "currency_id"),
    *("invoice_date_due", "date"),
)


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
        due = self._billing_find_due()
        latest = self._billing_search(
            "account.move", limit=OVERVIEW_ROWS, fields=MOVE_FIELDS
        )
        known = due | latest
        credit = known._billing_read_credit(
            known.commercial_partner_id, known.company_id
        )
        values = self._billing_prepare_values("billing") | {
            "balance": self._billing_get_balance(),
            "sees_account": self._billing_sees_account(),
            "unconfirmed": self._billing_find_unconfirmed(),
            "cards": cards[:OVERVIEW_ROWS],
            "has_more_cards": len(cards) > OVERVIEW_ROWS,
            "needs_card": bool(due)
            and not cards.filtered(lambda card: not card.billing_is_expired),
            "due": due,
            "to_pay": self._billing_list_to_pay(due, credit),
            "coming_payments": due._billing_get_coming_payments().sorted("date"),
            "failed": due._billing_find_failed(),
            "paid_by_others": self._billing_search(
                "omni.billing.transaction",
                count=1,
                own=self._billing_get_participant_domain(),
            ),
            "may_invite": request.env.user.partner_id._billing_may_invite(
                request.env.company
            ),
            "debts": self._billing_get_suspension(),
            "has_services": self._billing_search("omni.billing.service", count=1),
            "transaction_stats": self._billing_get_stats("omni.billing.transaction"),
            "move_stats": self._billing_get_stats("account.move"),
        }
        values |= self._billing_prepare_latest(values)
        values["move_rows"] = write_moves(latest, values["today"], credit)
        return request.render("omni_billing.portal_billing", values)

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
        values = self._billing_prepare_values("billing_invoice")
        is_late = bool(find_late(move_sudo, values["today"]))
        values |= {
            "move": move_sudo,
            "state": describe_state(Written(request.env), move_sudo, is_late),
            "lines": move_sudo._billing_get_lines(),
            "receipts": (
                move_sudo.billing_receipt_ids
                + move_sudo.billing_adjustment_ids.filtered("partial_id")
            ).sorted("id"),
            "coming_payments": move_sudo._billing_get_coming_payments(),
            "is_payable": bool(self._billing_filter_payable(move_sudo))
            and not move_sudo.billing_collecting,
            "query": f"?access_token={move_sudo.access_token}" if is_guest else "",
            "no_breadcrumbs": is_guest,
            "can_report": self._billing_is_own_account(move_sudo),
            "login_url": self._billing_get_login_url(),
        }
        return self._billing_render_private("portal_billing_invoice", values)

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
        filename = move_sudo._billing_get_filename()
        return self._billing_respond_pdf(move_sudo._billing_get_pdf(), filename)

    @http.route(
        "/my/billing/addresses/<int:partner_id>/<any(confirm, refuse):decision>",
        type="http",
        auth="user",
        website=True,
        methods=["POST"],
    )
    def billing_decide_address(self, partner_id, decision, **_kwargs):
        """Take over or forget an e-mail address that a contact entered."""
        addresses = self._billing_find_unconfirmed()
        addresses = addresses.filtered(lambda address: address.id == partner_id)
        if not addresses:
            raise NotFound
        addresses = addresses.sudo(False)  # sudo: given back; the model checks who.
        if decision == "confirm":
            addresses.action_billing_confirm_address()
        else:
            addresses.action_billing_refuse_address()
        return request.redirect("/my/billing")

    @http.route()
    def portal_address_submit(self, partner_id=None, **form_data):
        """Override of `portal`: a form says nothing but what is on the page.

        Odoo hands all of it over as arguments, also one to check nothing. What the
        model refuses is told above the form.
        """
        allowed = ADDRESS_ARGUMENTS | (
            request.env["res.partner"]._get_frontend_writable_fields()
        )
        form_data = {
            name: value for name, value in form_data.items() if name in allowed
        }
        try:
            with savepoint(request.env):
                return super().portal_address_submit(
                    partner_id, required_fields="name,email", **form_data
                )
        except UserError as error:
            messages = {"invalid_fields": [], "messages": [str(error)]}
            headers = []
            if seconds := getattr(error, "retry_after", None):
                headers.append(("Retry-After", str(seconds)))
            status = getattr(error, "http_status", 422)
            return request.make_json_response(messages, headers, status=status)

    # === ADDRESSES === #

    def _check_billing_address(self, partner_sudo):
        """Override of `portal`: what waits for a yes was entered, in a shop too.

        It would ask for it again and again, and let nobody buy.
        """
        return super()._check_billing_address(partner_sudo) or (
            partner_sudo._billing_is_whole_but_email(
                self._get_mandatory_billing_address_fields(partner_sudo.country_id)
            )
        )

    def _check_delivery_address(self, partner_sudo):
        """Override of `portal`: as above."""
        return super()._check_delivery_address(partner_sudo) or (
            partner_sudo._billing_is_whole_but_email(
                self._get_mandatory_delivery_address_fields(partner_sudo.country_id)
            )
        )

    # === HELPERS: PAGES === #

    def _billing_render_private(self, template, values):
        """Render a page that a link opens: no cache between keeps it for others."""
        response = request.render(f"omni_billing.{template}", values)
        response.headers["Cache-Control"] = "private, no-cache"
        return response

    def _billing_get_login_url(self):
        """Return where a guest logs in and comes back to this page; else nothing."""
        if not request.env.user._is_public():
            return ""
        return f"/web/login?redirect={quote(request.httprequest.full_path, safe='')}"

    def _billing_respond_pdf(self, content, filename):
        """Answer with a PDF, which no cache between keeps for others."""
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

    def _billing_prepare_values(self, page_name):
        return self._prepare_portal_layout_values() | {
            "page_name": page_name,
            # Odoo's frame says no language; screen readers need it.
            "html_data": {"lang": (request.env.lang or "en").replace("_", "-")},
            "today": fields.Date.context_today(request.env.user),
            # sudo: compared, and shown by name.
            "user_account": request.env.user._billing_get_account().sudo(),
            "format_percentage": request.env["account.move"]._billing_format_percentage,
        }

    def _billing_get_suspension(self):
        """Return what is said of a suspension of the customer's services (W35)."""
        if not self._billing_sees_account():
            return {}
        customer = request.env.user._billing_get_account()
        return customer._billing_get_suspension(request.env.company)

    def _billing_sees_account(self):
        """Tell whether the user sees the billing of the customer it belongs to."""
        user = request.env.user
        return user._billing_get_account() == user.commercial_partner_id

    def _billing_is_own_account(self, record):
        """Tell whether it is billed to the account that the user sees."""
        user = request.env.user
        return not user._is_public() and (
            user._billing_get_account(record.company_id) == record.commercial_partner_id
        )

    def _billing_get_own_domain(self, model):
        """Return what is the customer's: of the whole company, if it is one."""
        customer = request.env.user._billing_get_account()
        domain = Domain("commercial_partner_id", "=", customer.id)
        if model == "account.move":
            domain &= Domain("move_type", "in", BILLING_MOVE_TYPES)
            domain &= Domain("state", "!=", "draft")
        return domain

    def _billing_get_participant_domain(self):
        """Return what the customer used, and others pay (W31)."""
        customer = request.env.user._billing_get_account()
        return Domain("participant_id", "=", customer.id)

    def _billing_search(
        self, model, domain=Domain.TRUE, count=False, own=None, fields=None, **kwargs
    ):
        """Search among the customer's own, under the user's rights.

        :param count: count instead; a number counts no further.
        :param fields: what is read with it, if that is known.
        :param own: the domain of what is the customer's, if it is not what it pays.
        """
        Model = request.env[model]
        if not Model.has_access("read"):
            return 0 if count else Model
        domain = (self._billing_get_own_domain(model) if own is None else own) & domain
        if count:
            limit = None if count is True else count
            return Model.search_count(domain, limit=limit)
        if fields:
            return Model.search_fetch(domain, fields, **kwargs)
        return Model.search(domain, **kwargs)

    def _billing_prepare_latest(self, values):
        """Return the rows of the overview: the latest of each list."""
        transactions, activities = (
            self._billing_search(model, limit=OVERVIEW_ROWS, fields=fields)
            for model, fields in (
                ("omni.billing.transaction", TRANSACTION_FIELDS),
                ("omni.billing.activity.log", ACTIVITY_FIELDS),
            )
        )
        return {
            "transaction_rows": write_transactions(
                transactions, values["user_account"]
            ),
            "activity_rows": write_activities(activities),
        }

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
        unbilled = customer._billing_read_unbilled(request.env.company, is_shown=True)
        return {
            "currency": customer.billing_currency_id or request.env.company.currency_id,
            "unbilled": unbilled.get(customer, 0.0),
            "due": customer.billing_due_amount,
            "credit": customer.billing_credit_amount,
            "credit_elsewhere": customer.billing_credit_elsewhere_amount,
        }

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

    def _billing_find_due(self, limit=None):
        """Return the customer's invoices that can be paid, the oldest first."""
        return self._billing_search(
            "account.move",
            request.env["account.move"]._billing_get_unpaid_domain()
            & Domain("state", "=", "posted")
            & Domain("amount_residual", ">", 0),
            order="invoice_date_due, id",
            limit=limit,
            fields=DUE_FIELDS,
        )

    def _billing_filter_payable(self, moves):
        return moves.filtered(
            lambda move: (
                move.state == "posted"
                and move._billing_is_unpaid()
                and move.currency_id.compare_amounts(move.amount_residual, 0) > 0
            )
        )

    def _billing_list_to_pay(self, due, credit):
        """Return what is left to pay in each currency where credit lowers it (W15)."""
        if not credit:
            return []
        owed = due._billing_get_amounts_owed(credit)
        sums = []
        for currency, moves in due.grouped("currency_id").items():
            amount = currency.round(sum(owed[move.id] for move in moves))
            if currency.compare_amounts(amount, sum(moves.mapped("amount_residual"))):
                sums.append({"currency": currency, "amount": amount})
        return sums

    def _billing_find_cards(self):
        """Return the saved cards of the customer, in sudo, the default one first."""
        user = request.env.user
        if user._is_public() or not self._billing_sees_account():
            return request.env["payment.token"]
        # sudo: a card belongs to the company, whichever contact saved it.
        cards = user.partner_id._billing_get_cards()
        return cards.filtered(lambda card: card._billing_is_seen()).sudo()

    def _billing_find_unconfirmed(self):
        """Return the addresses that the company's own login may confirm, in sudo."""
        # sudo: this is asked of the customer's own contacts alone.
        Partner = request.env["res.partner"].sudo()
        customer = request.env.user.partner_id
        if customer != customer.commercial_partner_id:
            return Partner
        return Partner.search(
            Domain("commercial_partner_id", "=", customer.id)
            & Domain("billing_pending_email", "!=", False)
        )
