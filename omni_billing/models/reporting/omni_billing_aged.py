from odoo import fields, models
from odoo.fields import Domain
from odoo.tools import SQL


class OmniBillingAged(models.Model):
    """What customers owe on a day, by how long it is overdue.

    One row for each company and main customer. Each part of an invoice counts from the
    day that it is due. Payments and credit notes that were not used by then stand in
    `unused`, and are taken off the total. What was paid or credited later was open on
    that day. In the currency of the company, at the rates of the books.
    """

    _name = "omni.billing.aged"
    _inherit = "omni.billing.day.mixin"
    _description = "Aged Receivables"
    _auto = False
    _order = "total desc, id"
    _rec_name = "partner_id"
    _depends = {
        "account.account": ["account_type"],
        "account.move.line": [
            *("account_id", "amount_residual", "company_id", "date", "date_maturity"),
            *("parent_state", "partner_id", "reconciled"),
        ],
        "account.partial.reconcile": [
            *("amount", "credit_move_id", "debit_move_id", "max_date"),
        ],
        "res.partner": ["commercial_partner_id"],
    }

    partner_id = fields.Many2one("res.partner", "Main Customer", readonly=True)
    company_id = fields.Many2one("res.company", readonly=True)
    currency_id = fields.Many2one("res.currency", readonly=True)
    not_due = fields.Monetary(readonly=True)
    due_30 = fields.Monetary(string="1-30", readonly=True)
    due_60 = fields.Monetary(string="31-60", readonly=True)
    due_90 = fields.Monetary(string="61-90", readonly=True)
    due_older = fields.Monetary(string="Over 90", readonly=True)
    unused = fields.Monetary(
        string="Unused Credit",
        readonly=True,
        help="Payments and credit notes that were set against no invoice.",
    )
    total = fields.Monetary(readonly=True)
    oldest_due = fields.Date(readonly=True)

    @property
    def _table_query(self):
        day = self._billing_get_day()
        return SQL(
            """
            SELECT MIN(item.id) AS id, item.company_id, company.currency_id,
                   item.partner_id,
                   SUM(item.open) FILTER (WHERE item.late <= 0) AS not_due,
                   SUM(item.open) FILTER (WHERE item.late BETWEEN 1 AND 30) AS due_30,
                   SUM(item.open) FILTER (WHERE item.late BETWEEN 31 AND 60) AS due_60,
                   SUM(item.open) FILTER (WHERE item.late BETWEEN 61 AND 90) AS due_90,
                   SUM(item.open) FILTER (WHERE item.late > 90) AS due_older,
                   SUM(item.open) FILTER (WHERE item.late IS NULL) AS unused,
                   SUM(item.open) AS total,
                   MIN(item.due) FILTER (WHERE item.late > 0) AS oldest_due
              FROM (
                    SELECT id, company_id, partner_id, due, open,
                           CASE WHEN open > 0 THEN %(day)s::date - due END AS late
                      FROM (%(items)s) AS open_item WHERE open != 0
                   ) AS item
              JOIN res_company company ON company.id = item.company_id
          GROUP BY item.company_id, item.partner_id, company.currency_id
            """,
            day=day,
            items=self._get_items_query(day),
        )

    def _get_items_query(self, day):
        """Return SQL: what was left of each item on a day, as far as any can be.

        That is what is left of it now, and what was settled since: which is nothing of
        most items, and of all of them today.
        """
        since = SQL(
            """
            SELECT side.line_id, SUM(side.amount) AS amount
              FROM account_partial_reconcile, LATERAL (
                   VALUES (debit_move_id, amount), (credit_move_id, -amount)
                   ) AS side (line_id, amount)
             WHERE max_date > %s
          GROUP BY side.line_id
            """,
            day,
        )
        # Apart, so that what is open is found by the index that Odoo has for it.
        return SQL(" UNION ALL ").join(
            SQL(
                """
                SELECT l.id, l.company_id, partner.commercial_partner_id AS partner_id,
                       COALESCE(l.date_maturity, l.date) AS due,
                       l.amount_residual + COALESCE(since.amount, 0) AS open
                  FROM account_move_line l
                  JOIN account_account a
                    ON a.id = l.account_id AND a.account_type = 'asset_receivable'
                  JOIN res_partner partner ON partner.id = l.partner_id
                  %(join)s JOIN (%(since)s) AS since ON since.line_id = l.id
                 WHERE l.parent_state = 'posted' AND l.date <= %(day)s
                   AND l.reconciled %(is_settled)s
                """,
                day=day,
                since=since,
                join=SQL(join),
                is_settled=SQL(is_settled),
            )
            for join, is_settled in (("LEFT", "IS NOT TRUE"), ("", "IS TRUE"))
        )

    # === ACTION METHODS === #

    def action_billing_open_items(self):
        """Show the journal items that a row is made of, and what met them."""
        self.ensure_one()
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Receivable of %s", self.partner_id.display_name),
            "res_model": "account.move.line",
            "view_mode": "list",
            "domain": list(
                Domain("partner_id", "child_of", self.partner_id.id)
                & Domain("company_id", "=", self.company_id.id)
                & Domain("account_type", "=", "asset_receivable")
                & Domain("parent_state", "=", "posted")
                & Domain("date", "<=", self._billing_get_day())
            ),
            "context": {"create": False},
        }
