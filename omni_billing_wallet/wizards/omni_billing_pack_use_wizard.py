from odoo import api, fields, models
from odoo.fields import Domain

from odoo.addons.omni_billing.tools.notice import close, notice
from odoo.addons.omni_billing.wizards.omni_billing_dialog_mixin import once


class OmniBillingPackUseWizard(models.TransientModel):
    """Draw units of a customer's packs (W42)."""

    _name = "omni.billing.pack.use.wizard"
    _inherit = "omni.billing.dialog.mixin"
    _description = "Use a Pack"

    partner_id = fields.Many2one("res.partner", string="Customer", required=True)
    product_id = fields.Many2one(
        "product.product",
        string="What for",
        compute="_compute_product_id",
        store=True,
        readonly=False,
        precompute=True,
        required=True,
        domain="[('id', 'in', product_ids)]",
    )
    product_ids = fields.Many2many("product.product", compute="_compute_product_ids")
    units = fields.Float(digits="Product Unit", default=1.0, required=True)
    uom_id = fields.Many2one(related="product_id.uom_id")
    date = fields.Date(default=fields.Date.context_today, required=True)
    note = fields.Char(string="Details", help="What it was for; the customer reads it.")
    left = fields.Char(compute="_compute_left")

    @api.depends("partner_id")
    def _compute_product_ids(self):
        for dialog in self:
            dialog.product_ids = dialog._find_packs().product_id

    @api.depends("partner_id")
    def _compute_product_id(self):
        for dialog in self:
            products = dialog._find_packs().product_id
            dialog.product_id = products[:1] if len(products) == 1 else False

    @api.depends("partner_id", "product_id", "date")
    def _compute_left(self):
        for dialog in self:
            packs = dialog._find_packs().filtered(
                lambda pack, dialog=dialog: (
                    pack.product_id == dialog.product_id and pack.state == "open"
                )
            )
            dialog.left = packs._describe_left() if packs else False

    def _find_packs(self):
        customer = self.partner_id.commercial_partner_id
        Pack = self.env["omni.billing.pack"]
        return Pack.search(
            Pack._get_customer_domain(customer)
            & Domain("company_id", "=", self.env.company.id),
            limit=200,
        )

    @once
    def action_use(self):
        """Draw the units, and say what is left."""
        done = self.env["omni.billing.pack"].use(
            self.partner_id.id,
            self.product_id.id,
            self.units,
            date=self.date,
            note=self.note or None,
        )
        message = self.env._("Used. What is left: %(left)s.", left=done["left"])
        if done["charged"]:
            message = self.env._(
                "%(charged)s were charged, since no pack covers them.",
                charged=done["charged"],
            )
        return notice(message, after=close())
