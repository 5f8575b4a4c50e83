import logging

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.fields import Domain
from odoo.tools import format_date

from ... import const
from ...exceptions import GatewayRefused, GatewayUnknown

_logger = logging.getLogger(__name__)


class PaymentTransaction(models.Model):
    """Money that a bank holds for an invoice until staff take it, or give it back.

    It ends by itself some day; what became of it is asked of Stripe, as long as it can
    be asked.
    """

    _inherit = "payment.transaction"

    # === WHAT IS HELD === #

    @api.model
    def _billing_get_held_domain(self):
        """Return what a bank holds as far as is known; see `_billing_is_held`."""
        oldest = fields.Datetime.subtract(fields.Datetime.now(), days=const.BANK_DAYS)
        return (
            Domain("state", "=", "authorized")
            & Domain("billing_decline_code", "!=", const.LET_GO)
            & (
                Domain("provider_code", "=", "stripe")
                | Domain("last_state_change", ">", oldest)
            )
        )

    @api.model
    def _billing_get_lapsed_domain(self):
        """Return what ended at Stripe by its rules, whether it can be asked or not."""
        oldest = fields.Datetime.subtract(fields.Datetime.now(), days=const.HOLD_DAYS)
        return (
            Domain("provider_code", "=", "stripe")
            & self._billing_get_held_domain()
            & Domain("last_state_change", "<", oldest)
        )

    def _billing_is_held(self):
        """Whether a bank holds money for it: not what staff went on without."""
        return bool(self.filtered_domain(self._billing_get_held_domain()))

    def _billing_get_hold_days(self):
        """Return after how many days it ends by itself, as a rule."""
        is_stripe = self.provider_code == "stripe"
        return const.HOLD_DAYS if is_stripe else const.BANK_DAYS

    def _billing_is_hold_over(self):
        days = self._billing_get_hold_days()
        oldest = fields.Datetime.subtract(fields.Datetime.now(), days=days)
        return self.state == "authorized" and self.last_state_change < oldest

    def _billing_is_hold_lost(self, error):
        """Whether what a bank held is over, and nobody can be asked how it ended.

        :param error: why Stripe could not be asked.
        """
        return self._billing_is_hold_over() and self._billing_is_cut_off(error)

    def _billing_is_voidable(self):
        """Whether Odoo can have it captured or voided by whoever holds it."""
        # sudo: staff do not manage providers.
        provider = self.sudo().provider_id
        return bool(provider.support_manual_capture) and provider.state != "disabled"

    # === STAFF === #

    def _billing_explain_held(self):
        """Return why nothing else is paid or void, and what can be done."""
        self.ensure_one()
        amount = self.currency_id._billing_format(self.amount)
        if not self.env.user._is_internal():
            return self.env._(
                "Your bank holds %(amount)s for this since %(date)s. Nothing else was"
                " charged: ask us whether we take it, or give it back.",
                amount=amount,
                date=format_date(self.env, self.last_state_change),
            )
        values = {
            "reference": self.reference,
            "amount": amount,
            "provider": self.sudo().provider_id.name,  # sudo: as above
            "date": format_date(
                self.env,
                fields.Datetime.add(
                    self.last_state_change, days=self._billing_get_hold_days()
                ),
            ),
        }
        if self._billing_is_voidable():
            return self.env._(
                "The payment %(reference)s of %(amount)s is authorized: the bank holds"
                " the money until it is captured. Nothing else was changed. Open the"
                " invoice and press Capture to take it, or Release to void it at"
                " %(provider)s. As a rule it ends by itself by %(date)s.",
                **values,
            )
        return self.env._(
            "The payment %(reference)s of %(amount)s is authorized: the bank holds the"
            " money until it is captured. Nothing else was changed. It cannot be done"
            " from here: capture or void it in the dashboard of %(provider)s. As a rule"
            " it ends by itself by %(date)s.",
            **values,
        )

    def _billing_tell_hold_lost(self, is_deleted=False):
        """Tell staff that nobody waits any more for what a bank held, long ago."""
        self._billing_tell_staff(
            self.env._(
                "On %(date)s a bank held %(amount)s (%(reference)s, %(intent)s) until"
                " they are captured. That ends by itself after %(days)s days, and"
                " %(provider)s cannot be asked here how it ended: the invoice does not"
                " wait for it any more. Look in the dashboard of %(provider)s whether"
                " it was captured. If so, record it by hand, or refund it there.",
                date=format_date(self.env, self.last_state_change),
                amount=self.currency_id._billing_format(self.amount),
                reference=self.reference,
                intent=self.provider_reference or "",
                days=self._billing_get_hold_days(),
                provider=self.sudo().provider_id.name,  # sudo: as above
            ),
            is_deleted,
        )

    # === ANOTHER DATABASE'S === #

    def _billing_check_here(self):
        """Check that it is this database that captures it, or gives it back.

        :raise UserError: if Stripe says that it is another one's.
        """
        if self.provider_code != "stripe" or not self.provider_reference:
            return
        try:
            gateway = self.provider_id._billing_get_gateway()
            charge = gateway.get_charge(self.provider_reference)
        except (GatewayRefused, GatewayUnknown, UserError) as error:
            # Odoo's own call is about to say so.
            _logger.info("%s: not asked whose it is: %s", self.reference, error)
            return
        if self._billing_is_elsewhere(charge):
            raise UserError(
                self.env._(
                    "%(reference)s was begun in another database on the same account at"
                    " Stripe. Nothing was changed: capture or void it there.",
                    reference=self.reference,
                )
            )
