from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError

from ...tools.notice import notice, reload
from ...tools.write_guard import is_trusted, trust

#: What is written by the proof alone.
PROOF = {
    "billing_use_proven",
    "billing_proven_at",
    "billing_proven_key",
    "billing_proven_report",
    "billing_proven_problem",
}


class ResCompany(models.Model):
    """Fast billing: a company proves it on its own customers, then uses it (W45)."""

    _inherit = "res.company"

    # === CRUD METHODS === #

    @api.model_create_multi
    def create(self, vals_list):
        """Override of `base`: nobody says by hand that something is proved."""
        for vals in vals_list:
            self._billing_check_proof(vals)
        return super().create(vals_list)

    def write(self, vals):
        """Override of `base`: nobody says by hand that something is proved."""
        self._billing_check_proof(vals)
        return super().write(vals)

    def _billing_check_proof(self, vals):
        if PROOF & vals.keys() and not is_trusted(self.env):
            raise AccessError(
                self.env._(
                    "Fast billing is switched on by proving it, in the settings."
                )
            )

    # === ACTION METHODS === #

    def action_billing_prove(self):
        """Bill some customers both ways, undo it, and use what proved to be the same.

        :raise UserError: if there is nothing to bill, or it cannot be billed.
        """
        self.ensure_one()
        self._billing_check_may_prove()
        # sudo: it bills whom the company may bill, and undoes it.
        Proven = self.env["omni.billing.proven"].sudo()
        if unknown := Proven._find_unknown():
            return self._billing_note_proof(None, Proven._explain_findings(unknown))
        report = Proven._try_both(self)
        if not report["customers"]:
            raise UserError(
                self.env._(
                    "Nobody has anything to bill: there is nothing to prove it with."
                    " Try again before the next run."
                )
            )
        return self._billing_note_proof(report, self._billing_judge_trial(report))

    def action_billing_leave_proven(self):
        """Have Odoo make all invoices again."""
        self.ensure_one()
        self._billing_check_may_prove()
        # sudo: billing managers decide how their company bills.
        trust(self.sudo()).write(
            {"billing_use_proven": False, "billing_proven_problem": False}
        )
        return reload()

    def _billing_check_may_prove(self):
        self.check_access("read")
        user = self.env.user
        if not user.has_group("omni_billing.omni_billing_group_manager"):
            raise AccessError(
                self.env._("Ask a billing manager to switch fast billing on or off.")
            )

    def _billing_judge_trial(self, report):
        """Return why fast billing is not used after a trial, or nothing."""
        if differences := report["differences"]:
            return self.env._(
                "What was written fast is not what Odoo makes: %(differences)s",
                differences="; ".join(differences[:10]),
            )
        if not report["fast"]:
            return self.env._("No invoice could be written fast.")
        return False

    def _billing_note_proof(self, report, problem):
        """Write what came of it, and use it if there is no problem.

        :return: the action that tells it.
        """
        Proven = self.env["omni.billing.proven"]
        values = {
            "billing_use_proven": not problem,
            "billing_proven_at": fields.Datetime.now(),
            "billing_proven_key": Proven._get_fingerprint(),
            "billing_proven_problem": problem,
            "billing_proven_report": report and Proven._describe_trial(report),
        }
        # sudo: billing managers decide how their company bills.
        trust(self.sudo()).write(values)
        if problem:
            return notice(problem, "warning", sticky=True, after=reload())
        message = self.env._("Fast billing is on: nothing differed.")
        return notice(message, after=reload())
