"""Packs are sold, used, taken back, credited and refunded, to the cent."""

from datetime import timedelta
from unittest.mock import patch

from dateutil.relativedelta import relativedelta
from freezegun import freeze_time
from psycopg2 import IntegrityError

from odoo.exceptions import UserError, ValidationError
from odoo.tests import tagged
from odoo.tools import mute_logger

from odoo.addons.omni_billing.tools.write_guard import trust

from .common import PackCommon


@tagged("post_install", "-at_install")
class TestPacks(PackCommon):
    """W42: what is paid is deferred revenue; what is used is drawn once."""

    def test_a_pack_is_sold_as_a_transaction(self):
        """W42: taxed at once, booked as a liability, usable once it is paid."""
        pack = self._sell(paid=False)
        invoice = pack.invoice_id
        self.assertEqual(invoice.amount_total, 110)
        line = invoice.invoice_line_ids
        self.assertEqual(line.account_id, self.deferred)
        self.assertEqual(line.billing_pack_id, pack)
        self.assertEqual((pack.units, pack.units_left, pack.price), (10, 10, 100))
        self.assertEqual(self._worth(pack), 100)
        self.assertEqual(pack.state, "waiting")
        with self.assertRaises(UserError):
            self._use()
        self._pay(invoice)
        self.assertEqual(pack.state, "open")
        self.assertEqual(
            self._use(3),
            {"units": 3, "drawn": 3, "charged": 0, "left": 7, "is_double": False},
        )
        self.assertEqual((pack.units_left, self._worth(pack)), (7, 70))
        # The payment comes back: nothing of the pack can be used.
        invoice.line_ids.remove_move_reconcile()
        self.assertEqual(pack.state, "waiting")
        with self.assertRaises(UserError):
            self._use()
        # The company chose to trust its customers.
        self.company.sudo().billing_pack_usable = "invoice"
        self.assertEqual(self._use()["left"], 6)
        # A dispute of its payment.
        trust(invoice.sudo()).billing_dispute = "open"
        with self.assertRaises(UserError):
            self._use()

    def test_a_pack_needs_its_account(self):
        """W42: it would be income at once."""
        self.ten.billing_pack_account_id = False
        with self.assertRaisesRegex(UserError, "Deferred Revenue"):
            self._sell()
        self.ten.billing_pack_product_id = False
        with self.assertRaisesRegex(UserError, "Used for"):
            self._sell()
        income = self.company_data["default_account_revenue"]
        with self.assertRaisesRegex(ValidationError, "no liability"):
            self.ten.billing_pack_account_id = income

    def test_what_ends_first_is_used_first(self):
        """W42: over several packs; the last day counts; another customer's do not."""
        never = self._sell()
        short = self._sell(self._add_pack("Short", 50, 5, billing_pack_months=1))
        two = self._sell(quantity=2)
        self.assertEqual(two.units, 20)
        last = self.today + relativedelta(months=1) - timedelta(1)
        self.assertEqual(short.expires_on, last)
        self._use(7)
        self.assertEqual((short.units_left, never.units_left), (0, 8))
        self.assertEqual(short.state, "used")
        stranger = self.env["res.partner"].create({"name": "Stranger"})
        with self.assertRaises(UserError):
            self.Pack.use(stranger.id, self.single.id)
        # A contact of the company uses its packs.
        contact = self.portal.partner_id
        self.Pack.use(contact.id, self.single.id, 9)
        self.assertEqual((never.units_left, two.units_left), (0, 19))

    def test_a_reference_is_used_once(self):
        """W42: a call that is sent again draws nothing; another one is refused."""
        pack = self._sell()
        self._use(2, ref="visit-1")
        again = self._use(2, ref="visit-1")
        self.assertTrue(again["is_double"])
        self.assertEqual((pack.units_left, again["left"]), (8, 8))
        with self.assertRaisesRegex(ValidationError, "visit-1"):
            self._use(3, ref="visit-1")
        # The database has the last word.
        row = self.Use.search([("ref", "=", "visit-1")])
        with (
            mute_logger("odoo.sql_db"),
            self.assertRaises(IntegrityError),
            self.env.cr.savepoint(),
        ):
            self.Use._add(
                [{"pack_id": pack.id, "ref": "visit-1", "ref_key": row.sudo().ref_key}]
            )

    def test_more_than_there_is_is_never_drawn(self):
        """W42: refused, or charged at the single price, as the company has it."""
        pack = self._sell()
        with self.assertRaisesRegex(UserError, "10"):
            self._use(11)
        self.assertEqual(pack.units_left, 10)
        self.company.sudo().billing_pack_uncovered = "charge"
        done = self._use(12, ref="long")
        self.assertEqual((done["drawn"], done["charged"], done["left"]), (10, 2, 0))
        self.assertTrue(self._use(12, ref="long")["is_double"])
        charge = self.Use.search([("pack_id", "=", False)]).transaction_id
        self.assertEqual((charge.retail_cost, charge.state), (24, "unbilled"))
        self.assertEqual(charge.tax_ids, self.tax_10)
        # Whatever door: the database counts.
        with (
            mute_logger("odoo.sql_db"),
            self.assertRaises(IntegrityError),
            self.env.cr.savepoint(),
        ):
            self.Use._add([{"pack_id": pack.id, "units": 0.01}])
        # Taken back, its charge goes, too.
        self.Use.search([("pack_id", "=", False)]).action_take_back()
        self.assertEqual(charge.state, "void")

    def test_shares_add_up(self):
        """W42: a third three times is the whole, whatever the order."""
        three = self._add_pack("Three", 100, 3)
        pack = self._sell(three)
        for left in (66.67, 33.33, 0):
            self._use()
            self.assertEqual(self._worth(pack), left)
        self._check_books()

    def test_a_use_is_taken_back(self):
        """W42: by a further row, once; the pack can be used again."""
        pack = self._sell()
        self._use(4, ref="wrong", note="By mistake")
        use = pack.use_ids
        use.action_take_back()
        self.assertEqual((pack.units_left, self._worth(pack)), (10, 100))
        self.assertTrue(use.is_taken_back)
        for row in (use, pack.use_ids - use):
            with self.assertRaises(UserError):
                row.action_take_back()
        self._check_books()

    def test_void_is_refused_after_uses(self):
        """W42: taken back first, it is void, and billed again it is a new pack."""
        pack = self._sell(paid=False)
        self.company.sudo().billing_pack_usable = "invoice"
        self._use()
        invoice = pack.invoice_id
        with self.assertRaisesRegex(UserError, "Ten Sessions"):
            invoice.action_billing_void()
        pack.use_ids.action_take_back()
        invoice.action_billing_void()
        self.assertEqual(pack.state, "closed")
        self.assertEqual(self._worth(pack), 0)
        with self.assertRaises(UserError):
            self._use()
        self._bill(pack.transaction_id)
        new = self.Pack.search([("transaction_id", "=", pack.transaction_id.id)]) - pack
        self.assertEqual((len(new), new.units_left), (1, 10))
        self.assertEqual(self._use()["left"], 9)
        self._check_books()

    def test_unused_units_are_refunded(self):
        """W42: their price with its taxes, never more than is left; back if void."""
        three = self._add_pack("Three", 100, 3)
        pack = self._sell(three)
        self._use()
        with self.assertRaisesRegex(UserError, "2 of 3"):
            pack.action_refund(3)
        credit = pack.action_refund(1)
        self.assertEqual((credit.retail_cost, credit.amount_total), (33.34, -36.67))
        self.assertEqual((pack.units_left, self._worth(pack)), (1, 33.33))
        credit.action_void("Changed her mind")
        self.assertEqual((pack.units_left, self._worth(pack)), (2, 66.67))
        credit = pack.action_refund(2)
        self.assertEqual(credit.retail_cost, 66.67)
        note = self._bill(credit)
        self.assertEqual(note.move_type, "out_refund")
        self.assertEqual(note.invoice_line_ids.account_id, self.deferred)
        self.assertEqual((pack.units_left, self._worth(pack)), (0, 0))
        self._check_books()
        with self.assertRaisesRegex(UserError, "Three"):
            pack.invoice_id._billing_cancel_items(pack.transaction_id, 0)

    def test_odoos_credit_note_closes_the_pack(self):
        """W42: by Odoo's own button, by a part, and with a fee that is kept."""
        pack = self._sell(paid=False)
        self._credit(pack.invoice_id)
        self.assertEqual((pack.units_left, self._worth(pack)), (0, 0))
        self.assertEqual(pack.state, "closed")
        self._check_books()
        # A lower price: each unit is worth less.
        cheap = self._sell()
        cheap.invoice_id._billing_create_refund_note(22)
        self.assertEqual((cheap.units_left, self._worth(cheap)), (10, 80))
        with self.assertRaisesRegex(UserError, "was credited"):
            cheap.action_refund(1)
        self._use(4)
        self.assertEqual(self._worth(cheap), 48)
        # All that was paid goes back, used or not: the books follow, and less than
        # nothing takes back the income.
        cheap.invoice_id._billing_create_refund_note(88)
        self.assertEqual((cheap.units_left, self._worth(cheap)), (0, 0))
        self.assertEqual(sum(cheap.use_ids.mapped("amount")), 0)
        with self.assertRaisesRegex(UserError, "closed"):
            cheap.use_ids.filtered(lambda use: use.kind == "use").action_take_back()
        # Canceled less a fee: the fee is income.
        fee = self._sell()
        fee.invoice_id._billing_cancel_items(fee.transaction_id, 11)
        self.assertEqual((fee.units_left, self._worth(fee)), (0, 0))
        self.assertEqual(fee.use_ids.amount, 10)
        self._check_books()

    def _credit(self, invoice):
        dialog = self.env["account.move.reversal"].with_context(
            active_model="account.move", active_ids=invoice.ids
        )
        dialog.create({"journal_id": invoice.journal_id.id}).refund_moves()
        invoice.reversal_move_ids.filtered(
            lambda move: move.state == "draft"
        ).action_post()

    def test_a_copy_is_of_no_pack(self):
        """W42: only what turns a line around is of its pack."""
        pack = self._sell()
        line = pack.invoice_id.invoice_line_ids
        [copied] = line.copy_data()
        self.assertFalse(copied.get("billing_pack_id"))
        [turned] = line.with_context(include_business_fields=True).copy_data()
        self.assertEqual(turned["billing_pack_id"], pack.id)

    def test_who_is_merged_keeps_all(self):
        """W42: with the same reference at both; the packs are one customer's."""
        other = self.env["res.partner"].create({"name": "Acme Too"})
        mine, theirs = self._sell(), self._sell(partner_id=other.id)
        self._use(1, ref="a")
        self.Pack.use(other.id, self.single.id, 1, ref="a")
        merge = self.env["base.partner.merge.automatic.wizard"].sudo()
        merge._merge((self.customer | other).ids, self.customer)
        self.env.invalidate_all()
        self.assertEqual((mine.units_left, theirs.units_left), (9, 9))
        self.assertEqual(theirs.commercial_partner_id, self.customer)
        self.assertEqual(len(self.Use.search([("ref", "=", "a")])), 2)
        self.assertEqual(self._use(18)["left"], 0)

    def test_the_customer_is_told_before_it_ends(self):
        """W42: once, of what is left; not right after it was sold."""
        self.customer.email = "acme@example.com"
        month = self._add_pack("Month", 100, 10, billing_pack_months=1)
        with freeze_time("2026-03-01 12:00:00"):
            pack, used = self._sell(month), self._sell(month)
            self._use(10)
        self.assertFalse(used.units_left and pack.units_left)
        # sudo: the outbox is an administrator's.
        mails = self.env["mail.mail"].sudo()
        domain = [("model", "=", pack._name), ("res_id", "in", (pack + used).ids)]
        for day, count in (("2026-03-16", 0), ("2026-03-17", 1), ("2026-03-18", 1)):
            self._run_job(day)
            self.assertEqual(mails.search_count(domain), count)
        body = mails.search(domain).body_html
        for told in ("03/31/2026", "10 × Session", "/my/billing/packs"):
            self.assertIn(told, body)

    def test_the_customer_is_told_once(self):
        """W42: when what is left falls to the level, and not again below it."""
        self.customer.email = "acme@example.com"
        few = self._add_pack("Few", 100, 10, billing_pack_low=3)
        self._sell(few)
        sent = []
        template = type(self.env["mail.template"])
        with patch.object(
            template, "send_mail", lambda _template, number, **_kw: sent.append(number)
        ):
            self._use(6)
            self.assertFalse(sent)
            self._use(1)
            self.assertEqual(len(sent), 1)
            self._use(1)
            self.assertEqual(len(sent), 1)
        template = self.env.ref("omni_billing_wallet.mail_template_pack_low").sudo()
        self.customer.lang = "fr_FR"
        pack = self.Pack.browse(sent)
        self.assertIn("2", template._render_field("subject", pack.ids)[pack.id])

    def test_values_of_programs_are_checked(self):
        """W42: said what is wrong, and nothing is used."""
        pack = self._sell()
        customer, session = self.customer.id, self.single.id
        tomorrow = str(self.today + timedelta(1))
        for arguments, values in (
            ((0, session), {}),
            ((customer, 2**40), {}),
            (("1", session), {}),
            ((customer, session, 0), {}),
            ((customer, session, -1), {}),
            ((customer, session, float("nan")), {}),
            ((customer, session, float("inf")), {}),
            ((customer, session, "1"), {}),
            ((customer, session, True), {}),
            ((customer, session, 0.001), {}),
            ((customer, session, 1), {"date": tomorrow}),
            ((customer, session, 1), {"date": "yesterday"}),
            ((customer, session, 1), {"ref": "x" * 2000}),
            ((customer, session, 1), {"ref": "\0"}),
            ((customer, session, 1), {"note": 5}),
        ):
            with self.subTest(arguments=arguments, values=str(values)[:40]):
                with self.assertRaises(ValidationError):
                    self.Pack.use(*arguments, **values)
        self.assertEqual(pack.units_left, 10)
