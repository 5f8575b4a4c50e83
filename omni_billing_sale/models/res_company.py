from odoo import fields, models


class ResCompany(models.Model):
    _inherit = "res.company"

    billing_sale = fields.Boolean(
        string="Bill Sales Orders",
        help="What is sold goes into the customer's unbilled transactions, and not onto"
        " invoices of Sales. A customer, or an order, may say otherwise.",
    )
