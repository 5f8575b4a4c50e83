from odoo import api, fields, models

from ..tools.notice import close, notice
from ..tools.numbers import format_amount
from .omni_billing_dialog_mixin import once


class OmniBillingRefundWizard(models.TransientModel):
    """Give credit on file back in cash or by transfer (F176).

    A credit has to be there: create one first. Money that came by card goes back to
    the card, from the invoice that it paid.
    """

    _name = "omni.billing.refund.wizard"
    _inherit = ["omni.billing.dialog.mixin", "omni.billing.money.mixin"]
    _description = "Record a Refund"

    partner_id = fields.Many2one("res.partner", string="Customer", required=True)
    company_id = fields.Many2one(
        "res.company", required=True, default=lambda self: self.env.company
    )
    currency_id = fields.Many2one(
        "res.currency",
        required=True,
        default=lambda self: self.env.company.currency_id,
    )
    credit_ids = fields.Many2many(
        "account.move", string="Credits", compute="_compute_credit_ids"
    )
    credit_id = fields.Many2one(
        "account.move",
        domain="[('id', 'in', credit_ids)]",
        help="The credit note, or payment, that goes back. Empty: the oldest first.",
    )
    credit_available = fields.Monetary(
        string="Credit on File", compute="_compute_credit_available"
    )
    mode = fields.Selection(
        [("cash", "Cash"), ("pos", "POS Terminal"), ("bank", "Bank Transfer")],
        required=True,
        default="bank",
    )
    amount = fields.Monetary(
        compute="_compute_amount", store=True, readonly=False, precompute=True
    )

    @api.depends("partner_id", "company_id", "currency_id")
    def _compute_credit_ids(self):
        for wizard in self:
            wizard.credit_ids = wizard.partner_id._billing_find_credit_moves(
                wizard.company_id, wizard.currency_id
            )

    @api.depends("partner_id", "company_id", "currency_id", "credit_id")
    def _compute_credit_available(self):
        for wizard in self:
            wizard.credit_available = wizard.partner_id._billing_get_credit(
                wizard.company_id, wizard.currency_id, wizard.credit_id._origin
            )

    @api.depends("credit_available")
    def _compute_amount(self):
        for wizard in self:
            wizard.amount = wizard.credit_available

    # === ACTION METHODS === #

    @once
    def action_refund(self):
        """Pay out, and set the payment against the chosen credit, or the oldest ones.

        :raise UserError: if the amount is not within the credit on file (F177).
        """
        self.partner_id._billing_pay_back(
            self.mode,
            self.amount,
            self.company_id,
            self.currency_id,
            date=self.date,
            reference=self.reference,
            credit=self.credit_id,
        )
        message = self.env._(
            "%(amount)s given back to %(customer)s.",
            amount=format_amount(self.env, self.amount, self.currency_id),
            customer=self.partner_id.display_name,
        )
        return notice(message, after=close())
