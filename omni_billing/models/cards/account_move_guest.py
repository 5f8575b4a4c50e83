from datetime import timedelta

from odoo import fields, models
from odoo.exceptions import UserError
from odoo.tools import format_list

from ...const import PAYING_GRACE


class AccountMove(models.Model):
    """Who has the link of an invoice may pay it, and keeps nobody else from paying."""

    _inherit = "account.move"

    def _billing_check_chargeable(self, attempt):
        """Override: a guest does not give up what the customer is paying."""
        # sudo: customers pay without a right to write.
        self.sudo()._billing_check_guest(attempt.create_uid, attempt)
        return super()._billing_check_chargeable(attempt)

    def _billing_check_guest(self, user, attempt=None):
        """Check that a guest who begins to pay keeps the customer from nothing.

        Before anything is given up, and once more under the lock.

        :param attempt: the `payment.transaction` that begins, if there is one yet.
        :raise UserError: if the customer is paying; the message says until when.
        """
        if not self._billing_is_own_of(user):
            self._billing_lock()
            self._billing_check_customer_is_away(
                attempt or self.env["payment.transaction"]
            )

    def _billing_is_own_of(self, user):
        """Whether a user is of the customer, or of the company: not just of a link."""
        if user._is_internal():
            return True
        customer = user.partner_id.commercial_partner_id
        return not user._is_public() and customer == self.commercial_partner_id

    def _billing_check_customer_is_away(self, attempt):
        """Check that the customer, logged in, did not begin to pay just now.

        :raise UserError: if so; the message says until when.
        """
        since = fields.Datetime.now() - PAYING_GRACE
        begun = self.transaction_ids.filtered(
            lambda tx: (
                tx != attempt
                and tx.state in ("draft", "pending")
                and tx.operation not in ("refund", "validation")
                and (tx.provider_reference or tx.billing_is_open)
                and tx.create_date > since
                and self._billing_is_own_of(tx.create_uid)
            )
        )
        if begun:
            end = max(begun.mapped("create_date")) + PAYING_GRACE
            minutes = -((fields.Datetime.now() - end) // timedelta(minutes=1))
            raise UserError(
                self.env._(
                    "The customer has begun to pay %(invoices)s in the portal. Nothing"
                    " was charged: end it there, log in, or try again in %(minutes)s"
                    " minutes.",
                    invoices=format_list(self.env, self.mapped("display_name")),
                    minutes=minutes,
                )
            )
