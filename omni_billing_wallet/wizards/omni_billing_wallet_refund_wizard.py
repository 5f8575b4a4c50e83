from odoo import api, fields, models
from odoo.exceptions import UserError

from odoo.addons.omni_billing.tools.action import open_dialog
from odoo.addons.omni_billing.tools.lock import take_turns, wait_for
from odoo.addons.omni_billing.tools.money import has_excess_decimals
from odoo.addons.omni_billing.tools.numbers import format_amount
from odoo.addons.omni_billing.wizards.omni_billing_dialog_mixin import once


class OmniBillingWalletRefundWizard(models.TransientModel):
    """Give back what is left of money that did not come by card (W51).

    It becomes credit on file, by a credit note of the top-up, and the dialog that pays
    credit back opens. What came by card goes back to it in the dialog for that.
    """

    _name = "omni.billing.wallet.refund.wizard"
    _inherit = "omni.billing.dialog.mixin"
    _description = "Give Prepaid Money Back"

    line_id = fields.Many2one(
        "account.move.line", string="Top-Up", required=True, readonly=True
    )
    wallet_id = fields.Many2one(related="line_id.billing_wallet_id")
    partner_id = fields.Many2one(related="line_id.partner_id")
    currency_id = fields.Many2one(related="line_id.currency_id")
    left = fields.Monetary(compute="_compute_left")
    amount = fields.Monetary(
        string="To Give Back",
        compute="_compute_amount",
        store=True,
        readonly=False,
        precompute=True,
    )

    @api.depends("line_id")
    def _compute_left(self):
        for dialog in self:
            line = dialog.line_id
            dialog.left = line.billing_wallet_left if line.billing_wallet_id else 0.0

    @api.depends("left")
    def _compute_amount(self):
        for dialog in self:
            dialog.amount = dialog.left

    @once
    def action_give_back(self):
        """Make it credit on file, and open the dialog that pays that back."""
        wallet = self.wallet_id
        wallet._check_staff()
        self.env["account.move"].check_access("create")
        # sudo: who takes money in advance may give it back.
        line = self.line_id.sudo()
        move = line.move_id
        wait_for(move)
        take_turns(move)
        line.invalidate_recordset()
        self._check_amount(line)
        self._check_paid(move)
        if move.move_type == "out_invoice":
            credit = move._billing_create_refund_note(self.amount)
        else:
            credit = line._billing_turn_into_credit(self.amount)
        context = {
            "default_partner_id": wallet.partner_id.commercial_partner_id.id,
            "default_company_id": wallet.company_id.id,
            "default_currency_id": wallet.currency_id.id,
            "default_credit_id": credit.id,
        }
        title = self.env._("Record a Refund")
        return open_dialog("omni.billing.refund.wizard", title, context)

    def _check_amount(self, line):
        left, currency = line.billing_wallet_left, self.currency_id
        if not line.billing_wallet_id or currency.compare_amounts(self.amount, 0) <= 0:
            raise UserError(self.env._("Enter how much is given back."))
        if has_excess_decimals(self.amount, currency.decimal_places) or (
            currency.compare_amounts(self.amount, left) > 0
        ):
            raise UserError(
                self.env._(
                    "%(left)s is left of it: no more can be given back. Nothing was"
                    " changed.",
                    left=format_amount(self.env, left, currency),
                )
            )

    def _check_paid(self, move):
        """Check that a credit note of it is credit, and lowers no debt instead."""
        is_top_up = move.move_type == "out_invoice"
        if is_top_up and not move.currency_id.is_zero(move.amount_residual):
            raise UserError(
                self.env._(
                    "%(invoice)s is not all paid: a credit note would lower what is"
                    " owed of it, and give nothing back. Nothing was changed: credit"
                    " what is not paid first.",
                    invoice=move.display_name,
                )
            )
