from odoo import fields, models


class OmniBillingWebhookSecret(models.AbstractModel):
    """Shows a secret once, as Odoo shows a new API key: no dialog keeps it."""

    _name = "omni.billing.webhook.secret"
    _description = "Secret of a Webhook"

    id = fields.Id()
    secret = fields.Char(readonly=True)
