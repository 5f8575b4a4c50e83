from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.tools import SQL, format_list

from ...tools.notice import notice, reload

#: What changes the tax of an amount.
AMOUNT_FIELDS = {
    "amount",
    "amount_type",
    "children_tax_ids",
    "formula",
    "include_base_amount",
    "is_base_affected",
    "price_include_override",
    # In which order they are computed.
    "sequence",
}


class AccountTax(models.Model):
    _inherit = "account.tax"

    billing_in_force = fields.Char(
        string="Still Charged",
        compute="_compute_billing_in_force",
        help="Where an archived tax is still charged.",
    )

    @api.depends("active")
    def _compute_billing_in_force(self):
        for tax in self:
            uses = [] if tax.active else tax._billing_list_uses()
            tax.billing_in_force = (
                self.env._(
                    "Archived, and still charged where it was entered: %(uses)s."
                    " Replace it there.",
                    uses=format_list(self.env, uses),
                )
                if uses
                else False
            )

    def action_archive(self):
        """Override of `base`: say where the tax stays in force."""
        result = super().action_archive()
        found = [tax.billing_in_force for tax in self if tax.billing_in_force]
        if not found:
            return result
        return notice("\n".join(found), "warning", sticky=True, after=reload())

    def _billing_is_by_piece(self):
        """Whether one of these is so much for each of a quantity: then that counts."""
        return any(
            tax.amount_type not in ("percent", "division")
            for tax in self.flatten_taxes_hierarchy()
        )

    def _billing_list_uses(self):
        """Return where the tax is going to be charged, in words. Hook.

        :rtype: list[str]
        """
        self.ensure_one()
        # sudo: who archives a tax need not see transactions; their number is told.
        Transaction = self.env["omni.billing.transaction"].sudo()
        count = Transaction.search_count(
            [("state", "=", "unbilled"), ("tax_ids", "in", self.ids)]
        )
        if not count:
            return []
        return [self.env._("%(count)s unbilled transactions", count=count)]

    def write(self, vals):
        """Override of `account`: unbilled transactions follow a change of the rate, as
        their invoice will; what is billed does not.
        """
        result = super().write(vals)
        if AMOUNT_FIELDS & vals.keys():
            self._billing_have_followed()
        return result

    def _billing_have_followed(self):
        """Have what is unbilled and carries one of these follow a change of it."""
        if not self:
            return
        # sudo: whoever changes the tax.
        taxes = self.sudo()
        # An archived one is in force where it is still carried.
        Tax = taxes.env["account.tax"].with_context(active_test=False)
        groups = Tax.search([("children_tax_ids", "in", taxes.ids)])
        self.env["omni.billing.stale"]._follow(taxes=taxes | groups)

    def _hook_compute_is_used(self, tax_to_compute):
        """Override of `account`: a tax of a transaction is used."""
        used = super()._hook_compute_is_used(tax_to_compute)
        self.env["omni.billing.transaction"].flush_model(["tax_ids"])
        rows = self.env.execute_query(
            SQL(
                "SELECT DISTINCT account_tax_id FROM"
                " account_tax_omni_billing_transaction_rel WHERE account_tax_id IN %s",
                tuple(tax_to_compute),
            )
        )
        return used | {tax_id for (tax_id,) in rows}

    @api.ondelete(at_uninstall=False)
    def _unlink_except_billing_transactions(self):
        # sudo: transactions of all companies count.
        Transaction = self.env["omni.billing.transaction"].sudo()
        if found := Transaction.search([("tax_ids", "in", self.ids)], limit=1):
            raise UserError(
                self.env._(
                    "A transaction has this tax: “%(title)s” of %(customer)s. Archive"
                    " the tax instead: it stays in force where it was entered.",
                    title=found.name,
                    customer=found.partner_id.display_name,
                )
            )
