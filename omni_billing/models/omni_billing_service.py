from odoo import api, fields, models


class OmniBillingService(models.Model):
    """A service that a customer uses, at a site: what charges are about (F16)."""

    _name = "omni.billing.service"
    _description = "Billing Service"
    _order = "partner_id, name"
    _check_company_auto = True

    name = fields.Char(
        compute="_compute_name", store=True, readonly=False, required=True
    )
    active = fields.Boolean(default=True)
    company_id = fields.Many2one(
        "res.company",
        required=True,
        index=True,
        default=lambda self: self.env.company,
    )
    partner_id = fields.Many2one(
        "res.partner",
        string="Customer",
        required=True,
        index=True,
        check_company=True,
        ondelete="restrict",
    )
    commercial_partner_id = fields.Many2one(
        related="partner_id.commercial_partner_id", store=True, index=True
    )
    site_id = fields.Many2one(
        "res.partner",
        check_company=True,
        domain="[('id', 'child_of', commercial_partner_id)]",
        help="Where the service is used: an address of the customer.",
    )
    product_id = fields.Many2one(
        "product.product", check_company=True, ondelete="restrict"
    )

    @api.depends("product_id")
    def _compute_name(self):
        for service in self.filtered("product_id"):
            service.name = service.name or service.product_id.name
