from odoo import api, fields, models
from odoo.fields import Domain

from ...const import COMING_STATES


class AccountMove(models.Model):
    """The billing runs that made an invoice, and charge its card."""

    _inherit = "account.move"

    billing_run_line_ids = fields.One2many(
        "omni.billing.run.line",
        "invoice_id",
        readonly=True,
        copy=False,
        groups="omni_billing.omni_billing_group_user",
    )

    @api.model
    def _billing_get_remindable_domain(self, company):
        """Override: not while a run is about to charge the card."""
        domain = super()._billing_get_remindable_domain(company)
        return domain & Domain(
            "billing_run_line_ids", "not any", [("charge_state", "in", COMING_STATES)]
        )
