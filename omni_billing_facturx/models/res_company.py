from odoo import fields, models


class ResCompany(models.Model):
    _inherit = "res.company"

    billing_facturx = fields.Boolean(
        string="Factur-X",
        help="The PDF of an invoice carries the invoice as XML, for programs to read.",
    )
    billing_facturx_recovery = fields.Char(
        string="Recovery Costs",
        translate=True,
        help="What French law has an invoice say of them (note PMT). Empty: the fee"
        " of 40 € that the law names.",
    )
    billing_facturx_penalty = fields.Char(
        string="Late Penalties",
        translate=True,
        help="What French law has an invoice say of them (note PMD). Empty: the late"
        " fee that is set, or else the rate that the law names.",
    )
    billing_facturx_discount = fields.Char(
        string="Early Payment",
        translate=True,
        help="What French law has an invoice say of it (note AAB), if the payment"
        " terms have no discount. Empty: that there is none.",
    )

    def _billing_get_recovery(self):
        """Return what the law says of recovery costs (D441-5, Code de commerce)."""
        return self.env._(
            "A flat fee of 40 € for recovery costs is due in case of late payment."
        )

    def _billing_get_penalty(self):
        """Return the late fee that is set, or what the law says (L441-10)."""
        self.ensure_one()
        if self.billing_late_fee == "percent":
            return self.env._(
                "Late payment penalty: %(percent)s %% of what is owed, for each month.",
                percent=f"{self.billing_late_fee_percent:g}",
            )
        if self.billing_late_fee == "fixed":
            return self.env._(
                "Late payment penalty: %(amount)s for each month.",
                amount=self.currency_id._billing_format(self.billing_late_fee_amount),
            )
        return self.env._(
            "Late penalty: the rate of the European Central Bank plus 10 points."
        )

    def _billing_get_no_discount(self):
        return self.env._("No discount for early payment.")
