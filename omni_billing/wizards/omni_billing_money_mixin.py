from odoo import fields, models


class OmniBillingMoneyMixin(models.AbstractModel):
    """What dialogs ask in which money changes hands outside of Odoo (F139-F141)."""

    _name = "omni.billing.money.mixin"
    _description = "Money by Hand"

    reference = fields.Char(
        help="The number of the receipt, cheque or transfer, so that it is found again."
    )
    date = fields.Date(required=True, default=fields.Date.context_today)
