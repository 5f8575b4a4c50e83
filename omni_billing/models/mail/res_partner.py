from odoo import fields, models
from odoo.fields import Domain
from odoo.tools import plaintext2html


class ResPartner(models.Model):
    """Which addresses get invoices, and who says so (F116)."""

    _inherit = "res.partner"

    billing_is_unconfirmed = fields.Boolean(
        string="Address to Confirm",
        readonly=True,
        copy=False,
        groups="account.group_account_invoice,account.group_account_readonly",
        help="A contact of the customer entered this e-mail address in the portal."
        " Invoices do not go there before it is confirmed.",
    )

    def address_get(self, adr_pref=None):
        """Override of `base`: an address to confirm is on no invoice."""
        result = super().address_get(adr_pref)
        chosen = self.browse(result.get("invoice"))
        # sudo: whoever makes an invoice asks, with or without rights on billing.
        if chosen.sudo().billing_is_unconfirmed:
            customer = chosen.commercial_partner_id
            contacts = customer._billing_find_contacts()
            result["invoice"] = (contacts[:1] or customer).id
        return result

    # === BUSINESS METHODS === #

    def _billing_find_contacts(self):
        """Return the invoice contacts of a customer, in sudo, the first one first."""
        # sudo: whoever may send an invoice may reach its contacts.
        return self.sudo().search(
            Domain("commercial_partner_id", "=", self.commercial_partner_id.id)
            & Domain("type", "=", "invoice")
            & Domain("billing_is_unconfirmed", "!=", True),
            order="id",
        )

    def _billing_hold_addresses(self, before):
        """Keep mail from addresses that a contact entered for the whole company.

        Not from one's own, nor from what the company's own login enters.

        :param dict before: the normalized e-mail addresses that were there.
        """
        user = self.env.user
        if not user._is_portal():
            return
        # sudo: Odoo's pages write with the superuser's rights; staff follow up.
        for address in self.sudo():
            customer = address.commercial_partner_id
            is_new = address.email_normalized != before.get(address)
            if (
                address.type != "invoice"
                or not (address.email_normalized and is_new)
                or user.partner_id in (address, customer)
            ):
                continue
            # One that was not confirmed either is nobody who got anything.
            old = not address.billing_is_unconfirmed and before.get(address)
            address.billing_is_unconfirmed = True
            address._billing_tell_of_address(old)

    def _billing_tell_of_address(self, old):
        """Tell who got the invoices, and leave a to-do for staff.

        :param str old: the e-mail address that was there, if any.
        """
        customer = self.commercial_partner_id
        contacts = customer._billing_find_contacts().filtered("email_normalized")
        told = {old} if old else set((contacts or customer).mapped("email_normalized"))
        env = self.with_context(lang=customer.lang or self.env.lang).env
        text = env._(
            "%(user)s entered %(address)s as the address that invoices of %(customer)s"
            " go to. Nothing is sent there before it is confirmed: by the company's own"
            " login, on its billing page, or by us. If it is not right, tell us.",
            user=self.env.user.name,
            address=self.email_normalized,
            customer=customer.display_name,
        )
        company = self.env.company.sudo()  # sudo: the mail is the seller's.
        self.env["mail.mail"].create(
            [
                {
                    "subject": env._("A new address for your invoices"),
                    "email_to": address,
                    "email_from": company.billing_mail_sender
                    or company.email_formatted,
                    "body_html": plaintext2html(text),
                    "auto_delete": True,
                }
                for address in told
                if address
            ]
        )
        staff = customer.user_id or self.env.ref("base.user_admin")
        self.activity_schedule(
            "omni_billing.mail_activity_confirm_address",
            note=plaintext2html(text),
            user_id=staff.id,
        )

    # === ACTION METHODS === #

    def action_billing_confirm_address(self):
        """Let invoices go to an address that a contact entered in the portal.

        Staff may, and the company's own login.
        """
        user = self.env.user
        if not (user._is_portal() and user.partner_id == self.commercial_partner_id):
            self.env["omni.billing.payment.wizard"].check_access("create")
            self.check_access("write")
        # sudo: customers do not write contacts; who may confirm was checked.
        addresses = self.sudo().filtered("billing_is_unconfirmed")
        addresses.billing_is_unconfirmed = False
        addresses.activity_unlink(["omni_billing.mail_activity_confirm_address"])
        for address in addresses:
            address._message_log(
                body=self.env._(
                    "Invoices may go to %(address)s.", address=address.email or ""
                )
            )
        return True
