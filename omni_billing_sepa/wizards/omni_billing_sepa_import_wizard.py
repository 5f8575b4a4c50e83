import base64

from odoo import fields, models
from odoo.tools import format_list

from odoo.addons.omni_billing.tools.notice import close, notice
from odoo.addons.omni_billing.wizards.omni_billing_dialog_mixin import once

from ..models.omni_billing_sepa_file import MOST_NAMES


class OmniBillingSepaImportWizard(models.TransientModel):
    """Import a file in which the bank tells what came back (W34)."""

    _name = "omni.billing.sepa.import.wizard"
    _inherit = "omni.billing.dialog.mixin"
    _description = "Import Returned Debits"

    company_id = fields.Many2one(
        "res.company", required=True, default=lambda self: self.env.company
    )
    content = fields.Binary(string="File of the Bank", required=True, attachment=False)
    name = fields.Char(string="Name of the File")

    @once
    def action_import(self):
        """Read the file: see `omni.billing.sepa.file._take`.

        :raise UserError: if nothing was done; the message says why.
        """
        files = self.env["omni.billing.sepa.file"]
        content = base64.b64decode(self.content)
        file = files._take(self.company_id, self.name or "?", content)
        told = [
            self.env._("Came back, and are owed again: %s.", file.return_count),
            file.known_count
            and self.env._("Known from another file: %s.", file.known_count),
            file.foreign_count
            and self.env._(
                "Not debited here, and left to accounting: %(number)s (%(which)s).",
                number=file.foreign_count,
                which=format_list(
                    self.env, file.foreign_note.splitlines()[:MOST_NAMES]
                ),
            ),
        ]
        kind = "warning" if file.return_count else "info"
        message = " ".join(filter(None, told))
        return notice(message, kind, sticky=True, after=close())
