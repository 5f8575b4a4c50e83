from odoo import fields, models

from ..tools.notice import notice, reload
from .omni_billing_dialog_mixin import once


class OmniBillingDisputeWizard(models.TransientModel):
    """Decide who bears a dispute that was lost (W47)."""

    _name = "omni.billing.dispute.wizard"
    _inherit = "omni.billing.dialog.mixin"
    _description = "Decide a Lost Dispute"

    dispute_id = fields.Many2one("omni.billing.dispute", required=True)
    partner_id = fields.Many2one(related="dispute_id.partner_id")
    company_id = fields.Many2one(related="dispute_id.company_id")
    currency_id = fields.Many2one(related="dispute_id.currency_id")
    amount = fields.Monetary(related="dispute_id.amount")
    reason = fields.Char(related="dispute_id.reason_name")
    decision = fields.Selection(
        [
            ("owed", "The customer owes it again"),
            ("owed_by_hand", "The customer owes it again, booked by hand"),
            ("written_off", "It is written off"),
        ],
        required=True,
        default="owed",
    )
    account_id = fields.Many2one(
        "account.account",
        string="Write Off To",
        check_company=True,
        domain="[('account_type', 'in', ('expense', 'expense_other'))]",
    )
    note = fields.Char(string="Why")

    @once
    def action_decide(self):
        """Book it, see `omni.billing.dispute._decide`.

        :raise UserError: if it is not lost, or decided already.
        """
        move = self.dispute_id._decide(
            self.decision, self.account_id, (self.note or "").strip()
        )
        message = self.env._("Decided.")
        if move:
            message = self.env._("Decided. The entry is %(entry)s.", entry=move.name)
        return notice(message, after=reload())
