from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.fields import Domain


class OmniBillingService(models.Model):
    """A service that is used: by what usage names it (W41)."""

    _inherit = "omni.billing.service"

    usage_identifier_ids = fields.One2many(
        "omni.billing.usage.identifier",
        "service_id",
        string="Identifiers",
        groups="base.group_user",
    )

    @api.ondelete(at_uninstall=False)
    def _unlink_except_used(self):
        """Say what to do; the database refuses it as well, whoever asks."""
        # sudo: what was used is nobody's to delete, also who may not read it.
        usage = self.env["omni.billing.usage"].sudo()
        used = usage.search(Domain("service_id", "in", self.ids), limit=1)
        if used:
            raise UserError(
                self.env._(
                    "%(service)s was used: end it, or archive it.",
                    service=used.service_id.display_name,
                )
            )

    def action_open_usage(self):
        """Open what was used."""
        self.ensure_one()
        return self.env["omni.billing.usage"]._open(
            [("service_id", "=", self.id)], {"search_default_group_meter": 1}
        )
