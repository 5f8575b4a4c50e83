from collections import defaultdict

from odoo import api, fields, models
from odoo.exceptions import AccessError, LockError, UserError, ValidationError
from odoo.fields import Domain
from odoo.tools import SQL, format_amount, format_date, format_list

from ..const import LOWERING_TYPES, MAX_AMOUNT, MAX_TITLE_LENGTH
from ..tools.memory import remember
from ..tools.money import has_excess_decimals
from ..tools.trust import is_trusted, trust, without_defaults
from ..tools.values import check_new, check_text, check_values

#: Written by business methods alone: they say where a transaction stands.
STATE_FIELDS = {
    "state",
    "invoice_id",
    "is_free",
    "is_refund",
    "payment_id",
    "partial_id",
    "payment_reference",
    "cancels_id",
    "void_reason",
    "void_date",
    "void_user_id",
    "tax_percentage",
    "amount_untaxed",
    "tax_amount",
    "amount_total",
    "commercial_partner_id",
    "period_start",
    "period_end",
    "service_part",
}
#: What a person may edit while the transaction is unbilled.
ENTERED_FIELDS = {
    "name",
    "description",
    "transaction_type",
    "credit_type_id",
    "partner_id",
    "company_id",
    "currency_id",
    "date",
    "retail_cost",
    "tax_included",
    "tax_ids",
    "product_id",
    "service_id",
    "site_id",
    "external_ref",
}
#: What stays editable on an unbilled credit: a wrong credit is voided, or balanced by
#: another one, so that its history can be read (F28).
CREDIT_EDITABLE_FIELDS = {"name", "description", "date", "service_id", "site_id"}

#: What is no matter of money, and may be told after the invoice (F183).
ALWAYS_EDITABLE_FIELDS = {"site_id"}


