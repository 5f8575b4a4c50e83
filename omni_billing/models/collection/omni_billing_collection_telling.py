import logging
from datetime import timedelta

from odoo import fields, models
from odoo.service.model import PG_CONCURRENCY_EXCEPTIONS_TO_RETRY

from ...tools.database import savepoint

_logger = logging.getLogger(__name__)

#: A customer is told of an invoice once in this time, whoever tries again how often.
PAUSE = timedelta(hours=20)


class CollectionMixin(models.AbstractModel):
    """Telling the customer that a card was not charged, with a link to pay (F124).

    By the outbox, as all mail: what becomes of it is seen there, and nothing of the
    charge depends on it. They are told when it first fails, and when nobody tries again
    by itself.
    """

    _inherit = "omni.billing.collection.mixin"

    def _tell_declined(self, attempt):
        """Tell of a charge that the bank declined; what else went wrong is ours.

        :param attempt: `payment.transaction`, which has failed.
        """
        if attempt.billing_is_declined:
            self._tell_customer(attempt.billing_decline_code)

    def _tell_of_card(self, card):
        """Tell of a card that could not even be tried, if that is the customer's."""
        if not card.active:
            self._tell_customer("no_card")
        elif card.billing_is_expired:
            self._tell_customer("expired_card")

    def _tell_customer(self, code):
        """Put a message in the outbox, if the company wants that.

        :param str code: why, as `_billing_explain_to_customer` knows it.
        """
        self.ensure_one()
        if not self.company_id.billing_tell_declines or self._is_told():
            return
        try:
            with savepoint(self.env):
                self.invoice_id._billing_queue_mail(
                    "declined", decline_code=code, retry_date=self.charge_date
                )
        except PG_CONCURRENCY_EXCEPTIONS_TO_RETRY:
            raise
        except Exception:  # it is no reason to lose how the charge ended
            _logger.warning("%s: the customer is not told", self, exc_info=True)

    def _is_told(self):
        """Whether the customer was told of this invoice a short while ago."""
        # sudo: jobs and staff ask, whatever they may read of messages.
        mails = self.env["omni.billing.mail"].sudo()
        return bool(
            mails.search_count(
                [
                    ("move_id", "=", self.invoice_id.id),
                    ("kind", "=", "declined"),
                    ("create_date", ">", fields.Datetime.now() - PAUSE),
                    ("state", "!=", "canceled"),
                ],
                limit=1,
            )
        )
