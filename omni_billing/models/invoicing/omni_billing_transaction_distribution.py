from odoo import api, models
from odoo.exceptions import ValidationError
from odoo.tools import SQL, format_list

from ...tools.memo import remember
from ...tools.write_guard import is_trusted, trust


class OmniBillingTransaction(models.Model):
    """Site and analytic distribution, in step with the line of the invoice (F183)."""

    _inherit = "omni.billing.transaction"

    # === CRUD METHODS === #

    def write(self, vals):
        """Override: what is told of a transaction is told of its line."""
        result = super().write(vals)
        if not is_trusted(self.env):
            if "site_id" in vals:
                self._write_on_lines("billing_site_id", lambda t: t.site_id.id)
            if "analytic_distribution" in vals:
                self._write_on_lines(
                    "analytic_distribution", lambda t: t.analytic_distribution or False
                )
        return result

    def _write_on_lines(self, name, get_value):
        """Write a field of the lines on which these are, if it is another one there.

        Odoo makes the analytic items of a posted line anew.
        """
        # sudo: who may tell it of the transaction may tell it of the line.
        lines = self.sudo().invoice_line_ids
        wanted = {line: get_value(line.billing_transaction_id) for line in lines}
        changed = lines.filtered(
            lambda line: (
                line._fields[name].convert_to_write(line[name], line) != wanted[line]
            )
        )
        for same in changed.grouped(lambda line: repr(wanted[line])).values():
            trust(same).write({name: wanted[same[0]]})

    # === BUSINESS METHODS === #

    @api.model
    def _take_distributions(self, invoices):
        """Take over what Odoo found for the lines, and see that nothing is missing.

        :param invoices: `account.move`, made of transactions and not posted yet.
        :raise ValidationError: if a plan that is mandatory has less, or more, than 100
            percent of a line.
        """
        has_models = remember(
            self.env, "distribution models", self._have_distribution_models
        )
        lines = invoices.invoice_line_ids
        if has_models:
            for line in lines:
                transaction = line.billing_transaction_id
                if transaction.analytic_distribution != line.analytic_distribution:
                    trust(
                        transaction
                    ).analytic_distribution = line.analytic_distribution
        if remember(self.env, "mandatory plans", self._have_mandatory_plans):
            for line in lines.filtered("has_invalid_analytics"):
                self._raise_not_distributed(line)

    @api.model
    def _have_mandatory_plans(self):
        """Whether there are lines on which some analytic plan is mandatory."""
        self.env["account.analytic.plan"].flush_model(["default_applicability"])
        self.env["account.analytic.applicability"].flush_model(["applicability"])
        [[found]] = self.env.execute_query(
            SQL(
                "SELECT EXISTS (SELECT 1 FROM account_analytic_applicability"
                " WHERE applicability = 'mandatory')"
                " OR EXISTS (SELECT 1 FROM account_analytic_plan"
                " WHERE default_applicability::text LIKE '%%\"mandatory\"%%')"
            )
        )
        return found

    def _raise_not_distributed(self, line):
        # sudo: who bills need not see the plans; their names say what is missing.
        Plan = self.env["account.analytic.plan"].sudo().with_company(line.company_id)
        plans = Plan.get_relevant_plans(
            business_domain="invoice",
            company_id=line.company_id.id,
            product=line.product_id.id,
            account=line.account_id.id,
        )
        names = [plan["name"] for plan in plans if plan["applicability"] == "mandatory"]
        raise ValidationError(
            self.env._(
                "“%(title)s” of %(customer)s needs an analytic distribution of 100%% in"
                " these plans: %(plans)s. Enter it on the transaction, and bill it"
                " again.",
                title=line.billing_transaction_id.name,
                customer=line.partner_id.display_name,
                plans=format_list(self.env, names),
            )
        )
