from odoo import api, fields, models
from odoo.tools import SQL

#: Where an id of a row has the id of its record; the number of the kind is below it.
STEP = 32
#: What an administrator has to see to before any e-mail goes out.
ADMIN_CODES = (
    *("bad_credentials", "bad_sender", "no_sdk", "unreachable"),
    *("not_configured", "template_missing"),
)


class OmniBillingTodo(models.Model):
    """Where the rows come from: each part is small by an index of its own."""

    _inherit = "omni.billing.todo"
    _depends = {
        "account.move": [
            *("amount_residual", "amount_total", "billing_planned_amount"),
            *("billing_promise_date", "billing_promise_state", "billing_state"),
            *("currency_id", "move_type"),
            *("commercial_partner_id", "company_id", "invoice_user_id", "name"),
        ],
        "omni.billing.cheque": [
            *("amount", "company_id", "currency_id", "date", "deposit_date"),
            *("invoice_ids", "needs_action", "number", "partner_id", "reason", "state"),
        ],
        "omni.billing.dispute": [
            *("amount", "company_id", "currency_id", "date", "partner_id", "reason"),
            *("state", "status", "transaction_id"),
        ],
        "omni.billing.installment": [
            *("amount", "charge_error", "charge_state", "company_id", "currency_id"),
            *("date", "invoice_id", "is_by_card", "partner_id", "charge_attempt_id"),
        ],
        "omni.billing.mail": [
            *("commercial_partner_id", "company_id", "error", "error_code", "kind"),
            *("move_id", "needs_action", "sent_date", "state", "tries", "user_id"),
        ],
        "omni.billing.overdue": ["company_id", "is_kept", "partner_id"],
        "omni.billing.payout": [
            *("amount", "company_id", "currency_id", "date", "reason", "reference"),
            "state",
        ],
        "omni.billing.reminder": ["mail_id", "move_id", "suspend_on"],
        "omni.billing.request": [
            *("amount", "company_id", "currency_id", "invoice_ids", "operation"),
            *("partner_id", "reason", "state"),
        ],
        "omni.billing.run": ["state", "user_id"],
        "omni.billing.run.line": [
            *("amount_total", "charge_attempt_id", "charge_error", "charge_state"),
            *("charge_first_date", "company_id", "currency_id", "email_error"),
            *("email_state", "invoice_id", "partner_id", "reason", "run_id", "state"),
        ],
        "omni.billing.stripe.event": ["error", "event_type", "provider_id", "state"],
        "omni.billing.transaction": [
            *("amount_total", "commercial_partner_id", "company_id", "currency_id"),
            *("invoice_id", "report_date", "report_state", "report_text"),
        ],
        "payment.provider": ["company_id"],
        "payment.transaction": [
            "billing_ask_at",
            *("amount", "billing_decline_code", "billing_is_customer_present"),
            *("billing_needs_action", "billing_refund_invoice_id", "currency_id"),
            *("invoice_ids", "last_state_change", "operation", "state_message"),
        ],
        "res.partner": ["user_id"],
        "res.users": ["share"],
    }

    @property
    def _table_query(self):
        return SQL(" UNION ALL ").join(self._get_queries())

    @api.model
    def _get_queries(self):
        """Return the SQL of each source, all with the same columns. Hook.

        Another addon adds its own, with numbers above fifteen in the ids.
        """
        return [
            self._get_charge_query(),
            self._get_installment_query(),
            self._get_attempt_query(),
            self._get_refund_query(),
            self._get_mail_query(),
            self._get_unsent_query(),
            self._get_dispute_query(),
            self._get_parked_query(),
            self._get_event_query(),
            self._get_report_query(),
            self._get_promise_query(),
            self._get_payout_query(),
            self._get_cheque_query(),
            self._get_bounced_query(),
            self._get_request_query(),
            self._get_notice_query(),
        ]

    @api.model
    def _get_id(self, record, number):
        """Return the SQL of an id that no other row has."""
        return SQL("%s::bigint * %s + %s", record, STEP, number)

    @api.model
    def _get_asked_query(self, attempt, move):
        """Return the SQL of whose turn a failed charge is.

        The customer's, who was asked to confirm, or told of it with a link to pay.
        """
        return SQL(
            """
            CASE WHEN %s.billing_decline_code = 'authentication_required'
                 OR (SELECT TRUE FROM omni_billing_mail told
                      WHERE told.move_id = %s.id AND told.kind = 'declined'
                        AND told.state IN ('sent', 'delivered', 'opened') LIMIT 1)
                 THEN 'customer' ELSE 'staff' END
            """,
            attempt,
            move,
        )

    @api.model
    def _get_charge_query(self):
        return SQL(
            """
            SELECT %(id)s AS id, 'charge' AS kind, line.id AS res_id,
                   COALESCE(line.charge_first_date, line.write_date) AS date,
                   line.charge_error AS detail, tx.billing_decline_code AS code,
                   move.amount_residual AS amount, move.currency_id, line.partner_id,
                   line.invoice_id AS move_id, move.name AS move_name,
                   line.company_id,
                   COALESCE(run.user_id, move.invoice_user_id) AS user_id,
                   %(turn)s AS turn
              FROM omni_billing_run_line line
              JOIN account_move move ON move.id = line.invoice_id
               AND move.billing_state IN ('unpaid', 'partial')
              JOIN omni_billing_run run ON run.id = line.run_id
         LEFT JOIN payment_transaction tx ON tx.id = line.charge_attempt_id
             WHERE line.charge_state = 'failed'
            """,
            id=self._get_id(SQL("line.id"), 0),
            turn=self._get_asked_query(SQL("tx"), SQL("move")),
        )

    @api.model
    def _get_installment_query(self):
        return SQL(
            """
            SELECT %(id)s, CASE WHEN planned.is_by_card THEN 'installment'
                                ELSE 'expected' END, planned.id,
                   planned.date::timestamp, planned.charge_error,
                   tx.billing_decline_code,
                   LEAST(planned.amount, move.amount_residual
                                         - COALESCE(move.billing_planned_amount, 0)),
                   planned.currency_id,
                   planned.partner_id, planned.invoice_id, move.name,
                   planned.company_id,
                   COALESCE(planned.create_uid, move.invoice_user_id),
                   CASE WHEN planned.is_by_card THEN %(turn)s ELSE 'customer' END
              FROM omni_billing_installment planned
              JOIN account_move move ON move.id = planned.invoice_id
               AND move.billing_state IN ('unpaid', 'partial')
               -- What others of the plan are going to pay is not left to anybody.
               AND move.amount_residual > COALESCE(move.billing_planned_amount, 0)
         LEFT JOIN payment_transaction tx ON tx.id = planned.charge_attempt_id
             WHERE planned.charge_state = 'failed'
            """,
            id=self._get_id(SQL("planned.id"), 1),
            turn=self._get_asked_query(SQL("tx"), SQL("move")),
        )

    @api.model
    def _get_attempt_query(self):
        """Return the SQL of what a person tried to charge; of several the oldest."""
        return SQL(
            """
            SELECT %(id)s, 'attempt', tx.id, tx.last_state_change, tx.state_message,
                   -- What a bank says of a debit has other words than of a card.
                   CASE WHEN tx.billing_ask_at IS NULL THEN tx.billing_decline_code END,
                   LEAST(tx.amount, move.amount_residual),
                   tx.currency_id, move.commercial_partner_id, move.id, move.name,
                   move.company_id,
                   CASE WHEN tx.billing_is_customer_present OR author.share
                             OR author.id = 1
                        THEN move.invoice_user_id ELSE tx.create_uid END,
                   CASE WHEN tx.billing_is_customer_present OR author.share
                        THEN 'customer' ELSE %(turn)s END
              FROM payment_transaction tx
         LEFT JOIN res_users author ON author.id = tx.create_uid
              JOIN LATERAL (
                   -- In the order of the index: nothing is sorted.
                   SELECT owed.id, owed.name, owed.amount_residual, owed.company_id,
                          owed.commercial_partner_id, owed.invoice_user_id
                     FROM account_invoice_transaction_rel rel
                     JOIN account_move owed ON owed.id = rel.invoice_id
                    WHERE rel.transaction_id = tx.id
                      AND owed.billing_state IN ('unpaid', 'partial')
                 ORDER BY rel.invoice_id LIMIT 1
                   ) move ON TRUE
             WHERE tx.billing_needs_action AND tx.operation != 'refund'
            """,
            id=self._get_id(SQL("tx.id"), 2),
            turn=self._get_asked_query(SQL("tx"), SQL("move")),
        )

    @api.model
    def _get_refund_query(self):
        return SQL(
            """
            SELECT %(id)s, 'refund', tx.id, tx.last_state_change, tx.state_message,
                   NULL, -tx.amount, tx.currency_id, move.commercial_partner_id,
                   move.id, move.name, move.company_id,
                   CASE WHEN author.share OR author.id = 1
                        THEN move.invoice_user_id ELSE tx.create_uid END, 'manager'
              FROM payment_transaction tx
         LEFT JOIN res_users author ON author.id = tx.create_uid
              JOIN account_move move ON move.id = tx.billing_refund_invoice_id
             WHERE tx.billing_needs_action AND tx.operation = 'refund'
            """,
            id=self._get_id(SQL("tx.id"), 3),
        )

    @api.model
    def _get_mail_query(self):
        """Return the SQL of e-mails: those that failed, or are tried in vain."""
        return SQL(
            """
            SELECT %(id)s, CASE WHEN mail.needs_action THEN 'mail' ELSE 'stuck' END,
                   mail.id, COALESCE(mail.sent_date, mail.create_date), mail.error,
                   mail.error_code, move.amount_total, move.currency_id,
                   mail.commercial_partner_id, mail.move_id, move.name,
                   mail.company_id,
                   COALESCE(NULLIF(mail.user_id, 1), move.invoice_user_id),
                   CASE WHEN mail.error_code IN %(codes)s
                        THEN 'admin' ELSE 'staff' END
              FROM omni_billing_mail mail
         LEFT JOIN account_move move ON move.id = mail.move_id
             WHERE mail.needs_action
                OR mail.state = 'queued' AND mail.error IS NOT NULL
            """,
            id=self._get_id(SQL("mail.id"), 4),
            codes=ADMIN_CODES,
        )

    @api.model
    def _get_unsent_query(self):
        """Return the SQL of invoices of runs that never came to the outbox."""
        return SQL(
            """
            SELECT %(id)s, 'unsent', line.id, line.write_date, line.email_error, NULL,
                   move.amount_total, move.currency_id, line.partner_id,
                   line.invoice_id, move.name, line.company_id,
                   COALESCE(run.user_id, move.invoice_user_id), 'staff'
              FROM omni_billing_run_line line
              JOIN account_move move ON move.id = line.invoice_id
               AND move.billing_state != 'void'
              JOIN omni_billing_run run ON run.id = line.run_id
             WHERE line.email_state = 'failed'
            """,
            id=self._get_id(SQL("line.id"), 5),
        )

    @api.model
    def _get_dispute_query(self):
        return SQL(
            """
            SELECT %(id)s, 'dispute', dispute.id,
                   COALESCE(dispute.date::timestamp, dispute.create_date),
                   dispute.reason, dispute.status, dispute.amount,
                   dispute.currency_id, dispute.partner_id, move.id, move.name,
                   dispute.company_id, move.invoice_user_id,
                   CASE WHEN dispute.state = 'lost' THEN 'manager'
                        WHEN dispute.status IN ('under_review', 'warning_under_review')
                        THEN 'bank' ELSE 'staff' END
              FROM omni_billing_dispute dispute
         LEFT JOIN LATERAL (
                   SELECT paid.id, paid.name, paid.invoice_user_id
                     FROM account_invoice_transaction_rel rel
                     JOIN account_move paid ON paid.id = rel.invoice_id
                    WHERE rel.transaction_id = dispute.transaction_id
                 ORDER BY rel.invoice_id LIMIT 1
                   ) move ON TRUE
             WHERE dispute.state IN ('inquiry', 'open', 'lost')
            """,
            id=self._get_id(SQL("dispute.id"), 6),
        )

    @api.model
    def _get_parked_query(self):
        """Return the SQL of customers of runs whom no later run has billed."""
        return SQL(
            """
            SELECT %(id)s, 'parked', line.id, line.write_date, line.reason, NULL,
                   NULLIF(line.amount_total, 0), line.currency_id, line.partner_id,
                   NULL, NULL, line.company_id, run.user_id, 'staff'
              FROM omni_billing_run_line line
              JOIN omni_billing_run run ON run.id = line.run_id
               AND run.state IN ('running', 'collecting', 'paused', 'done')
             WHERE line.state = 'parked' AND NOT EXISTS (
                   SELECT FROM omni_billing_run_line later
                     JOIN omni_billing_run after ON after.id = later.run_id
                      -- A check parks nobody.
                      AND (later.state = 'done' OR after.state IN
                           ('running', 'collecting', 'paused', 'done'))
                    WHERE later.partner_id = line.partner_id AND later.id > line.id
                      AND later.currency_id = line.currency_id
                      AND later.company_id = line.company_id
                      AND later.state IN ('done', 'parked')
                      AND later.run_id > line.run_id)
            """,
            id=self._get_id(SQL("line.id"), 7),
        )

    @api.model
    def _get_event_query(self):
        return SQL(
            """
            SELECT %(id)s, 'event', event.id, event.create_date,
                   event.event_type || ': ' || event.error, NULL, NULL, NULL, NULL,
                   NULL, NULL, provider.company_id, NULL, 'manager'
              FROM omni_billing_stripe_event event
              JOIN payment_provider provider ON provider.id = event.provider_id
             WHERE event.state = 'failed'
            """,
            id=self._get_id(SQL("event.id"), 8),
        )

    @api.model
    def _get_report_query(self):
        return SQL(
            """
            SELECT %(id)s, 'report', t.id, t.report_date, t.report_text, NULL,
                   t.amount_total, t.currency_id, t.commercial_partner_id,
                   t.invoice_id, move.name, t.company_id,
                   COALESCE(move.invoice_user_id, customer.user_id), 'staff'
              FROM omni_billing_transaction t
              JOIN res_partner customer ON customer.id = t.commercial_partner_id
         LEFT JOIN account_move move ON move.id = t.invoice_id
             WHERE t.report_state = 'open'
            """,
            id=self._get_id(SQL("t.id"), 9),
        )

    @api.model
    def _get_promise_query(self):
        """Return the SQL of invoices whose customers did not pay as they promised.

        As `account.move._billing_get_broken_promises_domain` says.
        """
        return SQL(
            """
            SELECT %(id)s, 'promise', move.id, move.billing_promise_date::timestamp,
                   NULL, NULL, move.amount_residual, move.currency_id,
                   move.commercial_partner_id, move.id, move.name, move.company_id,
                   move.invoice_user_id, 'staff'
              FROM account_move move
             WHERE move.billing_promise_state = 'broken'
               AND move.move_type = 'out_invoice'
               AND move.billing_state IN ('unpaid', 'partial')
            """,
            id=self._get_id(SQL("move.id"), 14),
        )

    @api.model
    def _get_payout_query(self):
        return SQL(
            """
            SELECT %(id)s, 'payout', payout.id,
                   COALESCE(payout.date::timestamp, payout.create_date),
                   payout.reason, NULL, payout.amount,
                   payout.currency_id, NULL, payout.move_id, NULL,
                   payout.company_id, NULL, 'manager'
              FROM omni_billing_payout payout
             WHERE payout.state = 'person'
            """,
            id=self._get_id(SQL("payout.id"), 10),
        )

    @api.model
    def _get_cheque_query(self):
        """Return the SQL of cheques that can be brought to the bank.

        One that is booked is paid; of one that is kept something may be owed.
        """
        return SQL(
            """
            SELECT %(id)s, 'cheque', cheque.id, cheque.date::timestamp, cheque.number,
                   CASE WHEN cheque.state = 'kept' AND NOT EXISTS (
                        SELECT FROM omni_billing_cheque_invoice_rel rel
                          JOIN account_move owed ON owed.id = rel.invoice_id
                         WHERE rel.cheque_id = cheque.id
                           AND owed.billing_state IN ('unpaid', 'partial'))
                        THEN 'not_owed' END,
                   cheque.amount, cheque.currency_id, cheque.partner_id, move.id,
                   move.name, cheque.company_id, cheque.create_uid, 'staff'
              FROM omni_billing_cheque cheque
         LEFT JOIN LATERAL (
                   SELECT paid.id, paid.name
                     FROM omni_billing_cheque_invoice_rel rel
                     JOIN account_move paid ON paid.id = rel.invoice_id
                    WHERE rel.cheque_id = cheque.id
                 ORDER BY rel.invoice_id LIMIT 1
                   ) move ON TRUE
             WHERE cheque.state IN ('kept', 'received') AND cheque.date <= %(today)s
            """,
            id=self._get_id(SQL("cheque.id"), 11),
            today=fields.Date.context_today(self),
        )

    @api.model
    def _get_bounced_query(self):
        """Return the SQL of cheques that the bank sent back, while something is owed"""
        return SQL(
            """
            SELECT %(id)s, 'bounced', cheque.id, cheque.write_date,
                   cheque.reason, cheque.number,
                   LEAST(cheque.amount, move.amount_residual), cheque.currency_id,
                   cheque.partner_id, move.id, move.name, cheque.company_id,
                   cheque.create_uid, 'staff'
              FROM omni_billing_cheque cheque
              JOIN LATERAL (
                   SELECT MIN(owed.id) AS id, MIN(owed.name) AS name,
                          SUM(owed.amount_residual) AS amount_residual
                     FROM omni_billing_cheque_invoice_rel rel
                     JOIN account_move owed ON owed.id = rel.invoice_id
                    WHERE rel.cheque_id = cheque.id
                      AND owed.billing_state IN ('unpaid', 'partial')
                   HAVING COUNT(*) > 0
                   ) move ON TRUE
             WHERE cheque.needs_action
            """,
            id=self._get_id(SQL("cheque.id"), 12),
        )

    @api.model
    def _get_request_query(self):
        return SQL(
            """
            SELECT %(id)s, 'request', request.id, request.create_date, request.reason,
                   request.operation, request.amount, request.currency_id,
                   request.partner_id, move.id, move.name, request.company_id,
                   request.create_uid, 'manager'
              FROM omni_billing_request request
         LEFT JOIN LATERAL (
                   SELECT asked.id, asked.name
                     FROM omni_billing_request_invoice_rel rel
                     JOIN account_move asked ON asked.id = rel.account_move_id
                    WHERE rel.omni_billing_request_id = request.id
                 ORDER BY asked.id LIMIT 1
                   ) move ON TRUE
             WHERE request.state = 'asked'
            """,
            id=self._get_id(SQL("request.id"), 13),
        )

    @api.model
    def _get_notice_query(self):
        """Return the SQL of notices that did not arrive: they suspend no service."""
        return SQL(
            """
            SELECT %(id)s, 'notice', move.id, notice.suspend_on::timestamp, mail.error,
                   NULL, move.amount_residual, move.currency_id,
                   move.commercial_partner_id, move.id, move.name, move.company_id,
                   move.invoice_user_id, 'staff'
              FROM omni_billing_reminder notice
              JOIN account_move move ON move.id = notice.move_id
               AND move.billing_state IN ('unpaid', 'partial')
         LEFT JOIN omni_billing_mail mail ON mail.id = notice.mail_id
             WHERE notice.suspend_on <= CURRENT_DATE
               AND (mail.id IS NULL OR mail.state IN ('bounced', 'blocked', 'failed'))
               AND NOT EXISTS (
                   SELECT FROM omni_billing_overdue decided
                    WHERE decided.partner_id = move.commercial_partner_id
                      AND decided.company_id = move.company_id AND decided.is_kept)
            """,
            id=self._get_id(SQL("notice.id"), 15),
        )
