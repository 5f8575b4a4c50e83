from odoo import fields, models
from odoo.fields import Domain

from odoo.addons.omni_billing.tools.action import open_list


class ResPartner(models.Model):
    """What a customer has left, on its billing tab (W42)."""

    _inherit = "res.partner"

    billing_pack_left = fields.Char(
        string="Prepaid",
        compute="_compute_billing_pack_left",
        groups="omni_billing.omni_billing_group_user",
        help="Units of packs that can be used today.",
    )
    billing_has_packs = fields.Boolean(
        compute="_compute_billing_pack_left",
        groups="omni_billing.omni_billing_group_user",
    )

    def _compute_billing_pack_left(self):
        Pack = self.env["omni.billing.pack"]
        for partner in self:
            customer = partner.commercial_partner_id
            packs = Pack.search(
                Pack._get_customer_domain(customer)
                & Domain("company_id", "=", self.env.company.id)
                & Domain("units_left", ">", 0),
                limit=100,
            ).filtered(lambda pack: pack.state == "open")
            partner.billing_pack_left = ", ".join(
                own._describe_left() for own in packs.grouped("product_id").values()
            )
            partner.billing_has_packs = bool(
                Pack.search_count(
                    Pack._get_customer_domain(customer)
                    & Domain("company_id", "=", self.env.company.id),
                    limit=1,
                )
            )

    def action_billing_packs(self):
        """Show the packs of the customer."""
        self.ensure_one()
        customer = self.commercial_partner_id
        return open_list(
            self.env,
            "omni_billing_wallet.omni_billing_pack_action",
            list(self.env["omni.billing.pack"]._get_customer_domain(customer)),
        )

    def action_billing_use_pack(self):
        """Open the dialog in which units are drawn for the contact."""
        self.ensure_one()
        action = self.env["omni.billing.pack"].action_open_use()
        return action | {"context": {"default_partner_id": self.id}}
