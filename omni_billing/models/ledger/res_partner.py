from odoo import models
from odoo.fields import Domain
from odoo.tools import format_list, plaintext2html


class ResPartner(models.Model):
    """What customers have used and not been billed for.

    A contact that goes to another company: what it used before does not follow.
    """

    _inherit = "res.partner"

    def write(self, vals):
        """Override of `base`: staff are told what stays with the company of before."""
        # Odoo takes some out on the way.
        is_moved = {"parent_id", "is_company"} & vals.keys()
        result = super().write(vals)
        if is_moved:
            self._billing_tell_left_behind()
        return result

    def _compute_credit_to_invoice(self):
        """Override of `account`: credit limits count what is not billed yet."""
        result = super()._compute_credit_to_invoice()
        company = self.env.company
        customers = self.commercial_partner_id & self
        if customers and company.account_use_credit_limit:
            # sudo: who is warned by the sum need not see what it is of.
            unbilled = customers.sudo()._billing_read_unbilled(company)
            for customer in customers:
                customer.credit_to_invoice += unbilled[customer]
        return result

    def _billing_read_unbilled(self, company, is_shown=False):
        """Return charges less credits of customers that are on no invoice yet.

        :param company: the `res.company` that sells; its currency counts, at the rate
            of today.
        :param bool is_shown: without what is hidden from the customer (F36).
        :return: by customer, taxes included.
        :rtype: dict[res.partner, float]
        """
        unbilled = dict.fromkeys(self, 0.0)
        self.env["omni.billing.transaction"]._catch_up(
            Domain("commercial_partner_id", "in", self.ids)
        )
        shown = Domain("is_hidden", "=", False) if is_shown else Domain.TRUE
        for customer, currency, amount in self.env[
            "omni.billing.transaction"
        ]._read_group(
            Domain("state", "=", "unbilled")
            & shown
            & Domain("company_id", "=", company.id)
            & Domain("commercial_partner_id", "in", self.ids),
            ["commercial_partner_id", "currency_id"],
            ["amount_total:sum"],
        ):
            unbilled[customer] += currency._convert(
                amount, company.currency_id, company
            )
        return unbilled

    def _billing_list_payers(self, company):
        """Return who pays what a customer used and nobody was billed for (W31).

        :param company: the `res.company` that sells.
        """
        groups = self.env["omni.billing.transaction"]._read_group(
            Domain("participant_id", "in", self.commercial_partner_id.ids)
            & Domain("company_id", "=", company.id)
            & Domain("state", "=", "unbilled"),
            ["commercial_partner_id"],
        )
        return self.browse(payer.id for (payer,) in groups)

    def _billing_tell_left_behind(self):
        """Leave a to-do for each contact that others are billed for."""
        # sudo: who edits contacts need not see what they are billed for.
        contacts = self.sudo().search([("id", "child_of", self.ids)])
        for contact, uses in contacts._billing_find_left_behind().items():
            user = self.env.user
            if not user._is_internal():
                user = self.env.ref("base.user_admin")
            contact.activity_schedule(
                "mail.mail_activity_data_warning",
                note=plaintext2html(
                    self.env._(
                        "%(contact)s belongs to %(customer)s now. %(uses)s stay with"
                        " the customer of before, and are billed to it. To bill"
                        " %(customer)s for them, select them in Billing and press Bill"
                        " the Contact's Company.",
                        contact=contact.display_name,
                        customer=contact.commercial_partner_id.display_name,
                        uses=format_list(self.env, uses),
                    )
                ),
                user_id=user.id,
            )

    def _billing_find_left_behind(self):
        """Return what of these contacts others are billed for, in words. Hook.

        :rtype: dict[res.partner, list[str]]
        """
        billed = Domain("partner_id", "in", self.ids) | Domain(
            "payer_id", "in", self.ids
        )
        transactions = self.env["omni.billing.transaction"].search(
            Domain("state", "=", "unbilled") & billed
        )
        return {
            contact: [self.env._("%(count)s unbilled transactions", count=len(left))]
            for contact, left in transactions._find_left_behind()
            .grouped(lambda transaction: transaction._get_billed_contact())
            .items()
        }
