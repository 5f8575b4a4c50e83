from odoo import fields, models
from odoo.exceptions import UserError

from odoo.addons.payment_stripe import utils as stripe_utils

#: Besides those that the rooms below ask for.
BALANCE_EVENTS = (
    "charge.dispute.funds_reinstated",
    "charge.dispute.funds_withdrawn",
    "payout.canceled",
    "payout.failed",
    "payout.paid",
    "payout.reconciliation_completed",
)


class PaymentProvider(models.Model):
    """An account at Stripe, and where its balance stands in the books."""

    _inherit = "payment.provider"

    billing_payouts_asked = fields.Date(
        string="Payouts Known Since",
        readonly=True,
        copy=False,
        help="The day since which Stripe was asked for all payouts.",
    )

    def _billing_get_webhook_events(self):
        """Override: payouts, and when disputed money comes and goes."""
        return super()._billing_get_webhook_events() | set(BALANCE_EVENTS)

    def _billing_find_same_account(self):
        """Return the providers of the same companies and accounts at Stripe.

        A company may have several of one account, as for its currencies. What Stripe
        tells of the account is told of all of them, and booked once.
        """
        # sudo: the key is for administrators.
        mine = self.sudo()
        accounts = {each._billing_get_account_key() for each in mine}
        others = mine.search(
            [("code", "=", "stripe"), ("company_id", "in", mine.company_id.ids)]
        )
        return (
            mine
            | others.filtered(
                lambda each: (
                    each.stripe_secret_key
                    and each._billing_get_account_key() in accounts
                )
            )
        ).sorted("id")

    def _billing_note_asked(self, day):
        """Write down since which day all payouts of this account are known."""
        accounts = self._billing_find_same_account()
        # Not again each day: others read it.
        accounts.filtered(
            lambda each: each.billing_payouts_asked != day
        ).billing_payouts_asked = day

    def _billing_get_account_key(self):
        return self.company_id.id, stripe_utils.get_secret_key(self)

    def _billing_get_clearing_account(self):
        """Return where payments stand until Stripe pays them out.

        It is the one on which Odoo books them.

        :raise UserError: if there is none.
        """
        self.ensure_one()
        self._billing_ensure_method_line()
        # sudo: managers of billing do not manage providers.
        provider = self.sudo()
        line = provider.journal_id.inbound_payment_method_line_ids.filtered(
            lambda line: line.payment_provider_id == provider
        )
        if not line.payment_account_id:
            raise UserError(
                self.env._(
                    "%(journal)s has no outstanding account for %(provider)s. Choose"
                    " one on the tab Incoming Payments of the journal.",
                    journal=provider.journal_id.display_name
                    or self.env._("The journal of payments"),
                    provider=provider.name,
                )
            )
        return line.payment_account_id
