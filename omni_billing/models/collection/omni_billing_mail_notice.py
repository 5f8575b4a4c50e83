from datetime import timedelta

from odoo import api, fields, models
from odoo.fields import Domain

from ...tools.recurrence import get_today

#: States of a message that left for its reader, and of one that did not arrive.
ON_ITS_WAY = ("sent", "delivered", "opened")
LOST = ("failed", "bounced", "blocked")
#: How long after its day a debit is made all the same: the words of the notice.
GRACE = timedelta(days=7)
#: How long after its day one that came back may be made again by the same notice, as
#: Payments Canada, Rule H1, has it.
AGAIN = timedelta(days=30)
#: Of what is told of: it is still to come, or staff may have it done.
AWAITED = ("due", "retry", "failed")


class OmniBillingMail(models.Model):
    """The notice of a debit: what is debited from which account, and when (W33).

    It holds for one debit, of its amount at most, and for trying just that again, once
    it was sent as long before as was agreed.
    """

    _inherit = "omni.billing.mail"

    notice_installment_id = fields.Many2one(
        "omni.billing.installment",
        string="Debited as Planned",
        readonly=True,
        index="btree_not_null",
        ondelete="set null",
        help="Of a notice: the scheduled payment that it tells of.",
    )
    notice_token_id = fields.Many2one(
        "payment.token",
        string="Debited from",
        readonly=True,
        index="btree_not_null",
        ondelete="set null",
    )
    notice_currency_id = fields.Many2one(related="move_id.currency_id")
    notice_amount = fields.Monetary(
        string="Debited at Most",
        readonly=True,
        currency_field="notice_currency_id",
        help="Of a notice: taxes included.",
    )
    notice_days = fields.Integer(
        string="Days before the Debit", readonly=True, aggregator=None
    )
    notice_date = fields.Date(
        string="Debited on",
        readonly=True,
        help="Of a notice: as was planned, if it is sent in time for that.",
    )

    _notice_planned_uniq = models.UniqueIndex(
        "(notice_installment_id) WHERE state = 'queued'"
        " AND notice_installment_id IS NOT NULL",
        "The notice of this debit is being sent already.",
    )

    @api.model
    def _find_notice(self, card, debit):
        """Return the notice of a debit, in sudo, if there is one.

        :param card: `payment.token`, a bank account.
        :param debit: what is charged by a job (`omni.billing.collection.mixin`).
        """
        # sudo: whether an account may be debited is asked by jobs and customers.
        return self.sudo().search(
            Domain(debit._notice_field, "=", debit.id)
            & Domain("notice_token_id", "=", card.id)
            & Domain("state", "!=", "canceled"),
            order="id desc",
            limit=1,
        )

    def _get_debit(self):
        """Return what it tells of, if that is still there. Hook."""
        return self.notice_installment_id

    @api.model
    def _get_same_domain(self, kind, values):
        """Override: each debit of an invoice has a notice of its own."""
        domain = super()._get_same_domain(kind, values)
        if kind != "notice":
            return domain
        planned = values.get("notice_installment_id", False)
        return domain & Domain("notice_installment_id", "=", planned)

    # === DAYS === #

    def _get_debit_date(self):
        """Return the first day on which may be debited what it tells of."""
        self.ensure_one()
        sent = self._get_day(self.sent_date or fields.Datetime.now())
        first = sent + timedelta(days=self.notice_days)
        return max(first, self.notice_date or first)

    def _get_day(self, moment):
        """Return the date of a moment where the customer is, or else the company."""
        customer = self.move_id.commercial_partner_id
        return get_today(moment, customer.tz, self.company_id.partner_id.tz)

    def _is_ripe(self):
        """Whether what it tells of may be debited today."""
        today = self._get_day(fields.Datetime.now())
        return (
            self.state in ON_ITS_WAY
            and self._get_debit_date() <= today
            and not self._is_over()
        )

    def _is_over(self):
        """Whether what it told of was debited, or its days are over.

        What came back may be tried again later.
        """
        if self.state not in ON_ITS_WAY:
            return False
        debit = self._get_debit()
        # sudo: attempts are internal.
        attempt = debit.sudo().charge_attempt_id
        is_tried = (
            attempt.token_id == self.notice_token_id
            and bool(debit.charge_tries)
            and attempt.create_date >= self.sent_date
        )
        if is_tried and attempt.state in ("pending", "authorized", "done"):
            return True
        today = self._get_day(fields.Datetime.now())
        return today > self._get_debit_date() + (AGAIN if is_tried else GRACE)

    # === WHAT BECOMES OF IT === #

    def _is_awaited(self):
        """Whether the debit is still to come, from that account."""
        debit, account = self._get_debit(), self.notice_token_id
        return (
            bool(debit)
            and debit.charge_state in AWAITED
            and account.active
            and account.billing_is_charged
            and debit._get_job_record()._get_card() == account
        )

    def _find_obstacle(self):
        """Override: nobody is told of debits that do not come."""
        obstacle = super()._find_obstacle()
        if obstacle or self.kind != "notice" or self._is_awaited():
            return obstacle
        return self.env._("The debit that it tells of does not come any more.")

    def _narrow(self):
        """Override: what it says is of this notice, and no other of the invoice."""
        move = super()._narrow()
        if not self.notice_token_id:
            return move
        return move.with_context(billing_notice_id=self.id)

    def _queue_again(self):
        """Override: the same notice, from now on."""
        if self.kind != "notice":
            return super()._queue_again()
        return self.move_id._billing_queue(self.kind, **self._prepare_notice_again())

    def _prepare_notice_again(self):
        """Return the values of the same notice. Hook."""
        return {
            "notice_installment_id": self.notice_installment_id.id,
            "notice_token_id": self.notice_token_id.id,
            "notice_amount": self.notice_amount,
            "notice_days": self.notice_days,
            "notice_date": self.notice_date,
        }
