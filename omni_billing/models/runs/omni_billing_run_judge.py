from odoo import models
from odoo.service.model import PG_CONCURRENCY_EXCEPTIONS_TO_RETRY
from odoo.tools import format_amount

from ...tools.database import savepoint
from ...tools.explain import explain


class OmniBillingRun(models.Model):
    """Which customers a run bills, leaves out or parks, and why."""

    _inherit = "omni.billing.run"

    # === BUSINESS METHODS === #

    def _judge(self, line, transactions):
        """Say what would be done for a customer; the same for real and for a check.

        :return: whether there is something to bill.
        """
        partner, currency = line.partner_id, line.currency_id
        if not transactions:
            line._set_skipped(self.env._("There is nothing left to bill."))
            return False
        if not partner.active:
            line._park(
                self.env._(
                    "%(customer)s is archived. Unarchive the customer to bill.",
                    customer=partner.display_name,
                )
            )
            return False
        amount = self._get_total(transactions)
        if amount < 0:
            line._set_skipped(
                self.env._(
                    "Credits exceed the charges by %(amount)s: they stay unbilled.",
                    amount=format_amount(self.env, -amount, currency),
                ),
                amount,
            )
            return False
        if amount < self._get_minimum(currency):
            line._set_skipped(
                self.env._(
                    "%(amount)s is below the minimum.",
                    amount=format_amount(self.env, amount, currency),
                ),
                amount,
            )
            return False
        is_check = self.state == "checking"
        remark = line._find_warning() if is_check else False
        line._set_ready(transactions, amount, remark)
        return True

    def _get_total(self, transactions):
        """Return what an invoice of them comes to, signed."""
        company = self.company_id
        if company.tax_calculation_rounding_method == "round_globally":
            return transactions._get_totals()["amount_total"]
        currency = transactions.currency_id
        return currency.round(sum(transactions.mapped("amount_total")))

    def _get_minimum(self, currency):
        company = self.company_id
        return company.currency_id._convert(
            self.amount_minimum, currency, company, self.invoice_date
        )

    def _check_one(self, line, transactions):
        """Judge a customer in a dry run; what breaks it is said there, too."""
        try:
            with savepoint(self.env):
                self._judge(line, transactions)
        except PG_CONCURRENCY_EXCEPTIONS_TO_RETRY:
            raise
        except Exception as error:
            line._park(explain(self.env, error))
