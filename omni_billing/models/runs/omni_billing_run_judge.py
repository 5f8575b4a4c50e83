from datetime import datetime, time

from odoo import fields, models
from odoo.service.model import PG_CONCURRENCY_EXCEPTIONS_TO_RETRY
from odoo.tools import format_date

from ...tools.database import savepoint
from ...tools.explain import explain
from ...tools.numbers import format_amount


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
        if self.state == "checking":
            remarks = [
                line._find_warning(amount),
                self._find_not_automatic(transactions),
                self._find_later(transactions),
            ]
            remark = " ".join(filter(None, remarks)) or False
            line._set_ready(transactions, amount, remark)
        return True

    def _get_total(self, transactions):
        """Return what an invoice of them comes to, signed."""
        company = self.company_id
        if self.state != "checking":
            # Of what is computed for the invoice, which follows.
            ordered = transactions.sorted(lambda t: (t.date, t.id))
            computed = ordered._compute_invoice(self.invoice_date)
            lines = computed.amounts.values()
            total = sum(line["amount_total"] for line in lines)
            return transactions.currency_id.round(computed.sign * total)
        if company.tax_calculation_rounding_method == "round_globally":
            return transactions._get_totals()["amount_total"]
        currency = transactions.currency_id
        return currency.round(sum(transactions.mapped("amount_total")))

    def _get_minimum(self, currency):
        company = self.company_id
        return company.currency_id._convert(
            self.amount_minimum, currency, company, self.invoice_date
        )

    # === BUSINESS METHODS - CHECK === #

    def _get_check_moment(self):
        """Return when the run would bill, for a check: services are due until then.

        As it is scheduled, or else at the end of its period, if that is to come.
        """
        now = fields.Datetime.now()
        if self.scheduled_at and self.scheduled_at > now:
            return self.scheduled_at
        return max(now, datetime.combine(self.date_end, time(23, 59)))

    def _find_served(self):
        """Return customers and currencies that services may charge until then."""
        Service = self.env["omni.billing.service"]
        return Service._read_group(
            Service._get_due_domain(self._get_check_moment(), self.company_id),
            ["commercial_partner_id", "currency_id"],
        )

    def _preview_services(self, customers):
        """Return what services would charge until then, of what the run bills.

        :return: `omni.billing.transaction` that are not in the database.
        """
        charges = self.env["omni.billing.service"]._preview_all_due(
            self._get_check_moment(), self.company_id, customers
        )
        return charges.filtered_domain(self._get_transaction_domain())

    def _find_later(self, transactions):
        """Return which part is billed only if the run waits until it is due."""
        if self.scheduled_at:
            return False
        today = fields.Date.context_today(self)
        later = transactions.filtered(lambda t: not t.id and t.date > today)
        if not later:
            return False
        return self.env._(
            "%(amount)s of it is of services that are due until %(date)s: bill then, or"
            " it waits for a later run.",
            amount=format_amount(
                self.env, self._get_total(later), transactions.currency_id
            ),
            date=format_date(self.env, max(later.mapped("date"))),
        )

    def _check_one(self, line, transactions):
        """Judge a customer in a dry run; what breaks it is said there, too.

        :return: whether nothing broke.
        """
        if not transactions:
            # Only its services said that it may be in the run.
            line.unlink()
            return True
        try:
            with savepoint(self.env):
                self._judge(line, transactions)
        except PG_CONCURRENCY_EXCEPTIONS_TO_RETRY:
            raise
        except Exception as error:
            line._park(explain(self.env, error))
            return False
        return True
