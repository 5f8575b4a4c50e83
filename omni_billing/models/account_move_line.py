from odoo import fields, models
from odoo.exceptions import UserError

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

    billing_transaction_id = fields.Many2one(
        "omni.billing.transaction",
        readonly=True,
        copy=False,
        check_company=True,
        ondelete="restrict",
    )
    billing_date = fields.Date(readonly=True)

    # Two people at once cannot put a transaction on two invoices (design §5.2).
    _billing_transaction_unique = models.UniqueIndex(
        "(billing_transaction_id) WHERE billing_transaction_id IS NOT NULL",
        "This transaction is on an invoice already.",
    )

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
                    raise UserError(
                        self.env._(
                            "%(invoice)s is numbered and cannot be edited. Void it and"
                            " bill its transactions again, or add a credit note.",
                            invoice=line.move_id.display_name,
                        )
                    )
        if "billing_transaction_id" in vals and not is_trusted(self.env):
            raise UserError(self.env._("To put a transaction on an invoice, bill it."))
        return super().write(vals)

    def unlink(self):
        """Override of `account`: what leaves a draft can be billed again (F34)."""
        if transactions := self.billing_transaction_id:
            transactions._release()
        return super().unlink()
