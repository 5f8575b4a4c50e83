from odoo import api, fields, models
from odoo.tools import SQL

from odoo.addons.omni_billing.models.desk.omni_billing_watch import DAY


class OmniBillingWatch(models.Model):
    """What was used of packs, or expired in wallets, and is no income (W42, W51)."""

    _inherit = "omni.billing.watch"
    _depends = {
        "omni.billing.pack.use": ["company_id", "date", "is_booked", "kind", "pack_id"],
        "account.move": ["amount_residual", "billing_attempt_id", "billing_dispute"],
        "account.move.line": [
            *("amount_residual_currency", "balance", "billing_wallet_expires_on"),
            *("billing_wallet_id", "date", "parent_state", "reconciled"),
        ],
        "res.company": ["billing_wallet_income_account_id"],
    }

    kind = fields.Selection(
        selection_add=[
            ("pack", "Packs to Book as Income"),
            ("wallet", "Prepaid Money That Expired"),
        ]
    )

    @api.model
    def _get_kinds(self):
        """Override: the job comes each day."""
        return [
            *super()._get_kinds(),
            (41, "pack", "Packs to Book as Income", 2 * DAY, 7 * DAY, False),
            (42, "wallet", "Prepaid Money That Expired", 2 * DAY, 7 * DAY, False),
        ]

    @api.model
    def _get_advice(self):
        """Override: what to do about it."""
        return super()._get_advice() | {
            "pack": self.env._(
                "The log says why it is not booked: an account or a journal of a pack"
                " may be archived. If it says nothing, look whether the scheduled"
                " actions run."
            ),
            "wallet": self.env._(
                "What expired is income once the job has booked it. The log says why"
                " it did not: an account or a journal may be archived. If it says"
                " nothing, look whether the scheduled actions run."
            ),
        }

    @api.model
    def _get_queries(self, now):
        """Override: what is due, by the index of the job."""
        first = fields.Date.to_date(now).replace(day=1)
        return [
            *super()._get_queries(now),
            SQL(
                """
                SELECT 'pack', company_id, COUNT(*), 0,
                       GREATEST(
                           MIN(create_date),
                           DATE_TRUNC('month', MIN(date)) + INTERVAL '1 month')
                  FROM omni_billing_pack_use
                 WHERE NOT is_booked AND pack_id IS NOT NULL AND kind != 'refund'
                   AND date < %s
              GROUP BY company_id
                """,
                first,
            ),
            SQL(
                """
                SELECT 'wallet', company_id, COUNT(*), 0,
                       MIN(expires_on) + INTERVAL '1 day'
                  FROM (%s) lot GROUP BY company_id
                """,
                self._get_expired_lots(now),
            ),
        ]

    @api.model
    def _get_expired_lots(self, now):
        """Return SQL: what the job books as income, as `_expire` reads it.

        Less what went back although it was used: that is taken off what ends first.
        """
        return SQL(
            """
            SELECT id, company_id, expires_on
              FROM (SELECT line.id, line.company_id, line.billing_wallet_id, own.left,
                           line.billing_wallet_expires_on AS expires_on,
                           SUM(own.left) OVER (
                               PARTITION BY line.billing_wallet_id
                               ORDER BY line.billing_wallet_expires_on,
                                        line.date, line.id) AS sum
                      FROM account_move_line line
                      JOIN res_company company ON company.id = line.company_id
                       AND company.billing_wallet_income_account_id IS NOT NULL
                      JOIN account_move move ON move.id = line.move_id
                       AND COALESCE(move.billing_dispute, 'won') IN ('won', 'owed')
                       AND move.billing_attempt_id IS NULL
        CROSS JOIN LATERAL (
                    SELECT GREATEST(0, -line.amount_residual_currency
                           - CASE WHEN move.move_type = 'out_invoice'
                                  THEN move.amount_residual ELSE 0 END) AS left) own
                     WHERE line.billing_wallet_expires_on < %s
                       AND line.reconciled IS NOT TRUE
                       AND line.parent_state = 'posted'
                       AND line.balance < 0) lot
             WHERE lot.left > 0
               AND lot.sum > (
                    SELECT COALESCE(SUM(back.amount_residual_currency), 0)
                      FROM account_move_line back
                     WHERE back.billing_wallet_id = lot.billing_wallet_id
                       AND back.reconciled IS NOT TRUE
                       AND back.parent_state = 'posted'
                       AND back.amount_residual_currency > 0)
            """,
            fields.Date.to_date(now),
        )

    def _open_pack(self):
        first = fields.Date.today().replace(day=1)
        return self._open_in_company(
            "omni_billing_wallet.omni_billing_pack_use_action",
            [
                ("is_booked", "=", False),
                ("pack_id", "!=", False),
                ("kind", "!=", "refund"),
                ("date", "<", fields.Date.to_string(first)),
            ],
        )

    def _open_wallet(self):
        self.env.flush_all()
        lots = self.env.execute_query(self._get_expired_lots(fields.Datetime.now()))
        return self._open_in_company(
            "omni_billing_wallet.account_move_line_action_wallet",
            [("id", "in", [lot for lot, _company, _last in lots])],
        )
