from odoo import fields, models


class OmniBillingClosingReason(models.Model):
    """Why a service is ended: who ends it chooses one (W36)."""

    _name = "omni.billing.closing.reason"
    _description = "Reason for Ending a Service"
    _order = "sequence, id"

    name = fields.Char(required=True, translate=True)
    sequence = fields.Integer(default=10)
    company_id = fields.Many2one(
        "res.company", index="btree_not_null", help="Empty: of all companies."
    )
    active = fields.Boolean(default=True)
    is_own = fields.Boolean(
        string="Customers Choose It",
        default=True,
        help="It is in the list of the customer area, too.",
    )
