from datetime import date, timedelta

from lxml import etree

from odoo import fields
from odoo.exceptions import UserError
from odoo.tests import tagged
from odoo.tools import file_open

from ..tools import target_days
from .common import SepaCommon

SCHEMA = "account_payment_sepa_direct_debit/data/pain.008.001.08.xsd"


@tagged("post_install", "-at_install")
class TestFile(SepaCommon):
    """W34: the file that the bank gets, and what the customer is told before."""

    def _read(self, order):
        with file_open(SCHEMA, "rb") as schema:
            root = etree.fromstring(order.payment_file_id.raw)
            etree.XMLSchema(etree.parse(schema)).assertValid(root)
        return root

    def _texts(self, element, name):
        return [one.text for one in element.iterfind(f".//{{*}}{name}")]

    def test_file_holds_what_is_owed(self):
        """W34: its sum is that of the invoices, by mandate and sequence type."""
        other = self.env["res.partner"].create({"name": "Zoë"})
        last = self._sign(other, 1, state="final")
        invoices = self._owe(10.01, 20.20) + self._owe(0.35, customer=other)
        order = self._collect(invoices)
        order.draft2open()
        order.open2generated()
        root = self._read(order)
        blocks = list(root.iterfind(".//{*}PmtInf"))
        told = {
            self._texts(block, "SeqTp")[0]: (
                self._texts(block, "CtrlSum")[0],
                self._texts(block, "InstdAmt"),
                set(self._texts(block, "MndtId")),
            )
            for block in blocks
        }
        first = self.mandate.unique_mandate_reference
        self.assertEqual(
            told,
            {
                "RCUR": ("30.21", ["30.21"], {first}),
                "FNAL": ("0.35", ["0.35"], {last.unique_mandate_reference}),
            },
        )
        self.assertEqual(self._texts(root, "CtrlSum")[0], "30.56")
        self.assertEqual(
            sorted(self._texts(root, "EndToEndId")),
            sorted(order.payment_ids.mapped("memo")),
        )

    def test_notice_comes_before_the_debit(self):
        """W34: 14 days, or what the mandate says; a day when banks are open."""
        order = self._collect(self._owe(10))
        order.draft2open()
        day = order.payment_line_ids.date
        earliest = self.today + timedelta(days=14)
        self.assertEqual(day, target_days.find_business_day(earliest))
        mail = self.env["mail.mail"].sudo().search([], order="id desc", limit=1)
        self.assertIn(self.mandate.unique_mandate_reference, mail.body_html)
        self.assertIn("FR78ZZZ424242", mail.body_html)
        self.assertIn("€", mail.subject)
        self.assertNotIn("FR7630006000011234567890189", mail.body_html)
        self.assertEqual(mail.recipient_ids, self.customer)
        order.action_cancel()
        order.cancel2draft()
        self.mandate.billing_notice_days = 2
        order.draft2open()
        self.assertLess(order.payment_line_ids.date, day)
        order.payment_lot_ids.date -= timedelta(days=1)
        with self.assertRaisesRegex(UserError, "sooner"):
            order.open2generated()

    def test_file_that_is_late_is_not_made(self):
        order = self._collect(self._owe(10))
        order.draft2open()
        late = order.payment_line_ids.date
        with self._at(late), self.assertRaisesRegex(UserError, "is over"):
            order.open2generated()

    def test_mandate_that_ended_meanwhile(self):
        """W34: who takes the mandate back before the file is made is not debited."""
        order = self._collect(self._owe(10))
        order.draft2open()
        self.mandate.cancel()
        with self.assertRaisesRegex(UserError, "No mandate any more"):
            order.open2generated()
        order.action_cancel()
        order.cancel2draft()
        with self.assertRaisesRegex(UserError, "holds no more. Delete this line"):
            order.draft2open()

    def test_customer_without_an_address_is_named(self):
        self.customer.email = False
        order = self._collect(self._owe(10))
        order.draft2open()
        self.assertIn("Acme Rentals", order.message_ids[0].body)

    def test_days_of_the_banks(self):
        """The European Central Bank's calendar: weekends, Easter, Christmas."""
        add, find = target_days.add_business_days, target_days.find_business_day
        self.assertEqual(find(date(2026, 4, 3)), date(2026, 4, 7))
        self.assertEqual(add(date(2026, 12, 24), 1), date(2026, 12, 28))
        self.assertEqual(add(date(2026, 4, 30), 2), date(2026, 5, 5))
        self.assertEqual(find(fields.Date.to_date("2026-05-02")), date(2026, 5, 4))
