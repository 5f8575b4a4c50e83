from odoo import fields, models
from odoo.tools import SQL


class OmniBillingAccrued(models.Model):
    """What was used until a day, and was on no posted invoice then (accrued revenue).

    Charges and credits of the ledger by their date. What was billed or voided later was
    unbilled on that day. What is billed and void again counts as unbilled for all days,
    since its invoice counts for none. Untaxed, in the currency of the company at the
    rate of the day.
    """

    _name = "omni.billing.accrued"
    _inherit = "omni.billing.day.mixin"
    _description = "Accrued Revenue"
    _auto = False
    _order = "date, id"
    _depends = {
        "account.move": ["date", "state"],
        "omni.billing.transaction": [
            *("amount_untaxed", "commercial_partner_id", "company_id", "currency_id"),
            *("date", "invoice_id", "product_id", "service_id", "state"),
            *("transaction_type", "void_date"),
        ],
        "res.currency.rate": ["company_id", "currency_id", "name", "rate"],
    }

    transaction_id = fields.Many2one("omni.billing.transaction", readonly=True)
    date = fields.Date(string="Billing Date", readonly=True)
    partner_id = fields.Many2one("res.partner", "Main Customer", readonly=True)
    service_id = fields.Many2one("omni.billing.service", readonly=True)
    product_id = fields.Many2one("product.product", readonly=True)
    company_id = fields.Many2one("res.company", readonly=True)
    currency_id = fields.Many2one("res.currency", readonly=True)
    invoice_id = fields.Many2one("account.move", "Billed Later by", readonly=True)
    amount = fields.Monetary(string="Unbilled", readonly=True)

    @property
    def _table_query(self):
        day = self._billing_get_day()
        return SQL(
            """
            SELECT t.id, t.id AS transaction_id, t.date,
                   t.commercial_partner_id AS partner_id, t.service_id, t.product_id,
                   t.company_id, rate.own_id AS currency_id, t.invoice_id,
                   ROUND(t.amount_untaxed * rate.rate, rate.digits) AS amount
              FROM omni_billing_transaction t
              JOIN (VALUES %(rates)s)
                AS rate (company_id, currency_id, own_id, digits, rate)
                ON rate.company_id = t.company_id AND rate.currency_id = t.currency_id
         LEFT JOIN account_move m ON m.id = t.invoice_id
             WHERE t.transaction_type IN ('charge', 'credit')
               AND t.date <= %(day)s
               AND (m.id IS NULL OR m.state != 'posted' OR m.date > %(day)s)
               AND (t.state != 'void' OR t.void_date >= %(day)s::date + 1)
            """,
            day=day,
            rates=SQL(", ").join(self._get_rates(day)),
        )

    def _get_rates(self, day):
        """Return SQL values: into the currency of each company, from each other."""
        Currency = self.env["res.currency"].with_context(active_test=False)
        # There are some 170.
        currencies = Currency.search([])  # pylint: disable=no-search-all
        for company in self.env.companies or self.env.company:
            own = company.currency_id
            for currency in currencies:
                rate = currency._get_conversion_rate(currency, own, company, day)
                yield SQL(
                    "(%s, %s, %s, %s, %s::numeric)",
                    *(company.id, currency.id, own.id, own.decimal_places, rate),
                )
