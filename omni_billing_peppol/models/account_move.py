from odoo import models

#: What Odoo calls the way of sending.
PEPPOL = "peppol"
#: The access point has it.
TAKEN = ("processing", "done")


class AccountMove(models.Model):
    """When an invoice goes by Peppol."""

    _inherit = "account.move"

    def _billing_get_channels(self):
        """Override of `omni_billing`: as Odoo chooses, and nobody is asked outside."""
        channels = super()._billing_get_channels()
        if self.peppol_move_state in TAKEN:
            return channels - {PEPPOL}
        customer = self.commercial_partner_id.with_company(self.company_id)
        if (
            self.company_id.peppol_can_send
            and customer.peppol_verification_state == "valid"
        ):
            channels |= {PEPPOL}
        return channels

    def _billing_can_send_by(self, channel):
        """Override of `omni_billing`: Odoo asks for it in its dialog alone."""
        if channel == PEPPOL and not self.company_id.peppol_can_send:
            return False
        return super()._billing_can_send_by(channel)

    def _billing_is_taken_by_channel(self, channel):
        """Override of `omni_billing`."""
        if channel == PEPPOL:
            return self.peppol_move_state in TAKEN
        return super()._billing_is_taken_by_channel(channel)
