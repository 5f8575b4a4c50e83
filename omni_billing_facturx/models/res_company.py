from odoo import fields, models


class ResCompany(models.Model):
    _inherit = "res.company"

    billing_facturx = fields.Boolean(
        string="Factur-X",
        help="The PDF of an invoice carries the invoice as XML, for programs to read.",
    )
