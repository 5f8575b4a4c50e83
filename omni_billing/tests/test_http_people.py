"""Who acts for a customer: invited and removed by its own login (F194)."""

from odoo.exceptions import AccessError
from odoo.tests import tagged

from .test_http_portal import PortalCommon

URL = "/my/billing/people"


@tagged("post_install", "-at_install")
class TestPeople(PortalCommon):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.company.billing_lets_invite = True
        cls.owner = cls._create_user("owner-test", "base.group_portal")
        cls.owner.partner_id.write({"is_company": True, "email": "owner@example.com"})
        cls.firm = cls.owner.partner_id

    def setUp(self):
        super().setUp()
        self.authenticate("owner-test", "owner-test")

    def _invite(self, name="Eve", email="Eve@Example.com", path="invite", status=200):
        response = self._post(f"{URL}/{path}", name=name, email=email)
        self.assertEqual(response.status_code, status)
        self.env.invalidate_all()
        return " ".join(response.text.split())

    def _find(self):
        return self.firm._billing_find_people()

    def test_owner_invites_and_the_person_proves_the_address(self):
        """F194: an invoice contact with a login; a link sets its password."""
        [link] = self._open("/my/billing").xpath("//section[@id='people']//a/@href")
        self._open(link)
        text = self._invite()
        self.assertIn("Invited", text)
        person = self._find()
        self.assertEqual((person.login, person.state), ("eve@example.com", "new"))
        self.assertTrue(person._is_portal())
        contact = person.partner_id
        self.assertEqual((contact.parent_id, contact.type), (self.firm, "invoice"))
        self.assertEqual(contact.email, "eve@example.com")
        self.assertFalse(contact.billing_pending_email)
        mail = self.env["mail.mail"].search([("email_to", "like", "eve@")], limit=1)
        mail = mail or self.env["mail.mail"].search(
            [("recipient_ids", "in", contact.ids)], limit=1
        )
        self.assertTrue(mail)
        self.assertEqual(person._billing_get_account(), self.firm)
        log = self.env["omni.billing.activity.log"].search([], limit=1)
        self.assertEqual((log.action, log.name), ("person_invited", "eve@example.com"))

    def test_owner_removes_and_nothing_is_sent_there(self):
        """F194: the login is archived; the address gets no invoices."""
        self._invite()
        person = self._find()
        self._invite(path=f"{person.id}/remove")
        self.assertFalse(self._find())
        self.assertFalse(person.active)
        self.assertNotEqual(person.partner_id.type, "invoice")
        # Again, the same one comes back.
        self._invite()
        self.assertEqual(self._find(), person)
        self.assertEqual(person.partner_id.type, "invoice")

    def test_login_of_who_left_does_not_come_back_to_another(self):
        """F194: the contact has another address by now; the password is the old one."""
        self._invite()
        person = self._find()
        self._invite(path=f"{person.id}/remove")
        person.partner_id.write({"name": "Bob", "email": "bob@example.com"})
        self.assertIn("cannot be invited", self._invite("Bob", "bob@example.com"))
        self.assertFalse(person.active)

    def test_owner_cannot_remove_itself_nor_strangers(self):
        """F194: only who is listed."""
        for user in (self.owner, self.foreign_user, self.staff, self.portal):
            self.assertIn("no access any more", self._invite(path=f"{user.id}/remove"))
            self.assertTrue(user.active)

    def test_one_account_for_an_address(self):
        """F194: who has one is not told from who is not to be invited."""
        self.foreign_user.login = "taken@example.com"
        self.assertIn("cannot be invited", self._invite(email="taken@example.com"))
        self._invite()
        self.assertIn("cannot be invited", self._invite())
        self.assertEqual(len(self._find()), 1)

    def test_what_is_no_address_is_told(self):
        """F194: nobody is made, and what was typed is still there."""
        for name, email in (("", "eve@example.com"), ("Eve", "eve"), ("E", "a@b.c, d")):
            self.assertIn("Nobody was invited", self._invite(name, email))
        self.assertFalse(self._find())

    def test_invited_person_invites_nobody(self):
        """F194: nor does a contact, nor anybody where the company does not let them."""
        self._invite()
        person = self._find()
        person.password = "eve-test-eve-test"
        self.authenticate("eve@example.com", "eve-test-eve-test")
        self.assertEqual(self.url_open(URL).status_code, 404)
        self._invite(email="mallory@example.com", status=404)
        self.assertFalse(self._open("/my/billing").xpath("//section[@id='people']"))
        with self.assertRaises(AccessError):
            self.firm.with_user(person)._billing_invite("M", "m@x.com", self.company)
        self.authenticate("owner-test", "owner-test")
        self.company.billing_lets_invite = False
        self._invite(email="mallory@example.com", status=404)
        self.assertEqual(self._find(), person)

    def test_invitation_is_sent_again_until_it_is_followed(self):
        """F194: to the same address."""
        self._invite()
        person = self._find()
        self.env["mail.mail"].search([]).unlink()
        self._invite(path=f"{person.id}/again")
        self.assertTrue(self.env["mail.mail"].search_count([]))
        person.password = "eve-test-eve-test"
        self.env["res.users.log"].with_user(person).sudo().create({})
        self.assertIn("no open invitation", self._invite(path=f"{person.id}/again"))
