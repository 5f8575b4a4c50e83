from collections import defaultdict
from datetime import timedelta

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.fields import Command, Domain
from odoo.tools import SQL, format_date

from .omni_billing_dialog_mixin import once


class OmniBillingDayWizard(models.TransientModel):
    """Show what customers owe, what is unbilled or what is deferred, as of a day.

    What is unbilled or deferred can be booked: one entry on the day, and its reversal
    on the next, as accountants close a period.
    """

    _name = "omni.billing.day.wizard"
    _inherit = "omni.billing.dialog.mixin"
    _description = "Report as of a Day"

    report = fields.Selection(
        [
            ("aged", "Aged Receivables"),
            ("accrued", "Accrued Revenue"),
            ("deferred", "Deferred Revenue"),
        ],
        required=True,
        default="aged",
    )
    company_id = fields.Many2one(
        "res.company", required=True, default=lambda self: self.env.company
    )
    day = fields.Date(string="As of", required=True, default=fields.Date.context_today)
    journal_id = fields.Many2one(
        "account.journal",
        compute="_compute_journal_id",
        store=True,
        readonly=False,
        domain="[('type', '=', 'general'), ('company_id', '=', company_id)]",
    )
    account_id = fields.Many2one(
        "account.account",
        string="Balance Sheet Account",
        compute="_compute_account_id",
        store=True,
        readonly=False,
        help="Of accrued revenue, an asset; of deferred revenue, a liability.",
    )

    @api.depends("company_id")
    def _compute_journal_id(self):
        for wizard in self:
            company = wizard.company_id
            journal = company.automatic_entry_default_journal_id
            wizard.journal_id = journal or company._billing_find_journal(["general"])

    @api.depends("company_id", "report")
    def _compute_account_id(self):
        for wizard in self:
            accrual = wizard.company_id.revenue_accrual_account_id
            wizard.account_id = accrual if wizard.report == "accrued" else False

    # === ACTION METHODS === #

    def action_show(self):
        """Open the report of the day."""
        self.ensure_one()
        name = f"omni_billing.omni_billing_{self.report}_action"
        action = self.env["ir.actions.act_window"]._for_xml_id(name)
        action["context"] = {"billing_as_of": fields.Date.to_string(self.day)}
        action["display_name"] = self.env._(
            "%(report)s as of %(day)s",
            report=action["name"],
            day=format_date(self.env, self.day),
        )
        return action

    @once
    def action_book(self):
        """Book what the report comes to: on the day, and back on the next.

        :raise UserError: if there is nothing to book, or it was booked already.
        """
        self._check_bookable()
        entry = self.env["account.move"].create(self._prepare_entry())
        entry.action_post()
        next_day = self.day + timedelta(days=1)
        reversal = entry._reverse_moves([{"date": next_day, "ref": entry.ref}])
        reversal.action_post()
        return {
            "type": "ir.actions.act_window",
            "res_model": "account.move",
            "name": entry.ref,
            "view_mode": "list,form",
            "views": [(False, "list"), (False, "form")],
            "domain": [("id", "in", (entry + reversal).ids)],
        }

    # === BUSINESS METHODS === #

    def _check_bookable(self):
        """Check that the entry can be made, and was not.

        :raise UserError: if not.
        """
        if self.report == "aged":
            raise UserError(self.env._("What customers owe is booked already."))
        if not (self.journal_id and self.account_id):
            raise UserError(self.env._("Choose the journal and the account."))
        sold = Domain("company_id", "=", self.company_id.id)
        if self.report == "accrued" and self.env["omni.billing.stale"]._find_in(sold):
            raise UserError(
                self.env._(
                    "Taxes were changed, and the amounts of what is unbilled are being"
                    " computed anew. Nothing was booked: try again in a few minutes."
                )
            )
        booked = self.env["account.move"].search(
            [
                ("ref", "=", self._get_reference()),
                ("company_id", "=", self.company_id.id),
                ("state", "=", "posted"),
                ("date", "=", self.day),
                ("reversed_entry_id", "=", False),
            ],
            limit=1,
        )
        if booked:
            raise UserError(
                self.env._(
                    "%(entry)s has booked it already. Reset it to draft, with its"
                    " reversal, to book it anew.",
                    entry=booked.name,
                )
            )

    def _get_reference(self):
        # The same in all languages: it is what tells whether it is booked.
        return f"{self.report.capitalize()} revenue {self.day}"

    def _prepare_entry(self):
        """Return the values of the entry: an item for each account and distribution."""
        sign = 1 if self.report == "accrued" else -1
        currency = self.company_id.currency_id
        items = [
            (account, counted, -currency.round(sign * amount))
            for account, counted, amount in self._read_amounts()
            if not currency.is_zero(amount)
        ]
        if not items:
            raise UserError(self._explain_nothing())
        total = -sum(balance for _account, _counted, balance in items)
        # What is on the balance sheet is counted for nothing.
        items.append((self.account_id, None, total))
        return {
            "move_type": "entry",
            "date": self.day,
            "ref": self._get_reference(),
            "journal_id": self.journal_id.id,
            "line_ids": [
                Command.create(
                    {
                        "account_id": account.id,
                        "name": self._get_reference(),
                        "balance": balance,
                        "analytic_distribution": counted or False,
                    }
                )
                for account, counted, balance in items
            ],
        }

    def _explain_nothing(self):
        lines = self.env["account.move.line"]
        if self.report == "deferred" and lines._billing_defers():
            return self.env._(
                "There is nothing to book on that day: what has start and end dates is"
                " in Odoo's own deferred entries."
            )
        return self.env._("There is nothing to book on that day.")

    def _read_amounts(self):
        """Return what the report comes to, untaxed, as its transactions are counted.

        :return: of each income account and analytic distribution, the amount.
        :rtype: list[tuple]
        """
        if self.report == "deferred":
            accounts = self.env["account.account"]
            return [
                (accounts.browse(account), counted, amount)
                for account, counted, amount in self._read_report("account_id")
            ]
        products = self.env["product.product"]
        amounts = defaultdict(float)
        for product, counted, amount in self._read_report("product_id"):
            account = self._get_income_account(products.browse(product))
            key = counted and tuple(sorted(counted.items()))
            amounts[account, key] += amount
        return [
            (account, key and dict(key), amount)
            for (account, key), amount in amounts.items()
        ]

    def _read_report(self, name):
        """Return the sums of the report by a field and by distribution."""
        report = self.env[f"omni.billing.{self.report}"]
        report = report.with_context(billing_as_of=self.day)
        self.env["omni.billing.transaction"].flush_model(["analytic_distribution"])
        query = report._search([("company_id", "=", self.company_id.id)])
        columns = [
            report._field_to_sql(query.table, each, query)
            for each in ("id", name, "transaction_id", "amount")
        ]
        return self.env.execute_query(
            SQL(
                """
                SELECT row.of_id, item.analytic_distribution, SUM(row.amount)
                  FROM (%s) AS row (id, of_id, transaction_id, amount)
                  JOIN omni_billing_transaction item ON item.id = row.transaction_id
                 WHERE %s
              GROUP BY row.of_id, item.analytic_distribution
              ORDER BY row.of_id, item.analytic_distribution
                """,
                query.select(*columns),
                self._get_condition(),
            )
        )

    def _get_condition(self):
        """Return SQL: what is booked by us, and not by Odoo's own deferred entries."""
        lines = self.env["account.move.line"]
        if self.report != "deferred" or not lines._billing_defers():
            return SQL("TRUE")
        lines.flush_model(["deferred_end_date"])
        return SQL(
            """
            NOT EXISTS (SELECT 1 FROM account_move_line line
                         WHERE line.id = row.id AND line.deferred_end_date IS NOT NULL)
            """
        )

    def _get_income_account(self, product):
        """Return where an invoice of a product, or of none, would be booked.

        :raise UserError: if that is nowhere.
        """
        company = self.company_id
        account = self.env["account.account"]
        if product:
            template = product.with_company(company).product_tmpl_id
            account = template.get_product_accounts()["income"]
        account = account or company._billing_get_journal().default_account_id
        if not account:
            raise UserError(
                self.env._("Set a default account on the sales journal first.")
            )
        return account
