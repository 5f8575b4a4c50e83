from odoo import fields, models

from ...tools.retell import KeptSentence


class OmniBillingMailRecipient(models.Model):
    """Whom a billing e-mail went to, and whether it arrived there."""

    _name = "omni.billing.mail.recipient"
    _inherit = "omni.billing.server.mixin"
    _description = "Recipient of a Billing E-mail"
    _rec_name = "email"

    mail_id = fields.Many2one(
        "omni.billing.mail",
        string="Message",
        required=True,
        index=True,
        ondelete="cascade",
    )
    partner_id = fields.Many2one(
        "res.partner",
        ondelete="set null",
        index="btree_not_null",
    )
    email = fields.Char(string="E-mail", required=True)
    is_copy = fields.Boolean(string="Copy")
    state = fields.Selection(
        [
            ("sent", "Sent"),
            ("delivered", "Delivered"),
            ("opened", "Opened"),
            ("bounced", "Bounced"),
            ("blocked", "Blocked"),
        ],
        string="Status",
    )
    error = KeptSentence(string="Reason")
    # Longer than an integer of the database.
    message_ref = fields.Char(string="Mailjet's Number")
    message_uuid = fields.Char(string="Mailjet's UUID", index="btree_not_null")
