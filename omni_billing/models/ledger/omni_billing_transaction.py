from odoo import api, fields, models
from odoo.exceptions import ValidationError
from odoo.fields import Domain
from odoo.tools import SQL, format_list

from ...const import MAX_TITLE_LENGTH
from ...tools.action import open_dialog


class OmniBillingTransaction(models.Model):
    """A charge or a credit of a customer, unbilled until it is put on an invoice.

    Payments have an entry here too (F135), so that the transactions of a customer
    read as a ledger: what was charged and credited (revenue), and what money came in
    (receipts, F25). So have adjustments: what an accountant set against an invoice
    without any money, as a write-off, or a credit note of Odoo's own. All three
    amounts are signed: credits and payments are negative.
    """

    _name = "omni.billing.transaction"
    _inherit = ["omni.billing.price.mixin", "omni.billing.stats"]
    _description = "Billing Transaction"
    _order = "date desc, id desc"
    _billing_open_filter = "unbilled"
    _check_company_auto = True

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
        [
            ("charge", "Charge"),
            ("credit", "Credit"),
            ("payment", "Payment"),
            ("adjustment", "Adjustment"),
        ],
        string="Type",
        required=True,
        default="charge",
    )
    credit_type_id = fields.Many2one(
        "omni.billing.credit.type",
        ondelete="restrict",
        help="Why it is given. A credit lowers what is billed, and income with it;"
        " money that was received is recorded as a payment.",
        index="btree_not_null",
    )
    commercial_partner_id = fields.Many2one(
        "res.partner",
        string="Main Customer",
        compute="_compute_commercial_partner_id",
        store=True,
        precompute=True,
        help="Who is billed: it stays, also if the contact goes to another company.",
    )
    date = fields.Date(
        string="Billing Date", required=True, default=fields.Date.context_today
    )
    time_of_day = fields.Float(
        string="Time",
        aggregator=None,
        help="When it was on that day, if it matters; 0:00 tells nothing.",
    )
    is_hidden = fields.Boolean(
        string="Hidden from the Customer",
        help="Not shown in the portal, nor counted there, before it is on an invoice.",
    )
    internal_note = fields.Text(
        groups="base.group_user", help="For staff alone: no customer reads it."
    )
    service_id = fields.Many2one(
        "omni.billing.service",
        check_company=True,
        index="btree_not_null",
        ondelete="restrict",
        domain="['|', ('commercial_partner_id', '=', commercial_partner_id),"
        " ('partner_id', '=', partner_id)]",
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
        " adjustments, -1 is the set-up fee, -2 an exit fee.",
    )
    external_ref = fields.Char(
        string="External Reference",
        copy=False,
        help="Identifies the transaction in the system that it comes from. Unique in"
        " a company: importing the same row twice creates nothing.",
        groups="base.group_user",
    )

    # === Amounts, in the currency of the transaction === #
    tax_included = fields.Boolean(
        help="The retail cost is what the customer pays, taxes included.",
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
        index="btree_not_null",
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
        help="What this entry records: it goes when the reconciliation goes.",
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
        "CHECK(transaction_type IN ('charge', 'credit') OR state != 'unbilled')",
        "An entry of what was booked can never be billed.",
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
    # What previews, batch runs and unbilled totals look for; these read nothing else.
    _unbilled_idx = models.Index(
        "(company_id, commercial_partner_id, date)"
        " INCLUDE (currency_id, amount_total, is_hidden) WHERE state = 'unbilled'"
    )

    # === COMPUTE METHODS === #

    @api.depends("partner_id", "payer_id", "service_id")
    def _compute_commercial_partner_id(self):
        """Take who is billed when it is entered, and keep it (promise 4).

        A contact may change its employer, or be merged with one of another company:
        what was used before is not the new company's to see, or to pay.
        """
        for transaction in self:
            # Of a service, who has it; of a payment or a credit, who was billed.
            source = transaction.invoice_id or transaction.service_id
            customer = source.commercial_partner_id
            if not customer or not transaction._is_of(source):
                customer = transaction._get_billed_contact().commercial_partner_id
            transaction.commercial_partner_id = customer

    def _is_of(self, source):
        """Whether an invoice or a service is billed to the same contact as this."""
        self.ensure_one()
        is_service = source._name == self.service_id._name
        owner = source._get_billed_contact() if is_service else source.partner_id
        return self._get_billed_contact() in owner | source.commercial_partner_id

    @api.depends("product_id")
    def _compute_name(self):
        for transaction in self:
            # F24: in the language of the user at creation, and never changed after.
            transaction.name = transaction.name or transaction.product_id.name

    @api.onchange("partner_id")
    def _onchange_partner_id(self):
        """Map the product's taxes for the customer; entered ones stay."""
        if self.product_id:
            self.tax_ids = self._get_fiscal_position().map_tax(
                self._get_product_taxes()
            )

    @api.onchange("transaction_type")
    def _onchange_transaction_type(self):
        """A charge has no credit type, also if one was proposed."""
        if self.transaction_type != "credit":
            self.credit_type_id = False

    @api.depends("canceled_by_ids")
    def _compute_is_canceled(self):
        for transaction in self:
            transaction.is_canceled = bool(transaction.canceled_by_ids)

    # === CONSTRAINT METHODS === #

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

    @api.constrains("time_of_day")
    def _check_time_of_day(self):
        for transaction in self:
            if not 0 <= transaction.time_of_day < 24:
                raise ValidationError(
                    self.env._(
                        "“%(title)s”: a time of day is from 0:00 to 23:59.",
                        title=transaction.name,
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

    @api.private
    def init(self):
        """Have the database count these rows for the cards above lists."""
        result = super().init()
        self._billing_count_rows()
        return result

    # === ACTION METHODS === #

    def action_open_detail(self):
        """Show the transaction in a dialog (F6)."""
        self.ensure_one()
        return open_dialog(self._name, self.env._("Transaction"), res_id=self.id)

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

    def _billing_get_counted_condition(self):
        table = SQL.identifier(self._table)
        return SQL(
            "%s.state IS DISTINCT FROM 'void'"
            " AND %s.transaction_type IS DISTINCT FROM 'payment'",
            table,
            table,
        )

    def _billing_get_card_labels(self):
        return super()._billing_get_card_labels() | {"open": self.env._("Unbilled")}

    # === HELPERS === #

    def _keeps_taxes(self):
        """Override: once it is billed or void, it stays as it was."""
        return super()._keeps_taxes() or self.state != "unbilled"

    def _keeps_distribution(self):
        """Override: what is billed is counted as it was, and money for nothing."""
        is_payment = self.transaction_type == "payment"
        return super()._keeps_distribution() or is_payment or self.state != "unbilled"
