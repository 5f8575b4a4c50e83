"""Somebody else pays: a parent, an employer, an insurer, a bursary (F156, W31)."""

from datetime import timedelta

from odoo.exceptions import UserError
from odoo.fields import Command
from odoo.tests import tagged

from odoo.addons.omni_billing.tools.write_guard import trust

from .card_common import CardCommon
from .test_omni_billing_run import RunCommon


class PayerCommon(RunCommon, CardCommon):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        Partner = cls.env["res.partner"]
        cls.payer = Partner.create({"name": "Parent Fund", "is_company": True})
        cls.pupils = Partner.create([{"name": "Ada Pupil"}, {"name": "Ben Pupil"}])
        cls.ada, cls.ben = cls.pupils

    @classmethod
    def _use(cls, partner=None, cost=40, **values):
        """Have a participant use something that the payer pays."""
        values = {"payer_id": cls.payer.id} | values
        return cls._create_transaction(
            cost, partner_id=(partner or cls.ada).id, **values
        )

    def _read_balance(self, partner):
        """Return what the ledger says that a customer owes, of what is billed."""
        groups = self.env["omni.billing.transaction"]._read_group(
            [("commercial_partner_id", "=", partner.id), ("state", "=", "invoiced")],
            [],
            ["amount_total:sum"],
        )
        return groups[0][0]

    def _read_books(self, partner):
        lines = self.env["account.move.line"].search(
            [
                ("partner_id", "=", partner.id),
                ("account_id.account_type", "=", "asset_receivable"),
                ("parent_state", "=", "posted"),
            ]
        )
        return sum(lines.mapped("balance"))


