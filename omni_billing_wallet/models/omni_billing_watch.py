from odoo import api, fields, models
from odoo.tools import SQL

from odoo.addons.omni_billing.models.desk.omni_billing_watch import DAY


class OmniBillingWatch(models.Model):
    """What was used of packs, or expired in wallets, and is no income (W42, W51)."""

    _inherit = "omni.billing.watch"
    _depends = {
        "omni.billing.pack.use": ["company_id", "date", "is_booked", "kind", "pack_id"],
        "account.move.line": ["billing_wallet_expires_on"],
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
                SELECT 'wallet', line.company_id, COUNT(*), 0,
                       MIN(line.billing_wallet_expires_on) + INTERVAL '1 day'
                  FROM account_move_line line
                  JOIN res_company company ON company.id = line.company_id
                   AND company.billing_wallet_income_account_id IS NOT NULL
                  JOIN account_move move ON move.id = line.move_id
                   AND (move.move_type != 'out_invoice' OR move.amount_residual = 0)
                   AND move.billing_dispute IS NULL
                   AND move.billing_attempt_id IS NULL
                 WHERE line.billing_wallet_expires_on < %s
                   AND line.reconciled IS NOT TRUE
                   AND line.parent_state = 'posted'
                   AND line.balance < 0
              GROUP BY line.company_id
                """,
                fields.Date.to_date(now),
            ),
        ]

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
        today = fields.Date.to_string(fields.Date.today())
        return self._open_in_company(
            "omni_billing_wallet.account_move_line_action_wallet",
            [
                ("billing_wallet_expires_on", "<", today),
                ("reconciled", "=", False),
                ("parent_state", "=", "posted"),
                ("balance", "<", 0),
            ],
        )
