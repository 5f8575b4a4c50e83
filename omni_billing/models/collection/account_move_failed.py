from odoo import models


class AccountMove(models.Model):
    """What a customer is told of charges that a job could not make (F124)."""

    _inherit = "account.move"

    def _billing_get_decline(self):
        """Return what the message about a failed charge says, in the reader's language.

        :return: ``reason``, and ``retry_date``: when it is charged again by itself.
        :rtype: dict
        """
        self.ensure_one()
        # sudo: the customer is told, whoever sends it.
        mails = self.env["omni.billing.mail"].sudo()
        latest = mails.search(
            [("move_id", "=", self.id), ("kind", "=", "declined")],
            order="id desc",
            limit=1,
        )
        charge = self._billing_find_last_charge()
        return {
            "reason": charge._billing_explain_to_customer(latest.decline_code),
            "retry_date": latest.retry_date,
        }

    def _billing_get_next_try(self):
        """Override: of a scheduled payment that was declined for now."""
        retried = self._billing_get_coming_payments().filtered(
            lambda installment: installment.charge_state == "retry"
        )
        days = retried.mapped("charge_date")
        return min(days) if days else super()._billing_get_next_try()
