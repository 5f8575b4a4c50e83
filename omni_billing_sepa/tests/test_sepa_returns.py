import base64
import re
from datetime import timedelta
from itertools import product

from hypothesis import given
from hypothesis import strategies as st

from odoo.exceptions import AccessError, UserError
from odoo.tests import tagged

from odoo.addons.omni_billing.tests.properties import tried
from odoo.addons.omni_billing.tools.write_guard import trust

from ..tools.returns import UnreadableError, read
from ..tools.target_days import add_business_days
from . import bank
from .common import SepaCommon

KINDS = [
    *("pain.002.001.03", "pain.002.001.10", "camt.053.001.02", "camt.053.001.08"),
    *("camt.054.001.02", "camt.054.001.08"),
]
FEW, MANY = 2, 10


@tagged("post_install", "-at_install")
class TestReturns(SepaCommon):
    """W34: what comes back is owed again, once, with all that follows of it."""

    def _debit(self, *amounts, is_booked=False):
        """Collect invoices, each by a debit of its own."""
        self.company.sudo().billing_sepa_line_id.group_lines = False
        invoices = self._owe(*amounts)
        order = self._collect(invoices)
        payments = self._bring(order)
        if is_booked:
            with self._at(payments[0].date):
                order.action_billing_bank_paid()
        return invoices, payments

    def test_each_kind_of_file(self):
        """W34: six versions of three kinds are read, and say the same."""
        told = [
            ("A/1", "10.50", "EUR", "AM04"),
            ("A/2", "7.00", "EUR", "MD01"),
        ]
        for kind in KINDS:
            with self.subTest(kind):
                report = read(bank.tell(kind, *told))
                self.assertEqual((report.kind, report.reference), (kind, "MSG-1"))
                self.assertEqual(
                    [
                        (one.reference, str(one.amount), one.currency, one.code)
                        for one in report.returns
                    ],
                    told,
                )

    def test_files_that_are_none(self):
        """W34: broken, foreign and hostile files are refused, with why."""
        good = bank.tell(KINDS[0], ("A", "1.00", "EUR", "AM04"))
        hostile = good.replace(
            b"<Document",
            b'<!DOCTYPE d [<!ENTITY x SYSTEM "file:///etc/passwd">]><Document',
        ).replace(b">A<", b">&x;<")
        for content, why in (
            (b"", "xml"),
            (good[:-40], "xml"),
            (hostile, "xml"),
            (good.replace(b"pain.002.001.03", b"pain.001.001.03"), "kind"),
            (good.replace(b"pain.002.001.03", b"pain.002.001.99"), "kind"),
            (b"<html/>", "kind"),
            (good.replace(b"1.00", b"much"), "broken"),
            (good.replace(b"1.00", b"-1.00"), "broken"),
            (good.replace(b"OrgnlGrpInfAndSts", b"Other"), "broken"),
        ):
            with self.subTest(content[:80]):
                with self.assertRaises(UnreadableError) as caught:
                    read(content)
                self.assertEqual(caught.exception.why, why)
                with self.assertRaisesRegex(UserError, "Nothing was done"):
                    self._import(content)
        self.assertFalse(self.File.search([("company_id", "=", self.company.id)]))

    def test_comes_back_before_it_is_booked(self):
        """W34: owed again, in To Do, with the fee; the mandate holds."""
        self.company.sudo().billing_return_fee = 8
        invoices, payments = self._debit(30, 12)
        back = payments[0]
        content = bank.tell("pain.002.001.10", *self._say(back))
        file = self._import_in_dialog(content)
        self.assertEqual((file.name, file.return_count), ("bank.xml", 1))
        self.assertEqual(back.state, "canceled")
        self.assertFalse(invoices[0].billing_collecting)
        self.assertTrue(invoices[1].billing_collecting)
        fee = file.return_ids.fee_id
        self.assertEqual((fee.state, fee.retail_cost), ("unbilled", 8))
        self.assertEqual(self.mandate.state, "valid")
        [row] = self._todo(invoices)
        self.assertEqual(row.reason, "Not enough money on the account. (AM04)")
        self.assertEqual(row.move_id, invoices[0])
        with self.assertRaisesRegex(UserError, "Nothing was done again"):
            self._import(content, "again.xml")
        # Another file tells of the same.
        later = self._import(bank.tell("camt.053.001.08", *self._say(back)))
        self.assertEqual((later.return_count, later.known_count), (0, 1))
        row.action_again()
        self.assertTrue(invoices[0].billing_collecting)
        self.assertFalse(self._todo(invoices))
        # What banks tell is for those who work on it.
        order = back.payment_order_id
        for user, records in (
            (self.staff, [file, order]),
            (self.outsider, [file, file.return_ids, order]),
            (self.portal, [file, file.return_ids, order]),
        ):
            for record in records:
                with self.assertRaises(AccessError):
                    record.with_user(user).read(["display_name"])
                with self.assertRaises(AccessError):
                    record.with_user(user).search([])
        self.assertTrue(file.return_ids.with_user(self.staff).read(["code"]))

    def _import_in_dialog(self, content):
        """Import a file as a manager does, who presses twice."""
        Wizard = self.env["omni.billing.sepa.import.wizard"]
        values = {"content": base64.b64encode(content), "name": "bank.xml"}
        wizard = Wizard.create(values)
        answer = wizard.action_import()
        self.assertIn("are owed again: 1", answer["params"]["message"])
        self.assertEqual(wizard.action_import(), answer)
        return self.File.search([("company_id", "=", self.company.id)])

    def test_comes_back_after_it_is_booked(self):
        """W34: eight weeks later the entry of today reverses it; the mandate ends."""
        invoices, payments = self._debit(30, 12, is_booked=True)
        self.assertEqual(invoices.mapped("billing_state"), ["paid"] * 2)
        with self._at(add_business_days(payments[0].date, 30)):
            self._import(
                bank.tell("camt.054.001.02", *self._say(payments[0], code="MD01"))
            )
            self.assertEqual(invoices.mapped("billing_state"), ["unpaid", "paid"])
            self.assertEqual(payments[0].billing_undo_move_id.state, "posted")
            self.assertEqual(self.mandate.state, "cancel")
            # Another file tells of it again; what was put right since stays so.
            self.mandate.back2draft()
            self.mandate.validate()
            told = self._say(payments[0], code="MD01")
            self._import(bank.tell("camt.053.001.08", *told))
            self.assertEqual(self.mandate.state, "valid")
            self.assertEqual(self._get_books_balance(), 30)
            self.assertEqual(self._get_ledger_balance(), 30)

    def test_file_is_refused_whole(self):
        """W34: the file, or a part of it; no fee, since it is our fault.

        A bank may tell of the one debit that was wrong: none of the others is done.
        """
        self.company.sudo().billing_return_fee = 8
        for is_part, is_named in product((False, True), repeat=2):
            with self.subTest((is_part, is_named)):
                invoices, payments = self._debit(30, 12)
                order = payments.payment_order_id
                name = order.payment_lot_ids.name if is_part else order.name
                named = payments[0].memo if is_named else ""
                content = bank.refuse("pain.002.001.03", name, is_part, named=named)
                file = self._import(content)
                self.assertEqual(file.return_count, 2)
                self.assertFalse(file.return_ids.fee_id)
                self.assertFalse(any(invoices.mapped("billing_collecting")))
        with self.assertRaisesRegex(UserError, "not made here"):
            self._import(bank.refuse("pain.002.001.03", "FOREIGN"))

    def test_what_cannot_be(self):
        """W34: another amount, or none of ours: nothing of the file is done."""
        invoices, payments = self._debit(30, 12)
        told = self._say(payments)
        wrong = [told[0], (told[1][0], "11.00", *told[1][2:])]
        with self.assertRaisesRegex(UserError, "came back as 11.00"):
            self._import(bank.tell("pain.002.001.03", *wrong))
        with self.assertRaisesRegex(UserError, "none is of a debit"):
            self._import(
                bank.tell("pain.002.001.03", ("ELSEWHERE", "1.00", "EUR", "AM04"))
            )
        self.assertTrue(all(invoices.mapped("billing_collecting")))
        with self.assertRaises(AccessError):
            self.env["omni.billing.sepa.import.wizard"].with_user(self.staff).create(
                {"content": base64.b64encode(b"x")}
            )

    def test_of_another_database(self):
        """W34: what has our reference, and is of another debit, is left alone."""
        invoices, payments = self._debit(30)
        told = self._say(payments)
        self.mandate.flush_recordset()
        ours = self.mandate.unique_mandate_reference
        iban = payments.journal_id.bank_account_id.sanitized_acc_number
        for kind, values in (
            ("pain.002.001.03", {"mandate": "ELSEWHERE"}),
            ("camt.053.001.08", {"mandate": "ELSEWHERE", "account": iban}),
            ("camt.053.001.08", {"account": "FR7630006000011234567890189"}),
            ("camt.054.001.02", {"day": payments.date - timedelta(days=1)}),
        ):
            with self.subTest(values):
                trust(payments).billing_sepa_waiting = True
                file = self._import(bank.tell(kind, *told, **values))
                self.assertEqual((file.return_count, file.foreign_count), (0, 1))
        with self.assertRaisesRegex(UserError, "none is of"):
            self._import(bank.tell("pain.002.001.10", *told, mandate="ELSEWHERE"))
        other = self.env["res.company"].create({"name": "Other"})
        content = bank.tell("pain.002.001.03", *told)
        for company, file in (
            # The bank of another company knows none of it, nor refuses it whole.
            (other, content),
            (other, bank.refuse("pain.002.001.03", payments.payment_order_id.name)),
        ):
            with self.assertRaisesRegex(UserError, "none is of|not made here"):
                self.File._take(company, "bank.xml", file)
        self.env.user.sudo().company_ids -= other  # sudo: users are an administrator's
        with self.assertRaises(AccessError):
            self.env["omni.billing.sepa.import.wizard"].create(
                {"content": base64.b64encode(content), "company_id": other.id}
            )
        self.assertTrue(invoices.billing_collecting)
        # It may be ours all the same: staff decide, and not the job.
        self.assertIn("Ask the bank", invoices.activity_ids[:1].note)
        with self._at(add_business_days(payments.date, 6)):
            self._book()
        self.assertEqual(payments.state, "draft")
        # The journal has another account since, and that one is archived.
        journal = payments.journal_id.sudo()  # sudo: an accountant's
        before = journal.bank_account_id
        journal.bank_account_id = before.copy(
            {"acc_number": "FR7630001007941234567890185"}
        )
        before.active = False
        # Of many returns together, without a reference, it is told that they are there.
        content = bank.tell("camt.053.001.08", *told, mandate=ours, account=iban)
        entry = content[content.index(b"<Ntry>") : content.index(b"</Ntry>") + 7]
        bare = re.sub(b"<NtryDtls>.*</NtryDtls>", b"", entry)
        file = self._import(content.replace(entry, entry + bare, 1))
        self.assertEqual((file.return_count, file.foreign_count), (1, 1))
        self.assertTrue(file.foreign_note)
        self.assertFalse(invoices.billing_collecting)

    def _todo(self, invoices):
        self.env.flush_all()
        return self.env["omni.billing.todo"].search(
            [("kind", "=", "sepa"), ("move_id", "in", invoices.ids)]
        )

    @given(
        debits=st.lists(
            st.tuples(
                st.integers(1, 99_999),
                st.sampled_from(["paid", "early", "late", "twice"]),
            ),
            min_size=1,
            max_size=6,
        ),
        kind=st.sampled_from(KINDS),
    )
    @tried(ci=2, deep=100)
    def test_property(self, debits, kind):
        """W34: whatever comes back, in whatever file and when, sums are right."""
        invoices, payments = self._debit(*(cents / 100 for cents, _fate in debits))
        fates = dict(zip(invoices, (fate for _cents, fate in debits), strict=True))
        # In the order of the payments, which need not be that of the invoices.
        early, late = (
            payments.filtered(lambda one, when=when: fates[one.invoice_ids] in when)
            for when in (("early", "twice"), ("late", "twice"))
        )
        if early:
            self._import(bank.tell("pain.002.001.03", *self._say(early)))
        with self._at(payments[0].date):
            if early != payments:
                payments.payment_order_id.action_billing_bank_paid()
            if late:
                content = bank.tell(kind, *self._say(late), message="MSG-2")
                file = self._import(content)
                self.assertEqual(file.known_count, len(early & late))
                with self.assertRaises(UserError):
                    self._import(content)
            self._book()
        for invoice, fate in fates.items():
            owed = 0 if fate == "paid" else invoice.amount_total
            self.assertEqual(invoice.amount_residual, owed)
        back = (early | late).invoice_ids
        total = self.currency.round(sum(back.mapped("amount_total")))
        self.assertEqual(self._get_books_balance(), total)
        self.assertEqual(self._get_ledger_balance(), total)

    def test_growth(self):
        """W34: ten returns in a file and two: what each more costs, in statements."""
        for is_booked, most in ((False, 1.0), (True, 25.0)):
            with self.subTest(is_booked):
                few, many = (self._count(number, is_booked) for number in (FEW, MANY))
                self.assertLessEqual((many - few) / (MANY - FEW), most)

    def _count(self, number, is_booked):
        _invoices, payments = self._debit(*range(1, number + 1), is_booked=is_booked)
        content = bank.tell("pain.002.001.03", *self._say(payments))
        self.env.flush_all()
        self.env.invalidate_all()
        before = self.env.cr.sql_log_count
        self._import(content)
        self.env.flush_all()
        return self.env.cr.sql_log_count - before
