from odoo import fields, models

from ...tools.action import open_dialog
from ...tools.write_guard import without_any_default


class OmniBillingMail(models.Model):
    """What was sent is kept as it was sent (F117).

    The page of an invoice changes: it says PAID later, or has a new design. The files
    of a message are kept beside it. Odoo stores equal bytes once, so a PDF that is in
    the store of PDFs, or in Odoo's own message, takes no more room.
    """

    _inherit = "omni.billing.mail"

    sent_file_ids = fields.One2many(
        "ir.attachment",
        "res_id",
        domain=[("res_model", "=", "omni.billing.mail")],
        string="What Was Sent",
        readonly=True,
    )
    sent_file_count = fields.Integer(string="Files", readonly=True)

    def action_open_sent(self):
        """Open the file that was sent on that day; of several, the message with all."""
        self.ensure_one()
        self.check_access("read")
        files = self.sent_file_ids
        if len(files) == 1:
            return {
                "type": "ir.actions.act_url",
                "url": f"/web/content/{files.id}?download=false",
                "target": "new",
            }
        return open_dialog(
            self._name, self.display_name, res_id=self.id, context={"create": False}
        )

    def _keep_files(self, files):
        """Keep the files of an attempt in the place of those of one before.

        :param files: name, bytes and type of each.
        """
        self.sent_file_ids.unlink()
        without_any_default(self.env["ir.attachment"]).create(
            [
                {
                    "name": name,
                    "raw": raw,
                    "mimetype": mimetype,
                    "res_model": self._name,
                    "res_id": self.id,
                }
                for name, raw, mimetype in files
            ]
        )
        self.sent_file_count = len(files)
        self.invalidate_recordset(["sent_file_ids"])
