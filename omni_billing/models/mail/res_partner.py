from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.fields import Domain
from odoo.tools import plaintext2html, single_email_re


class ResPartner(models.Model):
    """Which addresses get mail, and who says so (F116).

    What a portal user enters as e-mail of another contact is kept beside the address
    that is there, and takes its place when somebody confirms it: whatever sends mail,
    ours or Odoo's, or a link for a new password, asks for ``email`` alone.
    """

    _inherit = "res.partner"

    billing_pending_email = fields.Char(
        string="E-mail to Confirm",
        readonly=True,
        copy=False,
        groups="account.group_account_invoice,account.group_account_readonly",
        help="Another contact of the customer entered this e-mail address in the"
        " portal. Nothing is sent there before it is confirmed.",
    )
    billing_pending_user_id = fields.Many2one(
        "res.users",
        string="E-mail Entered by",
        readonly=True,
        copy=False,
        groups="account.group_account_invoice,account.group_account_readonly",
    )

    # === CRUD METHODS === #

    @api.model_create_multi
    def create(self, vals_list):
        """Override of `base`: who adds an address does not divert the mail."""
        vals_list = [dict(vals) for vals in vals_list]
        emails = [self._billing_take_email_out(vals) for vals in vals_list]
        partners = super().create(vals_list)
        for partner, email in zip(partners, emails, strict=True):
            if email is not None:
                partner._billing_hold_email(email)
        return partners

    def write(self, vals):
        """Override of `base`: nobody takes the mail, or the login, of another."""
        if "active" in vals and not vals["active"]:
            self._billing_check_archive()
        if "email" not in vals:
            return super().write(vals)
        email = (vals["email"] or "").strip()
        self._billing_check_logins(email)
        held = self.filtered(lambda partner: partner._billing_is_held(email))
        result = super(ResPartner, self - held).write(vals)
        if held:
            others = {name: value for name, value in vals.items() if name != "email"}
            super(ResPartner, held).write(others)
        for partner in held:
            partner._billing_hold_email(email)
        (self - held)._billing_settle_email()
        return result

    def address_get(self, adr_pref=None):
        """Override of `base`: a contact that is to be confirmed is on no invoice."""
        result = super().address_get(adr_pref)
        # sudo: whoever makes an invoice asks, with or without rights on billing.
        chosen = self.browse(result.get("invoice")).sudo()
        if chosen.billing_pending_email and not chosen.email:
            customer = chosen.commercial_partner_id
            contacts = customer._billing_find_contacts()
            result["invoice"] = (contacts[:1] or customer).id
        return result

    # === BUSINESS METHODS === #

    def _billing_get_mailed(self, company, main):
        """Return who gets the mail of a customer's invoice (F116).

        :param company: the seller.
        :param main: the contact that the invoice is for.
        """
        # sudo: whoever may send an invoice may reach its contacts.
        customer = self.commercial_partner_id.sudo()
        contacts = customer.search(
            [
                # Not of a subsidiary, which is a customer of its own.
                ("commercial_partner_id", "=", customer.id),
                ("type", "=", "invoice"),
                ("email_normalized", "!=", False),
                ("company_id", "in", (False, *company.parent_ids.ids)),
            ],
            order="id",
        )
        if not contacts:
            main = main.sudo()  # sudo: as above
            if main.type == "invoice" and customer.email_normalized:
                main = customer
            contacts = (main + customer).filtered("email_normalized")[:1]
        unique = {}
        for contact in contacts:
            unique.setdefault(contact.email_normalized, contact)
        return self.env["res.partner"].browse(c.id for c in unique.values())

    def _billing_get_address_problem(self):
        """Return code and text of why no mail reaches a customer without a recipient.

        An address that is wrong is named: it looks as if there were one.
        """
        # sudo: as above
        contacts = (self + self.commercial_partner_id).sudo()
        if wrong := contacts.filtered("email")[:1]:
            return "bad_address", self.env._(
                "The e-mail address of %(customer)s is wrong: %(address)s. Correct it"
                " on the customer.",
                customer=self.display_name,
                address=wrong.email,
            )
        return "no_address", self.env._(
            "%(customer)s has no e-mail address. Add one to the customer.",
            customer=self.display_name,
        )

    def _billing_find_contacts(self):
        """Return the invoice contacts of a customer, in sudo, the first one first."""
        # What was entered in the portal is nobody before somebody confirms it.
        is_known = Domain("email", "!=", False)
        is_known |= Domain("billing_pending_email", "=", False)
        # sudo: whoever may send an invoice may reach its contacts.
        return self.sudo().search(
            Domain("commercial_partner_id", "=", self.commercial_partner_id.id)
            & Domain("type", "=", "invoice")
            & is_known,
            order="id",
        )

    def _billing_may_set_email(self):
        """Whether the user's word counts at once: of one's own contact, or company.

        All but portal users have rights of their own, which are asked elsewhere.
        """
        self.ensure_one()
        user = self.env.user
        # sudo: customers do not read each contact of theirs.
        contact = self.sudo()
        customer = contact.commercial_partner_id
        return not user._is_portal() or user.partner_id in (contact, customer)

    def _billing_is_held(self, email):
        # sudo: as above
        return email != (self.sudo().email or "") and not self._billing_may_set_email()

    def _billing_is_whole_but_email(self, names):
        """Whether an address has all of these, but an e-mail that is to be confirmed.

        :param set names: what a page asks for.
        """
        self.ensure_one()
        return bool(self.billing_pending_email) and all(
            self[name] for name in names - {"email"}
        )

    @api.model
    def _billing_take_email_out(self, vals):
        """Take the e-mail out of the values of a new contact, if it is to be confirmed.

        :return: the address; None if it is not held.
        """
        # sudo: as above
        parent = self.sudo().browse(vals.get("parent_id"))
        if not parent or parent.commercial_partner_id._billing_may_set_email():
            return None
        if not (vals.get("email") or vals.get("type") == "invoice"):
            return None
        return (vals.pop("email", None) or "").strip()

    def _billing_hold_email(self, email):
        """Keep what a contact entered as e-mail of another until it is confirmed.

        :raise ValidationError: if it is not one address: what Odoo makes of several
            goes to each of them.
        """
        self.ensure_one()
        if not single_email_re.match(email):
            raise ValidationError(self.env._("Enter one valid e-mail address."))
        # sudo: customers do not write contacts; Odoo's pages do it for them.
        contact = self.sudo()
        if contact.billing_pending_email == email:
            return
        self.env["omni.billing.limit"]._take("address")
        contact.billing_pending_email = email
        contact.billing_pending_user_id = self.env.user
        contact._billing_tell_of_email()

    def _billing_settle_email(self):
        """Forget what waits: somebody whose word counts has decided."""
        # sudo: whoever may change the e-mail settles what others asked for.
        settled = self.sudo().filtered(
            lambda contact: (
                contact.billing_pending_email and contact._billing_may_set_email()
            )
        )
        if settled:
            settled.billing_pending_email = settled.billing_pending_user_id = False
            settled.activity_unlink(["omni_billing.mail_activity_confirm_address"])

    def _billing_check_archive(self):
        """Let a contact not take away who gets the invoices of its company."""
        # sudo: customers do not read each contact of theirs.
        for contact in self.sudo():
            is_told = contact.type == "invoice" and contact.email
            if is_told and not contact._billing_may_set_email():
                raise UserError(
                    self.env._(
                        "%(contact)s gets the invoices of your company. The company's"
                        " own login can remove it, or ask us to.",
                        contact=contact.name or contact.email,
                    )
                )

    def _billing_check_logins(self, email):
        """Let staff not take the login of another company's customer over.

        The link for a new password goes to the e-mail of the contact. A login that is
        archived counts: Odoo's dialog for access to the portal brings it back.
        """
        user = self.env.user
        if not user._is_internal() or user._is_system() or user._is_superuser():
            return
        # sudo: staff read neither logins nor other companies.
        own = user.sudo().company_ids
        # sudo: as above
        for contact in self.sudo().with_context(active_test=False):
            strange = contact.user_ids.filtered("share").company_ids - own
            if strange and email != (contact.email or ""):
                raise AccessError(
                    self.env._(
                        "%(contact)s has a login at another company, and a link for a"
                        " new password would go to the new e-mail address. Somebody of"
                        " both companies can change it, or an administrator.",
                        contact=contact.display_name,
                    )
                )

    def _billing_tell_of_email(self):
        """Tell who gets the mail now, and leave a to-do for staff."""
        customer = self.commercial_partner_id
        contacts = customer._billing_find_contacts().filtered("email_normalized")
        told = self.filtered("email_normalized") or contacts or customer
        env = self.with_context(lang=customer.lang or self.env.lang).env
        text = env._(
            "%(user)s entered %(address)s as an e-mail address of %(customer)s. Nothing"
            " is sent there before it is confirmed: by the company's own login, on its"
            " billing page, or by us. If it is not right, tell us.",
            user=self.env.user.name,
            address=self.billing_pending_email,
            customer=customer.display_name,
        )
        company = self.env.company.sudo()  # sudo: the mail is the seller's.
        self.env["mail.mail"].create(
            [
                {
                    "subject": env._("An e-mail address to confirm"),
                    "email_to": address,
                    "email_from": company._billing_get_sender(),
                    "body_html": plaintext2html(text),
                    "auto_delete": True,
                }
                for address in set(told.mapped("email_normalized"))
                if address
            ]
        )
        note, kind = plaintext2html(text), "omni_billing.mail_activity_confirm_address"
        # One to-do, of what waits now: each new one is mailed to its user.
        if todo := self.activity_search([kind]):
            todo.note = note
            return
        staff = customer.user_id or self.env.ref("base.user_admin")
        self.activity_schedule(kind, note=note, user_id=staff.id)

    def _billing_check_confirm(self):
        """Let staff decide, and the company's own login."""
        user = self.env.user
        if not (user._is_portal() and user.partner_id == self.commercial_partner_id):
            self.env["omni.billing.payment.wizard"].check_access("create")
            self.check_access("write")

    # === ACTION METHODS === #

    def action_billing_confirm_address(self):
        """Take over the e-mail address that a contact entered in the portal.

        Staff may, and the company's own login.
        """
        self._billing_check_confirm()
        # sudo: customers do not write contacts; who may confirm was checked.
        for contact in self.sudo().filtered("billing_pending_email"):
            contact.email = contact.billing_pending_email
            contact._message_log(
                body=self.env._("E-mail may go to %(address)s.", address=contact.email)
            )
        return True

    def action_billing_refuse_address(self):
        """Forget the e-mail address that a contact entered; a new contact with it.

        Staff may, and the company's own login.
        """
        self._billing_check_confirm()
        # sudo: as above
        for contact in self.sudo().filtered("billing_pending_email"):
            contact._message_log(
                body=self.env._(
                    "E-mail does not go to %(address)s.",
                    address=contact.billing_pending_email,
                )
            )
            contact._billing_settle_email()
            if not contact.email:
                contact.active = False
        return True
