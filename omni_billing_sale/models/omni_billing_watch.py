from odoo import api, fields, models
from odoo.tools import SQL

from odoo.addons.omni_billing.models.desk.omni_billing_watch import HOUR


class OmniBillingWatch(models.Model):
    """What was ordered or delivered, and is not in Billing (W38)."""

    _inherit = "omni.billing.watch"
    _depends = {
        "sale.order": ["billing_problem", "company_id"],
        "sale.order.line": ["billing_is_due", "company_id"],
    }

    kind = fields.Selection(selection_add=[("sale", "Orders to Put into Billing")])

    @api.model
    def _get_kinds(self):
        """Override: the job comes as soon as something is due."""
        return [
            *super()._get_kinds(),
            (35, "sale", "Orders to Put into Billing", 30, 4 * HOUR, False),
        ]

    @api.model
    def _get_advice(self):
        """Override: what to do about orders."""
        return super()._get_advice() | {
            "sale": self.env._(
                "The order says why something of it is not in Billing. If none says so,"
                " look whether the scheduled actions run."
            )
        }

    @api.model
    def _get_queries(self, now):
        """Override: lines that are due, and orders of which something failed."""
        return [
            *super()._get_queries(now),
            SQL(
                """
                SELECT 'sale', company_id, SUM(waiting), SUM(failed), MIN(since)
                  FROM (
                    SELECT line.company_id, COUNT(*) AS waiting, 0 AS failed,
                           MIN(line.write_date) AS since
                      FROM sale_order_line line
                     WHERE line.billing_is_due
                  GROUP BY line.company_id
                     UNION ALL
                    SELECT sold.company_id, 0, COUNT(*), NULL::timestamp
                      FROM sale_order sold
                     WHERE sold.billing_problem IS NOT NULL
                  GROUP BY sold.company_id
                  ) found
              GROUP BY company_id
                """
            ),
        ]

    def _open_sale(self):
        domain = [
            "|",
            ("billing_problem", "!=", False),
            ("order_line.billing_is_due", "=", True),
        ]
        return self._open_in_company("sale.action_orders", domain)
