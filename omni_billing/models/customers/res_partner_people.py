from odoo import models
from odoo.exceptions import AccessError, UserError
from odoo.fields import Domain
from odoo.tools import single_email_re

from ...tools.lock import lock_or_tell

#: More are for staff to add: a slip of a program, or worse.
MAX_PEOPLE = 50


class ResPartner(models.Model):
    """Who acts for a customer: invited and removed by its own login (F194).

    A person is an invoice contact of the customer with a login of Odoo's portal. The
    invitation goes to the address, and who has it chooses a password: that proves it.
    The customer's own login is not among them, and so cannot remove itself.
    """

    _inherit = "res.partner"

    def _billing_may_invite(self, company):
        """Whether the user is the own login of this customer, and the seller lets it.

        :param company: `res.company`, the seller.
        """
        self.ensure_one()
        # sudo: settings are not the customer's to read.
        return bool(
            company.sudo().billing_lets_invite
            and self.env.user._is_portal()
            and self.env.user.partner_id == self
            and self == self.commercial_partner_id
        )

    def _billing_find_people(self):
        """Return the logins of others for this customer, in sudo, the first one first.

        :rtype: res.users
        """
        self.ensure_one()
        # sudo: a customer reads no logins; who may see these is asked before.
        users = self.env["res.users"].sudo()
        return users.search(
            Domain("partner_id", "!=", self.id)
            & Domain("partner_id.commercial_partner_id", "=", self.id)
            & Domain("share", "=", True),
            order="id",
        )

    def _billing_invite(self, name, email, company):
        """Give somebody access to the billing of this customer, and tell them by mail.

        :param str name: of the person.
        :param str email: to which the invitation goes; the login is the same.
        :param company: `res.company`, the seller.
        :raise AccessError: if the user is not the customer's own login.
        :raise UserError: if it is no address, or has a login already.
        """
        self._billing_check_people(company)
        self.env["omni.billing.limit"]._take("address")
        name, email = (name or "").strip(), (email or "").strip().lower()
        if not name or not single_email_re.match(email):
            raise UserError(
                self.env._("Enter a name and one e-mail address. Nobody was invited.")
            )
        if len(self._billing_find_people()) >= MAX_PEOPLE:
            raise UserError(
                self.env._("There are too many people already. Please ask us.")
            )
        # Twice at once is one invitation.
        lock_or_tell(self.sudo())  # sudo: as below.
        wizard = self._billing_prepare_access(self._billing_have_contact(name, email))
        # A login that was taken away comes back to who had it, and to nobody else.
        is_other = wizard.user_id and wizard.user_id.login != email
        if (
            is_other
            or wizard.email_state != "ok"
            or wizard.is_portal
            or wizard.is_internal
        ):
            # Not why: who has a login here is nobody's to find out.
            raise UserError(
                self.env._(
                    "%(email)s cannot be invited. If they have no access yet, ask us.",
                    email=email,
                )
            )
        wizard.action_grant_access()
        self._billing_log_person("person_invited", email, company)

    def _billing_remove_person(self, user_id, company):
        """Take the access of a person away; the contact stays, and gets no mail more.

        :param int user_id: of the `res.users`.
        :param company: `res.company`, the seller.
        :raise AccessError: if the user is not the customer's own login.
        :raise UserError: if it is none of the customer's people.
        """
        self._billing_check_people(company)
        person = self._billing_find_people().filtered(lambda one: one.id == user_id)
        if not person:
            raise UserError(
                self.env._("This person has no access any more. Nothing was changed.")
            )
        contact, email = person.partner_id, person.login
        self._billing_prepare_access(contact).action_revoke_access()
        # Who leaves does not go on getting the invoices.
        if contact.type == "invoice":
            contact.type = "other"
        self._billing_log_person("person_removed", email, company)

    def _billing_invite_again(self, user_id, company):
        """Send the invitation once more, to who did not follow it yet.

        :param int user_id: of the `res.users`.
        :param company: `res.company`, the seller.
        :raise AccessError: if the user is not the customer's own login.
        :raise UserError: if there is nobody to invite.
        """
        self._billing_check_people(company)
        self.env["omni.billing.limit"]._take("address")
        person = self._billing_find_people().filtered(lambda one: one.id == user_id)
        if not person or person.state != "new":
            raise UserError(
                self.env._("This person has no open invitation. Nothing was sent.")
            )
        self._billing_prepare_access(person.partner_id).action_invite_again()

    # === HELPERS === #

    def _billing_check_people(self, company):
        if not self._billing_may_invite(company):
            raise AccessError(
                self.env._(
                    "Only your company's own login invites and removes people here."
                )
            )

    def _billing_have_contact(self, name, email):
        """Return the contact of the customer with this address, a new one if none."""
        # sudo: contacts are not the customer's to write; who may was asked.
        contacts = self.sudo().search(
            Domain("commercial_partner_id", "=", self.id)
            & Domain("id", "!=", self.id)
            & Domain("email_normalized", "=", email),
            order="id",
        )
        # One who has a login is told from one who has none by Odoo's dialog.
        contact = contacts.filtered("user_ids")[:1] or contacts[:1]
        if not contact:
            return contact.create(
                {
                    "name": name,
                    "email": email,
                    "parent_id": self.id,
                    "type": "invoice",
                    "lang": self.lang,
                }
            )
        if contact.type in ("contact", "other"):
            contact.type = "invoice"
        return contact

    def _billing_prepare_access(self, contact):
        """Return Odoo's row of one contact in its dialog for access, in sudo."""
        wizard = contact.env["portal.wizard"].create({"partner_ids": contact.ids})
        return wizard.user_ids.filtered(lambda one: one.partner_id == contact)

    def _billing_log_person(self, action, email, company):
        self.env["omni.billing.activity.log"]._log(
            [{"action": action, "company": company, "customer": self, "name": email}]
        )