@tagged("post_install", "-at_install")
class TestPayer(PayerCommon):
    """W31: who is billed is not who used it."""

    def test_payer_is_billed_for_all_participants(self):
        uses = self._use() | self._use(self.ben, 60)
        self.assertEqual(uses.commercial_partner_id, self.payer)
        self.assertEqual(uses.participant_id, self.pupils)
        dialog = self._open_proforma(partner_id=self.ada.id)
        self.assertFalse(dialog.line_ids)
        self.assertIn("Parent Fund", dialog.blocker)
        dialog = self._open_proforma(partner_id=self.payer.id)
        self.assertEqual(dialog.line_ids.transaction_id, uses)
        told = {line["participant"] for line in dialog.preview["lines"]}
        self.assertEqual(told, {"Ada Pupil", "Ben Pupil"})
        dialog.action_generate()
        invoice = uses.invoice_id
        self.assertEqual(invoice.partner_id, self.payer)
        self.assertEqual(invoice.amount_total, 100)
        texts = [line["description"] for line in invoice._billing_get_lines()]
        self.assertEqual(texts, ["For: Ada Pupil", "For: Ben Pupil"])
        self.assertEqual(self._read_balance(self.payer), 100)
        self.assertEqual(self._read_books(self.payer), 100)
        self.assertFalse(self._read_balance(self.ada) or self._read_books(self.ada))

    def test_run_bills_the_payer(self):
        self._use()
        self._use(self.ben, 60)
        own = self._create_transaction(5, partner_id=self.ada.id)
        run = self._do(
            date_due="2040-01-31",
            partner_ids=[Command.set((self.payer + self.ada).ids)],
        )
        lines = {line.partner_id: line.amount_total for line in run.line_ids}
        self.assertEqual(lines, {self.payer: 100, self.ada: 5})
        self.assertEqual(own.invoice_id.partner_id, self.ada)

    def test_sums_are_of_who_pays(self):
        """Unbilled sums, and credit limits, are the payer's."""
        self._use()
        self._create_transaction(5, partner_id=self.ada.id)
        self.env.invalidate_all()
        self.assertEqual(self.payer.billing_unbilled_amount, 40)
        self.assertEqual(self.ada.billing_unbilled_amount, 5)
        self.assertEqual(self.ada.billing_paid_by_others_count, 1)
        self.assertFalse(self.payer.billing_paid_by_others_count)
        self.assertTrue(self.payer.billing_is_payer)
        self.assertFalse(self.ada.billing_is_payer)
        self.company.account_use_credit_limit = True
        self.payer.invalidate_recordset()
        self.assertEqual(self.payer.credit_to_invoice, 40)

    def test_payer_is_locked_once_billed(self):
        use = self._use()
        use.payer_id = False
        self.assertEqual(use.commercial_partner_id, self.ada)
        self.assertFalse(use.participant_id)
        use.payer_id = self.payer
        self._bill(use, partner_id=self.payer.id)
        with self.assertRaisesRegex(UserError, "can no longer be edited"):
            use.payer_id = False
        with self.assertRaisesRegex(UserError, "can no longer be edited"):
            use.payer_id = self.customer

    def test_unbilled_moves_to_another_payer(self):
        """Credits too; and the history says from whom to whom."""
        credit = self._create_credit(partner_id=self.ada.id)
        uses = self._use() | credit
        uses.with_user(self.staff).write({"payer_id": self.customer.id})
        self.assertEqual(uses.commercial_partner_id, self.customer)
        log = self.env["omni.billing.activity.log"].search(
            [("transaction_id", "in", uses.ids), ("action", "=", "transaction_edited")]
        )
        self.assertIn("Parent Fund → Acme Rentals", "".join(log.mapped("note")))

    def test_who_pays_for_itself_has_no_participant(self):
        """Its own contact, or itself: nothing is shown of another."""
        contact = self.env["res.partner"].create(
            {"name": "Clerk", "parent_id": self.payer.id}
        )
        for partner in (contact, self.payer):
            use = self._use(partner)
            self.assertEqual(use.commercial_partner_id, self.payer)
            self.assertFalse(use.participant_id)
        self.assertFalse(self.ada.billing_is_payer)

    def test_contact_of_the_payer_is_billed_at_its_company(self):
        contact = self.env["res.partner"].create(
            {"name": "Clerk", "parent_id": self.payer.id}
        )
        use = self._use(payer_id=contact.id)
        self.assertEqual(use.commercial_partner_id, self.payer)
        invoice = self._bill(use, partner_id=self.payer.id)
        self.assertEqual(invoice.partner_id, self.payer)

    def test_payer_of_another_company_is_refused(self):
        other = self.setup_other_company()["company"]
        self.payer.company_id = other
        with self.assertRaises(UserError):
            self._use()

    def test_taxes_are_those_of_who_pays(self):
        """The fiscal position is that of whom the invoice is for."""
        tax = self._create_tax(7)
        position = self.env["account.fiscal.position"].create(
            {"name": "Reduced", "tax_ids": [Command.set(tax.ids)]}
        )
        tax.original_tax_ids = self.tax_10
        self.payer.property_account_position_id = position
        product = self.env["product.product"].create(
            {"name": "Lesson", "taxes_id": [Command.set(self.tax_10.ids)]}
        )
        values = {"product_id": product.id, "retail_cost": 100}
        Transaction = self.env["omni.billing.transaction"]
        use, own = Transaction.create(
            [
                {"partner_id": self.ada.id, "payer_id": self.payer.id, **values},
                {"partner_id": self.ada.id, **values},
            ]
        )
        self.assertEqual((use.tax_ids, own.tax_ids), (tax, self.tax_10))

    def test_service_charges_the_payer(self):
        service = self.env["omni.billing.service"].create(
            {
                "name": "Lessons",
                "partner_id": self.ada.id,
                "payer_id": self.payer.id,
                "price_unit": 30,
                "unit": "month",
                "date_start": self.today,
            }
        )
        self.assertEqual(service.commercial_partner_id, self.payer)
        self.env["omni.billing.service"].sudo()._cron_write_due()
        charge = service.transaction_ids
        self.assertEqual((charge.partner_id, charge.payer_id), (self.ada, self.payer))
        self.assertEqual(charge.commercial_partner_id, self.payer)
        # Entered by hand for this service: its payer pays, too, if nobody says not.
        extra = self._create_transaction(
            5, partner_id=self.ada.id, service_id=service.id
        )
        self.assertEqual(extra.payer_id, self.payer)
        own = self._create_transaction(
            5, partner_id=self.ada.id, service_id=service.id, payer_id=False
        )
        self.assertEqual(own.commercial_partner_id, self.ada)
        # Another payer pays from the next charge on.
        service.payer_id = self.customer
        self.assertEqual(service.commercial_partner_id, self.customer)
        self.assertEqual(charge.commercial_partner_id, self.payer)

    def test_adjustment_is_of_who_paid_the_period(self):
        """What a period cost too much goes back to who was billed for it."""
        service = self.env["omni.billing.service"].create(
            {
                "name": "Lessons",
                "partner_id": self.ada.id,
                "payer_id": self.payer.id,
                "price_unit": 30,
                "unit": "month",
                "date_start": self.today,
            }
        )
        self.env["omni.billing.service"].sudo()._cron_write_due()
        service.write({"payer_id": False, "date_end": self.today})
        service.action_adjust()
        credit = service.transaction_ids.filtered(
            lambda t: t.transaction_type == "credit"
        )
        self.assertEqual(credit.commercial_partner_id, self.payer)

    def test_void_and_billed_anew(self):
        use = self._use()
        invoice = self._bill(use, partner_id=self.payer.id)
        invoice.action_billing_void()
        self.assertEqual(use.state, "unbilled")
        self.assertEqual(use.commercial_partner_id, self.payer)
        use.payer_id = False
        invoice = self._bill(use, partner_id=self.ada.id)
        self.assertEqual(invoice.partner_id, self.ada)
        self.assertFalse(invoice._billing_get_lines()[0]["description"])

    def test_canceled_item_is_credited_to_who_paid(self):
        use = self._use()
        invoice = self._bill(use, partner_id=self.payer.id)
        note = invoice._billing_cancel_items(use)
        credit = use.canceled_by_ids
        self.assertEqual(note.partner_id, self.payer)
        self.assertEqual(credit.commercial_partner_id, self.payer)
        self.assertEqual(credit.participant_id, self.ada)
        self.assertEqual(self._read_balance(self.payer), self._read_books(self.payer))

    def test_merged_contacts(self):
        """A participant who is merged into the payer pays for itself."""
        use, other = self._use(), self._use(self.ben, 60)
        invoice = self._bill(other, partner_id=self.payer.id)
        merge = self.env["base.partner.merge.automatic.wizard"].create({})
        merge._merge((self.ada + self.payer).ids, self.payer)
        self.env.invalidate_all()
        self.assertEqual(use.partner_id, self.payer)
        self.assertEqual(use.commercial_partner_id, self.payer)
        self.assertFalse(use._get_participant())
        self.assertEqual(other.participant_id, self.ben)
        self.assertEqual(invoice.billing_transaction_ids, other)

    def test_payer_who_changes_its_company(self):
        """W27: what is unbilled stays with the company of before; staff are told."""
        clerk = self.env["res.partner"].create(
            {"name": "Clerk", "parent_id": self.payer.id}
        )
        use = self._use(payer_id=clerk.id)
        clerk.parent_id = self.customer
        self.assertEqual(use.commercial_partner_id, self.payer)
        self.assertTrue(clerk.activity_ids)
        use.action_follow_contact()
        self.assertEqual(use.commercial_partner_id, self.customer)
        self.assertEqual(use.participant_id, self.ada)
        # Of the participant nobody is told: it is not billed.
        self.ada.parent_id = self.others[0]
        self.assertFalse(self.ada.activity_ids)
        self.assertEqual(use.participant_id, self.ada)

    def test_import_has_a_column(self):
        fields = [
            "external_ref",
            "partner_id/.id",
            "payer_id/.id",
            "name",
            "retail_cost",
        ]
        row = ["x-1", str(self.ada.id), str(self.payer.id), "Lesson", "40"]
        result = self.env["omni.billing.transaction"].load(fields, [row])
        use = self.env["omni.billing.transaction"].browse(result["ids"])
        self.assertEqual(use.commercial_partner_id, self.payer)
        self.assertEqual(
            self.env["omni.billing.transaction"].load(fields, [row])["ids"], []
        )
        # Not paid by another before: that is somebody else's money, too.
        plain = ["x-2", str(self.ada.id), "", "Lesson", "40"]
        self.env["omni.billing.transaction"].load(fields, [plain])
        plain[2] = str(self.payer.id)
        result = self.env["omni.billing.transaction"].load(fields, [plain])
        self.assertEqual(result["messages"][0]["type"], "error")
        row[2] = str(self.customer.id)
        result = self.env["omni.billing.transaction"].load(fields, [row])
        [message] = result["messages"]
        self.assertIn("paid by Parent Fund; the row says", message["message"])
        self.assertIn("paid by Acme Rentals", message["message"])

    def test_queries_do_not_grow(self):
        """Many uses of many participants are billed with as many queries as few."""
        counts = []
        for many in (2, 12):
            for number in range(many):
                partner = self.env["res.partner"].create({"name": f"Pupil {number}"})
                self._use(partner)
            uses = self.env["omni.billing.transaction"].search(
                [
                    ("commercial_partner_id", "=", self.payer.id),
                    ("state", "=", "unbilled"),
                ]
            )
            self.env.flush_all()
            self.env.invalidate_all()
            before = self.env.cr.sql_log_count
            uses._create_invoice(self.payer)
            self.env.flush_all()
            counts.append(self.env.cr.sql_log_count - before)
        self.assertLessEqual(counts[1], counts[0] + 6)

    def test_nobody_says_who_the_participant_is(self):
        with self.assertRaises(UserError):
            self._use(participant_id=self.ben.id)
        with self.assertRaises(UserError):
            self._use().participant_id = self.ben


