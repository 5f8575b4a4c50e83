from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.tools import format_amount

from ..tools.trust import is_trusted

#: What the customer was shown: amounts and words of a line.
SHOWN_FIELDS = {
    "name",
    "price_unit",
    "quantity",
    "discount",
    "tax_ids",
    "extra_tax_data",
}


class AccountMoveLine(models.Model):
    _inherit = "account.move.line"

    # The company is checked where the transaction names the invoice: each line would
    # cost as much as an account does.
    billing_transaction_id = fields.Many2one(
        "omni.billing.transaction",
        readonly=True,
        copy=False,
        ondelete="restrict",
    )
    billing_date = fields.Date(readonly=True)
    billing_tax_label = fields.Char(string="Tax", compute="_compute_billing_amounts")
    billing_total = fields.Monetary(
        string="Total with Tax",
        compute="_compute_billing_amounts",
        currency_field="currency_id",
    )

    # Two people at once cannot put a transaction on two invoices (design §5.2).
    _billing_transaction_unique = models.UniqueIndex(
        "(billing_transaction_id) WHERE billing_transaction_id IS NOT NULL",
        "This transaction is on an invoice already.",
    )

    @api.depends("price_subtotal", "tax_ids", "move_id.amount_tax")
    @api.depends_context("lang")
    def _compute_billing_amounts(self):
        """Write the tax of a line like "$10.00 (10%)" (F79), "-" if there is none."""
        self.billing_tax_label, self.billing_total = "-", 0.0
        for move in self.move_id:
            for line in move._billing_get_lines():
                record = line["record"]
                record.billing_total = line["amount_total"]
                if line["tax_amount"]:
                    amount = format_amount(
                        self.env, line["tax_amount"], move.currency_id
                    )
                    percentage = move._billing_format_percentage(line["tax_percentage"])
                    record.billing_tax_label = f"{amount} ({percentage})"

    @api.model_create_multi
    def create(self, vals_list):
        if any(vals.get("billing_transaction_id") for vals in vals_list):
            self._billing_check_link()
        return super().create(vals_list)

    def _billing_check_draft(self):
        for line in self:
            if line.parent_state == "posted":
                line.move_id._billing_raise_numbered()

    def _billing_check_link(self):
        if not is_trusted(self.env):
            raise UserError(self.env._("To put a transaction on an invoice, bill it."))

    def write(self, vals):
        """Override of `account`: posted is posted, for the lines that we made too.

        Odoo itself lets a script change the price on a posted, unhashed invoice.
        """
        if SHOWN_FIELDS & vals.keys():
            Move = self.env["account.move"]
            for line in self:
                if (
                    line.billing_transaction_id
                    and line.parent_state == "posted"
                    and any(
                        Move._field_will_change(line, vals, name)
                        for name in SHOWN_FIELDS & vals.keys()
                    )
                ):
                    line.move_id._billing_raise_numbered()
        if "billing_transaction_id" in vals and not is_trusted(self.env):
            raise UserError(self.env._("To put a transaction on an invoice, bill it."))
        return super().write(vals)

    def unlink(self):
        """Override of `account`: what leaves a draft can be billed again (F34)."""
        # sudo: who may take a line out of a draft frees its transaction.
        if lines := self.sudo().filtered("billing_transaction_id"):
            lines._billing_check_draft()
            lines.billing_transaction_id._release()
        return super().unlink()
