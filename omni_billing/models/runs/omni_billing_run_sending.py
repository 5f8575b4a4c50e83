from odoo import api, fields, models


class OmniBillingRun(models.Model):
    """How many invoices of a run did not reach their customers."""

    _inherit = "omni.billing.run"

    unsent_count = fields.Integer(
        string="Not Sent",
        compute="_compute_unsent_count",
        compute_sudo=True,
        help="Invoices that were not sent, or did not arrive, and nobody saw to it.",
    )

    @api.depends("line_ids.email_state")
    def _compute_unsent_count(self):
        unsent = self._count_lines(
            self.env["omni.billing.run.line"]._get_unsent_domain()
        )
        for run in self:
            run.unsent_count = unsent.get(run, 0)