@tagged("post_install", "-at_install")
class TestPaidTogether(PayerCommon):
    """F156, W31: one payment over several customers, oldest first."""

    def setUp(self):
        super().setUp()
        self.invoices = self.env["account.move"]
        for days, partner, amount in (
            (9, self.ben, 60),
            (5, self.ada, 40),
            (1, self.ben, 30),
        ):
            charge = self._create_transaction(amount, partner_id=partner.id)
            self.invoices += self._bill(
                charge,
                partner_id=partner.id,
                date_start=self.today - timedelta(days=60),
                invoice_date=self.today - timedelta(days=30),
                date_due=self.today - timedelta(days=days),
            )

    def _pay(self, amount, **values):
        dialog = (
            self.env["omni.billing.payment.wizard"]
            .with_user(self.staff)
            .create(
                {
                    "invoice_ids": [Command.set(self.invoices.ids)],
                    "is_together": True,
                    "payer_id": self.payer.id,
                    "mode": "bank",
                    "amount": amount,
                    "reference": "Bursary 7",
                }
                | values
            )
        )
        return dialog.action_pay()

    def test_oldest_first(self):
        """60 of Ben, then 20 of Ada's 40: each customer has a payment of its own."""
        self._pay(80)
        residuals = self.invoices.mapped("amount_residual")
        self.assertEqual(residuals, [0, 20, 30])
        payments = self.invoices.billing_receipt_ids.payment_id
        self.assertEqual(
            sorted((payment.partner_id.name, payment.amount) for payment in payments),
            [("Ada Pupil", 20), ("Ben Pupil", 60)],
        )
        self.assertEqual(payments.billing_payer_id, self.payer)
        self.assertEqual(set(payments.mapped("billing_reference")), {"Bursary 7"})
        for partner in self.pupils + self.payer:
            self.assertEqual(self._read_balance(partner), self._read_books(partner))

    def test_all_at_once(self):
        self._pay(130)
        self.assertEqual(set(self.invoices.mapped("billing_state")), {"paid"})
        payments = self.invoices.billing_receipt_ids.payment_id
        self.assertEqual(sorted(payments.mapped("amount")), [40, 90])

    def test_never_more_than_is_owed(self):
        for amount in (130.01, 0, -5):
            with self.assertRaises(UserError):
                self._pay(amount)
        self.assertEqual(set(self.invoices.mapped("billing_state")), {"unpaid"})

    def test_all_or_none(self):
        """An invoice that cannot be paid: nothing was taken of the others."""
        trust(self.invoices[1]).action_billing_void()
        with self.assertRaises(UserError):
            self._pay(130)
        self.assertFalse(self.invoices.billing_receipt_ids)

    def test_cards_and_credit_are_of_one_customer(self):
        for mode in ("stripe", "credit"):
            with self.assertRaisesRegex(UserError, "cash|bank"):
                self._pay(80, mode=mode)

    def test_each_is_undone_for_itself(self):
        self._pay(80)
        payment = self.invoices[1].billing_receipt_ids.payment_id
        payment._billing_undo("wrong")
        self.assertEqual(self.invoices.mapped("amount_residual"), [0, 40, 30])

    def test_reference_of_a_program_is_known(self):
        first = self._pay(80, external_ref="b-7")
        self.assertEqual(self._pay(80, external_ref="b-7"), first)
        self.assertEqual(self.invoices.mapped("amount_residual"), [0, 20, 30])
        with self.assertRaises(UserError):
            self._pay(90, external_ref="b-7")
