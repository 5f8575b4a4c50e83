"""The portal of who pays for others, and of whom others pay for (W31)."""

from odoo.exceptions import AccessError
from odoo.tests import tagged

from .test_http_portal import PortalCommon


@tagged("post_install", "-at_install")
class TestPayerInPortal(PortalCommon):
    """F193, W31: who pays sees what is billed to it, who used it that alone."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        # The stranger pays for the customer, and has secrets of its own.
        cls.use = cls._create_transaction(40, name="Swimming", payer_id=cls.stranger.id)
        cls.secret = cls._create_transaction(
            4321, name="Secret meeting", partner_id=cls.stranger.id
        )
        cls.own = cls._create_transaction(7, name="Towel")

    def test_participant_sees_the_own_use(self):
        self._bill(self.use | self.secret, partner_id=self.stranger.id)
        tree = self._open("/my/billing")
        self.assertTrue(tree.xpath("//a[contains(@href, 'filterby=others')]"))
        self.assertIn("7.00", self._read(tree, "//*[@data-balance='unbilled']")[0])
        tree = self._open("/my/billing/transactions?filterby=others")
        [row] = tree.xpath("//table[contains(@class, 'transactions')]/tbody/tr")
        text = " ".join(row.text_content().split())
        self.assertIn("Swimming", text)
        self.assertIn("Paid by Secret Society", text)
        self.assertFalse(row.xpath(".//a[contains(@href, '/invoices/')]"))
        for page in ("", "?filterby=all", "?filterby=others"):
            text = self._open(f"/my/billing/transactions{page}").text_content()
            self.assertNotIn("Secret meeting", text)
            self.assertNotIn("4,321", text)
        self.assertNotIn(
            "Swimming", self._open("/my/billing/transactions").text_content()
        )

    def test_participant_reads_nothing_else_of_the_payer(self):
        invoice = self._bill(self.use | self.secret, partner_id=self.stranger.id)
        self._save_card("9999", partner=self.stranger)
        for path in ("", "/pdf", "/pay"):
            self._assert_refused(f"/my/billing/invoices/{invoice.id}{path}")
        self.assertNotIn("9999", self._open("/my/billing/cards").text_content())
        portal = self.env["omni.billing.transaction"].with_user(self.portal)
        self.assertEqual(
            portal.search([("commercial_partner_id", "=", self.stranger.id)]), self.use
        )
        with self.assertRaises(AccessError):
            self.secret.with_user(self.portal).read(["name"])
        with self.assertRaises(AccessError):
            invoice.with_user(self.portal).read(["name"])

    def test_payer_sees_what_is_billed_to_it(self):
        invoice = self._bill(self.use, partner_id=self.stranger.id)
        self.authenticate("foreign-test", "foreign-test")
        tree = self._open("/my/billing/transactions")
        text = " ".join(tree.text_content().split())
        self.assertIn("For: Acme Rentals", text)
        self.assertNotIn("Towel", text)
        tree = self._open(f"/my/billing/invoices/{invoice.id}")
        self.assertIn("For: Acme Rentals", tree.text_content())
        portal = self.env["omni.billing.transaction"].with_user(self.foreign_user)
        self.assertFalse(portal.search([("id", "=", self.own.id)]))

    def test_both_may_report_it(self):
        """F195: who used it knows whether it was so; who pays, too."""
        for login in ("portal-test", "foreign-test"):
            self.authenticate(login, login)
            path = f"/my/billing/transactions/{self.use.id}/report"
            self.assertIn("Swimming", self._open(path).text_content())
        path = f"/my/billing/transactions/{self.own.id}/report"
        self.assertEqual(self.url_open(path).status_code, 404)

    def test_what_one_reports_is_not_the_others_to_read(self):
        """F195: that it is reported, and held, both may know; not what was said."""
        path = f"/my/billing/transactions/{self.use.id}/report"
        self.authenticate("foreign-test", "foreign-test")
        self._post(path, text="I pay for no more swimming of theirs.")
        self.env.invalidate_all()
        self.assertEqual(self.use.report_state, "open")
        self.assertIn("no more swimming", self._open(path).text_content())
        self.use.with_user(self.staff)._answer_report("Agreed with the secret payer.")
        self.authenticate("portal-test", "portal-test")
        tree = self._open(path)
        for secret in ("no more swimming", "secret payer"):
            self.assertNotIn(secret, tree.text_content())
        self.assertTrue(tree.xpath("//textarea[@name='text']"))
        use = self.use.with_user(self.portal)
        self.assertEqual(use.report_state, "answered")
        for name in ("report_text", "report_answer"):
            with self.assertRaises(AccessError):
                use.read([name])

    def test_narrow_scope(self):
        """Where the seller wants so, a contact sees nothing of the account."""
        self.company.billing_portal_scope = "invoice"
        tree = self._open("/my/billing/transactions?filterby=others")
        self.assertNotIn("Swimming", tree.text_content())
        portal = self.env["omni.billing.transaction"].with_user(self.portal)
        self.assertFalse(portal.search([("id", "=", self.use.id)]))
