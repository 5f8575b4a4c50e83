from odoo import fields, models
from odoo.fields import Domain

from ...const import BILLING_MOVE_TYPES


class ResPartner(models.Model):
    """How the invoices of a customer look."""

    _inherit = "res.partner"

    billing_template_id = fields.Many2one(
        "omni.billing.template",
        string="Invoice Template",
        # To duplicate a contact one would need the right to read and write this.
        copy=False,
        groups="omni_billing.omni_billing_group_user",
        help="Empty: the template of the customer's language.",
        index="btree_not_null",
    )

    def write(self, vals):
        """Override of `base`: who does not see the billing does not say who is billed.

        Odoo takes over from a contact's page what its company is called and where it
        is; numbered invoices print that. It is left as it is, and the contact's own is
        written.
        """
        company = self & self._billing_get_closed_company()
        if not company:
            return super().write(vals)
        synced = self._get_frontend_writable_fields() | {
            *self._address_fields(),
            *self._synced_commercial_fields(),
        }
        rest = {name: value for name, value in vals.items() if name not in synced}
        super(ResPartner, company).write(rest)
        return super(ResPartner, self - company).write(vals)

    def _can_be_edited_by_current_customer(self, **kwargs):
        """Override of `portal`: nor changes it what a numbered invoice prints."""
        is_editable = super()._can_be_edited_by_current_customer(**kwargs)
        closed = self._billing_get_closed_company()
        if not (is_editable and closed) or self == self.env.user.partner_id:
            return is_editable
        # sudo: it is not to be read, and that is what is asked.
        Move = self.env["account.move"].sudo()
        printed = Domain("partner_id", "in", self.ids)
        printed &= Domain("move_type", "in", BILLING_MOVE_TYPES)
        printed &= Domain("state", "=", "posted")
        return not Move.search_count(printed, limit=1)

    def _billing_list_address(self):
        """Return name and address as their country writes them, line by line."""
        text = self.with_context(show_address=True).display_name or ""
        return [line.strip() for line in text.splitlines()]

    def _billing_get_closed_company(self):
        """Return the company of a portal user who does not see its billing.

        Of two sellers, who both print it, the one that is narrow counts.
        """
        if not self.env.user._is_portal():
            return self.browse()
        # sudo: customers read neither sellers nor each contact of theirs.
        user = self.env.user.sudo()
        contact, company = user.partner_id, user.commercial_partner_id
        is_narrow = "invoice" in user.company_ids.mapped("billing_portal_scope")
        if not is_narrow or contact.type == "invoice" or contact == company:
            return self.browse()
        return company.with_env(self.env)
