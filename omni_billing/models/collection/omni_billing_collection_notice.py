from datetime import timedelta

from odoo import models
from odoo.tools import format_date

from ...tools.numbers import format_amount
from .omni_billing_mail_notice import LOST


class CollectionMixin(models.AbstractModel):
    """Telling the customer of a debit before it, and waiting for its day (W33).

    Where that was agreed, the notice goes out instead of the charge, which comes by
    itself once the days are over: `payment.transaction` refuses it before, whoever
    asks. What is paid meanwhile is not debited; more than was told needs a new notice.
    """

    _inherit = "omni.billing.collection.mixin"

    def _waits_for_notice(self, card):
        """Tell the customer of the debit, unless that is done; whether it has to wait.

        :param card: `payment.token` that is to be charged.
        """
        notice = self._give_notice(card)
        if not notice or notice._is_ripe():
            return False
        if notice.state in LOST:
            self._hand_over(
                self.env._(
                    "The customer could not be told of the debit, so nothing was"
                    " debited: %(why)s",
                    why=notice.error or "",
                )
            )
            return True
        day = notice._get_debit_date()
        tomorrow = self._get_today() + timedelta(days=1)
        self.write(
            {
                "charge_state": "retry",
                "charge_error": self.env._(
                    "%(amount)s are debited on %(date)s: the customer is told before,"
                    " as agreed.",
                    amount=format_amount(
                        self.env, notice.notice_amount, notice.notice_currency_id
                    ),
                    date=format_date(self.env, day),
                ),
                # A message that is not sent yet puts it off.
                "charge_date": max(day, tomorrow),
            }
        )
        return True

    def _give_notice(self, card):
        """Return the notice of the debit, put in the outbox if there is none.

        :return: `omni.billing.mail` in sudo; none where no notice is needed.
        """
        move = self.invoice_id
        notices = self.env["omni.billing.mail"].sudo()  # sudo: as the outbox does.
        amount = self._get_amount_to_tell()
        if not card._billing_get_debit() or move.currency_id.is_zero(amount):
            return notices
        consent = card._billing_find_consent(amount, move.currency_id, move)
        days = consent._get_notice_days() if consent else 0
        if not days:
            return notices
        notice = notices._find_notice(card, move)
        is_less = notice and (
            move.currency_id.compare_amounts(notice.notice_amount, amount) < 0
        )
        if is_less and notice.state == "queued" and not notice.attempt_date:
            # Nobody was told yet.
            notice.notice_amount = amount
            return notice
        # What did not arrive is for staff, who may have it sent again by that.
        is_again = notice.state in LOST and self.charge_state == "failed"
        if notice and not is_again and (not is_less or notice.state == "queued"):
            return notice
        queued = self._queue_notice(
            notice_token_id=card.id,
            notice_amount=amount,
            notice_days=days,
            notice_date=self._get_planned_date(),
        )
        return queued.sudo()  # sudo: as above

    def _queue_notice(self, **values):
        """Put the notice in the outbox, and return it. Hook.

        :param values: of `omni.billing.mail`.
        """
        return self.invoice_id._billing_queue("notice", **values)

    def _get_amount_to_tell(self):
        """Return what would be debited now, in the currency of the invoice."""
        owed = self.invoice_id._billing_get_amount_owed()
        limit = self._get_charge_limit()
        return owed if limit is None else min(owed, limit)

    def _get_planned_date(self):
        """Return the day that was agreed, if any. Hook."""
        return False
