from datetime import datetime, time, timedelta

from odoo import api, models
from odoo.fields import Domain
from odoo.tools.misc import groupby

from odoo.addons.payment_stripe import utils as stripe_utils

from ...exceptions import GatewayUnknown, ServiceError
from ...tools.database import commit, commit_progress, step_alone

#: Days for which payouts are asked for again: one that was paid may fail yet, within
#: some days (https://docs.stripe.com/payouts).
LOOK_BACK = timedelta(days=30)
#: Where a company is, its day begins up to that much before or after that of UTC.
DAY = timedelta(days=1)


class OmniBillingPayout(models.Model):
    """Whom is asked for payouts: each account at Stripe, for one company."""

    _inherit = "omni.billing.payout"

    @api.model
    def _cron_fetch(self):
        """Ask for what was paid out since, and book it; commits after each."""
        # They are of what was paid out.
        self.env["omni.billing.dispute"]._look_again()
        self._tell_second_companies()
        providers = self._find_providers()
        for number, provider in enumerate(providers):
            error = step_alone(
                self.env,
                lambda provider=provider: self._fetch(provider),
                provider.display_name,
            )
            self._tell_failure(provider, provider.name, error)
            commit_progress(self.env, 1, len(providers) - number - 1)

    @api.model
    def _fetch(self, provider):
        """Ask for the payouts of an account; return how many there are.

        :raise GatewayError: if Stripe does not tell.
        """
        gateway = provider._billing_get_gateway()
        begun = provider.company_id.billing_payouts_since
        told = [
            each
            for each in gateway.list_payouts(self._get_since(provider))
            if self._is_wanted(provider, each)
        ]
        errors = [
            self._do_alone(
                provider, each.id, lambda each=each: self._take(provider, each)
            )
            for each in reversed(told)
        ]
        if not any(errors):
            provider._billing_note_asked(begun)
        names = [each.id for each in told]
        left = self.search(
            Domain("provider_id", "in", provider._billing_find_same_account().ids)
            & Domain("state", "in", ("waiting", "person"))
            & Domain("reference", "not in", names),
            order="id",
        )
        for payout in left:
            self._do_alone(provider, payout.reference, payout._refresh)
        return len(told) + len(left)

    @api.model
    def _get_since(self, provider):
        """Return from when payouts are asked for: a moment in UTC.

        What was asked for since its day is known, but for what is new. If the day was
        set earlier meanwhile, what lies between is not.
        """
        day = provider.company_id.billing_payouts_since
        begun = datetime.combine(day, time.min) - DAY
        accounts = provider._billing_find_same_account()
        last = self.search(
            [("provider_id", "in", accounts.ids)], order="date desc", limit=1
        )
        asked = [each for each in accounts.mapped("billing_payouts_asked") if each]
        if not last.date or not asked or day < min(asked):
            return begun
        return max(begun, datetime.combine(last.date, time.min) - LOOK_BACK)

    @api.model
    def _is_wanted(self, provider, told):
        """Whether a payout is booked here, or is known from when it was to be."""
        company = provider.company_id
        rows = self.env["omni.billing.balance.transaction"]
        day = rows._to_day(company, told.created)
        return not company._billing_is_before_payouts(day) or bool(
            self._find(provider, told.id)
        )

    @api.model
    def _do_alone(self, provider, reference, step):
        """Look at one payout: if that fails, the others are looked at all the same.

        :return: what went wrong, or None.
        :raise GatewayUnknown: if Stripe does not answer: nor would it for the others.
        """
        error = step_alone(self.env, step, reference)
        if isinstance(error, GatewayUnknown):
            raise error
        self._tell_failure(provider, reference, error)
        return error

    @api.model
    def _tell_failure(self, provider, name, error):
        """Have staff know why payouts do not come, once; what passes is not told."""
        is_passing = isinstance(error, GatewayUnknown)
        # Of another key that was entered since, say: nothing helps with that.
        is_gone = getattr(error, "code", "") == "resource_missing"
        if not error or is_passing or is_gone:
            return
        is_told = isinstance(error, ServiceError)
        provider.company_id.partner_id._billing_tell_staff(
            self.env._(
                "Stripe's payouts are not booked: %(name)s could not be looked at"
                " (%(error)s). It is tried again each day. An administrator finds more"
                " in the server's log.",
                name=name,
                error=str(error) if is_told else type(error).__name__,
            )
        )
        commit(self.env)

    # === ACCOUNTS === #

    @api.model
    def _find_providers(self, among=None):
        """Return one provider of each account at Stripe that is booked here.

        :param among: `payment.provider` of which an event is, say.
        """
        found = self._find_accounts()
        chosen = found.browse()
        for _key, providers in groupby(found, stripe_utils.get_secret_key):
            providers = found.browse(each.id for each in providers)
            company = self._find_first_company(providers)
            chosen += providers.filtered(
                lambda each, company=company: each.company_id == company
            )[:1]
        return chosen if among is None else chosen & among

    @api.model
    def _find_accounts(self):
        """Return the providers at Stripe of companies that are set up for payouts."""
        # sudo: providers are an administrator's.
        providers = self.env["payment.provider"].sudo()
        domain = (
            Domain("code", "=", "stripe")
            & Domain("state", "!=", "disabled")
            & Domain("company_id.billing_fee_account_id", "!=", False)
            & Domain("company_id.billing_payouts_since", "!=", False)
        )
        return providers.search(domain, order="id")

    @api.model
    def _find_first_company(self, providers):
        """Return the company that books what these of one account are paid: one.

        It is the one that began; what the others were paid is named there.
        """
        companies = providers.company_id
        if len(companies) < 2:
            return companies
        first = self.search([("provider_id", "in", providers.ids)], order="id", limit=1)
        return first.company_id or companies[:1]

    @api.model
    def _tell_second_companies(self):
        """Tell companies whose account another books that theirs is not asked for."""
        chosen = self._find_providers()
        for provider in self._find_accounts():
            key = stripe_utils.get_secret_key(provider)
            first = chosen.filtered(
                lambda each, key=key: stripe_utils.get_secret_key(each) == key
            ).company_id
            if first != provider.company_id:
                provider.company_id.partner_id._billing_tell_staff(
                    self.env._(
                        "%(company)s books no payouts of Stripe: its account there is"
                        " that of %(other)s, which books them. An administrator clears"
                        " the account of Stripe's fees of one of them, in Billing >"
                        " Configuration > Settings, under Stripe.",
                        company=provider.company_id.name,
                        other=first.name,
                    )
                )
