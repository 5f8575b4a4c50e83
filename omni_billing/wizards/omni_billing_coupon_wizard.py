from odoo import fields, models
from odoo.exceptions import UserError

from ..tools.notice import close, notice
from .omni_billing_dialog_mixin import once


class OmniBillingCouponWizard(models.TransientModel):
    """Redeem a coupon for a customer who tells its code (W36)."""

    _name = "omni.billing.coupon.wizard"
    _inherit = "omni.billing.dialog.mixin"
    _description = "Redeem a Coupon"

    service_id = fields.Many2one("omni.billing.service", required=True)
    code = fields.Char()

    @once
    def action_redeem(self):
        """Redeem it, see `omni.billing.service._billing_redeem`.

        :raise UserError: if it cannot be, for this service and customer.
        """
        service = self.service_id
        service.check_access("write")
        if not (self.code or "").strip():
            raise UserError(self.env._("Enter the code."))
        service._billing_redeem(self.code)
        message = self.env._(
            "%(service)s has %(discount)s.",
            service=service.name,
            discount=service.discount,
        )
        return notice(message, after=close())
