from odoo import api, fields, models
from odoo.exceptions import UserError

from ..tools.notice import close, notice
from .omni_billing_dialog_mixin import once


class OmniBillingAttemptWizard(models.TransientModel):
    """Close a card payment whose outcome Stripe cannot tell (promise 1).

    Without this the invoice would be blocked for ever after a charge whose answer was
    lost, if the account at Stripe, or its key, is gone meanwhile.
    """

    _name = "omni.billing.attempt.wizard"
    _inherit = "omni.billing.dialog.mixin"
    _description = "Close a Payment of Unknown Outcome"

    invoice_id = fields.Many2one("account.move", required=True)
    currency_id = fields.Many2one(related="invoice_id.currency_id")
    reference = fields.Char(compute="_compute_attempt")
    provider_reference = fields.Char(
        string="Reference at Stripe", compute="_compute_attempt"
    )
    amount = fields.Monetary(compute="_compute_attempt")
    begun_at = fields.Datetime(string="Begun", compute="_compute_attempt")
    reason = fields.Text(string="Why It Is Sure That No Money Moved")

    @api.depends("invoice_id")
    def _compute_attempt(self):
        for wizard in self:
            # sudo: attempts are internal; the invoice may be read.
            attempt = wizard.invoice_id.sudo().billing_attempt_id
            wizard.reference = attempt.reference
            wizard.provider_reference = attempt.provider_reference
            wizard.amount = attempt.amount
            wizard.begun_at = attempt.create_date

    @once
    def action_close(self):
        """Close it, see `payment.transaction._billing_close_by_hand`.

        :raise UserError: if Stripe tells its outcome, or is not done yet.
        """
        # sudo: attempts are internal; who may close it is checked there.
        attempt = self.invoice_id.sudo().billing_attempt_id
        if not attempt:
            raise UserError(
                self.env._(
                    "No payment of %(invoice)s is under way any more: close this"
                    " dialog and look at the invoice.",
                    invoice=self.invoice_id.display_name,
                )
            )
        attempt.with_env(self.env)._billing_close_by_hand(self.reason)
        return notice(
            self.env._(
                "The payment is closed. %(invoice)s can be paid, refunded or"
                " voided again.",
                invoice=self.invoice_id.name,
            ),
            after=close(),
        )
