from odoo import api, fields, models
from odoo.fields import Domain


class OmniBillingRunLine(models.Model):
    """A run collects by SEPA of who has a mandate, and no card to charge (W34)."""

    _inherit = "omni.billing.run.line"

    is_sepa = fields.Boolean(
        string="Collected by SEPA",
        readonly=True,
        copy=False,
        help="It was put into a debit order.",
    )

    # === OVERRIDES OF OMNI_BILLING === #

    def _note_no_charge(self, reason):
        """Override: the mandate is the consent, where there is no card with one."""
        if self.company_id.billing_sepa_line_id:
            collected, reasons = self.invoice_id._billing_collect_sepa()
            if collected:
                self.write(
                    {
                        "charge_state": "collecting",
                        "charge_error": False,
                        "charge_date": False,
                        "is_sepa": True,
                    }
                )
                return
            reason = f"{reason} {reasons.get(self.invoice_id, '')}".strip()
        super()._note_no_charge(reason)

    def _learn_outcome(self):
        """Override: it is open as long as the bank may send it back."""
        if not self.is_sepa:
            return super()._learn_outcome()
        if self.invoice_id._billing_find_sepa_lines():
            self.charge_state = "collecting"
        elif not self._is_settled():
            self._end_sepa(
                self.invoice_id, self.env._("It was taken out of the debit order.")
            )
        return None

    # === BUSINESS METHODS === #

    @api.model
    def _end_sepa(self, invoices, reason):
        """Write that nothing is collected for these invoices any more, and why.

        What is to be done about what came back is in To Do as a return.
        """
        # sudo: lines are the job's.
        lines = self.sudo().search(
            Domain("invoice_id", "in", invoices.ids)
            & Domain("is_sepa", "=", True)
            & Domain("charge_state", "in", ("open", "collecting"))
        )
        lines.write({"charge_state": "given_up", "charge_error": reason})

    def _find_warning(self, amount):
        """Override: who has a mandate needs no card."""
        warning = super()._find_warning(amount)
        company = self.company_id
        if not (warning and self.run_id.is_charge and company.billing_sepa_line_id):
            return warning
        mandates = self.env["account.banking.mandate"]._billing_find_mandates(
            self.partner_id, company
        )
        if mandate := mandates.get(self.partner_id):
            told = self.env._(
                "Without a card that may be charged it is collected by SEPA:"
                " %(mandate)s.",
                mandate=mandate.display_name,
            )
            return f"{warning} {told}"
        return warning
