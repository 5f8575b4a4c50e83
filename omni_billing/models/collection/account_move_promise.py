from datetime import timedelta

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.fields import Domain
from odoo.tools import format_date, split_every

from ...const import UNPAID_STATES
from ...tools.action import open_dialog
from ...tools.database import commit_progress
from ...tools.numbers import format_amount
from ...tools.write_guard import trust

#: Promises that are followed up in one database transaction.
BATCH = 100
#: A promise of a later day is a slip of the keyboard, or none.
MAX_DAYS = 366


class AccountMove(models.Model):
    """A customer who says when it will pay (W30).

    Until that day nobody reminds it, and no late fee is charged; a promise moves no
    money, and the invoice is overdue as before.
    """

    _inherit = "account.move"

    billing_promise_date = fields.Date(
        string="Promised for",
        readonly=True,
        copy=False,
        groups="account.group_account_invoice,account.group_account_readonly",
        help="The customer said that it pays by then: no reminder and no late fee"
        " until that day is over.",
    )
    billing_promise_state = fields.Selection(
        [("open", "Promised"), ("kept", "Kept"), ("broken", "Not Kept")],
        string="Promise to Pay",
        readonly=True,
        copy=False,
        groups="account.group_account_invoice,account.group_account_readonly",
    )

    _billing_promise_idx = models.Index(
        "(billing_promise_date) WHERE billing_promise_state IN ('open', 'broken')"
    )

    @api.model
    def _billing_get_state_fields(self):
        return super()._billing_get_state_fields() | {
            "billing_promise_date",
            "billing_promise_state",
        }

    # === ACTION METHODS === #

    def action_billing_promise(self):
        """Open the dialog that notes when the customer will pay."""
        unpaid = self.filtered_domain(self._billing_get_unpaid_domain())
        if not unpaid:
            raise UserError(
                self.env._("There is nothing to promise: select an unpaid invoice.")
            )
        context = {"default_invoice_ids": unpaid.ids}
        title = self.env._("Promise to Pay")
        return open_dialog("omni.billing.promise.wizard", title, context)

    def action_billing_take_back_promise(self):
        """Forget a promise: reminders go on at once."""
        self.check_access("write")
        for move in self.filtered("billing_promise_state"):
            move._billing_tell_promise(
                "promise_withdrawn",
                self.env._(
                    "The promise to pay by %(date)s was taken back.",
                    date=format_date(self.env, move.billing_promise_date),
                ),
            )
            trust(move).write(
                {"billing_promise_date": False, "billing_promise_state": False}
            )
        return True

    # === BUSINESS METHODS === #

    def _billing_promise(self, date, note=None):
        """Note that the customer will pay these invoices by a day.

        :param date: the last day on which it is kept.
        :param str note: what was said, and by whom.
        :raise UserError: if an invoice is not waiting to be paid, or the day is over.
        """
        self._billing_lock()
        if date < fields.Date.context_today(self):
            raise UserError(
                self.env._(
                    "%(date)s is over. Choose today or a later day.",
                    date=format_date(self.env, date),
                )
            )
        if date > fields.Date.context_today(self) + timedelta(days=MAX_DAYS):
            raise UserError(
                self.env._(
                    "%(date)s is more than a year away, and nobody would be reminded"
                    " until then. Choose an earlier day.",
                    date=format_date(self.env, date),
                )
            )
        for move in self:
            if not move.filtered_domain(self._billing_get_unpaid_domain()):
                raise UserError(
                    self.env._(
                        "%(invoice)s is not waiting to be paid: nothing is promised.",
                        invoice=move.display_name,
                    )
                )
        trust(self).write(
            {"billing_promise_date": date, "billing_promise_state": "open"}
        )
        said = self.env._(
            "The customer promised to pay by %(date)s.",
            date=format_date(self.env, date),
        )
        self._billing_tell_promise("promised", " ".join(filter(None, [said, note])))

    def _billing_tell_promise(self, action, text):
        """Keep what became of a promise: in the chatter, and in the history."""
        for move in self:
            move._message_log(body=text)
        self.env["omni.billing.activity.log"]._log_moves(action, self, text)

    @api.model
    def _billing_get_broken_promises_domain(self):
        """Return the invoices whose customers did not pay as they promised.

        They are for whoever follows up on them, until they are paid or there is a new
        promise.
        """
        return Domain("billing_promise_state", "=", "broken") & (
            self._billing_get_unpaid_domain()
        )

    # === CRON === #

    @api.model
    def _cron_billing_follow_promises(self):
        """Tell which promises were kept, and have somebody see to the others."""
        domain = Domain("billing_promise_state", "=", "open") & (
            Domain("billing_promise_date", "<", fields.Date.context_today(self))
            | Domain("billing_state", "not in", UNPAID_STATES)
        )
        moves = self.search(domain)
        commit_progress(self.env, remaining=len(moves))
        for ids in split_every(BATCH, moves.ids):
            # What somebody is at is for the next run.
            for move in self.browse(ids).try_lock_for_update(allow_referencing=True):
                move._billing_follow_promise()
            if not commit_progress(self.env, len(ids)):
                return

    def _billing_follow_promise(self):
        """Write whether a promise was kept; once, for who holds the lock."""
        self.ensure_one()
        self.invalidate_recordset(["billing_promise_state"])
        today = fields.Date.context_today(self)
        if self.billing_promise_state != "open":
            return
        day = format_date(self.env, self.billing_promise_date)
        if self.billing_state == "paid":
            trust(self).billing_promise_state = "kept"
            self._billing_tell_promise(
                "promise_kept",
                self.env._("The promise to pay by %(date)s was kept.", date=day),
            )
        elif not self._billing_is_unpaid():
            # It is void, or refunded: nobody has to pay any more.
            trust(self).write(
                {"billing_promise_date": False, "billing_promise_state": False}
            )
        elif self.billing_promise_date < today:
            trust(self).billing_promise_state = "broken"
            message = self.env._(
                "The customer promised to pay by %(date)s, and %(amount)s is still"
                " owed. Reminders go on.",
                date=day,
                amount=format_amount(
                    self.env, self._billing_get_amount_owed(), self.currency_id
                ),
            )
            self._billing_tell_promise("promise_broken", message)
            self._billing_tell_staff(message)
