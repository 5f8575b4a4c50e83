from odoo import fields, models


class OmniBillingUsageClosing(models.Model):
    """A month of a company whose usage goes, or has gone (W41)."""

    _name = "omni.billing.usage.closing"
    _inherit = "omni.billing.server.mixin"
    _description = "Closed Month of Usage"
    _order = "month desc, id desc"
    _rec_name = "month"

    company_id = fields.Many2one(
        "res.company", required=True, readonly=True, index=True, ondelete="cascade"
    )
    month = fields.Date(required=True, readonly=True, help="Its first day.")
    closed_date = fields.Datetime(
        string="Closed",
        required=True,
        readonly=True,
        help="Since then nothing of it is taken in.",
    )
    count_gone = fields.Integer(
        string="Events That Went", required=True, readonly=True, default=0
    )
    gone_date = fields.Datetime(
        string="Gone", readonly=True, help="Empty: its usage is still going."
    )

    _month_unique = models.UniqueIndex(
        "(company_id, month)", "This month was closed already."
    )
    _going_idx = models.Index("(id) WHERE gone_date IS NULL")
