from odoo import api, fields, models
from odoo.fields import Domain

from ...tools.write_guard import trust


class AccountMove(models.Model):
    """Reminding customers of invoices (F187, F191, W15)."""

    _inherit = "account.move"

    billing_reminder_ids = fields.One2many(
        "omni.billing.reminder",
        "move_id",
        string="Reminders",
        readonly=True,
        copy=False,
        groups="account.group_account_invoice,account.group_account_readonly",
    )
    billing_reminders_paused = fields.Boolean(
        string="Reminders Paused",
        copy=False,
        groups="account.group_account_invoice,account.group_account_readonly",
        help="Neither reminded of, nor charged a late fee, until it is resumed.",
    )

    @api.model
    def _billing_get_state_fields(self):
        return super()._billing_get_state_fields() | {"billing_reminders_paused"}

    # === ACTION METHODS === #

    def action_billing_remind(self):
        """Remind the customer now, with the PDF; several in steps (F191).

        :return: a notice of what came of it.
        :raise UserError: if an invoice is not waiting to be paid.
        """
        if len(self) > 1:
            return self.env["omni.billing.bulk"]._start("remind", self)
        return self._billing_send_at_once("reminder")

    def action_billing_pause_reminders(self):
        """Pause the scheduled reminders of invoices, or resume them."""
        self.check_access("write")
        Log = self.env["omni.billing.activity.log"]
        for move in self:
            paused = not move.billing_reminders_paused
            trust(move).billing_reminders_paused = paused
            Log._log_moves("reminders_paused" if paused else "reminders_resumed", move)
        return True

    # === BUSINESS METHODS === #

    @api.model
    def _billing_get_remindable_domain(self, company):
        """Return the invoices that wait to be paid, and are not to be left alone.

        Hook: narrow it.
        """
        return (
            Domain("company_id", "=", company.id)
            & Domain("state", "=", "posted")
            & self._billing_get_unpaid_domain()
            & Domain("billing_dispute", "in", (False, "won", "owed"))
            & Domain("billing_attempt_id", "=", False)
            # A payment that the customer made is not confirmed, or not booked, yet.
            & Domain(
                "transaction_ids",
                "not any!",
                self.env["payment.transaction"]._billing_get_awaited_domain(),
            )
            & Domain("billing_reminders_paused", "!=", True)
            & Domain("commercial_partner_id.billing_reminders_paused", "!=", True)
            # It is due on other days.
            & Domain("billing_is_planned", "!=", True)
            # Who promised is left alone until that day is over.
            & (
                Domain("billing_promise_date", "=", False)
                | Domain("billing_promise_date", "<", fields.Date.context_today(self))
            )
        )

    def _billing_get_mail_obstacle(self, kind):
        """Override: nobody is reminded of what is paid or disputed."""
        obstacle = super()._billing_get_mail_obstacle(kind)
        if not obstacle and kind in ("reminder", "declined", "notice"):
            return self._billing_get_reminder_obstacle()
        return obstacle

    def _billing_get_reminder_obstacle(self):
        """Return why the customer is not to be reminded, or nothing (F191)."""
        self.ensure_one()
        if not self._billing_is_unpaid():
            return self.env._(
                "%(invoice)s is not waiting to be paid: there is nothing to be"
                " reminded of.",
                invoice=self.display_name,
            )
        if self.billing_dispute not in (False, "won", "owed"):
            return self.env._(
                "%(invoice)s is disputed: the customer is not reminded of it.",
                invoice=self.display_name,
            )
        return None

    def _billing_is_paused(self):
        self.ensure_one()
        return (
            self.billing_reminders_paused
            or self.commercial_partner_id.billing_reminders_paused
        )

    def _billing_is_overdue(self):
        """Whether the due date is over, of one part at least.

        Who pays as planned is not late.
        """
        self.ensure_one()
        if self.billing_is_planned or not self._billing_is_unpaid():
            return False
        return self._billing_get_due_since() < fields.Date.context_today(self)
