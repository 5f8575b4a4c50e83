from odoo import fields, models


class ResPartner(models.Model):
    _inherit = "res.partner"

    billing_mandate_ids = fields.One2many(
        "account.banking.mandate",
        "partner_id",
        string="SEPA Mandates",
        copy=False,
        groups="omni_billing.omni_billing_group_user",
    )
