from odoo import api, fields, models
from odoo.exceptions import UserError

from ..tools.money import has_excess_decimals
from ..tools.notice import close, notice
from ..tools.numbers import format_amount
from .omni_billing_dialog_mixin import once


class OmniBillingBounceWizard(models.TransientModel):
    """Note that the bank sent a cheque back (F151)."""

    _name = "omni.billing.bounce.wizard"
    _inherit = "omni.billing.dialog.mixin"
    _description = "Cheque That Bounced"

    cheque_id = fields.Many2one("omni.billing.cheque", required=True)
    company_id = fields.Many2one(related="cheque_id.company_id")
    currency_id = fields.Many2one(related="cheque_id.currency_id")
    amount = fields.Monetary(related="cheque_id.amount")
    reason = fields.Char(string="What the Bank Says")
    is_fee = fields.Boolean(
        string="Charge a Fee",
        compute="_compute_fee",
        store=True,
        readonly=False,
        precompute=True,
        help="A charge on the customer's next invoice.",
    )
    fee_amount = fields.Monetary(
        string="Fee",
        compute="_compute_fee",
        store=True,
        readonly=False,
        precompute=True,
    )

    @api.depends("cheque_id")
    def _compute_fee(self):
        """Propose what the company charges, in the currency of the cheque."""
        for wizard in self:
            company = wizard.company_id
            fee = (
                company.currency_id._convert(
                    company.billing_cheque_fee, wizard.currency_id, company
                )
                if company
                else 0.0
            )
            wizard.fee_amount = fee
            wizard.is_fee = bool(fee)

    @once
    def action_bounce(self):
        """Undo what it paid, see `omni.billing.cheque._bounce`.

        :raise UserError: if it was not deposited, or there is no reason.
        """
        fee = self.fee_amount if self.is_fee else 0.0
        if self.is_fee:
            self._check_fee(fee)
        self.cheque_id._bounce(self.reason, fee)
        message = self.env._(
            "Cheque %(number)s of %(customer)s bounced: %(amount)s is owed again.",
            number=self.cheque_id.number,
            customer=self.cheque_id.partner_id.display_name,
            amount=format_amount(self.env, self.amount, self.currency_id),
        )
        return notice(message, "warning", after=close())

    def _check_fee(self, fee):
        places = self.currency_id.decimal_places
        if fee <= 0 or has_excess_decimals(fee, places):
            raise UserError(
                self.env._("Enter a fee of more than zero, or charge none.")
            )