class OmniBillingTransaction(models.Model):
    """A charge or a credit of a customer, unbilled until it is put on an invoice.

    Payments have an entry here too (F135), so that the transactions of a customer
    read as a ledger: what was charged and credited (revenue), and what money came in
    (receipts, F25). All three amounts are signed: credits and payments are negative.
    """

    _name = "omni.billing.transaction"
    _inherit = ["omni.billing.stats"]
    _description = "Billing Transaction"
    _order = "date desc, id desc"
    _billing_open_filter = "unbilled"
    _check_company_auto = True

    # Who entered it is not the customer's to read.
    create_uid = fields.Many2one(
        "res.users", string="Created by", readonly=True, groups="base.group_user"
    )
    write_uid = fields.Many2one(
        "res.users", string="Last Updated by", readonly=True, groups="base.group_user"
    )
    name = fields.Char(
        string="Title",
        compute="_compute_name",
        store=True,
        readonly=False,
        precompute=True,
        required=True,
    )
    description = fields.Text()
    transaction_type = fields.Selection(
        [("charge", "Charge"), ("credit", "Credit"), ("payment", "Payment")],
        string="Type",
        required=True,
        default="charge",
    )
    credit_type_id = fields.Many2one("omni.billing.credit.type", ondelete="restrict")
    company_id = fields.Many2one(
        "res.company",
        required=True,
        default=lambda self: self.env.company,
    )
    partner_id = fields.Many2one(
        "res.partner",
        string="Customer",
        required=True,
        index=True,
        check_company=True,
        ondelete="restrict",
    )
    commercial_partner_id = fields.Many2one(
        related="partner_id.commercial_partner_id",
        string="Main Customer",
        store=True,
        precompute=True,
    )
    date = fields.Date(
        string="Billing Date", required=True, default=fields.Date.context_today
    )
    product_id = fields.Many2one(
        "product.product",
        check_company=True,
        ondelete="restrict",
        domain="[('sale_ok', '=', True)]",
    )
    service_id = fields.Many2one(
        "omni.billing.service",
        check_company=True,
        index="btree_not_null",
        ondelete="restrict",
        domain="[('commercial_partner_id', '=', commercial_partner_id)]",
    )
    site_id = fields.Many2one(
        "res.partner",
        check_company=True,
        domain="[('id', 'child_of', commercial_partner_id)]",
    )
    period_start = fields.Date(readonly=True, copy=False)
    period_end = fields.Date(readonly=True, copy=False)
    service_part = fields.Integer(
        default=0,
        readonly=True,
        copy=False,
        aggregator=None,
        groups="base.group_user",
        help="Of a recurring service: 0 is the charge of the period, 1 and up are its"
        " adjustments, -1 is the set-up fee.",
    )
    external_ref = fields.Char(
        string="External Reference",
        copy=False,
        help="Identifies the transaction in the system that it comes from. Unique in"
        " a company: importing the same row twice creates nothing.",
        groups="base.group_user",
    )

    # === Amounts, in the currency of the transaction === #
    currency_id = fields.Many2one(
        "res.currency",
        compute="_compute_currency_id",
        store=True,
        readonly=False,
        precompute=True,
        required=True,
    )
    retail_cost = fields.Monetary(
        compute="_compute_retail_cost",
        store=True,
        readonly=False,
        precompute=True,
        required=True,
        help="Always positive: the type says whether it is charged or credited.",
    )
    tax_included = fields.Boolean(
        string="Taxes Included",
        help="The retail cost is what the customer pays, taxes included.",
    )
    tax_ids = fields.Many2many(
        "account.tax",
        string="Taxes",
        compute="_compute_tax_ids",
        store=True,
        readonly=False,
        precompute=True,
        check_company=True,
        domain="[('type_tax_use', '=', 'sale')]",
    )
    tax_percentage = fields.Float(
        string="Tax %",
        compute="_compute_amounts",
        store=True,
        precompute=True,
        aggregator=None,
        help="Tax on the amount before tax, in percent.",
    )
    amount_untaxed = fields.Monetary(
        string="Amount", compute="_compute_amounts", store=True, precompute=True
    )
    tax_amount = fields.Monetary(
        string="Tax", compute="_compute_amounts", store=True, precompute=True
    )
    amount_total = fields.Monetary(
        string="Total", compute="_compute_amounts", store=True, precompute=True
    )
    amount_revenue = fields.Monetary(
        string="Revenue", compute="_compute_ledger_columns"
    )
    amount_receipt = fields.Monetary(
        string="Receipts", compute="_compute_ledger_columns"
    )

    # === Where it stands === #
    state = fields.Selection(
        [("unbilled", "Unbilled"), ("invoiced", "Invoiced"), ("void", "Void")],
        string="Status",
        required=True,
        readonly=True,
        default="unbilled",
        copy=False,
    )
    invoice_id = fields.Many2one(
        "account.move",
        readonly=True,
        copy=False,
        index="btree_not_null",
        check_company=True,
        ondelete="restrict",
    )
    invoice_line_ids = fields.One2many(
        "account.move.line", "billing_transaction_id", readonly=True
    )
    is_free = fields.Boolean(
        string="Free",
        readonly=True,
        copy=False,
        help="Given to the customer: it left the balance for good.",
    )
    cancels_id = fields.Many2one(
        "omni.billing.transaction",
        readonly=True,
        copy=False,
        check_company=True,
        ondelete="restrict",
        groups="base.group_user",
        help="The item of an invoice that this credit takes back.",
    )
    canceled_by_ids = fields.One2many(
        "omni.billing.transaction",
        "cancels_id",
        string="Canceled by",
        readonly=True,
        domain=[("state", "!=", "void")],
        groups="base.group_user",
    )
    is_canceled = fields.Boolean(
        string="Canceled", compute="_compute_is_canceled", groups="base.group_user"
    )
    void_reason = fields.Char(readonly=True, copy=False, groups="base.group_user")
    void_date = fields.Datetime(
        string="Voided on", readonly=True, copy=False, groups="base.group_user"
    )
    void_user_id = fields.Many2one(
        "res.users",
        string="Voided by",
        readonly=True,
        copy=False,
        groups="base.group_user",
    )

    # === Payment entries === #
    payment_id = fields.Many2one(
        "account.payment",
        readonly=True,
        copy=False,
        index="btree_not_null",
        ondelete="set null",
        groups="base.group_user",
    )
    partial_id = fields.Many2one(
        "account.partial.reconcile",
        string="Reconciliation",
        readonly=True,
        copy=False,
        index="btree_not_null",
        ondelete="set null",
        groups="base.group_user",
        help="What this entry records.",
    )
    payment_reference = fields.Char(readonly=True, copy=False)
    is_refund = fields.Boolean(
        readonly=True, copy=False, help="Money that went back to the customer."
    )

    _retail_cost_positive = models.Constraint(
        "CHECK(retail_cost > 0)", "The retail cost must be more than zero."
    )
    _state_invoice = models.Constraint(
        "CHECK((state = 'invoiced' AND invoice_id IS NOT NULL)"
        " OR (state = 'unbilled' AND invoice_id IS NULL) OR state = 'void')",
        "A transaction is invoiced when, and only when, it is on an invoice.",
    )
    _payment_never_unbilled = models.Constraint(
        "CHECK(transaction_type != 'payment' OR state != 'unbilled')",
        "A payment entry can never be billed.",
    )
    _external_ref_unique = models.UniqueIndex(
        "(company_id, external_ref) WHERE external_ref IS NOT NULL",
        "A transaction with this external reference exists already.",
    )
    # Two people at once cannot cancel an item twice (F170).
    _cancels_unique = models.UniqueIndex(
        "(cancels_id) WHERE cancels_id IS NOT NULL AND state != 'void'",
        "This item is canceled already.",
    )
    # A period of a service is charged once, even if its charge was voided (W8).
    _service_period_unique = models.UniqueIndex(
        "(service_id, period_start, service_part) WHERE period_start IS NOT NULL",
        "This period of the service is charged already.",
    )
    # The default order of the system list, alone and with its filter, and of one
    # customer's list.
    _date_idx = models.Index("(date DESC, id DESC)")
    _unbilled_date_idx = models.Index("(date DESC, id DESC) WHERE state = 'unbilled'")
    _customer_date_idx = models.Index(
        "(commercial_partner_id, company_id, date DESC, id DESC)"
    )
    # What previews, batch runs and unbilled totals look for.
    _unbilled_idx = models.Index(
        "(company_id, commercial_partner_id, date) WHERE state = 'unbilled'"
    )

    # === COMPUTE METHODS === #

    @api.depends("product_id")
    def _compute_name(self):
        for transaction in self:
            # F24: in the language of the user at creation, and never changed after.
            transaction.name = transaction.name or transaction.product_id.name

    @api.depends("company_id")
    def _compute_currency_id(self):
        for transaction in self:
            transaction.currency_id = (
                transaction.currency_id or transaction.company_id.currency_id
            )

    @api.depends("product_id")
    def _compute_retail_cost(self):
        for transaction in self:
            product = transaction.product_id
            if transaction.retail_cost or not product:
                continue
            company = transaction.company_id
            price = product.with_company(company)._get_tax_included_unit_price(
                company,
                transaction.currency_id,
                transaction.date or fields.Date.context_today(self),
                "sale",
                product_price_unit=product.lst_price,
                product_currency=product.currency_id,
                fiscal_position=transaction._get_fiscal_position(),
            )
            transaction.retail_cost = transaction.currency_id.round(price)

    @api.depends("product_id", "company_id")
    def _compute_tax_ids(self):
        """Take the product's taxes as the fiscal position maps them (F21).

        Without a product the taxes are those that were entered, none by default.
        """
        positions = {}
        for transaction in self:
            if not transaction.product_id or transaction.state != "unbilled":
                transaction.tax_ids = transaction.tax_ids
                continue
            key = transaction.company_id, transaction.partner_id
            if key not in positions:
                positions[key] = transaction._get_fiscal_position()
            taxes = transaction._get_product_taxes()
            transaction.tax_ids = positions[key].map_tax(taxes)

    @api.onchange("partner_id")
    def _onchange_partner_id(self):
        """Map the product's taxes for the customer; entered ones stay."""
        if self.product_id:
            self.tax_ids = self._get_fiscal_position().map_tax(
                self._get_product_taxes()
            )

    @api.depends(
        "transaction_type",
        "is_refund",
        "retail_cost",
        "tax_included",
        "tax_ids",
        "product_id",
        "currency_id",
        "company_id",
        "state",
    )
    def _compute_amounts(self):
        """Compute the amounts of a transaction alone.

        Once it is on an invoice it keeps the amounts of its line there: the company
        may round taxes over the whole invoice, and then the cents of one line depend
        on the others.
        """
        # Services and imports bring many of the same price: the engine is asked once.
        known = {}
        for transaction in self:
            if transaction.state == "invoiced" and transaction._origin:
                for name in (
                    "tax_percentage",
                    "amount_untaxed",
                    "tax_amount",
                    "amount_total",
                ):
                    transaction[name] = transaction[name]
                continue
            key = transaction._get_amounts_key()
            if key not in known:
                known[key] = transaction._get_rounded_amounts()[0]
            transaction.update(known[key])

    @api.depends("transaction_type", "amount_total", "state")
    def _compute_ledger_columns(self):
        for transaction in self:
            amount = 0.0 if transaction.state == "void" else transaction.amount_total
            is_receipt = transaction.transaction_type == "payment"
            transaction.amount_revenue = 0.0 if is_receipt else amount
            transaction.amount_receipt = amount if is_receipt else 0.0

    @api.depends("canceled_by_ids")
    def _compute_is_canceled(self):
        for transaction in self:
            transaction.is_canceled = bool(transaction.canceled_by_ids)

    # === CONSTRAINT METHODS === #

    @api.constrains("retail_cost", "currency_id")
    def _check_retail_cost(self):
        for transaction in self:
            # Money that was received is a fact, whatever its size.
            if transaction.transaction_type == "payment":
                continue
            if transaction.retail_cost >= MAX_AMOUNT:
                raise ValidationError(
                    self.env._(
                        "“%(title)s”: the retail cost must be below %(maximum)s.",
                        title=transaction.name,
                        maximum=format_amount(
                            self.env, MAX_AMOUNT, transaction.currency_id
                        ),
                    )
                )

    @api.constrains("name")
    def _check_name(self):
        for transaction in self:
            if not transaction.name.strip():
                raise ValidationError(self.env._("A transaction needs a title."))
            if len(transaction.name) > MAX_TITLE_LENGTH:
                raise ValidationError(
                    self.env._(
                        "The title “%(start)s…” has %(length)s characters, more than"
                        " the %(maximum)s allowed. Put the rest in the description.",
                        start=transaction.name[:40],
                        length=len(transaction.name),
                        maximum=MAX_TITLE_LENGTH,
                    )
                )

    @api.constrains("transaction_type", "credit_type_id")
    def _check_credit_type(self):
        for transaction in self:
            is_credit = transaction.transaction_type == "credit"
            if is_credit and not transaction.credit_type_id:
                raise ValidationError(
                    self.env._(
                        "“%(title)s”: choose a credit type, it says why the credit"
                        " was given.",
                        title=transaction.name,
                    )
                )
            if not is_credit and transaction.credit_type_id:
                raise ValidationError(
                    self.env._(
                        "“%(title)s” is not a credit, so it has no credit type.",
                        title=transaction.name,
                    )
                )

    @api.constrains("tax_ids", "company_id")
    def _check_tax_ids(self):
        for transaction in self:
            if wrong := transaction.tax_ids.filtered(
                lambda tax: tax.type_tax_use == "purchase"
            ):
                raise ValidationError(
                    self.env._(
                        "“%(title)s”: %(taxes)s cannot be used on a sale.",
                        title=transaction.name,
                        taxes=format_list(self.env, wrong.mapped("name")),
                    )
                )

    # === CRUD METHODS === #

    @api.model_create_multi
    def create(self, vals_list):
        protected = set(STATE_FIELDS)
        if self.env.context.get("default_transaction_type") == "payment":
            protected.add("transaction_type")
        # Also when it is trusted: a dialog on an invoice has it as a default.
        self = without_defaults(self, protected)  # noqa: PLW0642
        if not is_trusted(self.env):
            check_new(self, vals_list)
            self._check_create_values(vals_list)
            self._check_amounts(vals_list)
        transactions = super().create(vals_list)
        transactions._mark_customers()
        self.env["omni.billing.activity.log"]._log_transactions(
            lambda transaction: transaction._get_added_action(), transactions
        )
        return transactions

    def write(self, vals):
        if not is_trusted(self.env):
            check_values(self, vals)
            self._check_write_values(vals)
        if "retail_cost" in vals:
            self._check_amounts(
                [{"name": t.name, "currency_id": t.currency_id.id} | vals for t in self]
            )
        entered = ENTERED_FIELDS & vals.keys()
        before = self._describe_entered(entered)
        result = super().write(vals)
        if entered:
            self._log_edited(before, self._describe_entered(entered))
        return result

    def unlink(self):
        self.env["omni.billing.activity.log"]._log_transactions(
            "transaction_deleted", self
        )
        return super().unlink()

    @api.ondelete(at_uninstall=False)
    def _unlink_except_billed(self):
        for transaction in self:
            if transaction.transaction_type == "payment":
                raise UserError(
                    self.env._(
                        "“%(title)s” records money that was received. Cancel the"
                        " payment instead.",
                        title=transaction.name,
                    )
                )
            if transaction.state != "unbilled":
                raise UserError(
                    self.env._(
                        "“%(title)s” is %(state)s and stays in the customer's file.",
                        title=transaction.name,
                        state=transaction._get_state_label().lower(),
                    )
                )
            if transaction.transaction_type == "credit":
                raise UserError(
                    self.env._(
                        "“%(title)s” is a credit: void it, or balance it with a"
                        " charge, so that the customer's file stays complete.",
                        title=transaction.name,
                    )
                )

    def _get_added_action(self):
        self.ensure_one()
        if self.transaction_type != "payment":
            return "transaction_added"
        return "refunded" if self.is_refund else "paid"

    def _describe_entered(self, names):
        """Return what was entered, by the label of the field, for each transaction."""
        descriptions = {}
        for transaction in self if names else ():
            descriptions[transaction] = {
                name: ", ".join(transaction[name].mapped("display_name"))
                if transaction._fields[name].relational
                else transaction[name]
                for name in sorted(names)
            }
        return descriptions

    def _log_edited(self, before, after):
        """Write what was changed, and from what to what (F10)."""
        Log = self.env["omni.billing.activity.log"]
        for changes, transactions in self.grouped(
            lambda t: tuple(
                self.env._(
                    "%(field)s: %(old)s → %(new)s",
                    field=self._fields[name]._description_string(self.env),
                    old=old or "",
                    new=after[t][name] or "",
                )
                for name, old in before[t].items()
                if old != after[t][name]
            )
        ).items():
            if changes:
                Log._log_transactions(
                    "transaction_edited", transactions, note="\n".join(changes)
                )

    def _mark_customers(self):
        """Who has a transaction is a customer, for Odoo's lists of customers too."""
        # sudo: staff enter transactions of partners they may not edit.
        partners = (self.partner_id | self.commercial_partner_id).sudo()
        if new := partners.filtered(lambda partner: not partner.customer_rank):
            new.customer_rank = 1

    def _check_create_values(self, vals_list):
        for vals in vals_list:
            if vals.get("transaction_type") == "payment":
                raise UserError(
                    self.env._(
                        "Payments are entered on invoices: open the invoice and press"
                        " Pay Invoice."
                    )
                )
            forced = {
                name
                for name in STATE_FIELDS & vals.keys()
                if vals[name] and (name, vals[name]) != ("state", "unbilled")
            }
            self._check_no_state_fields(forced)

    def _check_write_values(self, vals):
        self._check_no_state_fields(STATE_FIELDS & vals.keys())
        entered = ENTERED_FIELDS & vals.keys()
        if not entered:
            return
        if vals.get("transaction_type") == "payment":
            raise UserError(
                self.env._("A charge or a credit cannot be turned into a payment.")
            )
        for transaction in self:
            if transaction.state != "unbilled" and entered - ALWAYS_EDITABLE_FIELDS:
                raise UserError(
                    self.env._(
                        "“%(title)s” is %(state)s and can no longer be edited. To"
                        " correct it, void its invoice first, or add a credit.",
                        title=transaction.name,
                        state=transaction._get_state_label().lower(),
                    )
                )
            if transaction.transaction_type == "credit" and (
                locked := entered - CREDIT_EDITABLE_FIELDS
            ):
                raise UserError(
                    self.env._(
                        "“%(title)s” is a credit: its %(fields)s cannot be edited."
                        " Void it and enter a new one.",
                        title=transaction.name,
                        fields=format_list(
                            self.env,
                            [
                                self._fields[name]._description_string(self.env)
                                for name in sorted(locked)
                            ],
                        ),
                    )
                )

    def _check_no_state_fields(self, names):
        if names:
            raise AccessError(
                self.env._(
                    "%(fields)s cannot be set by hand: bill, void or pay instead.",
                    fields=format_list(
                        self.env,
                        [
                            self._fields[name]._description_string(self.env)
                            for name in sorted(names)
                        ],
                    ),
                )
            )

    def _check_amounts(self, vals_list):
        """Refuse what the database would refuse with fewer words, or round away."""
        for vals in vals_list:
            amount = vals.get("retail_cost")
            if amount is None:
                continue
            amount = float(amount or 0)
            if amount <= 0:
                raise ValidationError(
                    self.env._(
                        "“%(title)s”: the retail cost must be more than zero. To lower"
                        " what the customer owes, enter a positive credit.",
                        title=vals.get("name") or "",
                    )
                )
            currency = self.env["res.currency"].browse(vals.get("currency_id"))
            if not currency:
                company = self.env["res.company"].browse(vals.get("company_id"))
                currency = (company or self.env.company).currency_id
            if has_excess_decimals(amount, currency.decimal_places):
                raise ValidationError(
                    self.env._(
                        "“%(title)s”: %(amount)s has more decimals than %(currency)s"
                        " allows (%(decimals)s).",
                        title=vals.get("name") or "",
                        amount=amount,
                        currency=currency.name,
                        decimals=currency.decimal_places,
                    )
                )

    # === ACTION METHODS === #

    def action_void(self, reason=None):
        """Take unbilled transactions out of the balance; they stay findable (F17).

        :param str reason: why, shown in the customer's file.
        :raise UserError: if one is invoiced, void or a payment.
        """
        check_text(self.env, reason)
        self._lock_unbilled()
        self._set_void(reason=reason)
        return True

    def action_mark_free(self):
        """Give charges to the customer: they leave the balance for good (F35).

        :raise UserError: if one is not an unbilled charge.
        """
        if not_charges := self.filtered(lambda t: t.transaction_type != "charge"):
            raise UserError(
                self.env._(
                    "Only a charge can be free; “%(title)s” is not one. Void it"
                    " instead.",
                    title=not_charges[0].name,
                )
            )
        self._lock_unbilled()
        self._set_void(reason=self.env._("Free of charge"), is_free=True)
        return True

    def action_open_void_wizard(self):
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Void Transaction")
            if len(self) == 1
            else self.env._("Void Transactions"),
            "res_model": "omni.billing.void.wizard",
            "view_mode": "form",
            "target": "new",
            "context": {"default_transaction_ids": self.ids},
        }

    def action_open_detail(self):
        """Show the transaction in a dialog (F6)."""
        self.ensure_one()
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Transaction"),
            "res_model": self._name,
            "res_id": self.id,
            "views": [(False, "form")],
            "target": "new",
        }

    def action_open_invoice(self):
        self.ensure_one()
        return self.invoice_id.action_open_billing_detail()

    def action_open_proforma_wizard(self):
        """Open the wizard for the customer of the transactions at hand."""
        return self.partner_id[:1].action_billing_proforma()

    # === BUSINESS METHODS - BILLING === #

    @api.model
    def _get_billable_domain(
        self,
        company,
        partner=None,
        date_start=None,
        date_end=None,
        filter_text=None,
        currency=None,
    ):
        """Return what may go on an invoice. Hook: narrow it to hold charges back.

        :param company: the company that bills.
        :param partner: the customer; all contacts of its commercial entity count.
        :param date_start: first billing date, included; none means no bound.
        :param date_end: last billing date, included; none means no bound.
        :param str filter_text: text in the title or description (F55).
        :param currency: of the transactions.
        :rtype: Domain
        """
        domain = Domain("state", "=", "unbilled") & Domain(
            "company_id", "=", company.id
        )
        if partner:
            domain &= Domain(
                "commercial_partner_id", "=", partner.commercial_partner_id.id
            )
        if date_start:
            domain &= Domain("date", ">=", date_start)
        if date_end:
            domain &= Domain("date", "<=", date_end)
        if currency:
            domain &= Domain("currency_id", "=", currency.id)
        if filter_text:
            domain &= Domain("name", "ilike", filter_text) | Domain(
                "description", "ilike", filter_text
            )
        return domain

    def _release(self):
        """Make invoiced charges and credits billable again (F161, F166)."""
        released = self.filtered(
            lambda t: t.state == "invoiced" and t.transaction_type != "payment"
        )
        if not released:
            return
        # sudo: who may cancel, delete or edit the invoice may free its transactions,
        # even an accountant who has no rights on them.
        trust(released.sudo()).write({"state": "unbilled", "invoice_id": False})
        # sudo: same reason, for the lines of the numbered invoice.
        lines = released.sudo().invoice_line_ids
        trust(lines).write({"billing_transaction_id": False})
        # The unique index is to see it before the same transaction is billed again.
        lines.flush_recordset(["billing_transaction_id"])

    def _set_void(self, reason=None, is_free=False):
        trust(self).write(
            {
                "state": "void",
                "is_free": is_free,
                "void_reason": reason,
                "void_date": fields.Datetime.now(),
                "void_user_id": self.env.uid,
            }
        )
        self.env["omni.billing.activity.log"]._log_transactions(
            lambda transaction: (
                "payment_canceled"
                if transaction.transaction_type == "payment"
                else "transaction_free"
                if is_free
                else "transaction_voided"
            ),
            self,
            note=reason,
        )

    def _lock_unbilled(self):
        """Lock the rows and make sure that they are still unbilled.

        Odoo's transactions are repeatable reads: if somebody billed a row since ours
        began, taking the lock fails with a serialization error, Odoo runs the request
        again, and it is then that the message below is given.
        """
        self.check_access("write")
        try:
            # Others may refer to the rows, as the previews of colleagues do.
            self.lock_for_update(allow_referencing=True)
        except LockError as error:
            raise UserError(
                self.env._(
                    "Someone else is working on these transactions right now. Nothing"
                    " was changed: try again in a moment."
                )
            ) from error
        self.invalidate_recordset(["state", "invoice_id"])
        if taken := self.exists().filtered(lambda t: t.state != "unbilled"):
            raise UserError(
                self.env._(
                    "Nothing was changed, because these transactions are no longer"
                    " unbilled:\n%(transactions)s",
                    transactions="\n".join(
                        transaction._describe_state() for transaction in taken[:10]
                    ),
                )
            )
        if missing := self - self.exists():
            raise UserError(
                self.env._(
                    "Nothing was changed, because some of these transactions were"
                    " deleted meanwhile (%(count)s). Reload the page.",
                    count=len(missing),
                )
            )

    # === BUSINESS METHODS - AMOUNTS === #

    def _get_amounts_key(self):
        """Return all that the amounts depend on: the same key, the same amounts. Hook.

        It names the fields that `_compute_amounts` depends on, but for the state.
        """
        self.ensure_one()
        return (
            self._get_sign(),
            self.retail_cost,
            self.tax_included,
            self.tax_ids,
            self.product_id,
            self.currency_id,
            self.company_id,
        )

    def _get_sign(self):
        self.ensure_one()
        lowers = self.transaction_type in LOWERING_TYPES
        return -1 if lowers != self.is_refund else 1

    def _prepare_base_lines(self, sign=1, rate=1.0):
        """Return what Odoo's tax engine computes with: a line for each transaction.

        The amounts of a transaction, the preview and the invoice lines all come from
        here, which is why they agree. When the retail cost includes taxes that Odoo
        would add on top, the engine finds the amount before tax, and the tax that
        makes the total exact is given to the line, in the way that Odoo does for down
        payments (`extra_tax_data`).
        """
        Tax = self.env["account.tax"]
        base_lines = []
        for transaction in self:
            price = sign * transaction._get_sign() * transaction.retail_cost
            values = {
                "price_unit": price,
                "quantity": 1.0,
                "tax_ids": transaction.tax_ids,
                "product_id": transaction.product_id,
                "currency_id": transaction.currency_id,
                "rate": rate,
                "is_refund": sign < 0,
            }
            if transaction.tax_included and transaction.tax_ids:
                values |= transaction._prepare_tax_included_values(values)
            base_line = Tax._prepare_base_line_for_taxes_computation(
                {"id": transaction.id}, **values
            )
            base_line["transaction"] = transaction
            base_lines.append(base_line)
        return base_lines

    def _prepare_tax_included_values(self, values):
        """Return the price and the tax amounts that make the total the retail cost."""
        Tax = self.env["account.tax"]
        base_line = Tax._prepare_base_line_for_taxes_computation(
            {}, **values, special_mode="total_included"
        )
        Tax._add_tax_details_in_base_line(
            base_line, self.company_id, rounding_method="round_per_line"
        )
        Tax._round_base_lines_tax_details([base_line], self.company_id)
        details = base_line["tax_details"]
        # A reverse charge has two entries of one tax that cancel out.
        taxes = {
            str(tax_data["tax"].id): {
                "tax_amount_currency": tax_data["tax_amount_currency"],
                "base_amount_currency": tax_data["base_amount_currency"],
            }
            for tax_data in details["taxes_data"]
            if not tax_data["is_reverse_charge"]
        }
        untaxed = values["price_unit"] - sum(
            tax_data["tax_amount_currency"] for tax_data in details["taxes_data"]
        )
        untaxed = self.currency_id.round(untaxed)
        data = {
            "currency_id": self.currency_id.id,
            "price_unit": untaxed,
            "discount": 0.0,
            "quantity": 1.0,
            "manual_total_excluded_currency": untaxed,
            "manual_tax_amounts": taxes,
        }
        return {"price_unit": untaxed, "extra_tax_data": data}

    def _compute_rounded_base_lines(self, sign=1, rate=1.0):
        """Return the base lines of the transactions on one invoice, rounded as there"""
        company = self.company_id[:1]
        Tax = self.env["account.tax"]
        base_lines = self._prepare_base_lines(sign, rate)
        Tax._add_tax_details_in_base_lines(base_lines, company)
        Tax._round_base_lines_tax_details(base_lines, company)
        return base_lines

    def _get_rounded_amounts(self):
        """Return the signed amounts of each transaction, as on one invoice together"""
        return [
            self._read_base_line_amounts(base_line)
            for base_line in self._compute_rounded_base_lines()
        ]

    @api.model
    def _read_base_line_amounts(self, base_line):
        """Read the amounts of a base line that the engine has rounded.

        :return: amount before tax, tax, total, in the currency of the line; percentage.
        """
        currency = base_line["currency_id"]
        details = base_line["tax_details"]
        untaxed = currency.round(
            details["total_excluded_currency"]
            + details["delta_total_excluded_currency"]
        )
        tax = currency.round(
            sum(tax_data["tax_amount_currency"] for tax_data in details["taxes_data"])
        )
        taxes = base_line["tax_ids"]
        percentage = remember(
            self.env,
            ("percentage", taxes._ids),
            lambda: self._find_percentage(taxes.flatten_taxes_hierarchy()),
        )
        if percentage is None:
            percentage = round(100 * tax / untaxed, 2) if untaxed else 0.0
        return {
            "amount_untaxed": untaxed,
            "tax_amount": tax,
            "amount_total": currency.round(untaxed + tax),
            "tax_percentage": percentage,
        }

    @api.model
    def _find_percentage(self, taxes):
        """Return what the taxes add up to, unless it depends on the amount."""
        if all(
            tax.amount_type == "percent" and not tax.has_negative_factor
            for tax in taxes
        ):
            return sum(taxes.mapped("amount"))
        return None

    def _get_totals(self):
        """Return what an invoice of these transactions would total, signed.

        :return: ``amount_untaxed``, ``tax_amount``, ``amount_total``, ``count``.
        :rtype: dict
        """
        totals = defaultdict(float, count=len(self))
        for amounts in self._get_rounded_amounts():
            for name in ("amount_untaxed", "tax_amount", "amount_total"):
                totals[name] += amounts[name]
        currency = self.currency_id[:1]
        return {
            "count": len(self),
            **{
                name: currency.round(totals[name]) if currency else 0.0
                for name in ("amount_untaxed", "tax_amount", "amount_total")
            },
        }

    # === BUSINESS METHODS - STATISTICS === #

    def _billing_get_stats_domain(self):
        """Override: revenue only; void, free and payments are none (F25)."""
        return Domain("state", "!=", "void") & Domain(
            "transaction_type", "!=", "payment"
        )

    def _billing_get_stats_columns(self):
        table = SQL.identifier(self._table)
        return (
            SQL("%s.amount_total", table),
            SQL("%s.amount_total", table),
            SQL("%s.state = 'unbilled'", table),
            SQL("%s.date", table),
            SQL("%s.currency_id", table),
        )

    def _billing_get_card_labels(self):
        return super()._billing_get_card_labels() | {"open": self.env._("Unbilled")}

    # === HELPERS === #

    def _get_product_taxes(self):
        self.ensure_one()
        return self.product_id.taxes_id.filtered_domain(
            self.env["account.tax"]._check_company_domain(self.company_id)
        )

    def _get_fiscal_position(self):
        self.ensure_one()
        Position = self.env["account.fiscal.position"].with_company(self.company_id)
        return Position._get_fiscal_position(self.partner_id)

    def _get_state_label(self):
        self.ensure_one()
        labels = dict(self._fields["state"]._description_selection(self.env))
        return labels[self.state]

    def _describe_state(self):
        """Write where the transaction stands, for an error message."""
        self.ensure_one()
        if self.invoice_id:
            return self.env._(
                "%(title)s (%(date)s): on invoice %(invoice)s",
                title=self.name,
                date=format_date(self.env, self.date),
                invoice=self.invoice_id.display_name,
            )
        return self.env._(
            "%(title)s (%(date)s): %(state)s",
            title=self.name,
            date=format_date(self.env, self.date),
            state=self._get_state_label(),
        )
