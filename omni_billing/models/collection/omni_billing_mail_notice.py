from datetime import timedelta

from odoo import api, fields, models
from odoo.fields import Domain

#: States of a message that left for its reader, and of one that did not arrive.
ON_ITS_WAY = ("sent", "delivered", "opened")
LOST = ("failed", "bounced", "blocked")


class OmniBillingMail(models.Model):
    """The notice of a debit: what is debited from which account, and when (W33).

    It holds for one debit of that invoice, of its amount at most, once it was sent as
    long before as was agreed.
    """

    _inherit = "omni.billing.mail"

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

    @api.model
    def _find_notice(self, card, move):
        """Return the notice of a debit that is still to come, in sudo, if there is one.

        :param card: `payment.token`, a bank account.
        :param move: `account.move` that is debited.
        """
        # sudo: whether an account may be debited is asked by jobs and customers.
        notices = self.sudo().search(
            Domain("move_id", "=", move.id)
            & Domain("notice_token_id", "=", card.id)
            & Domain("state", "!=", "canceled"),
            order="id desc",
            limit=1,
        )
        if not notices.sent_date:
            return notices
        # sudo: attempts are internal. One that came back may be made again.
        used = move.sudo().transaction_ids.filtered(
            lambda tx: (
                tx.token_id == card
                and tx.state in ("pending", "authorized", "done")
                and tx.create_date >= notices.sent_date
            )
        )
        return notices.browse() if used else notices

    def _get_debit_date(self):
        """Return the first day on which may be debited what it tells of."""
        self.ensure_one()
        sent = (self.sent_date or fields.Datetime.now()).date()
        first = sent + timedelta(days=self.notice_days)
        return max(first, self.notice_date or first)

    def _is_ripe(self):
        """Whether it was sent as long ago as was agreed."""
        return (
            self.state in ON_ITS_WAY and self._get_debit_date() <= fields.Date.today()
        )

    def _queue_again(self):
        """Override: the same notice, from now on."""
        if self.kind != "notice":
            return super()._queue_again()
        return self.move_id._billing_queue(
            self.kind,
            notice_token_id=self.notice_token_id.id,
            notice_amount=self.notice_amount,
            notice_days=self.notice_days,
            notice_date=self.notice_date,
        )
