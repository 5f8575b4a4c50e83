from datetime import timedelta

from odoo import api, fields, models
from odoo.tools import SQL

from .omni_billing_todo_query import ADMIN_CODES

#: What is called the pace is of so many minutes.
PACE_MINUTES = 10


class OmniBillingWatch(models.Model):
    """Where the counts come from: each part is small by an index of its own."""

    _inherit = "omni.billing.watch"
    _depends = {
        "ir.cron": ["active", "failure_count", "first_failure_date", "nextcall"],
        "ir.model.data": ["model", "module", "res_id"],
        "omni.billing.installment": ["charge_date", "charge_state", "company_id"],
        "omni.billing.mail": [
            *("company_id", "error", "error_code", "needs_action", "next_try", "state")
        ],
        "omni.billing.mail.event": ["company_id", "state"],
        "omni.billing.pdf.cache": ["company_id", "is_due"],
        "omni.billing.run": ["company_id", "scheduled_at", "state", "working_since"],
        "omni.billing.run.line": ["charge_date", "charge_state", "company_id", "state"],
        "omni.billing.service": [
            *("active", "company_id", "next_date", "problem", "settle_problem")
        ],
        "omni.billing.stale": [],
        "omni.billing.stripe.event": ["next_try", "provider_id", "state"],
        "omni.billing.todo": ["company_id", "date", "turn"],
        "omni.billing.webhook": ["active", "company_id", "state"],
        "omni.billing.webhook.delivery": [
            *("company_id", "create_date", "next_try", "state", "webhook_id")
        ],
        "payment.provider": ["company_id"],
        "payment.transaction": [
            *("billing_ask_at", "billing_is_open", "company_id"),
            "is_post_processed",
            *("last_state_change", "state"),
        ],
        "res.company": ["active"],
    }

    @api.model
    def _get_queries(self, now):
        """Return the SQL of each source, for each company that has any. Hook.

        Columns: kind, company, how many wait, how many failed, the oldest.

        :param datetime now: in UTC.
        """
        return [
            self._get_run_query(now),
            self._get_charge_query(now.date()),
            self._get_attempt_query(),
            self._get_booking_query(),
            self._get_mail_query(now),
            self._get_stripe_event_query(now),
            self._get_mail_event_query(),
            self._get_service_query(now.date()),
            self._get_pdf_query(),
            self._get_cron_query(now),
            self._get_stale_query(),
            self._get_webhook_query(now),
            self._get_todo_query(),
        ]

    @api.model
    def _get_run_query(self, now):
        """Return the SQL of runs under way: of each, when it last went on.

        Customers are billed in the order of their ids.
        """
        return SQL(
            """
            SELECT 'run', run.company_id, COUNT(*), 0,
                   MIN(CASE run.state
                       WHEN 'scheduled' THEN run.scheduled_at
                       WHEN 'paused' THEN run.write_date
                       WHEN 'collecting' THEN GREATEST(run.write_date, (
                            SELECT MAX(line.write_date)
                              FROM omni_billing_run_line line
                             WHERE line.run_id = run.id AND line.state = 'done'))
                       ELSE GREATEST(run.write_date, (
                            SELECT line.write_date FROM omni_billing_run_line line
                             WHERE line.run_id = run.id AND line.state = 'done'
                          ORDER BY line.id DESC LIMIT 1)) END)
              FROM omni_billing_run run
             WHERE run.state IN ('checking', 'running', 'collecting', 'paused')
                OR run.state = 'scheduled' AND run.scheduled_at <= %(now)s
          GROUP BY run.company_id
            """,
            now=now,
        )

    @api.model
    def _get_charge_query(self, today):
        """Return the SQL of cards whose day has come, after their run or by a plan."""
        return SQL(
            """
            SELECT 'charge', due.company_id, COUNT(*), 0, MIN(due.day)::timestamp
              FROM (
                   SELECT company_id, charge_date AS day FROM omni_billing_run_line
                    WHERE charge_state = 'retry' AND charge_date <= %(today)s
                    UNION ALL
                   SELECT company_id, COALESCE(charge_date, date)
                     FROM omni_billing_installment
                    WHERE charge_state IN ('due', 'retry') AND date <= %(today)s
                      AND COALESCE(charge_date, date) <= %(today)s
                   ) due
          GROUP BY due.company_id
            """,
            today=today,
        )

    @api.model
    def _get_attempt_query(self):
        # A bank debit takes days: it waits for us once Stripe is to be asked of it,
        # or once its outcome is to be booked.
        return SQL(
            """
            SELECT 'attempt', company_id, COUNT(*), 0,
                   MIN(COALESCE(CASE WHEN state = 'pending' THEN billing_ask_at END,
                                last_state_change, create_date))
              FROM payment_transaction
             WHERE billing_is_open
               AND (state != 'pending' OR billing_ask_at IS NULL
                    OR billing_ask_at <= %s)
          GROUP BY company_id
            """,
            fields.Datetime.now(),
        )

    @api.model
    def _get_booking_query(self):
        return SQL(
            """
            SELECT 'booking', company_id, COUNT(*), 0,
                   MIN(COALESCE(last_state_change, create_date))
              FROM payment_transaction
             WHERE state = 'done' AND is_post_processed IS NOT TRUE
          GROUP BY company_id
            """
        )

    @api.model
    def _get_mail_query(self, now):
        """Return the SQL of e-mails that are due; one that an administrator has to see
        to, or that is tried in vain, failed."""
        return SQL(
            """
            SELECT 'mail', company_id,
                   COUNT(*) FILTER (WHERE state = 'queued' AND next_try <= %(now)s),
                   COUNT(*) FILTER (WHERE state = 'queued' AND error IS NOT NULL
                                       OR needs_action AND error_code IN %(codes)s),
                   MIN(next_try) FILTER (WHERE state = 'queued')
              FROM omni_billing_mail WHERE state = 'queued' OR needs_action
          GROUP BY company_id
            """,
            now=now,
            codes=ADMIN_CODES,
        )

    @api.model
    def _get_stripe_event_query(self, now):
        return SQL(
            """
            SELECT 'stripe_event', provider.company_id,
                   COUNT(*) FILTER (WHERE event.state = 'new'
                                      AND COALESCE(event.next_try, %(now)s) <= %(now)s),
                   COUNT(*) FILTER (WHERE event.state = 'failed'),
                   MIN(COALESCE(event.next_try, event.create_date))
                       FILTER (WHERE event.state = 'new')
              FROM omni_billing_stripe_event event
              JOIN payment_provider provider ON provider.id = event.provider_id
             WHERE event.state = 'new' OR event.state = 'failed'
          GROUP BY provider.company_id
            """,
            now=now,
        )

    @api.model
    def _get_mail_event_query(self):
        return SQL(
            """
            SELECT 'mail_event', company_id, COUNT(*), 0, MIN(create_date)
              FROM omni_billing_mail_event WHERE state = 'new' GROUP BY company_id
            """
        )

    @api.model
    def _get_webhook_query(self, now):
        """Return the SQL of messages that wait; a webhook that is off failed."""
        return SQL(
            """
            SELECT 'webhook', webhook.company_id,
                   SUM(due.count)::bigint, COUNT(*) FILTER (WHERE state = 'off'),
                   MIN(due.since) FILTER (WHERE state = 'on')
              FROM omni_billing_webhook webhook
        CROSS JOIN LATERAL (
                   SELECT COUNT(*) FILTER (WHERE next_try <= %(now)s) AS count,
                          MIN(create_date) AS since
                     FROM omni_billing_webhook_delivery
                    WHERE webhook_id = webhook.id AND state = 'queued') due
             WHERE webhook.active GROUP BY webhook.company_id
            """,
            now=now,
        )

    @api.model
    def _get_service_query(self, today):
        """Return the SQL of charges that are due, and of days that are not settled."""
        return SQL(
            """
            SELECT 'service', open.company_id,
                   COUNT(*) FILTER (WHERE open.problem IS NULL), COUNT(open.problem),
                   MIN(open.day) FILTER (WHERE open.problem IS NULL)::timestamp
              FROM (
                   SELECT company_id, problem, next_date AS day
                     FROM omni_billing_service WHERE active AND next_date <= %(today)s
                    UNION ALL
                   SELECT company_id, settle_problem, NULL
                     FROM omni_billing_service
                    WHERE active AND settle_problem IS NOT NULL
                   ) open
          GROUP BY open.company_id
            """,
            today=today,
        )

    @api.model
    def _get_pdf_query(self):
        return SQL(
            """
            SELECT 'pdf', company_id, COUNT(*), 0, MIN(create_date)
              FROM omni_billing_pdf_cache WHERE is_due GROUP BY company_id
            """
        )

    @api.model
    def _get_cron_query(self, now):
        """Return the SQL of the scheduled actions; one that is off failed."""
        return SQL(
            """
            SELECT 'cron', NULL::int,
                   COUNT(*) FILTER (WHERE active AND nextcall <= %(now)s),
                   COUNT(*) FILTER (WHERE failure_count > 0 OR active IS NOT TRUE),
                   MIN(COALESCE(first_failure_date, nextcall))
                       FILTER (WHERE active AND (nextcall <= %(now)s
                                                 OR first_failure_date IS NOT NULL))
              FROM ir_cron WHERE id IN %(ids)s
            """,
            now=now,
            ids=tuple(self._list_crons()) or (0,),
        )

    @api.model
    def _get_stale_query(self):
        """Return the SQL of changes of taxes that unbilled rows have yet to follow."""
        return SQL(
            """
            SELECT 'stale', NULL::int, COUNT(*), 0, MIN(create_date)
              FROM omni_billing_stale
            """
        )

    @api.model
    def _get_todo_query(self):
        """Return the SQL of what waits for somebody of ours, not for a customer."""
        return SQL(
            """
            SELECT 'todo', todo.company_id, COUNT(*), 0, MIN(todo.date)
              FROM (%s) todo
             WHERE todo.turn IN ('staff', 'manager', 'admin') GROUP BY todo.company_id
            """,
            self.env["omni.billing.todo"]._table_query,
        )

    # === MORE THAN THE PAGE SHOWS === #

    @api.model
    def _list_crons(self):
        """Return the ids of the scheduled actions that billing brings. Hook."""
        # sudo: which there are is an administrator's to read; here only to count.
        data = self.env["ir.model.data"].sudo()
        domain = [("model", "=", "ir.cron"), ("module", "=like", "omni\\_billing%")]
        return data.search(domain).mapped("res_id")

    @api.model
    def _count_run_lines(self):
        """Return how many customers of the runs under way stand where, by company.

        :rtype: list[tuple[int, str, int]]
        """
        return self.env.execute_query(
            SQL(
                """
                SELECT line.company_id, line.state, COUNT(*)
                  FROM omni_billing_run run
                  JOIN omni_billing_run_line line ON line.run_id = run.id
                 WHERE run.state IN ('checking', 'running', 'collecting', 'scheduled')
              GROUP BY line.company_id, line.state
                """
            )
        )

    @api.model
    def _count_posted(self):
        """Return how many invoices were made lately, by company: the pace.

        Ids grow with time, so the first one that is older ends the look.

        :rtype: list[tuple[int, int]]
        """
        since = fields.Datetime.now() - timedelta(minutes=PACE_MINUTES)
        return self.env.execute_query(
            SQL(
                """
                SELECT company_id, COUNT(*) FROM account_move
                 WHERE id > COALESCE((SELECT id FROM account_move
                                       WHERE create_date < %s
                                    ORDER BY id DESC LIMIT 1), 0)
                   AND state = 'posted' AND move_type IN ('out_invoice', 'out_refund')
              GROUP BY company_id
                """,
                since,
            )
        )
