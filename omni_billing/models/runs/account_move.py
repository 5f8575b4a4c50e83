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

    def _billing_get_next_try(self):
        """Override: of a run whose charge was declined for now."""
        # sudo: whose invoice it is may know when a card is charged again.
        lines = self.sudo().billing_run_line_ids.filtered(
            lambda line: line.charge_state == "retry"
        )
        days = lines.mapped("charge_date")
        return min(days) if days else super()._billing_get_next_try()

    @api.model
    def _billing_get_remindable_domain(self, company):
        """Override: not while a run is about to charge the card."""
        domain = super()._billing_get_remindable_domain(company)
        return domain & Domain(
            "billing_run_line_ids", "not any", [("charge_state", "in", COMING_STATES)]
        )
