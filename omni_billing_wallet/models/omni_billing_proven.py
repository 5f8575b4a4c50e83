from odoo import models


class OmniBillingProven(models.AbstractModel):
    _inherit = "omni.billing.proven"

    def _plan(self, company, prepared):
        """Override: who has a wallet is asked once for all of a batch."""
        partners = self.env["res.partner"].browse(
            {one.values["partner_id"] for one in prepared}
        )
        owners = frozenset(self._find_owners_of_wallets(company, partners).ids)
        return super(
            OmniBillingProven, self.with_context(billing_wallet_owners=owners)
        )._plan(company, prepared)

    def _find_owners_of_wallets(self, company, partners):
        """Return the customers among these that may have prepaid money."""
        Wallet = self.env["omni.billing.wallet"]
        wallets = Wallet._find_for(partners.commercial_partner_id, company)
        # Who has nothing in it is no matter of Odoo's.
        owners = wallets._find_open_lines().billing_wallet_id.partner_id
        return owners.commercial_partner_id

    def _has_wallet(self, company, one):
        """Whether an invoice may be paid with prepaid money as it is posted."""
        partner = self._get_partner(one.values).commercial_partner_id
        owners = self.env.context.get("billing_wallet_owners")
        if owners is None:
            owners = self._find_owners_of_wallets(company, partner).ids
        return partner.id in owners

    def _find_peculiarity(self, company, one):
        """Override: what sells a pack is posted by Odoo, which then makes the pack.

        So is what prepaid money may pay.
        """
        products = self.env["product.product"].browse(
            {
                line.get("product_id") or 0
                for _command, _id, line in one.values["invoice_line_ids"]
            }
            - {0}
        )
        if any(product.billing_is_pack for product in products):
            return "pack"
        if self._has_wallet(company, one):
            return "wallet"
        return super()._find_peculiarity(company, one)

    def _describe_reason(self, reason):
        """Override: what is said of it where fast billing is proved."""
        if reason == "pack":
            return self.env._("a prepaid pack")
        if reason == "wallet":
            return self.env._("prepaid money of the customer")
        return super()._describe_reason(reason)
