from odoo import Command, api, fields, models

from ..tools.notice import notice
from ..tools.numbers import format_amount
from .omni_billing_dialog_mixin import once


class OmniBillingCancelWizard(models.TransientModel):
    """Cancel items of an invoice, less a penalty, and give the money back (F170).

    What the credit note comes to lowers what is owed first. The rest stays as credit
    on file, or is given back at once.
    """

    _name = "omni.billing.cancel.wizard"
    _inherit = ["omni.billing.dialog.mixin", "omni.billing.money.mixin"]
    _description = "Cancel Items"
    _server_fields = frozenset({"note_id"})

    invoice_id = fields.Many2one("account.move", required=True)
    note_id = fields.Many2one("account.move", string="Credit Note", readonly=True)
    company_id = fields.Many2one(related="invoice_id.company_id")
    partner_id = fields.Many2one(related="invoice_id.partner_id")
    currency_id = fields.Many2one(related="invoice_id.currency_id")
    line_ids = fields.One2many(
        "omni.billing.cancel.line",
        "wizard_id",
        string="Items",
        compute="_compute_line_ids",
        store=True,
        readonly=False,
        precompute=True,
    )
    penalty_type = fields.Selection(
        [("none", "None"), ("amount", "Amount"), ("percentage", "Percentage")],
        string="Penalty",
        required=True,
        default="none",
        help="A part of the price that is kept, taxes included.",
    )
    penalty_amount = fields.Monetary(string="Amount Kept")
    penalty_percentage = fields.Float(string="Percentage Kept")
    reason = fields.Char(help="On the credit note, and in the customer's file.")
    mode = fields.Selection(
        [
            ("credit", "Credit on File"),
            ("stripe", "Card or Bank Account"),
            ("cash", "Cash"),
            ("pos", "POS Terminal"),
            ("bank", "Bank Transfer"),
        ],
        string="Give Back",
        required=True,
        default="credit",
    )
    amount_items = fields.Monetary(string="Ticked", compute="_compute_amounts")
    penalty = fields.Monetary(string="Kept", compute="_compute_amounts")
    amount_credit = fields.Monetary(string="Credited", compute="_compute_amounts")
    amount_owed = fields.Monetary(
        string="Less to Pay",
        compute="_compute_amounts",
        help="What is still owed on the invoice comes first.",
    )
    amount_back = fields.Monetary(
        string="Credit of the Customer", compute="_compute_amounts"
    )
    amount = fields.Monetary(
        string="Given Back Now",
        compute="_compute_amounts",
        help="At most what was paid online goes back; the rest stays as credit.",
    )

    # === COMPUTE METHODS === #

    @api.depends("invoice_id")
    def _compute_line_ids(self):
        for wizard in self:
            items = wizard.invoice_id and wizard.invoice_id._billing_get_cancellable()
            wizard.line_ids = [Command.clear()] + [
                Command.create({"transaction_id": item.id}) for item in items or ()
            ]

    @api.depends(
        "invoice_id",
        "line_ids.included",
        "mode",
        "penalty_type",
        "penalty_amount",
        "penalty_percentage",
    )
    def _compute_amounts(self):
        for wizard in self:
            invoice, currency = wizard.invoice_id, wizard.currency_id
            items = sum(wizard._get_items().mapped("amount_total"))
            # Rounded before it is taken off, as on the credit note.
            penalty = wizard._get_penalty(items)
            penalty = currency.round(penalty) if currency else penalty
            credit = items - penalty
            owed = max(0.0, min(credit, invoice.amount_residual))
            back = credit - owed
            now = 0.0 if wizard.mode == "credit" else back
            if wizard.mode == "stripe":
                by_card = invoice._billing_get_card_payments()
                now = min(back, sum(left for _payment, left in by_card))
            for name, value in (
                ("amount_items", items),
                ("penalty", penalty),
                ("amount_credit", credit),
                ("amount_owed", owed),
                ("amount_back", back),
                ("amount", now),
            ):
                wizard[name] = currency.round(value) if currency else value

    # === ACTION METHODS === #

    @once
    def action_cancel_items(self):
        """Post the credit note, give the money back, and show what came of it.

        :raise UserError: if nothing was canceled; the message says why.
        """
        if self.mode != "credit":
            # Money that leaves is a manager's, as in the other dialogs.
            self.env["omni.billing.refund.wizard"].check_access("create")
        if self.note_id:
            # The answer of the refund was lost; the credit note is there.
            self._find_refunds()._billing_resolve()
        else:
            self._cancel_items()
        kind, message = self._give_back()
        shown = self.note_id.action_billing_open_detail()
        return notice(message, kind, sticky=kind != "success", after=shown)

    # === BUSINESS METHODS === #

    def _is_under_way(self):
        """Override: a refund whose outcome is unknown is asked for, never repeated."""
        return any(self._find_refunds().mapped("billing_is_open"))

    def _find_refunds(self):
        """Return the refunds of the credit note to the card, in sudo."""
        # sudo: attempts are internal.
        attempts = self.env["payment.transaction"].sudo()
        if not self.note_id:
            return attempts
        return attempts.search([("billing_refund_note_id", "=", self.note_id.id)])

    def _cancel_items(self):
        """Post the credit note."""
        self.invoice_id._billing_settle_attempts()
        # sudo: which credit note it is, is for the server to say.
        self.sudo().note_id = self.invoice_id._billing_cancel_items(
            self._get_items(), penalty=self.penalty, reason=self.reason
        )

    def _give_back(self):
        """Give back what the credit note leaves; return what to say of it."""
        note, currency = self.note_id, self.currency_id
        if self._is_under_way():
            begun = -sum(self._find_refunds().mapped("amount"))
            return self._describe_under_way(begun)
        amount = note.amount_residual
        if self.mode == "stripe":
            amount = self.invoice_id._billing_get_refundable_amount(note)
        if self.mode == "credit" or currency.is_zero(amount):
            return "success", self.env._(
                "Credit note %(note)s over %(total)s.",
                note=note.name,
                total=format_amount(self.env, note.amount_total, currency),
            )
        names = {"note": note.name, "amount": format_amount(self.env, amount, currency)}
        if self.mode != "stripe":
            note._billing_pay_out(self.mode, self.date, self.reference)
            return "success", self.env._(
                "Credit note %(note)s: %(amount)s given back.", **names
            )
        last = self.invoice_id._billing_refund(amount, note)[-1]
        if last.state == "done":
            return "success", self.env._(
                "Credit note %(note)s: %(amount)s refunded. It takes 3 to 7"
                " working days to arrive.",
                **names,
            )
        if last.state in ("error", "cancel"):
            return "danger", self.env._(
                "Credit note %(note)s is posted, but the payment could not be refunded:"
                " %(error)s The customer has it as credit on file.",
                note=note.name,
                error=last.state_message,
            )
        return self._describe_under_way(amount)

    def _describe_under_way(self, amount):
        return "warning", self.env._(
            "Credit note %(note)s is posted. The refund of %(amount)s is under way;"
            " Stripe has not confirmed it yet. It is booked when it is.",
            note=self.note_id.name,
            amount=format_amount(self.env, amount, self.currency_id),
        )

    # === HELPERS === #

    def _get_items(self):
        return self.line_ids.filtered("included").transaction_id

    def _get_penalty(self, total):
        self.ensure_one()
        if self.penalty_type == "amount":
            return self.penalty_amount
        if self.penalty_type == "percentage":
            return total * self.penalty_percentage / 100
        return 0.0


class OmniBillingCancelLine(models.TransientModel):
    """An item that can be canceled."""

    _name = "omni.billing.cancel.line"
    _inherit = "omni.billing.dialog.mixin"
    _description = "Item to Cancel"

    wizard_id = fields.Many2one(
        "omni.billing.cancel.wizard", required=True, index=True, ondelete="cascade"
    )
    transaction_id = fields.Many2one(
        "omni.billing.transaction", required=True, ondelete="cascade"
    )
    included = fields.Boolean(string="Cancel")
    currency_id = fields.Many2one(
        related="transaction_id.currency_id", related_sudo=False
    )
    date = fields.Date(related="transaction_id.date", related_sudo=False)
    name = fields.Char(related="transaction_id.name", related_sudo=False)
    amount_total = fields.Monetary(
        related="transaction_id.amount_total", related_sudo=False
    )
