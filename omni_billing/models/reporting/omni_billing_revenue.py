from odoo import api, fields, models
from odoo.tools import SQL


class OmniBillingRevenue(models.Model):
    """What customers were invoiced and what they paid, as the books have it (F18).

    One row for each journal item. Revenue is the income and the expense, as of rounding
    or a discount, of posted invoices and credit notes. Receipts are what came in from
    customers, or went back to them, on the day it is booked, used for an invoice or
    not: of a payment the side of the bank or of outstanding receipts; of a line of a
    bank statement that is set against a customer by itself, what is on their account.
    All amounts are in the currency of the company, and signed as a customer reads them.
    """

    _name = "omni.billing.revenue"
    _description = "Revenue and Receipts"
    _auto = False
    _order = "date desc, id desc"
    _depends = {
        "account.move": ["move_type", "partner_id", "statement_line_id"],
        "account.move.line": [
            *("account_id", "analytic_distribution", "balance", "billing_site_id"),
            *("company_id", "date", "display_type", "move_id", "parent_state"),
            *("partner_id", "payment_id"),
        ],
        "account.payment": ["outstanding_account_id", "partner_id", "partner_type"],
        "res.partner": ["commercial_partner_id"],
    }

    kind = fields.Selection(
        [("revenue", "Revenue"), ("tax", "Tax"), ("receipt", "Receipt")], readonly=True
    )
    date = fields.Date(string="Accounting Date", readonly=True)
    line_id = fields.Many2one("account.move.line", "Journal Item", readonly=True)
    move_id = fields.Many2one("account.move", "Entry", readonly=True)
    account_id = fields.Many2one("account.account", readonly=True)
    partner_id = fields.Many2one("res.partner", "Main Customer", readonly=True)
    company_id = fields.Many2one("res.company", readonly=True)
    currency_id = fields.Many2one("res.currency", readonly=True)
    site_id = fields.Many2one(
        "res.partner",
        readonly=True,
        help="Where it was used: of revenue that was billed here.",
    )
    is_distributed = fields.Boolean(
        string="In Analytic Accounts",
        readonly=True,
        help="Whether it has an analytic distribution.",
    )
    amount_revenue = fields.Monetary(string="Revenue", readonly=True)
    amount_tax = fields.Monetary(string="Tax", readonly=True)
    amount_receipt = fields.Monetary(string="Receipts", readonly=True)

    @property
    def _table_query(self):
        return SQL(
            """
            SELECT item.id, item.id AS line_id, item.kind, item.date, item.move_id,
                   item.account_id, item.company_id, item.site_id, item.is_distributed,
                   company.currency_id,
                   partner.commercial_partner_id AS partner_id,
                   CASE item.kind WHEN 'revenue' THEN item.amount END AS amount_revenue,
                   CASE item.kind WHEN 'tax' THEN item.amount END AS amount_tax,
                   CASE item.kind WHEN 'receipt' THEN item.amount END AS amount_receipt
              FROM (%s UNION ALL %s UNION ALL %s) AS item
              JOIN res_company company ON company.id = item.company_id
         LEFT JOIN res_partner partner ON partner.id = item.partner_id
            """,
            self._get_invoiced_query(),
            self._get_paid_query(),
            self._get_stated_query(),
        )

    @api.model
    def _get_invoiced_query(self):
        """Return SQL: revenue and tax of posted invoices and credit notes."""
        return SQL(
            """
            SELECT l.id, l.date, l.move_id, l.account_id, l.company_id,
                   m.partner_id, -l.balance AS amount, l.billing_site_id AS site_id,
                   l.analytic_distribution IS NOT NULL AS is_distributed,
                   CASE l.display_type WHEN 'tax' THEN 'tax' ELSE 'revenue' END AS kind
              FROM account_move_line l
              JOIN account_move m ON m.id = l.move_id
              JOIN account_account a ON a.id = l.account_id
             WHERE m.move_type IN ('out_invoice', 'out_refund', 'out_receipt')
               AND l.parent_state = 'posted'
               AND (l.display_type = 'tax'
                    OR l.display_type NOT IN ('payment_term', 'cogs')
                       AND (a.account_type LIKE 'income%%'
                         OR a.account_type LIKE 'expense%%'))
            """
        )

    @api.model
    def _get_paid_query(self):
        """Return SQL: the money of customers' payments."""
        return SQL(
            """
            SELECT l.id, l.date, l.move_id, l.account_id, l.company_id,
                   p.partner_id, l.balance AS amount, NULL, NULL, 'receipt' AS kind
              FROM account_payment p
              JOIN account_move_line l
                ON l.move_id = p.move_id AND l.account_id = p.outstanding_account_id
             WHERE p.partner_type = 'customer' AND l.parent_state = 'posted'
            """
        )

    @api.model
    def _get_stated_query(self):
        """Return SQL: what a bank statement sets against a customer by itself."""
        return SQL(
            """
            SELECT l.id, l.date, l.move_id, l.account_id, l.company_id,
                   l.partner_id, -l.balance AS amount, NULL, NULL, 'receipt' AS kind
              FROM account_move m
              JOIN account_move_line l ON l.move_id = m.id
              JOIN account_account a ON a.id = l.account_id
             WHERE m.statement_line_id IS NOT NULL AND l.parent_state = 'posted'
               AND a.account_type = 'asset_receivable'
            """
        )
