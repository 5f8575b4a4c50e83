from werkzeug.exceptions import Forbidden, NotFound

from odoo import fields, http
from odoo.exceptions import UserError
from odoo.http import request

from odoo.addons.payment import utils as payment_utils
from odoo.addons.payment.controllers.post_processing import PaymentPostProcessing

from ..tools.card_link import opening
from ..tools.database import savepoint
from .portal import BillingPortal
from .portal_pay import FORM_FLOWS

#: Of one charge; more is a slip of the keyboard.
MAX_LIMIT = 10**9


class BillingPortalCards(BillingPortal):
    """The customer's saved cards (F125-F127, F138)."""

    # === PAGES === #

    @http.route(
        "/my/billing/cards", type="http", auth="user", website=True, methods=["GET"]
    )
    def billing_cards(self, **_kwargs):
        """List the saved cards, and let the customer add one (F125, F138)."""
        return self._billing_render_cards()

    @http.route(
        "/my/billing/cards/<int:card_id>/<any(default,delete,agree,withdraw):operation>",
        type="http",
        auth="user",
        website=True,
        methods=["POST"],
    )
    def billing_card(self, card_id, operation, replaces="", limit="", **_kwargs):
        """Make a card the default one, delete it, or say what it may be charged."""
        card_sudo = self._billing_find_cards().filtered(lambda card: card.id == card_id)
        if not card_sudo:
            raise NotFound
        try:
            with savepoint(request.env):
                if operation == "delete":
                    card_sudo.action_billing_delete()
                elif operation == "agree":
                    card_sudo._billing_agree(
                        "portal", **self._billing_read_agreement(card_sudo, limit)
                    )
                elif operation == "withdraw":
                    card_sudo._billing_withdraw(
                        request.env._(
                            "The customer turned it off in the customer area."
                        )
                    )
                elif replaces:
                    card_sudo.action_billing_replace_default()
                else:
                    card_sudo.action_billing_set_default()
        except UserError as error:
            return self._billing_render_cards(error=str(error))
        return request.redirect("/my/billing/cards")

    @http.route(
        "/my/billing/cards/transaction",
        type="jsonrpc",
        auth="user",
        website=True,
        methods=["POST"],
    )
    def billing_card_begin(self, replaces=False, agrees=False, **kwargs):
        """Begin to save a card on Odoo's form (F125, F127).

        :param bool replaces: it takes the place of the default card.
        :param bool agrees: it may be charged automatically (W32).
        """
        sees = self._billing_sees_account()
        partner = request.env.user.partner_id
        values = {
            "billing_replaces_card": replaces is True and sees,
            "billing_agreed": agrees is True
            and sees
            and self._billing_write_agreement("portal", request.env.company, partner),
        }
        return self._billing_begin_card(partner, "/my/billing/cards", values, kwargs)

    @http.route(
        "/my/billing/card/<string:link>",
        type="http",
        auth="public",
        website=True,
        methods=["GET"],
    )
    def billing_card_link(self, link, **_kwargs):
        """Let who has the link of staff save a card, and see nothing else (F125)."""
        opened = request.env["res.partner"]._billing_read_card_link(link)
        user = request.env.user
        if opened and self._billing_is_of_user(opened):
            return request.redirect("/my/billing/cards")
        values = self._billing_prepare_values("billing_card_link") | {
            "no_breadcrumbs": True,
            "link": opened,
            "is_foreign": not user._is_public(),
        }
        if opened and user._is_public():
            values |= self._billing_prepare_card_form(opened, link)
        return self._billing_render_private("portal_billing_card_link", values)

    @http.route(
        "/my/billing/card/<string:link>/transaction",
        type="jsonrpc",
        auth="public",
        website=True,
        methods=["POST"],
    )
    def billing_card_link_begin(self, link, agrees=False, **kwargs):
        """Begin to save a card by the link: of the customer whose that is."""
        opened = request.env["res.partner"]._billing_read_card_link(link)
        if not opened or not request.env.user._is_public():
            raise Forbidden(request.env._("This link is not valid any more."))
        # Before Stripe is asked.
        request.env["omni.billing.limit"]._take("card", opened.partner)
        request.update_context(**opening(opened))
        landing = f"/my/billing/card/{link}"
        values = {
            "billing_replaces_card": opened.is_replacing,
            "billing_agreed": agrees is True
            and self._billing_write_agreement("link", opened.company, opened.partner),
        }
        return self._billing_begin_card(opened.partner, landing, values, kwargs)

    # === HELPERS === #

    def _billing_is_of_user(self, opened):
        """Whether a link is of the customer that is logged in."""
        user = request.env.user
        return not user._is_public() and (
            user._billing_get_account(opened.company) == opened.partner
        )

    def _billing_read_agreement(self, card, limit):
        """Return what is kept of a customer's click: from where, and up to how much.

        :param str limit: as it was typed; empty is no limit.
        :raise UserError: if it is no amount.
        """
        seller = card._billing_get_seller()
        amount, currency = 0.0, seller.currency_id
        if (limit or "").strip():
            try:
                amount = float(limit.strip().replace(",", "."))
            except ValueError:
                amount = -1.0
            amount = currency.round(amount) if abs(amount) < MAX_LIMIT else -1.0
            if not amount > 0:
                raise UserError(
                    request.env._(
                        "Enter an amount in %(currency)s, or leave it empty: there is"
                        " no limit then. Nothing was changed.",
                        currency=currency.name,
                    )
                )
        lang = request.env.lang
        return {
            "given_by": request.env.user.partner_id.display_name,
            "company_id": seller.id,
            "amount_limit": amount,
            "text": card._billing_get_consent_text(amount, lang=lang),
            "lang": lang,
            "ip": request.httprequest.remote_addr,
            "user_agent": (request.httprequest.user_agent.string or "")[:256],
        }

    def _billing_write_agreement(self, channel, company, partner, method=None):
        """Return what is kept of a tick beside the form in which a card is entered.

        The words are those that the page shows; they hold once the card is saved.

        :param method: `payment.method`, if a bank account is saved.
        """
        # sudo: settings are not the customer's to read; this one is shown.
        words = company.sudo().with_context(lang=request.env.lang)
        return {
            "channel": channel,
            "company_id": company.id,
            "given_by": partner.display_name,
            "text": words._billing_get_new_debit_words(method)
            if method
            else words._billing_get_consent_words(),
            **({"notice_days": words.billing_debit_notice_days} if method else {}),
            "lang": words.env.lang,
            "agreed_on": fields.Datetime.to_string(fields.Datetime.now()),
            "ip": request.httprequest.remote_addr,
            "user_agent": (request.httprequest.user_agent.string or "")[:256],
        }

    def _billing_begin_card(self, partner, landing, ours, values):
        """Begin to save a card of a partner, on Odoo's form.

        :param dict ours: what is written on the payment, of ours.
        :param dict values: what the form sent; the rest is not the browser's to say.
        """
        if values.get("flow") not in FORM_FLOWS:
            raise NotFound
        tx_sudo = self._create_transaction(
            provider_id=values.get("provider_id"),
            payment_method_id=values.get("payment_method_id"),
            token_id=None,
            amount=None,
            currency_id=None,
            partner_id=partner.id,
            flow=values["flow"],
            tokenization_requested=True,
            landing_route=landing,
            reference_prefix=payment_utils.singularize_reference_prefix(prefix="V"),
            is_validation=True,
            custom_create_values=ours,
        )
        return tx_sudo._get_processing_values()

    def _billing_prepare_card_form(self, opened, link):
        """Return what Odoo's form needs: of the seller, and nothing of the customer."""
        report = {}
        # sudo: a guest reads no providers; the form offers some.
        providers = request.env["payment.provider"].sudo()
        providers = providers._get_compatible_providers(
            opened.company.id,
            opened.partner.id,
            0.0,
            force_tokenization=True,
            is_validation=True,
            report=report,
        )
        # sudo: as above.
        methods = request.env["payment.method"].sudo()
        methods = methods._get_compatible_payment_methods(
            providers.ids, opened.partner.id, force_tokenization=True, report=report
        )
        saving = PaymentPostProcessing()._get_monitored_transaction()
        # They have a form of their own.
        account_methods = opened.partner._billing_get_account_methods(opened.company)
        methods -= account_methods
        return {
            "mode": "validation",
            "allow_token_selection": False,
            "allow_token_deletion": False,
            "providers_sudo": providers,
            "payment_methods_sudo": methods,
            "tokens_sudo": request.env["payment.token"],
            "availability_report": report,
            "transaction_route": f"/my/billing/card/{link}/transaction",
            "landing_route": f"/my/billing/card/{link}",
            "instructions": opened.company.billing_payment_instructions,
            "account_methods": account_methods,
            "account_route": f"/my/billing/card/{link}/account",
            "account_company": opened.company.with_context(lang=request.env.lang),
            "words": opened.company.with_context(
                lang=request.env.lang
            )._billing_get_consent_words(),
            "is_saved": saving.operation == "validation"
            and saving.state == "done"
            and saving.partner_id == opened.partner,
        }

    def _billing_render_cards(self, error=""):
        # Odoo's own page of payment methods knows what its form needs.
        form = self.payment_method().qcontext
        cards = self._billing_find_cards()
        # sudo: settings are not the customer's to read; what follows is shown.
        company = request.env.company.sudo()
        partner = request.env.user.partner_id
        sees_account = self._billing_sees_account()
        # They have a form of their own.
        account_methods = partner._billing_get_account_methods(company)
        form["payment_methods_sudo"] -= account_methods
        values = self._billing_prepare_values("billing_cards") | {
            **form,
            "cards": cards,
            "default_card": cards.filtered("billing_is_default")[:1],
            "can_add": sees_account and bool(form["payment_methods_sudo"]),
            "account_methods": account_methods.filtered(lambda _one: sees_account),
            "account_route": "/my/billing/cards/account",
            "account_company": company,
            "waiting": partner._billing_find_waiting_accounts().filtered(
                lambda _one: sees_account
            ),
            # The form adds cards; those there are have a list of their own.
            "tokens_sudo": request.env["payment.token"],
            "transaction_route": "/my/billing/cards/transaction",
            "landing_route": "/my/billing/cards",
            "words": company._billing_get_consent_words(),
            "instructions": company.billing_payment_instructions,
            "error": error,
        }
        return request.render("omni_billing.portal_billing_cards", values)
