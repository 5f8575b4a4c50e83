from odoo import api, fields, models
from odoo.fields import Domain
from odoo.tools import SQL

from odoo.addons.omni_billing.models.desk.omni_billing_watch import DAY

from .res_company import METHOD

#: A file is brought so many days before the debit at the latest: banks ask for one
#: business day (EPC016, SEPA Direct Debit Core rulebook, 4.3), and a week has an end.
BRING_DAYS = 4
#: For so many days it is told what a bank's file had that is not ours.
TOLD_DAYS = 7


class OmniBillingWatch(models.Model):
    """Debit orders that the bank does not have yet, and what it told of others (W34)"""

    _inherit = "omni.billing.watch"
    _depends = {
        "account.payment": ["payment_order_id"],
        "account.payment.line": ["order_id"],
        "account.payment.lot": ["date", "order_id"],
        "account.payment.method": ["code"],
        "account.payment.method.line": ["payment_method_id"],
        "account.payment.order": ["company_id", "payment_method_line_id", "state"],
        "omni.billing.sepa.file": ["company_id", "foreign_count"],
        "res.company": ["billing_sepa_line_id"],
    }

    kind = fields.Selection(
        selection_add=[
            ("sepa_order", "SEPA Files to Bring to the Bank"),
            ("sepa_foreign", "SEPA Returns of Nothing Here"),
        ]
    )

    @api.model
    def _get_kinds(self):
        """Override: an order is late while it can still be brought in time.

        One that nobody confirms waits since something was put into it; a confirmed one
        not before it was confirmed, however short the notice is.

        What a file had that is not ours waits for nothing: it is told for a week.
        """
        return [
            *super()._get_kinds(),
            (33, "sepa_order", "SEPA Files to Bring to the Bank", DAY, 2 * DAY, False),
            (34, "sepa_foreign", "SEPA Returns of Nothing Here", None, None, False),
        ]

    @api.model
    def _get_advice(self):
        """Override: what to do about files."""
        return super()._get_advice() | {
            "sepa_order": self.env._(
                "Confirm a draft order, or cancel it: nothing else collects what it"
                " has. Generate the file of a confirmed one, bring it to the bank, and"
                " say so on the order. If its day is over, cancel the order and confirm"
                " it again: the customers are told of the new day."
            )
        }

    @api.model
    def _get_queries(self, now):
        """Override: files, of companies that collect by SEPA."""
        return [
            *super()._get_queries(now),
            SQL(
                """
                SELECT 'sepa_order', due.company_id, COUNT(*), 0, MIN(due.since)
                  FROM (
                    SELECT orders.company_id,
                           CASE orders.state
                           WHEN 'draft' THEN (
                                SELECT MIN(line.create_date)
                                  FROM account_payment_line line
                                 WHERE line.order_id = orders.id
                           ) ELSE GREATEST(
                                (
                                SELECT MIN(lot.date)::timestamp
                                       - %(days)s * INTERVAL '1 day'
                                  FROM account_payment_lot lot
                                 WHERE lot.order_id = orders.id
                                ),
                                (
                                SELECT MIN(payment.create_date)
                                  FROM account_payment payment
                                 WHERE payment.payment_order_id = orders.id
                                )
                           ) END AS since
                      FROM account_payment_order orders
                      JOIN res_company company ON company.id = orders.company_id
                       AND company.billing_sepa_line_id IS NOT NULL
                      JOIN account_payment_method_line way
                        ON way.id = orders.payment_method_line_id
                      JOIN account_payment_method method
                        ON method.id = way.payment_method_id AND method.code = %(code)s
                     WHERE orders.state IN ('draft', 'open', 'generated')
                  ) due
                 WHERE due.since <= %(now)s::timestamp
              GROUP BY due.company_id
                """,
                code=METHOD,
                days=BRING_DAYS,
                now=now,
            ),
            SQL(
                """
                SELECT 'sepa_foreign', company_id, SUM(foreign_count), 0,
                       NULL::timestamp
                  FROM omni_billing_sepa_file
                 WHERE create_date > %(now)s::timestamp - %(days)s * INTERVAL '1 day'
                   AND foreign_count > 0
              GROUP BY company_id
                """,
                now=now,
                days=TOLD_DAYS,
            ),
        ]

    def _open_sepa_order(self):
        filled = Domain("state", "=", "draft") & Domain("payment_line_ids", "!=", False)
        domain = list(Domain("state", "in", ("open", "generated")) | filled)
        return self._open_in_company(
            "omni_billing_sepa.account_payment_order_action_billing", domain
        )

    def _open_sepa_foreign(self):
        domain = [("foreign_count", ">", 0)]
        return self._open_in_company(
            "omni_billing_sepa.omni_billing_sepa_file_action", domain
        )
