from odoo import api, fields, models

from odoo.addons.omni_billing.wizards.omni_billing_dialog_mixin import once


class OmniBillingPackRefundWizard(models.TransientModel):
    """Credit units of a pack that were not used (W42)."""

    _name = "omni.billing.pack.refund.wizard"
    _inherit = "omni.billing.dialog.mixin"
    _description = "Refund Unused Units"

    pack_id = fields.Many2one("omni.billing.pack", required=True, readonly=True)
    partner_id = fields.Many2one(related="pack_id.partner_id")
    units_usable = fields.Float(related="pack_id.units_usable")
    uom_id = fields.Many2one(related="pack_id.uom_id")
    units = fields.Float(
        string="To Refund",
        digits="Product Unit",
        compute="_compute_units",
        store=True,
        readonly=False,
        precompute=True,
        required=True,
    )

    @api.depends("pack_id")
    def _compute_units(self):
        for dialog in self:
            dialog.units = dialog.pack_id.units_usable

    @once
    def action_refund(self):
        """Enter the credit, and show it."""
        return self.pack_id.action_refund(self.units).action_open_detail()
