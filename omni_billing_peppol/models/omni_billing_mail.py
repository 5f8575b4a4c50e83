from odoo import models

from odoo.addons.omni_billing.tools.database import check_can_commit, commit

from .account_move import PEPPOL

#: Who was looked up, with whatever result.
LOOKED_UP = ("valid", "not_valid", "not_valid_format")


class OmniBillingMail(models.Model):
    """An e-invoice by Peppol, in the outbox."""

    _inherit = "omni.billing.mail"

    def _deliver(self):
        """Override of `omni_billing`: look up who was not looked up before; commits.

        Outside of all locks, and before the e-mail: Odoo does it in its dialog alone.
        """
        # sudo: who sends need not write customers.
        mail = self.sudo()
        if mail.state == "queued" and mail.kind == "invoice":
            mail._look_up()
        return super()._deliver()

    def _look_up(self):
        move, company = self.move_id, self.company_id
        customer = move.commercial_partner_id.with_company(company)
        if (
            not company.peppol_can_send
            or customer.peppol_verification_state in LOOKED_UP
        ):
            return
        check_can_commit(self.env)
        customer.button_account_peppol_check_partner_endpoint(company=company)
        if PEPPOL in move._billing_get_channels():
            move._billing_queue("einvoice", channel=PEPPOL)
        commit(self.env)

    def _send_by_channel(self):
        """Override of `omni_billing`: a rejected file is not sent once more."""
        if self.channel == PEPPOL and self.move_id.peppol_move_state == "error":
            # It stays with the invoice, under another name; Odoo makes a new one.
            self.move_id._detach_attachments()
        return super()._send_by_channel()
