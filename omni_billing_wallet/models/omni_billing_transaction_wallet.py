from odoo import SUPERUSER_ID, api, fields, models
from odoo.exceptions import UserError

from odoo.addons.omni_billing.models.invoicing.account_move_line import PERIOD


class OmniBillingTransaction(models.Model):
    """A top-up is sold as any transaction, on an invoice of its own (W51)."""

    _inherit = "omni.billing.transaction"

    wallet_id = fields.Many2one(
        "omni.billing.wallet",
        string="Tops Up",
        readonly=True,
        copy=False,
        index="btree_not_null",
        ondelete="restrict",
        groups="base.group_user",
        help="The wallet that it is a top-up of.",
    )

    @api.model
    def _billing_get_state_fields(self):
        """Override: what a top-up is, a wallet says."""
        return super()._billing_get_state_fields() | {"wallet_id"}

    def copy(self, default=None):
        """Override of the ORM: a copy would be income, and top up nothing."""
        # sudo: who bills may not read wallets.
        if self.sudo().wallet_id:
            raise UserError(
                self.env._(
                    "A top-up cannot be duplicated. Top the customer's wallet up again"
                    " instead."
                )
            )
        return super().copy(default)

    def _prepare_invoice_values(self, partner, **options):
        """Override: the invoice of a top-up says of which wallet.

        Nobody of ours made what a customer or the job began: it is for whom the
        customer is.
        """
        values = super()._prepare_invoice_values(partner, **options)
        # sudo: who bills may not read wallets.
        wallet = self.sudo().wallet_id
        if not wallet:
            return values
        values["billing_wallet_id"] = wallet.id
        is_staff = self.env.user._is_internal() and self.env.uid != SUPERUSER_ID
        if not is_staff:
            values["invoice_user_id"] = wallet.partner_id.user_id.id
        return values

    def _prepare_invoice_line_values(self, sign, journal, position):
        """Override: a top-up is owed to the customer until it is used."""
        lines = super()._prepare_invoice_line_values(sign, journal, position)
        for transaction, line in zip(self, lines, strict=True):
            # sudo: as above; the account is the company's.
            if wallet := transaction.sudo().wallet_id:
                account = transaction.company_id._billing_get_wallet_account()
                line |= {"account_id": account.id, "billing_wallet_id": wallet.id}
                for name in PERIOD:
                    line.pop(name, None)
        return lines

    def _release(self):
        """Override: a top-up that is void is not billed again."""
        # sudo: who voids may not read wallets.
        top_ups = self.sudo().filtered(
            lambda one: one.wallet_id and one.state == "invoiced"
        )
        result = super()._release()
        top_ups.filtered(lambda one: one.state == "unbilled")._set_void(
            reason=self.env._("The top-up is void")
        )
        return result
