from odoo import api, models
from odoo.fields import Domain


class ResPartner(models.Model):
    """Services and coupons of a contact that goes."""

    _inherit = "res.partner"

    @api.ondelete(at_uninstall=False)
    def _billing_unlink_from_coupons(self):
        """Take them out of the coupons that are for others, too; the last one stays.

        A contact that is merged into another of the same coupon is one of them.
        """
        # sudo: who deletes a contact may read no coupons.
        Coupon = self.env["omni.billing.coupon"].sudo()
        coupons = Coupon.with_context(active_test=False).search(
            Domain("partner_ids", "in", self.ids)
        )
        for coupon in coupons:
            if left := coupon.partner_ids - self:
                coupon.partner_ids = left

    def _billing_find_left_behind(self):
        """Override: services are charged to who had the contact."""
        found = super()._billing_find_left_behind()
        billed = Domain("partner_id", "in", self.ids) | Domain(
            "payer_id", "in", self.ids
        )
        services = self.env["omni.billing.service"].search(billed)
        left_behind = services._find_left_behind()
        for contact, left in left_behind.grouped(
            lambda service: service._get_billed_contact()
        ).items():
            found.setdefault(contact, []).append(
                self.env._("%(count)s services", count=len(left))
            )
        return found
