from odoo import fields, models
from odoo.tools import format_date

from ..tools.notice import close, notice
from .omni_billing_dialog_mixin import once


class OmniBillingPromiseWizard(models.TransientModel):
    """Note when a customer will pay (W30)."""

    _name = "omni.billing.promise.wizard"
    _inherit = "omni.billing.dialog.mixin"
    _description = "Promise to Pay"

    invoice_ids = fields.Many2many("account.move", string="Invoices", required=True)
    date = fields.Date(string="By", required=True)
    note = fields.Char()

    @once
    def action_promise(self):
        """Note it, see `account.move._billing_promise`.

        :raise UserError: if an invoice is not waiting to be paid, or the day is over.
        """
        self.invoice_ids._billing_promise(self.date, self.note)
        message = self.env._(
            "Promised by %(date)s: no reminder and no late fee until then.",
            date=format_date(self.env, self.date),
        )
        return notice(message, after=close())
