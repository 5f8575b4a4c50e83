from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.fields import Domain

from ...tools.action import open_list


class AccountMove(models.Model):
    """Which invoices have an item that the customer reported (F195)."""

    _inherit = "account.move"

    billing_has_report = fields.Boolean(
        string="Reported by the Customer",
        compute="_compute_billing_has_report",
        help="The customer said that something is wrong with an item, and waits for an"
        " answer.",
    )

    @api.depends("billing_transaction_ids.report_state")
    def _compute_billing_has_report(self):
        # sudo: who reads the invoice may know it; not all who do read transactions.
        reported = self.env["omni.billing.transaction"].sudo()
        found = reported._read_group(
            self._billing_get_reported_domain(), ["invoice_id"]
        )
        ids = {move.id for (move,) in found}
        for move in self:
            move.billing_has_report = move._origin.id in ids

    def _billing_get_reported_domain(self):
        return Domain("invoice_id", "in", self.ids) & Domain(
            "report_state", "=", "open"
        )

    def action_billing_open_reports(self):
        """Open the answer to what the customer reported; a list, if it is more."""
        reported = self.env["omni.billing.transaction"].search(
            self._billing_get_reported_domain()
        )
        if not reported:
            raise UserError(self.env._("This was answered already. Reload the page."))
        if len(reported) == 1:
            return reported.action_open_answer()
        domain = [("id", "in", reported.ids)]
        return open_list(self.env, "omni_billing_transaction_action", domain, {})
