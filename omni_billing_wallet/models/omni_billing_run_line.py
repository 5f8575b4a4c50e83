from odoo import models

from odoo.addons.omni_billing.tools.numbers import format_amount


class OmniBillingRunLine(models.Model):
    """What a check of a run says of prepaid money (W51)."""

    _inherit = "omni.billing.run.line"

    def _explain_credit(self, credit, left):
        """Override: what was paid in advance is used before the card, too."""
        partner, company = self.partner_id.commercial_partner_id, self.company_id
        wallets = self.env["omni.billing.wallet"]._find_for(partner, company)
        if not wallets.filtered(lambda one: one.currency_id == self.currency_id):
            return super()._explain_credit(credit, left)
        return self.env._(
            "Prepaid money and credit on file pay %(credit)s of it first; %(left)s are"
            " charged.",
            credit=format_amount(self.env, credit, self.currency_id),
            left=format_amount(self.env, left, self.currency_id),
        )
