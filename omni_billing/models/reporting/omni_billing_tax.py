from odoo import fields, models
from odoo.tools import SQL


class OmniBillingTax(models.Model):
    """What customers were taxed, by tax and period, as the books have it.

    One row for the base and one for the amount of each tax on each journal item of
    posted invoices and credit notes. Taxes of a group count one by one, and the base of
    a tax on a tax has that tax in it. In the currency of the company.
    """

    _name = "omni.billing.tax"
    _description = "Taxes by Rate"
    _auto = False
    _order = "date desc, id desc"
    _depends = {
        "account.move": ["move_type", "partner_id"],
        "account.move.line": [
            *("balance", "company_id", "date", "move_id", "parent_state"),
            *("tax_ids", "tax_line_id"),
        ],
        "account.tax": ["amount", "children_tax_ids"],
        "res.partner": ["commercial_partner_id"],
    }

    date = fields.Date(string="Accounting Date", readonly=True)
    move_id = fields.Many2one("account.move", "Invoice", readonly=True)
    partner_id = fields.Many2one("res.partner", "Main Customer", readonly=True)
    company_id = fields.Many2one("res.company", readonly=True)
    currency_id = fields.Many2one("res.currency", readonly=True)
    tax_id = fields.Many2one("account.tax", readonly=True)
    tax_group_id = fields.Many2one("account.tax.group", readonly=True)
    base = fields.Monetary(string="Taxed", readonly=True)
    amount = fields.Monetary(string="Tax Amount", readonly=True)

    @property
    def _table_query(self):
        return SQL(
            """
            SELECT ROW_NUMBER() OVER (ORDER BY item.line_id, item.tax_id, item.part)
                       AS id,
                   line.date, line.move_id, line.company_id, company.currency_id,
                   partner.commercial_partner_id AS partner_id,
                   item.tax_id, tax.tax_group_id,
                   CASE item.part WHEN 'base' THEN -line.balance ELSE 0 END AS base,
                   CASE item.part WHEN 'tax' THEN -line.balance ELSE 0 END AS amount
              FROM (
                    SELECT l.id AS line_id, COALESCE(f.child_tax, r.account_tax_id)
                               AS tax_id, 'base' AS part
                      FROM account_move_line l
                      JOIN account_move_line_account_tax_rel r
                        ON r.account_move_line_id = l.id
                 LEFT JOIN account_tax_filiation_rel f
                        ON f.parent_tax = r.account_tax_id
                     UNION ALL
                    SELECT l.id, l.tax_line_id, 'tax'
                      FROM account_move_line l WHERE l.tax_line_id IS NOT NULL
                   ) AS item
              JOIN account_move_line line ON line.id = item.line_id
              JOIN account_move move ON move.id = line.move_id
              JOIN account_tax tax ON tax.id = item.tax_id
              JOIN res_company company ON company.id = line.company_id
         LEFT JOIN res_partner partner ON partner.id = move.partner_id
             WHERE move.move_type IN ('out_invoice', 'out_refund', 'out_receipt')
               AND line.parent_state = 'posted'
            """
        )
