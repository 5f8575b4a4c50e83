from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.tools import float_round

from odoo.addons.omni_billing.models.invoicing.account_move_line import PERIOD


class OmniBillingTransaction(models.Model):
    """A pack is sold, and what is left of it credited, as any transaction (W42)."""

    _inherit = "omni.billing.transaction"

    pack_id = fields.Many2one(
        "omni.billing.pack",
        string="Refund of Pack",
        readonly=True,
        copy=False,
        index="btree_not_null",
        ondelete="restrict",
        groups="base.group_user",
        help="Whose unused units this credit gives back.",
    )

    @api.model
    def _billing_get_state_fields(self):
        """Override: only a refund of units names its pack."""
        return super()._billing_get_state_fields() | {"pack_id"}

    def _prepare_invoice_line_values(self, sign, journal, position):
        """Override: a pack, and its refund, are booked as deferred revenue.

        :raise UserError: if a pack has no account for that.
        """
        lines = super()._prepare_invoice_line_values(sign, journal, position)
        for transaction, line in zip(self, lines, strict=True):
            # sudo: who bills may not see packs; the account is the product's.
            if pack := transaction.sudo().pack_id:
                line |= {"account_id": pack.account_id.id, "billing_pack_id": pack.id}
            elif transaction._sells_pack():
                line["account_id"] = transaction._get_pack_account().id
            else:
                continue
            # What is no income is not deferred by its dates.
            for name in PERIOD:
                line.pop(name, None)
        return lines

    def _sells_pack(self):
        self.ensure_one()
        is_charge = self.transaction_type == "charge"
        is_pack = is_charge and self.product_id.billing_is_pack
        return is_pack and not self._is_of_service()

    def _is_of_service(self):
        """Whether a service charged it: what staff enter may name one, too."""
        self.ensure_one()
        # sudo: whoever bills need not see which part of a service it is.
        own = self.sudo()
        return bool(own.service_id and (own.period_start or own.service_part))

    def _count_pack_units(self):
        """Return how many units are sold: a dozen packs of ten are 120."""
        self.ensure_one()
        product, quantity = self.product_id, self.quantity
        if self.uom_id and self.uom_id != product.uom_id:
            quantity = self.uom_id._compute_quantity(
                quantity, product.uom_id, round=False
            )
        digits = self.env["decimal.precision"].precision_get("Product Unit")
        return float_round(
            quantity * product.billing_pack_units, precision_digits=digits
        )

    def _get_pack_account(self):
        """Return where what is sold is deferred.

        :raise UserError: if the product does not say all that a pack needs, or not even
            a part of a unit is sold.
        """
        product = self.product_id.with_company(self.company_id)
        product.product_tmpl_id._billing_check_sellable(self.company_id)
        if self._count_pack_units() <= 0:
            raise UserError(
                self.env._(
                    "“%(name)s” of %(customer)s is a pack without any units, so nothing"
                    " was billed. Correct its quantity, or the units on the product.",
                    name=self.name,
                    customer=self.partner_id.display_name,
                )
            )
        return product.billing_pack_account_id

    def _set_void(self, reason=None, is_free=False):
        """Override: a refund that is not made gives the units back."""
        result = super()._set_void(reason=reason, is_free=is_free)
        self.env["omni.billing.pack.use"]._give_back(self)
        return result
