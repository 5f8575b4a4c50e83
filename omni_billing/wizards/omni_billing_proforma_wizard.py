from datetime import timedelta

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.fields import Command
from odoo.tools import format_date, format_list

from ..const import MAX_TITLE_LENGTH
from ..tools.values import is_id
from .omni_billing_dialog_mixin import once

#: Days before today that a period starts by default (F43).
DEFAULT_PERIOD_DAYS = 14


class OmniBillingProformaWizard(models.TransientModel):
    """Preview the unbilled transactions of a customer and bill the chosen ones."""

    _name = "omni.billing.proforma.wizard"
    _inherit = "omni.billing.dialog.mixin"
    _description = "Generate a Proforma Invoice"
    _check_company_auto = True

    company_id = fields.Many2one(
        "res.company", required=True, default=lambda self: self.env.company
    )
    partner_id = fields.Many2one(
        "res.partner", string="Customer", required=True, check_company=True
    )
    title = fields.Char(
        compute="_compute_title", store=True, readonly=False, precompute=True
    )
    proposed_title = fields.Char(
        compute="_compute_title", store=True, readonly=False, precompute=True
    )
    customer_reference = fields.Char(
        string="Customer's Reference",
        help="The customer's own number for the invoice, like that of a purchase order."
        " Empty: those of what is billed.",
    )
    date_start = fields.Date(
        string="Start Date",
        default=lambda self: (
            fields.Date.context_today(self) - timedelta(days=DEFAULT_PERIOD_DAYS)
        ),
    )
    date_end = fields.Date(string="End Date", default=fields.Date.context_today)
    date_due = fields.Date(
        string="Due Date",
        compute="_compute_date_due",
        store=True,
        readonly=False,
        precompute=True,
    )
    invoice_date = fields.Date(
        required=True,
        default=fields.Date.context_today,
        help="The date of the invoice in the books.",
    )
    template_id = fields.Many2one(
        "omni.billing.template",
        string="Invoice Template",
        check_company=True,
        help="How the invoice looks. Empty: as set for the customer or the language.",
    )
    filter_text = fields.Char(
        string="Filter",
        help="Only transactions with this text in their title or description.",
    )
    currency_id = fields.Many2one(
        "res.currency",
        compute="_compute_currency_id",
        store=True,
        readonly=False,
        precompute=True,
        required=True,
    )
    currency_count = fields.Integer(compute="_compute_currency_count")
    line_ids = fields.One2many(
        "omni.billing.proforma.line",
        "wizard_id",
        compute="_compute_line_ids",
        store=True,
        readonly=False,
    )
    excluded_ids = fields.Json(
        default=list, help="The ids of the transactions that are taken out."
    )
    preview = fields.Json(
        compute="_compute_preview",
        help="The transactions and what the tax engine needs, for the web client.",
    )
    included_count = fields.Integer(compute="_compute_totals")
    amount_untaxed = fields.Monetary(string="Subtotal", compute="_compute_totals")
    amount_tax = fields.Monetary(string="Tax", compute="_compute_totals")
    amount_total = fields.Monetary(string="Total", compute="_compute_totals")
    problem = fields.Char(
        compute="_compute_problem", help="Why nothing can be generated now."
    )
    blocker = fields.Char(
        compute="_compute_blocker",
        help="Why nothing can be generated, whatever is excluded.",
    )
    setup_problem = fields.Char(
        compute="_compute_setup_problem", help="What the company lacks to bill."
    )

    # === COMPUTE METHODS === #

    @api.depends("date_start", "date_end", "partner_id")
    @api.depends_context("lang")
    def _compute_title(self):
        """Propose a title; one that was typed outlives a change of the period."""
        for wizard in self:
            proposed = wizard._propose_title()
            is_typed = wizard.title and wizard.title != wizard.proposed_title
            wizard.title = wizard.title if is_typed else proposed
            wizard.proposed_title = proposed

    @api.depends("partner_id", "company_id", "invoice_date")
    def _compute_date_due(self):
        """Propose today, or what the terms of the customer say (F45).

        An invoice of a later day is due on that day.
        """
        for wizard in self:
            wizard.date_due = wizard.partner_id._billing_get_due_date(
                wizard.company_id, wizard.invoice_date
            ) or max(
                wizard.invoice_date or fields.Date.context_today(wizard),
                fields.Date.context_today(wizard),
            )

    @api.depends("partner_id", "company_id")
    def _compute_currency_id(self):
        """Choose the company's currency, unless the customer has other ones only."""
        for wizard in self:
            own = wizard.company_id.currency_id
            currencies = wizard._find_currencies()
            wizard.currency_id = own if own in currencies else currencies[:1] or own

    @api.depends("partner_id", "company_id")
    def _compute_currency_count(self):
        for wizard in self:
            wizard.currency_count = len(wizard._find_currencies())

    @api.depends(
        "partner_id",
        "company_id",
        "currency_id",
        "date_start",
        "date_end",
        "filter_text",
    )
    def _compute_line_ids(self):
        """List what can be billed; what was excluded stays so (`excluded_ids`)."""
        for wizard in self:
            wizard.line_ids = [Command.clear()] + [
                Command.create({"transaction_id": transaction.id})
                for transaction in wizard._find_transactions()
            ]

    @api.depends("line_ids.transaction_id")
    def _compute_preview(self):
        for wizard in self:
            wizard.preview = wizard._prepare_preview()

    @api.depends("line_ids.included", "line_ids.transaction_id")
    def _compute_totals(self):
        for wizard in self:
            included = wizard.line_ids.filtered("included").transaction_id
            totals = included._get_totals()
            wizard.included_count = totals["count"]
            wizard.amount_untaxed = totals["amount_untaxed"]
            wizard.amount_tax = totals["tax_amount"]
            wizard.amount_total = totals["amount_total"]

    @api.depends("company_id")
    def _compute_setup_problem(self):
        for wizard in self:
            wizard.setup_problem = wizard.company_id._billing_explain_no_journal()

    @api.depends("line_ids.included", "blocker")
    def _compute_problem(self):
        for wizard in self:
            wizard.problem = wizard._find_problem()

    @api.depends(
        "line_ids.transaction_id",
        "date_start",
        "date_end",
        "date_due",
        "invoice_date",
        "partner_id",
        "title",
    )
    def _compute_blocker(self):
        for wizard in self:
            wizard.blocker = wizard._find_blocker()

    # === ACTION METHODS === #

    def action_select_all(self):
        """Include all shown transactions (F48)."""
        self.line_ids.included = True
        return True

    def action_clear_all(self):
        """Exclude all shown transactions (F48)."""
        self.line_ids.included = False
        return True

    @once
    def action_generate(self):
        """Bill the included transactions; the others stay unbilled (F53).

        :return: the action that opens the invoice.
        :raise UserError: if something is missing, or was billed meanwhile.
        """
        if problem := self._find_problem():
            raise UserError(problem)
        company = self.company_id
        company._billing_check_open(self.invoice_date, company._billing_get_journal())
        included = self.line_ids.filtered("included").transaction_id
        invoice = included._create_invoice(
            self.partner_id,
            title=self.title,
            date_start=self.date_start,
            date_end=self.date_end,
            date_due=self.date_due,
            invoice_date=self.invoice_date,
            payment_term=self._get_payment_term(),
            template=self.template_id,
            customer_reference=self.customer_reference,
            history=self._describe_choice(),
        )
        self.env["omni.billing.pdf.cache"]._ask_for(invoice)
        return invoice.action_billing_open_detail()

    # === HELPERS === #

    def _get_payment_term(self):
        """Return the customer's terms, as long as nobody chose another due date."""
        where = self.company_id, self.invoice_date
        if self.date_due == self.partner_id._billing_get_due_date(*where):
            return self.partner_id._billing_get_payment_term(self.company_id)
        return None

    def _propose_title(self):
        self.ensure_one()
        return self.partner_id._billing_propose_title(self.date_start, self.date_end)

    def _get_excluded_ids(self):
        """Return the ids that are taken out; a program may have sent other things."""
        ids = self.excluded_ids
        return set(filter(is_id, ids)) if isinstance(ids, list) else set()

    def _find_transactions(self):
        self.ensure_one()
        Transaction = self.env["omni.billing.transaction"]
        if not self.partner_id:
            return Transaction
        return Transaction.search(
            Transaction._get_billable_domain(
                self.company_id,
                self.partner_id,
                date_start=self.date_start,
                date_end=self.date_end,
                filter_text=self.filter_text,
                currency=self.currency_id,
            ),
            order="date, id",
        )

    def _find_currencies(self):
        """Return the currencies of what the customer has unbilled."""
        self.ensure_one()
        Transaction = self.env["omni.billing.transaction"]
        if not self.partner_id:
            return self.env["res.currency"]
        groups = Transaction._read_group(
            Transaction._get_billable_domain(self.company_id, self.partner_id),
            ["currency_id"],
        )
        return self.env["res.currency"].union(*(currency for (currency,) in groups))

    def _find_problem(self):
        """Return what keeps the button disabled (F52, F60), nothing if all is well."""
        self.ensure_one()
        if blocker := self._find_blocker():
            return blocker
        if not self.line_ids.filtered("included"):
            return self.env._(
                "All transactions are excluded. Include at least one of them."
            )
        return False

    def _find_blocker(self):
        self.ensure_one()
        if self.setup_problem:
            return self.setup_problem
        if not self.partner_id:
            return self.env._("Choose a customer.")
        if not self.partner_id.active:
            return self.env._(
                "%(customer)s is archived. Unarchive the customer to bill.",
                customer=self.partner_id.display_name,
            )
        if self.date_start and self.date_end and self.date_start > self.date_end:
            return self.env._(
                "The start date, %(start)s, is after the end date, %(end)s.",
                start=format_date(self.env, self.date_start),
                end=format_date(self.env, self.date_end),
            )
        if not self.date_due:
            return self.env._("Enter a due date.")
        if problem := self.env["omni.billing.transaction"]._find_wrong_due_date(
            self.date_due, self.invoice_date
        ):
            return problem
        if len(self.title or "") > MAX_TITLE_LENGTH:
            return self.env._(
                "The title has %(length)s characters, more than the %(maximum)s"
                " allowed.",
                length=len(self.title),
                maximum=MAX_TITLE_LENGTH,
            )
        if not self.line_ids:
            if payers := self.partner_id._billing_list_payers(self.company_id):
                return self.env._(
                    "Nothing is billed to %(customer)s here. Others pay what is used:"
                    " bill %(payers)s.",
                    customer=self.partner_id.display_name,
                    payers=format_list(self.env, payers.mapped("display_name")),
                )
            return self.env._(
                "Unable to generate the invoice - No transaction found. Check the"
                " transactions of the customer, widen the period or remove the filter."
            )
        return False

    def _prepare_preview(self):
        """Return what the web client shows, and computes totals with.

        The base lines are those of the invoice; the taxes have the fields that Odoo's
        tax engine reads in JavaScript (`account/static/src/helpers/account_tax.js`).
        """
        self.ensure_one()
        transactions = self.line_ids.transaction_id
        taxes = transactions.tax_ids | transactions.tax_ids.children_tax_ids
        company, currency = self.company_id, self.currency_id
        return {
            "company": {
                "tax_calculation_rounding_method": (
                    company.tax_calculation_rounding_method
                ),
                "currency_id": self._prepare_preview_currency(company.currency_id),
            },
            "currency": self._prepare_preview_currency(currency),
            "balance": self._get_balance(),
            "taxes": self._prepare_preview_taxes(taxes),
            "lines": [
                {
                    "id": transaction.id,
                    "date": fields.Date.to_string(transaction.date),
                    "name": transaction.name,
                    "description": transaction.description or "",
                    "participant": transaction._get_participant_name(),
                    "amount_untaxed": transaction.amount_untaxed,
                    "tax_amount": transaction.tax_amount,
                    "tax_percentage": transaction.tax_percentage,
                    "amount_total": transaction.amount_total,
                    "price_unit": base_line["price_unit"],
                    "quantity": base_line["quantity"],
                    "tax_ids": transaction.tax_ids.ids,
                    "extra_tax_data": base_line.get("extra_tax_data"),
                }
                for transaction, base_line in zip(
                    transactions, transactions._prepare_base_lines(), strict=True
                )
            ],
        }

    def _get_balance(self):
        """Return what the customer owes on invoices, less credit; nothing if that is
        not in the currency of this invoice."""
        customer = self.partner_id.commercial_partner_id.with_company(self.company_id)
        if not customer or self.currency_id != self.company_id.currency_id:
            return None
        return customer.billing_balance

    @api.model
    def _prepare_preview_currency(self, currency):
        return {
            "id": currency.id,
            "rounding": currency.rounding,
            "decimal_places": currency.decimal_places,
        }

    @api.model
    def _prepare_preview_taxes(self, taxes):
        values = {
            tax.id: {
                "id": tax.id,
                "sequence": tax.sequence,
                "amount": tax.amount,
                "amount_type": tax.amount_type,
                "price_include": tax.price_include,
                "include_base_amount": tax.include_base_amount,
                "is_base_affected": tax.is_base_affected,
                "has_negative_factor": tax.has_negative_factor,
            }
            for tax in taxes
        }
        for tax in taxes:
            values[tax.id]["children_tax_ids"] = [
                values[child.id] for child in tax.children_tax_ids
            ]
        return values


