from odoo import fields, models


class OmniBillingWebhookKind(models.Model):
    """What other programs may be told of (W39)."""

    _name = "omni.billing.webhook.kind"
    _description = "Event for Other Programs"
    _order = "sequence, id"

    name = fields.Char(required=True, translate=True)
    code = fields.Char(
        string="Type", required=True, help="What a message of it has as its type."
    )
    sequence = fields.Integer()

    _code_uniq = models.Constraint("UNIQUE(code)", "Each type is there once.")
