from odoo import fields, models


class ResCompany(models.Model):
    """What customers see of the company, and of their own account."""

    _inherit = "res.company"

    billing_portal_scope = fields.Selection(
        [
            ("company", "All contacts of a customer"),
            ("invoice", "The customer's own login and its invoice contacts"),
        ],
        string="Who Sees the Account",
        required=True,
        default="company",
        help="Which logins of a company see its transactions, invoices and payment"
        " methods.",
    )

    billing_lets_invite = fields.Boolean(
        string="Customers Invite People",
        help="The own login of a customer gives others access to its billing, and takes"
        " it away.",
    )

    def _billing_get_sender(self):
        """Return who e-mails about billing are from: an address, with a name or not.

        Who has none is written for by who is at work, as Odoo's own templates do.
        """
        self.ensure_one()
        return self.email_formatted or self.env.user.email_formatted

    def write(self, vals):
        result = super().write(vals)
        if "billing_portal_scope" in vals:
            # Access rules are kept in memory.
            self.env.registry.clear_cache()
        return result

    def _has_field_access(self, field, operation):
        """Override of the ORM: how a company bills is not told to its customers.

        Odoo lets them read companies; a field of ours would need groups each.
        """
        if field.name.startswith("billing_") and not self.env.su:
            if self.env.user.share:
                return False
        return super()._has_field_access(field, operation)

    billing_notice_email = fields.Char(
        string="Notices to",
        help="Who is told of invoices, payments, refunds, voids and failed"
        " payments. Empty: nobody.",
    )
