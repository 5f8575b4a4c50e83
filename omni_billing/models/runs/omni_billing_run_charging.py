from markupsafe import Markup

from odoo import api, fields, models
from odoo.fields import Domain
from odoo.tools import format_date


class OmniBillingRun(models.Model):
    """What became of the charges of a run (W11, F155)."""

    _inherit = "omni.billing.run"

    retry_count = fields.Integer(
        string="Charged Later",
        compute="_compute_charges",
        help="Cards that were declined for now, and accounts whose owners were told of"
        " the debit: they are charged by themselves.",
    )
    retry_date = fields.Date(string="Next Retry", compute="_compute_charges")
    retry_last_date = fields.Date(compute="_compute_charges")
    no_card_count = fields.Integer(
        string="Without a Payment Method",
        compute="_compute_charges",
        help="Customers who saved none: nothing failed, they pay otherwise.",
    )
    no_consent_count = fields.Integer(
        string="Not Agreed",
        compute="_compute_charges",
        help="Customers who did not agree to automatic payment: nothing failed, they"
        " pay by themselves.",
    )

    @api.depends("line_ids.charge_state", "line_ids.charge_date")
    def _compute_charges(self):
        groups = self.env["omni.billing.run.line"]._read_group(
            Domain("run_id", "in", self.ids)
            & Domain("charge_state", "in", ("retry", "no_card", "no_consent")),
            ["run_id", "charge_state"],
            ["__count", "charge_date:min", "charge_date:max"],
        )
        found = {(run, state): values for run, state, *values in groups}
        for run in self:
            retried = found.get((run, "retry"), (0, False, False))
            run.retry_count, run.retry_date, run.retry_last_date = retried
            run.no_card_count = found.get((run, "no_card"), (0,))[0]
            run.no_consent_count = found.get((run, "no_consent"), (0,))[0]

    @api.readonly
    def get_progress(self):
        """Override: with what is retried, and who has no card."""
        return super().get_progress() | {
            "no_card": self.no_card_count,
            "no_consent": self.no_consent_count,
            "retried": self.retry_count and self._explain_retries(),
        }

    def _explain_retries(self):
        """Say how many cards are charged again, and from when on."""
        self.ensure_one()
        values = {
            "count": self.retry_count,
            "date": format_date(self.env, self.retry_date, date_format="medium"),
        }
        if self.retry_date == self.retry_last_date:
            return self.env._("Charged later: %(count)s, on %(date)s", **values)
        return self.env._("Charged later: %(count)s, from %(date)s on", **values)

    def _explain_end(self):
        """Override: what is retried, and who has no card."""
        told = super()._explain_end()
        if self.retry_count:
            told += Markup("<br/>%s.") % self._explain_retries()
        if self.no_card_count:
            told += Markup("<br/>%s") % self.env._(
                "Without a payment method: %(count)s. They got no charge; nothing"
                " failed.",
                count=self.no_card_count,
            )
        if self.no_consent_count:
            told += Markup("<br/>%s") % self.env._(
                "Not agreed to automatic payment: %(count)s. They got no charge;"
                " nothing failed.",
                count=self.no_consent_count,
            )
        return told
