from odoo import fields, models


class OmniBillingCreditType(models.Model):
    """Why a credit was given: goodwill, correction, discount… (F13).

    Whatever it is called, a credit lowers income. Money is a payment.
    """

    _name = "omni.billing.credit.type"
    _description = "Billing Credit Type"
    _order = "sequence, id"

    name = fields.Char(required=True, translate=True)
    sequence = fields.Integer(default=10)
    active = fields.Boolean(default=True)
    company_id = fields.Many2one(
        "res.company",
        default=lambda self: self.env.user._billing_get_default_company(),
        index="btree_not_null",
        help="Leave empty to offer the type in every company.",
    )

    _name_unique = models.UniqueIndex(
        "(name, company_id) NULLS NOT DISTINCT",
        "There is a credit type of this name already.",
    )
