from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.tools import format_date

from odoo.addons.omni_billing.wizards.omni_billing_dialog_mixin import once


class OmniBillingUsageKeepWizard(models.TransientModel):
    """Say how long a company keeps its usage, and see what goes (W41)."""

    _name = "omni.billing.usage.keep.wizard"
    _inherit = "omni.billing.dialog.mixin"
    _description = "How Long Usage Is Kept"

    company_id = fields.Many2one(
        "res.company", required=True, default=lambda self: self.env.company
    )
    months = fields.Integer(
        string="Keep Usage for (months)",
        default=lambda self: self.env.company.billing_usage_keep_months,
        help="Whole months before this one; 0: all.",
    )
    kept_from = fields.Date(string="Kept from", compute="_compute_outcome")
    outcome = fields.Text(string="What Goes", compute="_compute_outcome")
    must_confirm = fields.Boolean(compute="_compute_outcome")
    is_sure = fields.Boolean(string="Nobody needs it any more")

    @api.depends("company_id", "months")
    def _compute_outcome(self):
        self.env["omni.billing.usage.source"].check_access("write")
        # sudo: months are read by their company alone, as a list of events is.
        usage = self.env["omni.billing.usage"].sudo()
        for wizard in self:
            company = wizard.company_id.sudo()  # sudo: as above.
            kept_from = usage._get_kept_from(company, wizard.months)
            old = usage._find_months(company, kept_from) if kept_from else []
            wizard.kept_from = kept_from
            wizard.must_confirm = wizard._is_shorter()
            wizard.outcome = wizard._tell(old)

    def _is_shorter(self):
        """Whether usage would go that is kept by now."""
        before = self.company_id.sudo().billing_usage_keep_months  # sudo: as above.
        return bool(self.months) and (not before or self.months < before)

    def _tell(self, old):
        if not self.months:
            return self.env._("Nothing goes: all usage is kept.")
        if not self.kept_from:
            return self.env._(
                "Nothing goes yet: what is not billed stays, and no usage was rated."
            )
        if not old:
            return self.env._(
                "Nothing goes today: there is no usage from before %(date)s.",
                date=format_date(self.env, self.kept_from),
            )
        return self.env._(
            "Within two days the usage of %(count)s months goes for good: from"
            " %(first)s until %(date)s, and each month another one.",
            count=len(old),
            first=format_date(self.env, old[0]),
            date=format_date(self.env, self.kept_from),
        )

    @once
    def action_keep(self):
        """Keep usage for so long from now on.

        :raise UserError: if it is shorter than before, and nobody said to be sure.
        """
        self.env["omni.billing.usage.source"].check_access("write")
        if self._is_shorter() and not self.is_sure:
            raise UserError(
                self.env._(
                    "Usage goes for good, with what explains a bill that is contested."
                    " Confirm that nobody needs it any more."
                )
            )
        # sudo: a manager of billing says so; companies are an administrator's.
        self.company_id.sudo().billing_usage_keep_months = self.months
        return {"type": "ir.actions.act_window_close"}
