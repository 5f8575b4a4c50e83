import base64

from odoo import fields, models

from odoo.addons.omni_billing.wizards.omni_billing_dialog_mixin import once


class OmniBillingUsageImportWizard(models.TransientModel):
    """Take in a file of usage (W41)."""

    _name = "omni.billing.usage.import.wizard"
    _inherit = "omni.billing.dialog.mixin"
    _description = "Take In a File of Usage"

    source_id = fields.Many2one(
        "omni.billing.usage.source",
        required=True,
        domain=[("kind", "=", "file")],
        default=lambda self: self._get_default_source(),
    )
    content = fields.Binary(string="File", required=True, attachment=False)
    name = fields.Char(string="Name of the File")

    def _get_default_source(self):
        """Propose the source of files, where there is one alone."""
        found = self.env["omni.billing.usage.source"].search(
            [("kind", "=", "file")], limit=2
        )
        return found if len(found) == 1 else False

    @once
    def action_import(self):
        """Read the file, and show what became of its events.

        :raise UserError: if nothing was done; the message says why.
        """
        self.env["omni.billing.usage.source"].check_access("write")
        content = base64.b64decode(self.content)
        batches = self.source_id._take_in_file(self.name or "?.csv", content)
        action = self.env["omni.billing.usage.batch"]._open()
        return action | {"domain": [("id", "in", batches.ids)]}
