from datetime import timedelta

from odoo import models
from odoo.fields import Domain
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

    #: The field of `omni.billing.mail` that names what a notice tells of.
    _notice_field = None

    def action_charge_again(self):
        """Override: the customer is told anew, if that did not arrive."""
        self._check_left_to_staff()._forget_notices(Domain("state", "in", LOST))
        return super().action_charge_again()

    def _get_charged_invoice(self):
        """Override: an account is debited by the notice of just this."""
        # No client can send a record in its context.
        return super()._get_charged_invoice().with_context(billing_debit=self)

    def _waits_for_notice(self, card):
        """Tell the customer of the debit, unless that is done; whether it has to wait.

        :param card: `payment.token` that is to be charged.
        """
        if not self._get_notice_days(card):
            return False
        if obstacle := self.invoice_id._billing_get_mail_obstacle("notice"):
            self._hand_over(self._explain_untold(obstacle))
            return True
        notice = self._give_notice(card)
        if notice._is_ripe():
            return False
        if notice.state in LOST:
            self._hand_over(self._explain_untold(notice.error or ""))
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

    def _explain_untold(self, why):
        return self.env._(
            "The customer could not be told of the debit, so nothing was debited:"
            " %(why)s",
            why=why,
        )

    def _get_notice_days(self, card):
        """Return how many days before the debit the customer is told; 0: not at all.

        :param card: `payment.token` that is to be charged.
        """
        currency, amount = self.invoice_id.currency_id, self._get_amount_to_tell()
        if not card._billing_get_debit() or currency.is_zero(amount):
            return 0
        consent = card._billing_find_consent(amount, currency, self.invoice_id)
        return consent._get_notice_days() if consent else 0

    def _give_notice(self, card):
        """Return the notice of the debit, put in the outbox if there is none.

        What did not arrive is for staff, who may have it charged again by that.

        :return: `omni.billing.mail` in sudo.
        """
        # sudo: as the outbox does.
        notice = self.env["omni.billing.mail"].sudo()._find_notice(card, self)
        amount = self._get_amount_to_tell()
        compare = self.invoice_id.currency_id.compare_amounts
        is_less = compare(notice.notice_amount, amount) < 0
        if is_less and notice.state == "queued" and not notice.attempt_date:
            # Nobody was told yet.
            notice.notice_amount = amount
        if notice.state in ("queued", *LOST):
            return notice
        if notice and not is_less and not notice._is_over():
            return notice
        queued = self._queue_notice(
            **{self._notice_field: self.id},
            notice_token_id=card.id,
            notice_amount=amount,
            notice_days=self._get_notice_days(card),
            notice_date=self._get_planned_date(),
        )
        return queued.sudo()  # sudo: as above

    def _queue_notice(self, **values):
        """Put the notice in the outbox, and return it. Hook.

        :param values: of `omni.billing.mail`.
        """
        return self.invoice_id._billing_queue("notice", **values)

    def _forget_notices(self, domain=Domain.TRUE):
        """Have the customer be told anew of these debits.

        :param domain: of `omni.billing.mail`: what they were told by.
        """
        # sudo: as the outbox does.
        mails = self.env["omni.billing.mail"].sudo()
        told = mails.search(Domain(self._notice_field, "in", self.ids) & domain)
        told.write({self._notice_field: False})

    def _get_amount_to_tell(self):
        """Return what would be debited now, in the currency of the invoice."""
        owed = self.invoice_id._billing_get_amount_owed()
        limit = self._get_charge_limit()
        return owed if limit is None else min(owed, limit)

    def _get_planned_date(self):
        """Return the day that was agreed, if any. Hook."""
        return False
