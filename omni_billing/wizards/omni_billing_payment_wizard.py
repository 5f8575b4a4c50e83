from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.tools import format_amount, format_list

from ..tools.money import has_excess_decimals


class OmniBillingPaymentWizard(models.TransientModel):
    """Pay one invoice or many: one amount, the oldest invoice first (F132, F205)."""

    _name = "omni.billing.payment.wizard"
    _inherit = "omni.billing.money.mixin"
    _description = "Pay Invoices"

    invoice_ids = fields.Many2many("account.move", string="Invoices", required=True)
    company_id = fields.Many2one("res.company", compute="_compute_from_invoices")
    partner_id = fields.Many2one(
        "res.partner", string="Customer", compute="_compute_from_invoices"
    )
    currency_id = fields.Many2one("res.currency", compute="_compute_from_invoices")
    is_bulk = fields.Boolean(
        compute="_compute_from_invoices",
        help="The invoices are not one customer's: each is paid for itself, in full.",
    )
    amount_due = fields.Monetary(compute="_compute_from_invoices")
    credit_available = fields.Monetary(
        string="Credit on File", compute="_compute_from_invoices"
    )
    mode = fields.Selection(
        [
            ("stripe", "Card"),
            ("cash", "Cash"),
            ("pos", "POS Terminal"),
            ("bank", "Bank Transfer"),
            ("credit", "Credit on File"),
        ],
        required=True,
        default="cash",
    )
    token_id = fields.Many2one(
        "payment.token",
        string="Card",
        compute="_compute_token_id",
        store=True,
        readonly=False,
        precompute=True,
        domain="[('provider_code', '=', 'stripe'),"
        " ('partner_id', 'child_of', partner_id)]",
    )
    amount = fields.Monetary(
        compute="_compute_amount", store=True, readonly=False, precompute=True
    )

    # === COMPUTE METHODS === #

    @api.depends("invoice_ids")
    def _compute_from_invoices(self):
        for wizard in self:
            # As they are in the books, not as the form holds them.
            invoices = wizard.invoice_ids._origin
            wizard.is_bulk = wizard._is_bulk()
            wizard.company_id = invoices.company_id[:1]
            wizard.partner_id = invoices.commercial_partner_id[:1]
            wizard.currency_id = invoices.currency_id[:1]
            wizard.amount_due = sum(invoices.mapped("amount_residual"))
            wizard.credit_available = -sum(
                wizard._find_credit_lines().mapped("amount_residual_currency")
            )

    @api.depends("invoice_ids", "mode")
    def _compute_amount(self):
        for wizard in self:
            wizard.amount = (
                min(wizard.amount_due, wizard.credit_available)
                if wizard.mode == "credit"
                else wizard.amount_due
            )

    @api.depends("invoice_ids")
    def _compute_token_id(self):
        """The default card is pre-selected (F133)."""
        for wizard in self:
            wizard.token_id = wizard.partner_id._billing_get_cards()[:1]

    # === ACTION METHODS === #

    def action_pay(self):
        """Take the money, or use the credit, and reconcile it with the invoices.

        :raise UserError: if an invoice cannot be paid, or the amount is not within
            what is owed (F157).
        """
        self.ensure_one()
        if self._is_bulk():
            return self.env["omni.billing.bulk"]._start(
                "pay",
                self._get_invoices_oldest_first(),
                mode=self.mode,
                reference=self.reference,
                date=self.date,
            )
        invoices = self._pay()
        # sudo: attempts are internal.
        is_open = bool(invoices.sudo().billing_attempt_id)
        return {
            "type": "ir.actions.client",
            "tag": "display_notification",
            "params": {
                "type": "warning" if is_open else "success",
                "sticky": is_open,
                "message": self.env._(
                    "Stripe has not confirmed the payment of %(invoices)s yet. It is"
                    " asked again every few minutes; nothing is charged twice.",
                    invoices=format_list(self.env, invoices.mapped("name")),
                )
                if is_open
                else self.env._(
                    "%(amount)s paid on %(invoices)s.",
                    amount=format_amount(self.env, self.amount, self.currency_id),
                    invoices=format_list(self.env, invoices.mapped("name")),
                ),
                "next": {"type": "ir.actions.act_window_close"},
            },
        }

    # === BUSINESS METHODS === #

    def _pay(self):
        """Pay, see `action_pay`; return the invoices, oldest first."""
        invoices = self._get_invoices_oldest_first()
        if self.mode != "stripe":
            invoices._billing_settle_attempts()
            invoices._billing_lock()
            self.invalidate_recordset()
            invoices._billing_check_payable()
            invoices._billing_close_other_payments()
        self._check_amount(invoices)
        getattr(self, f"_pay_by_{self.mode}")(invoices)
        return invoices

    def _pay_by_stripe(self, invoices):
        """Charge the card; commits (see `account.move._billing_charge`).

        :raise UserError: if the card was declined; the message says what helps.
        """
        attempt = invoices._billing_charge(self.token_id, self.amount)
        if attempt.state != "done" and not attempt.billing_is_open:
            raise UserError(attempt.state_message)

    def _pay_by_cash(self, invoices):
        self._pay_manually(invoices)

    def _pay_by_pos(self, invoices):
        self._pay_manually(invoices)

    def _pay_by_bank(self, invoices):
        self._pay_manually(invoices)

    def _pay_by_credit(self, invoices):
        """Set the customer's credit against the invoices; no money moves.

        Odoo uses as much of each credit as fits, so the amount is not free.
        """
        usable = min(self.amount_due, self.credit_available)
        if self.currency_id.compare_amounts(self.amount, usable):
            raise UserError(
                self.env._(
                    "The credit used must be the most that fits: %(amount)s.",
                    amount=format_amount(self.env, usable, self.currency_id),
                )
            )
        self._reconcile_oldest_first(self._find_credit_lines(), invoices)

    def _pay_manually(self, invoices):
        """Record money that was received outside of Odoo (F139-F141)."""
        self._reconcile_oldest_first(self._create_payment("inbound"), invoices)

    def _prepare_payment_values(self, direction):
        """Override: the numbers of the invoices, where there is no receipt number."""
        return super()._prepare_payment_values(direction) | {
            "memo": self.reference or ", ".join(self.invoice_ids.mapped("name"))
        }

    def _reconcile_oldest_first(self, money_lines, invoices):
        """Reconcile one line after the other, so that the order is ours, not Odoo's."""
        for invoice in invoices:
            for line in invoice.line_ids.filtered(
                lambda line: line.account_type == "asset_receivable"
            ).sorted("date_maturity"):
                for money in money_lines:
                    if not line.reconciled and not money.reconciled:
                        (line + money).reconcile()

    def _get_receivable_accounts(self):
        return self.invoice_ids.line_ids.account_id.filtered(
            lambda account: account.account_type == "asset_receivable"
        )

    # === HELPERS === #

    def _is_bulk(self):
        invoices = self.invoice_ids
        return (
            len(invoices.company_id) > 1
            or len(invoices.currency_id) > 1
            or len(invoices.commercial_partner_id) > 1
        )

    def _get_invoices_oldest_first(self):
        return self.invoice_ids.sorted(
            lambda move: (move.invoice_date_due or move.date, move.date, move.id)
        )

    def _check_amount(self, invoices):
        currency = self.currency_id
        due = sum(invoices.mapped("amount_residual"))
        if currency.compare_amounts(self.amount, 0) <= 0:
            raise UserError(
                self.env._("There is no credit on file to use.")
                if self.mode == "credit"
                else self.env._("Enter the amount that was received.")
            )
        if has_excess_decimals(self.amount, currency.decimal_places):
            raise UserError(
                self.env._(
                    "%(amount)s has more decimals than %(currency)s allows"
                    " (%(decimals)s).",
                    amount=self.amount,
                    currency=currency.name,
                    decimals=currency.decimal_places,
                )
            )
        if currency.compare_amounts(self.amount, due) > 0:
            raise UserError(
                self.env._(
                    "%(amount)s is more than the %(due)s owed. Take %(due)s here;"
                    " enter an advance payment in Accounting.",
                    amount=format_amount(self.env, self.amount, currency),
                    due=format_amount(self.env, due, currency),
                )
            )
