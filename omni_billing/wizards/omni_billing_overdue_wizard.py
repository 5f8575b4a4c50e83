from odoo import fields, models
from odoo.exceptions import UserError

from ..tools.notice import notice, reload
from .omni_billing_dialog_mixin import once


class OmniBillingOverdueWizard(models.TransientModel):
    """Give a customer more time before its services are suspended (W35)."""

    _name = "omni.billing.overdue.wizard"
    _inherit = "omni.billing.dialog.mixin"
    _description = "Suspension of Services"

    partner_id = fields.Many2one("res.partner", string="Customer", required=True)
    choice = fields.Selection(
        [
            ("time", "Not before a day"),
            ("never", "Never"),
            ("levels", "As the reminder levels say"),
        ],
        string="Suspended",
        required=True,
        default="time",
    )
    kept_until = fields.Date(string="Not Suspended until")
    why = fields.Char()

    @once
    def action_decide(self):
        """Write it down, see `res.partner._billing_give_time`.

        :raise UserError: if it is not said why or until when, or the day is over.
        """
        if self.choice == "time" and not self.kept_until:
            raise UserError(self.env._("Enter until when services go on."))
        until = self.kept_until if self.choice == "time" else False
        text = self.partner_id.commercial_partner_id._billing_give_time(
            self.env.company, until, self.why, forever=self.choice == "never"
        )
        return notice(text, after=reload())
