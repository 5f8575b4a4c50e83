from odoo import api, fields, models
from odoo.tools import SQL

from ...tools.triggers import count_all


class OmniBillingTotal(models.Model):
    """Sums over all transactions and invoices of a company, for the cards above lists.

    With millions of rows nobody can add them up for each page. The database appends
    what each statement changes (`tools/triggers.py`): a row here is a difference, and
    a total is the sum of all that there are. Rows are added up by a job, by nobody
    else, and are never changed.
    """

    _name = "omni.billing.total"
    _description = "Total of a Billing List"
    _log_access = False

    model = fields.Char(required=True, readonly=True)
    company_id = fields.Many2one("res.company", readonly=True, ondelete="cascade")
    currency_id = fields.Many2one("res.currency", readonly=True)
    month = fields.Date(readonly=True)
    is_open = fields.Boolean(readonly=True)
    amount = fields.Monetary(readonly=True)
    open_amount = fields.Monetary(readonly=True)
    count = fields.Integer(readonly=True)

    @api.model
    def _sum_up(self, model, company, months):
        """Return amount and count of each card, of all rows of a company.

        :param months: first days of the next month, this one, the last, the one before.
        :return: a row for each currency, as `_billing_sum_rows` of the cards.
        """
        self.env[model].flush_model()
        _after, *months = months
        columns = [
            SQL("COALESCE(SUM(amount), 0), COALESCE(SUM(count), 0)"),
            SQL("COALESCE(SUM(open_amount) FILTER (WHERE is_open), 0)"),
            SQL("COALESCE(SUM(count) FILTER (WHERE is_open), 0)"),
        ]
        for month in months:
            columns += [
                SQL("COALESCE(SUM(amount) FILTER (WHERE month = %s), 0)", month),
                SQL("COALESCE(SUM(count) FILTER (WHERE month = %s), 0)", month),
            ]
        return self.env.execute_query(
            SQL(
                """
                SELECT currency_id, %s FROM omni_billing_total
                 WHERE model = %s AND company_id = %s
              GROUP BY currency_id HAVING SUM(count) != 0
                """,
                SQL(", ").join(columns),
                model,
                company.id,
            )
        )

    @api.model
    def _read_sums(self):
        """Return all totals added up, as text, each with an ``id`` that says of what.

        :rtype: list[dict[str, str]]
        """
        return [
            {"id": key, "sums": sums}
            for key, sums in self.env.execute_query(
                SQL(
                    """
                    SELECT (model, company_id, currency_id, month, is_open)::text,
                           (trim_scale(SUM(amount)),
                            trim_scale(SUM(open_amount)), SUM(count))::text
                      FROM omni_billing_total
                  GROUP BY model, company_id, currency_id, month, is_open
                    HAVING SUM(count) != 0
                  ORDER BY 1
                    """
                )
            )
        ]

    @api.model
    def _cron_fold(self):
        """Add up what was appended, so that there is little to read.

        Who writes appends meanwhile, and is not waited for.
        """
        keys = SQL("model, company_id, currency_id, month, is_open")
        [(rows, sums)] = self.env.execute_query(
            SQL("SELECT COUNT(*), COUNT(DISTINCT (%s)) FROM omni_billing_total", keys)
        )
        if rows == sums:
            return
        self.env.cr.execute(
            SQL(
                """
                WITH gone AS (DELETE FROM omni_billing_total RETURNING *)
                INSERT INTO omni_billing_total (%(keys)s, amount, open_amount, count)
                SELECT %(keys)s, SUM(amount), SUM(open_amount), SUM(count)
                  FROM gone
              GROUP BY %(keys)s
                HAVING SUM(count) != 0 OR SUM(amount) != 0 OR SUM(open_amount) != 0
                """,
                keys=keys,
            )
        )

    @api.model
    def _fill(self):
        """Count all that there is anew, in a database that nobody writes to."""
        self.env.flush_all()
        self.env.cr.execute("DELETE FROM omni_billing_total")
        mixin = "omni.billing.stats"
        for name in self.env.registry.descendants([mixin], "_inherit"):
            if name != mixin:
                counted = self.env[name]._billing_get_counted()
                self.env.cr.execute(count_all(*counted))
