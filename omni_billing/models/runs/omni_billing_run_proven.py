from odoo import api, fields, models
from odoo.fields import Domain

#: Chunks that are billed as one where a company bills fast: it takes less time than one
#: does else, and Odoo makes two invoices of each.
TIMES = 3


class OmniBillingRun(models.Model):
    """How much of a run was billed fast (W45)."""

    _inherit = "omni.billing.run"

    fast_note = fields.Char(string="Fast Billing", compute="_compute_fast_note")

    @api.depends("line_ids.is_fast", "line_ids.state")
    def _compute_fast_note(self):
        counts = self._count_lines(Domain("is_fast", "=", True))
        for run in self:
            run.fast_note = counts.get(run) and self.env._(
                "%(fast)s of %(all)s by fast billing",
                fast=counts[run],
                all=run.done_count,
            )

    def _get_chunk_size(self):
        """Override: more at once where that takes no longer."""
        size = super()._get_chunk_size()
        is_fast = self.state != "checking" and self.company_id.billing_use_proven
        return TIMES * size if is_fast else size

    def _process_chunk(self, busy=None):
        """Override: who is responsible is told when fast billing is no longer used."""
        company = self.company_id
        if loss := self.env["omni.billing.proven"]._switch_off_unproved(company):
            self._tell(
                self.env._(
                    "Fast billing is switched off, and Odoo makes all invoices."
                    " %(reason)s",
                    reason=loss,
                )
            )
        return super()._process_chunk(busy)
