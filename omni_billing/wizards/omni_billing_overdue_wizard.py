from odoo import api, fields, models
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
    suspended_services = fields.Text(
        string="Suspended Today", compute="_compute_suspended"
    )
    suspended_until_paid = fields.Char(
        string="Until Paid", compute="_compute_suspended"
    )
    standing = fields.Char(
        string="Decided Before",
        compute="_compute_suspended",
        help="What was decided before, and is taken back if services are suspended.",
    )

    # === COMPUTE METHODS === #

    @api.depends("partner_id")
    def _compute_suspended(self):
        """Show what is suspended if it is done now, and until what is paid."""
        for wizard in self:
            customer = wizard.partner_id.commercial_partner_id._origin
            services, amount = (
                customer._billing_preview_suspension(self.env.company)
                if customer
                else (self.env["omni.billing.service"], "")
            )
            wizard.suspended_services = "\n".join(services.mapped("display_name"))
            wizard.suspended_until_paid = amount
            wizard.standing = customer._billing_describe_kept(self.env.company)

    # === ACTION METHODS === #

    @once
    def action_suspend(self):
        """Suspend at once, see `res.partner.action_billing_suspend_now`.

        :raise UserError: if nothing is overdue, or no service could be suspended.
        """
        return self.partner_id.action_billing_suspend_now()

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
