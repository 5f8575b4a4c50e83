from odoo import models
from odoo.tools import html2plaintext

from .account_move import PEPPOL


class AccountEdiProxyClientUser(models.Model):
    """What the access point tells of e-invoices."""

    _inherit = "account_edi_proxy_client.user"

    def _peppol_get_message_status(self):
        """Override of `account_peppol`: it is in our list of messages, too."""
        waiting = self.env["account.move"].search(
            [
                ("peppol_move_state", "=", "processing"),
                ("company_id", "in", self.company_id.ids),
            ]
        )
        result = super()._peppol_get_message_status()
        for move in waiting:
            if move.peppol_move_state in ("done", "error") and (
                move._billing_has_own_pdf() or PEPPOL in move._billing_list_channels()
            ):
                is_delivered = move.peppol_move_state == "done"
                # Odoo leaves the reason in the chatter alone.
                reason = html2plaintext(move.message_ids[:1].body or "")
                self.env["omni.billing.mail"]._follow_channel(
                    move, PEPPOL, is_delivered, " ".join(reason.split())
                )
        return result
