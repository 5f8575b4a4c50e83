import logging

from odoo import models

from odoo.addons.omni_billing.tools.database import check_can_commit, insist, rollback

from .account_move import PEPPOL

_logger = logging.getLogger(__name__)


class OmniBillingMail(models.Model):
    """An e-invoice by Peppol, in the outbox."""

    _inherit = "omni.billing.mail"

    def _deliver(self):
        """Override of `omni_billing`: look up who is not known to be there; commits.

        Outside of all locks, and before the e-mail: Odoo does it in its dialog alone.
        """
        # sudo: who sends need not write customers.
        mail = self.sudo()
        is_invoice = mail.kind == "invoice" or mail.channel == PEPPOL
        if mail.state == "queued" and is_invoice and mail._is_to_look_up():
            check_can_commit(self.env)
            try:
                insist(self.env, mail._look_up)
            except Exception as error:  # an answer that Odoo cannot read, of any kind
                rollback(self.env)
                _logger.warning("E-mail %s: Peppol was not asked: %r", mail.id, error)
        return super()._deliver()

    def _is_to_look_up(self):
        """Whether it is not known that Peppol reaches the customer.

        Who was not there is asked for again, as in Odoo's dialog: that is also what
        Odoo writes down if nobody answered, and customers join.
        """
        customer = self.move_id.commercial_partner_id.with_company(self.company_id)
        return (
            self.company_id.peppol_can_send
            and customer.peppol_verification_state != "valid"
        )

    def _look_up(self):
        move, company = self.move_id, self.company_id
        customer = move.commercial_partner_id.with_company(company)
        customer.button_account_peppol_check_partner_endpoint(company=company)
        if self.kind == "invoice" and PEPPOL in move._billing_get_channels():
            move._billing_queue("einvoice", channel=PEPPOL)

    def _send_by_channel(self):
        """Override of `omni_billing`: a rejected file is not sent once more."""
        if self.channel == PEPPOL and self.move_id.peppol_move_state == "error":
            # It stays with the invoice, under another name; Odoo makes a new one.
            self.move_id._detach_attachments()
        return super()._send_by_channel()
