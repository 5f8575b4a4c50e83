from datetime import timedelta

from odoo import models
from odoo.tools import format_list
from odoo.tools.misc import hash_sign, verify_hash_signed

from ...const import CARD_LINK_DAYS
from ...tools.action import open_dialog
from ...tools.card_link import CardLink

#: What Odoo signs; a signature for something else opens nothing here.
SCOPE = "omni_billing.card_link"


class ResPartner(models.Model):
    """A link by which a customer saves a card without a login (F125).

    Nothing is kept of it: Odoo signs whose account it is for, and until when.
    """

    _inherit = "res.partner"

    def action_billing_card_link(self):
        """Open the dialog with the link by which the customer saves a card (F125)."""
        self.ensure_one()
        title = self.env._("Link to Save a Card")
        context = {"default_partner_id": self.commercial_partner_id.id}
        return open_dialog("omni.billing.card.link.wizard", title, context)

    def _billing_sign_card_link(self, company, is_replacing):
        """Return the address at which a card is saved for the customer.

        :param company: the seller who charges it.
        :param bool is_replacing: the card takes the place of the default one.
        """
        self.ensure_one()
        # sudo: the secret of the database is nobody's to read.
        signed = hash_sign(
            self.sudo().env,
            SCOPE,
            [self.id, company.id, bool(is_replacing)],
            expiration=timedelta(days=CARD_LINK_DAYS),
        )
        # sudo: staff read no other settings of the company.
        return f"{company.sudo().get_base_url()}/my/billing/card/{signed}"

    def _billing_read_card_link(self, signed):
        """Return the `CardLink` that was signed, in sudo; none if it is none any more.

        :param str signed: the end of the address, as somebody sent it.
        """
        # sudo: as above; who has the link is nobody.
        env = self.sudo().env
        try:
            values = verify_hash_signed(env, SCOPE, signed)
        except (ValueError, UnicodeError, OverflowError):
            return None
        if not values:
            return None
        partner_id, company_id, is_replacing = values
        partner = env["res.partner"].browse(partner_id).exists()
        company = env["res.company"].browse(company_id).exists()
        if not (partner.active and company.active):
            return None
        # It may have become another's contact since.
        if partner != partner.commercial_partner_id:
            return None
        return CardLink(partner, company, is_replacing)

    def _billing_explain_no_card_form(self, company):
        """Return why no card can be saved with a seller, and what helps; or nothing."""
        # sudo: providers are an administrator's.
        providers = self.env["payment.provider"].sudo()
        sellers = company.sudo().parent_ids  # sudo: a branch has those above it.
        ready = providers.search(
            [
                ("code", "=", "stripe"),
                ("state", "in", ("enabled", "test")),
                ("company_id", "in", sellers.ids),
            ]
        )
        if ready.filtered(lambda one: one.is_published and one.allow_tokenization):
            return ""
        if ready:
            return self.env._(
                "Customers cannot save cards yet: publish %(provider)s and allow to"
                " save payment methods, in Accounting > Configuration > Payment"
                " Providers.",
                provider=format_list(self.env, ready.mapped("name")),
            )
        return self.env._(
            "Customers cannot save cards yet: Stripe is not set up. An administrator"
            " does that in Accounting > Configuration > Payment Providers."
        )
