from odoo import fields, models
from odoo.tools import SQL


def get_earned(day):
    """Return SQL: what a line of a period comes to by a day, as a part of its amount.

    By days, and rounded on the sum so far, so that all parts together are the amount.
    """
    return SQL(
        """
        ROUND(item.amount
              * GREATEST(0, LEAST(%s, item.period_end) - item.period_start + 1)
              / (item.period_end - item.period_start + 1), item.digits)
        """,
        day,
    )


def get_items():
    """Return SQL: the posted invoice lines that are of a period, untaxed.

    What credits another is of the same period. In the currency of the company.
    """
    return SQL(
        """
        SELECT l.id, l.move_id, l.date, l.company_id, company.currency_id,
               currency.decimal_places AS digits, l.account_id, t.id AS transaction_id,
               t.commercial_partner_id AS partner_id, t.service_id,
               -l.balance AS amount,
               COALESCE(t.period_start, origin.period_start) AS period_start,
               COALESCE(t.period_end, origin.period_end) AS period_end
          FROM omni_billing_transaction t
          JOIN account_move_line l ON l.billing_transaction_id = t.id
          JOIN res_company company ON company.id = l.company_id
          JOIN res_currency currency ON currency.id = company.currency_id
     LEFT JOIN omni_billing_transaction origin ON origin.id = t.cancels_id
         WHERE l.parent_state = 'posted'
           AND COALESCE(t.period_start, origin.period_start) IS NOT NULL
        """
    )


class OmniBillingDeferralMixin(models.AbstractModel):
    """What reports on the periods of invoiced services tell of each invoice line."""

    _name = "omni.billing.deferral.mixin"
    _description = "Invoiced Service of a Period"
    _depends = {
        "account.move.line": [
            *("account_id", "balance", "billing_transaction_id", "company_id", "date"),
            *("move_id", "parent_state"),
        ],
        "omni.billing.transaction": [
            *("cancels_id", "commercial_partner_id", "period_end", "period_start"),
            "service_id",
        ],
    }

    date = fields.Date(string="Accounting Date", readonly=True)
    move_id = fields.Many2one("account.move", "Invoice", readonly=True)
    transaction_id = fields.Many2one("omni.billing.transaction", readonly=True)
    partner_id = fields.Many2one("res.partner", "Main Customer", readonly=True)
    service_id = fields.Many2one("omni.billing.service", readonly=True)
    account_id = fields.Many2one("account.account", readonly=True)
    company_id = fields.Many2one("res.company", readonly=True)
    currency_id = fields.Many2one("res.currency", readonly=True)


class OmniBillingDeferral(models.Model):
    """In which month invoiced services were used, or will be: revenue by period.

    One row for each invoice line and month. Each month has its part by days; parts are
    rounded so that together they are what was invoiced. Untaxed, in the currency of the
    company. Lines without a period are not here: they are of the day of their invoice.
    """

    _name = "omni.billing.deferral"
    _inherit = "omni.billing.deferral.mixin"
    _description = "Revenue by Period of Service"
    _auto = False
    _order = "month, id"

    month = fields.Date(string="Month of Use", readonly=True)
    amount = fields.Monetary(string="Revenue", readonly=True)

    @property
    def _table_query(self):
        return SQL(
            """
            SELECT ROW_NUMBER() OVER (ORDER BY item.id, part.month) AS id,
                   part.month::date AS month, item.date, item.move_id,
                   item.transaction_id, item.partner_id, item.service_id,
                   item.account_id, item.company_id, item.currency_id,
                   %(until)s - %(before)s AS amount
              FROM (%(items)s) AS item
        CROSS JOIN LATERAL generate_series(
                   date_trunc('month', item.period_start::timestamp),
                   item.period_end::timestamp, interval '1 month') AS part (month)
            """,
            items=get_items(),
            until=get_earned(SQL("(part.month + interval '1 month')::date - 1")),
            before=get_earned(SQL("part.month::date - 1")),
        )


class OmniBillingDeferred(models.Model):
    """What was invoiced until a day and is of use only after it (deferred revenue).

    Untaxed, in the currency of the company.
    """

    _name = "omni.billing.deferred"
    _inherit = ["omni.billing.deferral.mixin", "omni.billing.day.mixin"]
    _description = "Deferred Revenue"
    _auto = False
    _order = "period_end, id"

    period_start = fields.Date(readonly=True)
    period_end = fields.Date(readonly=True)
    invoiced = fields.Monetary(readonly=True)
    amount = fields.Monetary(string="Deferred", readonly=True)

    @property
    def _table_query(self):
        day = self._billing_get_day()
        return SQL(
            """
            SELECT item.id, item.date, item.move_id, item.transaction_id,
                   item.partner_id, item.service_id, item.account_id, item.company_id,
                   item.currency_id, item.period_start, item.period_end,
                   item.amount AS invoiced, item.amount - %(earned)s AS amount
              FROM (%(items)s) AS item
             WHERE item.date <= %(day)s AND item.period_end > %(day)s
            """,
            items=get_items(),
            earned=get_earned(SQL("%s::date", day)),
            day=day,
        )
