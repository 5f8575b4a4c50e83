from werkzeug.exceptions import BadRequest, NotFound

from odoo import http
from odoo.exceptions import AccessError, MissingError, UserError
from odoo.fields import Domain
from odoo.http import request

from odoo.addons.account_payment.controllers.payment import PaymentPortal

from ..const import MAX_ID
from ..tools.values import is_text
from .portal import MAX_DIGITS, BillingPortal

#: What Odoo's form does; a saved card is charged on a route of ours.
FORM_FLOWS = ("direct", "redirect")
#: Greater sums are nobody's; they are no numbers to compute with either.
MAX_AMOUNT = 10**15


class BillingPortalPay(BillingPortal):
    """Paying: one invoice or several, by saved card, on Odoo's form, by a link."""

    # === PAGES === #

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

        Credit on file is used first, as the page says.
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
            is_credit_first=True,
            is_customer_present=True,
            # Written with the attempt: a conflict after the charge would have Odoo run
            # the request again.
            note_down=lambda attempt: attempt.write({"landing_route": landing}),
        )
        return self._billing_describe_attempt(attempt_sudo)

    @http.route(
        "/my/billing/pay/credit",
        type="http",
        auth="user",
        website=True,
        methods=["POST"],
    )
    def billing_pay_credit(self, ids="all", **_kwargs):
        """Use the customer's credit for these invoices; no money moves (F154)."""
        try:
            # sudo: as on the page.
            moves_sudo = self._billing_find_own(ids).sudo()
        except (AccessError, MissingError):
            return request.redirect("/my/billing")
        request.env["omni.billing.limit"]._take("payment", moves_sudo)
        for group in self._billing_filter_payable(moves_sudo)._billing_group_together():
            group._billing_settle_attempts()
            group._billing_spend_credit()
        left = self._billing_filter_payable(moves_sudo)
        url = f"/my/billing/pay?ids={ids}" if left else "/my/billing"
        return request.redirect(url)

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
        # One login has several sellers, and may see the account of one alone.
        # sudo: given back; who asks has to be one who may read them.
        if not attempt_sudo.invoice_ids.sudo(False).has_access("read"):
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
        kwargs["amount"] = self._billing_use_credit_first(moves_sudo, amount)
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

    # === OVERRIDES OF PAYMENT === #

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
        if is_public and not is_validation:
            kwargs["tokenization_requested"] = False
        return super()._create_transaction(
            *args, flow=flow, is_validation=is_validation, **kwargs
        )

    def _process_transaction(self, partner_id, currency_id, invoice_ids, *args, **kw):
        """Override of `account_payment`: what is known of the invoices comes first.

        It may commit, and is asked before there is a payment that would stay. Credit on
        file is used before, as each page says: more than it leaves is not charged.
        """
        # sudo: the page has checked who pays.
        moves_sudo = request.env["account.move"].sudo().browse(invoice_ids)
        # Before anything is locked, or Stripe is asked.
        request.env["omni.billing.limit"]._take("payment", moves_sudo)
        moves_sudo._billing_check_guest(request.env.user)
        moves_sudo._billing_settle_attempts()
        for group in moves_sudo._billing_group_together():
            group._billing_spend_credit()
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

    def _overdue_invoices_get_page_view_values(self, overdue_invoices, **kwargs):
        """Override of `account_payment`: what is owed of them, less credit on file."""
        values = super()._overdue_invoices_get_page_view_values(
            overdue_invoices, **kwargs
        )
        if "payment" in values:
            owed = sum(
                # sudo: whoever sees the invoices may know what is owed.
                move.sudo()._billing_get_amount_owed()
                for move in overdue_invoices
            )
            values["payment"]["amount"] = values["amount"] = owed
        return values

    def _get_overdue_invoices_domain(self, partner_id=None):
        """Override of `account`: who pays as agreed is not late."""
        domain = super()._get_overdue_invoices_domain(partner_id)
        return [*domain, ("billing_is_planned", "!=", True)]

    @http.route()
    def overdue_invoices_transaction(self, *args, **kwargs):
        """Override of `account_payment`: without any there is nothing to pay."""
        domain = self._get_overdue_invoices_domain()
        if not request.env.user._is_public() and not (
            request.env["account.move"].search_count(domain, limit=1)
        ):
            raise UserError(request.env._("There are no overdue invoices to pay."))
        return super().overdue_invoices_transaction(*args, **kwargs)

    # === HELPERS === #

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
        if payable != moves or len(payable._billing_group_together()) != 1:
            raise UserError(
                request.env._(
                    "There is nothing to pay any more, or not all of it. Nothing was"
                    " charged: reload the page."
                )
            )
        due = self._billing_get_owed(moves)
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

    def _billing_get_owed(self, moves):
        """Return what is owed of invoices of one currency, less credit on file (W15)"""
        return moves.currency_id.round(sum(moves._billing_get_amounts_owed().values()))

    def _billing_use_credit_first(self, moves_sudo, amount):
        """Use credit on file before a payment begins on Odoo's own form; may commit.

        :return: what is left to pay: what the page showed.
        :raise UserError: if that changed meanwhile.
        """
        # Before anything is locked, or Stripe is asked.
        request.env["omni.billing.limit"]._take("payment", moves_sudo)
        moves_sudo._billing_check_guest(request.env.user)
        moves_sudo._billing_settle_attempts()
        moves_sudo._billing_spend_credit()
        self._billing_check_amount(moves_sudo, amount)
        return sum(moves_sudo.mapped("amount_residual"))

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
        groups = payable._billing_group_together()
        values = self._billing_prepare_values("billing_pay") | {
            "moves": payable,
            "groups": groups if len(groups) > 1 else [],
            "get_owed": self._billing_get_owed,
            "paid_move": moves_sudo if len(moves_sudo) == 1 else None,
            "query": f"?access_token={moves_sudo.access_token}" if is_guest else "",
            "no_breadcrumbs": is_guest,
            "is_guest": is_guest,
            "login_url": self._billing_get_login_url(),
        }
        if len(groups) == 1:
            values |= self._billing_prepare_payment(payable, is_guest)
        return self._billing_render_private("portal_billing_pay", values)

    def _billing_prepare_payment(self, moves_sudo, is_guest):
        """Return what the two forms need: that of saved cards, and Odoo's."""
        due = sum(moves_sudo.mapped("amount_residual"))
        amount = self._billing_get_owed(moves_sudo)
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
            "due": due,
            "credit": moves_sudo.currency_id.round(due - amount),
            "ids": ids,
            "cards": cards,
            "chosen_card": usable[:1],
            "is_under_way": any(
                attempt.billing_decline_code != "authentication_required"
                for attempt in moves_sudo.billing_attempt_id
            )
            or moves_sudo._billing_get_chargeable_amount(moves_sudo.billing_attempt_id)
            < due,
            "collecting": " ".join(
                dict.fromkeys(filter(None, moves_sudo.mapped("billing_collecting")))
            ),
            "can_add": bool(form["payment_methods_sudo"]),
            "tokens_sudo": request.env["payment.token"],
            "instructions": moves_sudo.company_id.billing_payment_instructions,
        }
