"""A contact changes its employer: what was used before does not follow by itself."""

from odoo.exceptions import AccessError, UserError
from odoo.tests import tagged

from .common import BillingCommon


@tagged("post_install", "-at_install")
class TestMovedContact(BillingCommon):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        Partner = cls.env["res.partner"]
        cls.other = Partner.create({"name": "Other Rentals", "is_company": True})
        cls.contact = Partner.create({"name": "Kim", "parent_id": cls.customer.id})
        cls.colleague = Partner.create({"name": "Sam", "parent_id": cls.other.id})

    def _move(self):
        self.contact.parent_id = self.other
        self.env.flush_all()
        self.env.invalidate_all()

    def _merge(self):
        wizard = self.env["base.partner.merge.automatic.wizard"].create({})
        wizard._merge((self.contact + self.colleague).ids, self.colleague)
        self.env.flush_all()
        self.env.invalidate_all()

    def _create(self, cost=100, **values):
        return self._create_transaction(
            cost, name="Secret project", partner_id=self.contact.id, **values
        )

    def test_billed_stays(self):
        """F36, W27, promise 4: with whom it was billed to, in ledger and books."""
        for change in (self._move, self._merge):
            with self.subTest(change=change.__name__), self.env.cr.savepoint() as point:
                charge = self._create()
                invoice = self._bill()
                change()
                self.assertEqual(charge.commercial_partner_id, self.customer)
                self.assertFalse(self.other.billing_transaction_ids)
                self._pay(invoice)
                receipt = invoice.billing_receipt_ids
                self.assertEqual(receipt.commercial_partner_id, self.customer)
                self.assertFalse(self._get_ledger_balance(self.other))
                self.assertEqual(self._get_ledger_balance(), 0)
                point.rollback()
                self.env.invalidate_all()

    def test_contact_that_becomes_a_company_is_told(self):
        """Odoo takes that field out of what it writes, on its way."""
        charge = self._create()
        self.contact.is_company = True
        self.assertEqual(self.contact.commercial_partner_id, self.contact)
        self.assertEqual(charge.commercial_partner_id, self.customer)
        self.assertIn("belongs to", self.contact.activity_ids.note)

    def test_void_and_bill_again(self):
        """F161: the items of a company are billed to that company."""
        self._create()
        invoice = self._bill()
        self._move()
        invoice.action_billing_void()
        self.assertEqual(self.other.billing_unbilled_amount, 0)
        self.assertEqual(self.customer.billing_unbilled_amount, 100)
        again = self._bill()
        self.assertEqual(again.commercial_partner_id, self.customer)
        self.assertEqual(again.partner_id, self.customer)

    def test_credit_notes_go_to_who_was_billed(self):
        """F168, F172, also Odoo's own: the invoice address may be the contact."""
        self.contact.type = "invoice"
        self.company.billing_void_method = "credit_note"
        for way in ("void", "refund", "odoo"):
            self.contact.parent_id = self.customer
            self._create()
            invoice = self._bill()
            self.assertEqual(invoice.partner_id, self.contact)
            self._move()
            if way == "void":
                invoice.action_billing_void()
            elif way == "refund":
                invoice._billing_create_refund_note(40)
            else:
                invoice._reverse_moves(cancel=True)
            note = invoice.reversal_move_ids
            self.assertEqual(note.commercial_partner_id, self.customer, way)
            self.assertEqual(self._get_books_balance(self.other), 0, way)

    def test_page_and_mail_are_for_who_was_billed(self):
        """F116: neither shows, or goes to, the company of today."""
        self.contact.write({"type": "invoice", "email": "kim@other.example.com"})
        self.customer.email = "books@acme.example.com"
        self._create()
        invoice = self._bill()
        self.assertIn("Kim", invoice._billing_prepare_pdf_context()["buyer"])
        self._move()
        buyer = invoice._billing_prepare_pdf_context()["buyer"]
        self.assertIn("Acme Rentals", buyer)
        self.assertNotIn("Other Rentals", buyer)
        variables = invoice._billing_prepare_template_variables()
        self.assertEqual(variables["client"]["name"], "Acme Rentals")
        self.assertEqual(invoice._billing_get_recipients(), self.customer)

    def test_unbilled_follows_if_a_person_says_so(self):
        """F36: staff are told, and decide."""
        charge, credit = self._create(), self._create_credit(partner_id=self.contact.id)
        self._move()
        self.assertEqual(charge.commercial_partner_id, self.customer)
        [todo] = self.contact.activity_ids
        self.assertIn("2 unbilled transactions", todo.note)
        both = charge + credit
        with self.assertRaises(AccessError):
            both.with_user(self.outsider).action_follow_contact()
        both.with_user(self.staff).action_follow_contact()
        self.assertEqual(both.commercial_partner_id, self.other)
        logs = self.env["omni.billing.activity.log"].search(
            [("transaction_id", "=", charge.id)], order="id desc", limit=1
        )
        self.assertIn("Acme Rentals → Other Rentals", logs.note)
        invoice = self._bill(partner_id=self.other.id)
        self.assertEqual(invoice.amount_total, 90)
        with self.assertRaisesRegex(UserError, "no longer unbilled"):
            charge.action_follow_contact()

    def test_merge_of_two_companies_is_told(self):
        charge = self._create()
        self._merge()
        self.assertEqual(charge.partner_id, self.colleague)
        self.assertEqual(charge.commercial_partner_id, self.customer)
        self.assertIn("1 unbilled transactions", self.colleague.activity_ids.note)

    def test_services_stay(self):
        """F185: who has a service is charged for it."""
        service = self.env["omni.billing.service"].create(
            {
                "name": "Fibre",
                "partner_id": self.contact.id,
                "price_unit": 10,
                "unit": "day",
                "date_start": self.today,
            }
        )
        self._move()
        self.assertIn("1 services", self.contact.activity_ids.note)
        service.action_write_due()
        charge = service.transaction_ids
        self.assertEqual(charge.commercial_partner_id, self.customer)
        with self.assertRaises(UserError):
            service.write({"commercial_partner_id": self.other.id})
        service.action_follow_contact()
        self.assertEqual(service.commercial_partner_id, self.other)
        self.assertEqual(charge.commercial_partner_id, self.customer)

    def test_a_person_who_joins_a_company(self):
        """What a private customer owes is not the employer's."""
        person = self.env["res.partner"].create({"name": "Alex"})
        charge = self._create_transaction(5, partner_id=person.id)
        person.parent_id = self.other
        self.env.flush_all()
        self.env.invalidate_all()
        self.assertEqual(charge.commercial_partner_id, person)
        charge.partner_id = self.colleague
        self.assertEqual(charge.commercial_partner_id, self.other)

    def test_a_person_whom_odoo_alone_invoiced_joins_a_company(self):
        """W44: as in plain Odoo. Who has an invoice of ours stays who they are."""
        person = self.env["res.partner"].create({"name": "Alex"})
        plain = self.init_invoice("out_invoice", person, amounts=[5], post=True)
        person.parent_id = self.other
        self.assertEqual(plain.commercial_partner_id, self.other)
        self.assertEqual(plain.line_ids.partner_id, self.other)
        billed = self.env["res.partner"].create({"name": "Kit"})
        self._create_transaction(5, partner_id=billed.id)
        invoice = self._bill(partner_id=billed.id)
        with self.assertRaisesRegex(UserError, invoice.name), self.cr.savepoint():
            billed.parent_id = self.other
        self.assertEqual(invoice.commercial_partner_id, billed)