class OmniBillingProformaLine(models.TransientModel):
    """One transaction of the preview, in or out (F46-F49)."""

    _name = "omni.billing.proforma.line"
    _inherit = "omni.billing.dialog.mixin"
    _description = "Proforma Invoice Line"

    wizard_id = fields.Many2one(
        "omni.billing.proforma.wizard", required=True, index=True, ondelete="cascade"
    )
    transaction_id = fields.Many2one(
        "omni.billing.transaction", required=True, ondelete="cascade"
    )
    included = fields.Boolean(
        compute="_compute_included", inverse="_inverse_included", readonly=False
    )
    currency_id = fields.Many2one(
        related="transaction_id.currency_id", related_sudo=False
    )
    date = fields.Date(related="transaction_id.date", related_sudo=False)
    name = fields.Char(related="transaction_id.name", related_sudo=False)
    description = fields.Text(related="transaction_id.description", related_sudo=False)
    transaction_type = fields.Selection(
        related="transaction_id.transaction_type", related_sudo=False
    )
    amount_untaxed = fields.Monetary(
        related="transaction_id.amount_untaxed", related_sudo=False
    )
    tax_amount = fields.Monetary(
        related="transaction_id.tax_amount", related_sudo=False
    )
    tax_percentage = fields.Float(
        related="transaction_id.tax_percentage", related_sudo=False
    )
    amount_total = fields.Monetary(
        related="transaction_id.amount_total", related_sudo=False
    )

    @api.depends("wizard_id.excluded_ids", "transaction_id")
    def _compute_included(self):
        for wizard, lines in self.grouped("wizard_id").items():
            excluded = wizard._get_excluded_ids()
            for line in lines:
                line.included = line.transaction_id.id not in excluded

    def _inverse_included(self):
        for wizard, lines in self.grouped("wizard_id").items():
            included = lines.filtered("included").transaction_id
            excluded = lines.transaction_id - included
            wizard.excluded_ids = sorted(
                wizard._get_excluded_ids() - set(included.ids) | set(excluded.ids)
            )
