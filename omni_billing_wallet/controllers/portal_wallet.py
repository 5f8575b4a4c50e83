from odoo import http
from odoo.exceptions import UserError
from odoo.fields import Domain
from odoo.http import request
from odoo.tools import format_date

from odoo.addons.omni_billing.controllers.portal import BillingPortal
from odoo.addons.omni_billing.tools.database import savepoint
from odoo.addons.omni_billing.tools.numbers import format_amount

#: Rows of the list; who has more asks staff for it.
MAX_LINES = 100
#: Longer than any amount that is taken.
MAX_LENGTH = 20


class BillingPortalWallet(BillingPortal):
    """What the customer paid in advance, what became of it, and paying more (W51)."""

    @http.route(
        "/my/billing/prepaid", type="http", auth="user", website=True, methods=["GET"]
    )
    def billing_prepaid(self, **_kwargs):
        """Show the balance in each currency, and what came in and went out."""
        return self._billing_render_prepaid()

    @http.route(
        "/my/billing/prepaid/<int:wallet_id>",
        type="http",
        auth="user",
        website=True,
        methods=["POST"],
    )
    def billing_prepaid_top_up(self, wallet_id, amount="", **_kwargs):
        """Invoice a top-up, and lead to the page on which any invoice is paid."""
        wallets = self._billing_find_wallets()
        wallet = wallets.filtered(lambda one: one.id == wallet_id)
        if not wallet:
            return request.redirect("/my/billing/prepaid")
        request.env["omni.billing.limit"]._take("payment")
        try:
            with savepoint(request.env):
                # sudo: the wallet is the customer's own.
                move = wallet.sudo()._begin_in_portal(self._billing_read(amount))
        except UserError as error:
            return self._billing_render_prepaid(str(error))
        return request.redirect(f"/my/billing/invoices/{move.id}/pay")

    @http.route(
        "/my/billing/prepaid/<int:wallet_id>/off",
        type="http",
        auth="user",
        website=True,
        methods=["POST"],
    )
    def billing_prepaid_off(self, wallet_id, **_kwargs):
        """Have nothing be topped up automatically any more."""
        wallets = self._billing_find_wallets()
        wallet = wallets.filtered(lambda one: one.id == wallet_id and one.is_auto)
        if wallet:
            # sudo: the wallet is the customer's own.
            wallet.sudo().write({"is_auto": False})
        return request.redirect("/my/billing/prepaid")

    @http.route()
    def billing_overview(self, **kwargs):
        """Override: and what was paid in advance, if anything may be."""
        response = super().billing_overview(**kwargs)
        response.qcontext["wallets"] = self._billing_find_wallets()
        return response

    # === HELPERS === #

    def _billing_find_wallets(self):
        """Return the wallets of the account that the user sees."""
        Wallet = request.env["omni.billing.wallet"]
        customer = request.env.user._billing_get_account()
        return self._billing_search(
            "omni.billing.wallet", own=Wallet._get_customer_domain(customer)
        )

    def _billing_render_prepaid(self, problem=""):
        wallets = self._billing_find_wallets()
        # sudo: journal items are nobody's to read in the portal; what came in and went
        # out of the customer's own wallets is.
        Line = request.env["account.move.line"].sudo()
        lines = Line.search(
            Domain("billing_wallet_id", "in", wallets.ids)
            & Domain("parent_state", "=", "posted"),
            order="date desc, id desc",
            limit=MAX_LINES,
        )
        lines = lines.filtered(self._billing_is_money)
        events = Line._fields["billing_wallet_event"]
        lots = wallets.sudo()._read_lots()  # sudo: as above.
        values = self._billing_prepare_values("billing_prepaid") | {
            "wallets": wallets,
            "lines_by_wallet": lines.grouped("billing_wallet_id"),
            "events": dict(events._description_selection(request.env)),
            "told": {one.id: self._billing_tell(one, lots[one.id]) for one in wallets},
            "problem": problem,
        }
        return request.render("omni_billing_wallet.portal_billing_prepaid", values)

    def _billing_is_money(self, line):
        """Whether it is money: what is invoiced and not paid, or void, is none yet."""
        move = line.move_id
        if move.move_type == "out_invoice":
            return move.billing_state not in ("unpaid", "void")
        return not move.reversed_entry_id.billing_is_void

    def _billing_tell(self, wallet, lots):
        """Return what there is to know of a wallet, as sentences.

        :param list lots: what can be used of it.
        """
        env, currency = request.env, wallet.currency_id

        def write(amount):
            return format_amount(env, amount, currency)

        told = [
            env._(
                "%(amount)s of it can be used until %(date)s.",
                amount=write(lot.left),
                date=format_date(env, lot.line.billing_wallet_expires_on),
            )
            for lot in lots
            if lot.line.billing_wallet_expires_on
        ]
        if currency.compare_amounts(wallet.unbilled, 0) > 0:
            told.append(env._("%s is not billed yet.", write(wallet.unbilled)))
        if wallet.is_auto:
            told.append(
                env._(
                    "When less than %(level)s is left, %(amount)s is charged to your"
                    " saved payment method, at most %(limit)s in a month.",
                    level=write(wallet.auto_level),
                    amount=write(wallet.auto_amount),
                    limit=write(wallet.auto_limit),
                )
            )
        return told

    def _billing_read(self, amount):
        """Read an amount that a browser sent.

        :raise UserError: if it is none.
        """
        try:
            if not isinstance(amount, str) or len(amount) > MAX_LENGTH:
                raise ValueError
            return float(amount)
        except ValueError as error:
            raise UserError(
                request.env._("Enter how much you pay in advance, as 25.00.")
            ) from error
