"""What becomes of a pack when its invoice, its customer or its product changes."""

from datetime import timedelta
from unittest.mock import patch

from freezegun import freeze_time

from odoo import fields
from odoo.exceptions import UserError, ValidationError
from odoo.fields import Command
from odoo.tests import tagged

from odoo.addons.omni_billing.tests.test_proven import ProvenCommon
from odoo.addons.omni_billing.tools.write_guard import trust

from .common import PackCommon


@tagged("post_install", "-at_install")
class TestPacksChanged(PackCommon):
    """W42: nothing is given back twice, and no unit is lost or made."""

    def test_services_sell_no_packs(self):
        """W42: each fee and each part of a month would be a pack."""
        values = {
            "name": "Support",
            "partner_id": self.customer.id,
            "price_unit": 100,
            "unit": "month",
            "date_start": "2025-01-01",
        }
        Service = self.env["omni.billing.service"]
        with self.assertRaisesRegex(ValidationError, "services sell none"):
            Service.create(values | {"product_id": self.ten.id})
        plain = self._add_product("Support", 50)
        service = Service.create(values | {"product_id": plain.id})
        # Who enters a charge may name one: nothing is a fee of it.
        pack = self._sell(service_id=service.id)
        self.assertEqual((pack.units_left, self._worth(pack)), (10, 100))
        with self.assertRaisesRegex(ValidationError, "cannot be a pack"):
            plain.write(
                {
                    "billing_is_pack": True,
                    "billing_pack_product_id": self.single.id,
                    "billing_pack_account_id": self.deferred.id,
                }
            )

    def test_who_joins_a_company_keeps_the_packs(self):
        """W42: hers follow her, with their references; the company's stay with it."""
        ada, aunt = self.env["res.partner"].create([{"name": "Ada"}, {"name": "Aunt"}])
        # Who has an invoice of her own stays who she is; another paid hers.
        pack = self._sell(partner_id=ada.id, payer_id=aunt.id)
        self.Pack.use(ada.id, self.single.id, ref="visit")
        ada.parent_id = self.customer
        self.env.flush_all()
        self.assertEqual(ada.commercial_partner_id, self.customer)
        self.assertTrue(self.Pack.use(ada.id, self.single.id, ref="visit")["is_double"])
        self.assertEqual(self.Pack.use(ada.id, self.single.id)["left"], 8)
        self.assertEqual(ada.billing_pack_left, "8 × Session")
        self.assertTrue(self.customer.billing_has_packs)
        seen = self.Pack.with_user(self.portal).search([])
        self.assertEqual(seen, pack)
        theirs = self._sell(partner_id=ada.id)
        ada.parent_id = False
        self.assertEqual(self.Pack.use(ada.id, self.single.id, 8)["left"], 0)
        self.assertEqual((pack.units_left, theirs.units_left), (0, 10))
        self._check_books()

    def test_a_refund_that_is_voided_gives_back(self):
        """W42: by a further invoice: its credit waits again, and nothing is income."""
        self.company.sudo().billing_void_method = "credit_note"
        for units in (10, 4):
            with self.subTest(units=units):
                pack = self._sell()
                credit = pack.action_refund(units)
                note = self._bill(credit)
                left = 10 - units
                note.action_billing_void()
                self.assertEqual(credit.state, "unbilled")
                self.assertEqual(self._worth(pack), 10 * left)
                self.assertEqual(pack.use_ids.mapped("kind"), ["refund"])
                # Billed again it is as before.
                again = self._bill(credit)
                self.assertEqual(
                    (pack.units_left, self._worth(pack)), (left, 10 * left)
                )
                again.action_billing_void()
                credit.action_void("Changed her mind")
                self.assertEqual((pack.units_left, self._worth(pack)), (10, 100))
                self.assertEqual(pack.action_refund(units).retail_cost, 10 * units)
        self._check_books()

    def test_a_cent_of_rounding_closes_no_pack(self):
        """W42: seven of twelve cost 116.67, and what five leave is worth 116.65."""
        pack = self._sell(self._add_pack("Twelve", 200, 12))
        for _number in range(5):
            self._use()
        self.assertEqual(self._worth(pack), 116.65)
        credit = pack.action_refund(7)
        self.assertEqual(credit.retail_cost, 116.67)
        note = self._bill(credit)
        self.assertEqual((pack.units_left, self._worth(pack)), (0, 0))
        pack.use_ids.filtered(lambda use: use.kind == "use")[:1].action_take_back()
        self.assertEqual((pack.units_left, self._worth(pack)), (1, 16.67))
        note.action_billing_void()
        credit.action_void("Changed her mind")
        self.assertEqual((pack.units_left, self._worth(pack)), (8, 133.32))
        self._check_books()

    def test_another_rate_closes_no_pack(self):
        """W42: nor what a refund at the rate of its day leaves over."""
        kuna = self.setup_other_currency(
            "HRK", rates=[("2026-01-01", 2), ("2026-02-01", 4)]
        )
        with freeze_time("2026-01-10 12:00:00"):
            pack = self._sell(currency_id=kuna.id, price_unit=100, retail_cost=100)
            self._use(5)
        with freeze_time("2026-02-10 12:00:00"):
            credit = pack.action_refund(5)
            note = self._bill(credit)
            self.assertEqual(self._worth(pack), 0)
            note.action_billing_void()
            credit.action_void("Changed her mind")
            self.assertEqual((pack.units_left, self._worth(pack)), (5, 25))
        self._check_books()

    def test_a_draft_gives_back_nothing_twice(self):
        """W42: a draft credit note is seen; one of units is void, not turned around."""
        pack = self._sell()
        invoice = pack.invoice_id
        # sudo: drafts are an accountant's to make and delete.
        self._reverse(invoice).sudo().refund_moves()
        with self.assertRaisesRegex(UserError, "is a draft"):
            pack.action_refund(10)
        self.assertEqual(pack.units_left, 10)
        invoice.reversal_move_ids.sudo().unlink()
        note = self._bill(pack.action_refund(10))
        with self.assertRaisesRegex(UserError, "Void it instead"):
            self._reverse(note).refund_moves()
        self.assertFalse(note.reversal_move_ids)
        # A part, by hand: units have no single price any more.
        cheap = self._sell()
        self._reverse(cheap.invoice_id).sudo().refund_moves()
        part = cheap.invoice_id.reversal_move_ids.sudo()
        part.invoice_line_ids.price_unit = 20
        part.action_post()
        self.assertEqual((cheap.units_left, self._worth(cheap)), (10, 80))
        with self.assertRaisesRegex(UserError, "was credited"):
            cheap.action_refund(10)
        self._check_books()

    def _reverse(self, move):
        """Return Odoo's dialog for a credit note."""
        dialog = self.env["account.move.reversal"].with_context(
            active_model="account.move", active_ids=move.ids
        )
        return dialog.create({"journal_id": move.journal_id.id})

    def test_units_are_not_given_back_twice(self):
        """W42: neither to the card, nor by Odoo's button, nor once it is closed."""
        pack = self._sell()
        invoice = pack.invoice_id
        with patch.object(
            type(invoice), "_billing_get_card_payments", return_value=[(None, 110)]
        ):
            self.assertEqual(invoice._billing_get_refundable_amount(), 110)
            credit = pack.action_refund(4)
            self.assertEqual(invoice._billing_get_refundable_amount(), 66)
        with self.assertRaisesRegex(UserError, "once more"):
            self._reverse(invoice).refund_moves()
        # Money went back all the same: it is booked, and the pack is closed.
        invoice._billing_create_refund_note(110)
        self.assertEqual((pack.units_left, self._worth(pack)), (0, 0))
        credit.action_void("Given back already")
        self.assertEqual((pack.units_left, self._worth(pack)), (0, 0))
        self.assertEqual(sum(pack.use_ids.mapped("amount")), 40)
        self._check_books()

    def test_a_small_credit_leaves_the_units(self):
        """W42: what was credited before is not counted at the full price again."""
        pack = self._sell()
        pack.invoice_id._billing_create_refund_note(33)
        self._use(7)
        self.assertEqual(self._worth(pack), 21)
        pack.invoice_id._billing_create_refund_note(1.1)
        self.assertEqual((pack.units_left, self._worth(pack)), (3, 20))
        pack.invoice_id._billing_create_refund_note(22)
        self.assertEqual((pack.units_left, self._worth(pack)), (0, 0))
        self._check_books()

    def test_no_copy_of_an_invoice_sells_a_pack(self):
        """W42: Odoo's Reverse and Create Invoice has no transaction."""
        invoice = self._sell(paid=False).invoice_id
        with self.assertRaisesRegex(UserError, "would sell none"):
            self._reverse(invoice).modify_moves()
        self.assertFalse(invoice.reversal_move_ids)
        # Nor does one open that a credit note closed.
        note = invoice._billing_create_refund_note(110)
        note.line_ids.remove_move_reconcile()
        with self.assertRaisesRegex(UserError, "sell it anew"):
            note.action_billing_void()

    def test_what_was_taken_back_is_not_used_silently(self):
        """W42: the same reference is refused then."""
        pack = self._sell()
        self._use(1, ref="visit")
        pack.use_ids.action_take_back()
        with self.assertRaisesRegex(ValidationError, "was taken back"):
            self._use(1, ref="visit")
        self.assertEqual(pack.units_left, 10)
        self.assertEqual(self._use(1, ref="visit-2")["left"], 9)

    def test_the_unit_of_the_sale_counts(self):
        """W42: a dozen packs of ten are 120; what is no unit at all is not billed."""
        dozen = self.env.ref("uom.product_uom_dozen")
        pack = self._sell(uom_id=dozen.id)
        self.assertEqual((pack.units, pack.units_left), (120, 120))
        with self.assertRaisesRegex(UserError, "without any units"):
            self._sell(self._add_pack("Crumb", 1, 0.01), quantity=0.1)

    def test_the_product_is_checked(self):
        """W42: before anything is billed; a draft stays a pack."""
        with self.assertRaisesRegex(ValidationError, "1200"):
            self._add_pack("Endless", 1, 1, billing_pack_months=200000)
        pack = self._sell(paid=False)
        line = pack.invoice_id.invoice_line_ids
        self.ten.billing_is_pack = False
        self.assertTrue(line._sells_pack())
        self.ten.billing_is_pack = True
        with self.assertRaisesRegex(ValidationError, "suppliers"):
            self.ten.billing_pack_account_id = self.company_data[
                "default_account_payable"
            ]

    def test_credits_that_pay_for_a_pack(self):
        """W42: it is on a credit note then, and nothing is owed for it."""
        Transaction = self.env["omni.billing.transaction"]
        values = {"partner_id": self.customer.id}
        lot = Transaction.create(
            [
                values | {"product_id": self.ten.id},
                values
                | {
                    "name": "Sorry",
                    "transaction_type": "credit",
                    "credit_type_id": self.goodwill.id,
                    "retail_cost": 200,
                },
            ]
        )
        note = self._bill(lot)
        self.assertEqual(note.move_type, "out_refund")
        pack = self.Pack.search([("invoice_id", "=", note.id)])
        self.assertEqual((pack.state, self._worth(pack)), ("open", 100))
        self.assertEqual(self._use()["left"], 9)

    def test_nobody_paid_what_was_written_off(self):
        """W42: to a loss by an entry, or as a dispute that was lost."""
        pack = self._sell(paid=False)
        invoice = pack.invoice_id.sudo()
        self._take_off(invoice, lost=110)
        self.assertEqual(invoice.billing_state, "paid")
        with self.assertRaises(UserError):
            self._use()
        with self.assertRaisesRegex(UserError, "was written off"):
            pack.action_refund(1)
        # The bank took it back.
        lost = self._sell()
        trust(lost.invoice_id.sudo()).billing_dispute = "lost"
        with self.assertRaisesRegex(UserError, "is disputed"):
            lost.action_refund(1)
        trust(lost.invoice_id.sudo()).billing_dispute = "written_off"
        self._run_job(self.today)
        self.assertEqual((lost.units_left, self._worth(lost)), (0, 0))
        self.assertEqual(lost.use_ids.amount, 100)
        self._check_books()

    def _take_off(self, invoice, lost, kept=0):
        """Set an accountant's entry against an invoice: a loss, and what came."""
        owed = invoice._billing_get_receivable_lines()
        debits = {
            self.company_data["default_account_expense"]: lost,
            self.company_data["default_account_assets"]: kept,
        }
        entry = invoice.create(
            {
                "move_type": "entry",
                "journal_id": self.company_data["default_journal_misc"].id,
                "line_ids": [
                    Command.create({"account_id": account.id, "debit": amount})
                    for account, amount in debits.items()
                    if amount
                ]
                + [
                    Command.create(
                        {
                            "account_id": owed.account_id.id,
                            "partner_id": owed.partner_id.id,
                            "credit": lost + kept,
                        }
                    ),
                ],
            }
        )
        entry.action_post()
        (owed + entry._billing_get_receivable_lines()).reconcile()

    def test_units_count_as_far_as_they_are_paid(self):
        """W42: what an entry wrote off of a pack is not used, nor given back."""
        half, most = self._sell(paid=False), self._sell(paid=False)
        self._take_off(half.invoice_id.sudo(), lost=55)
        self._pay(half.invoice_id)
        self._take_off(most.invoice_id.sudo(), lost=77)
        self._pay(most.invoice_id)
        self.env.invalidate_all()
        packs = half + most
        self.assertEqual(packs.mapped("state"), ["open"] * 2)
        self.assertEqual(packs.mapped("units_usable"), [5, 3])
        self.assertIn("8", self.customer.billing_pack_left)
        with self.assertRaisesRegex(UserError, "has 8 of"):
            self._use(9)
        # Units of both, and no more than were paid of each.
        self.assertEqual(self._use(6)["left"], 2)
        self.assertEqual(packs.mapped("units_left"), [5, 9])
        self.assertEqual(packs.mapped("state"), ["closed", "open"])
        with self.assertRaisesRegex(UserError, "2 of 10 units"):
            most.action_refund(3)
        self.assertEqual(most.action_refund(2).retail_cost, 20)
        with self.assertRaises(UserError):
            self._use()
        self._check_books()

    def test_a_small_loss_is_paid(self):
        """W42: a cent, what a bank keeps, and a worse rate leave the pack open."""
        cent, fee = self._sell(paid=False), self._sell(paid=False)
        self._take_off(cent.invoice_id.sudo(), lost=0.02)
        self._pay(cent.invoice_id)
        self._take_off(fee.invoice_id.sudo(), lost=3, kept=107)
        kuna = self.setup_other_currency(
            "HRK", rates=[("2026-01-01", 2), ("2026-02-01", 4)]
        )
        with freeze_time("2026-01-10 12:00:00"):
            far = self._sell(
                paid=False, currency_id=kuna.id, price_unit=100, retail_cost=100
            )
        with freeze_time("2026-02-10 12:00:00"):
            self._pay(far.invoice_id)
        owed = far.invoice_id.sudo()._billing_get_receivable_lines()
        loss = owed.matched_credit_ids.exchange_move_id
        self.assertIn("expense", loss.line_ids.account_id.mapped("internal_group"))
        self.env.invalidate_all()
        packs = cent + fee + far
        self.assertEqual(packs.mapped("state"), ["open"] * 3)
        self.assertEqual(self._use(3)["left"], 27)
        self.assertEqual(far.action_refund(far.units_left).retail_cost, 100)

    def test_the_last_day_ends_where_the_customer_is(self):
        """W42: west of UTC it is still the 14th, for use and for the job."""
        months = self._add_pack("Twelve Months", 100, 3, billing_pack_months=12)
        self.customer.tz = "America/Los_Angeles"
        with freeze_time("2025-01-15 02:00:00"):
            pack = self._sell(months)
            # It is paid today, and used at once, where it is yesterday.
            self._use()
            self.assertEqual(pack.use_ids.date.isoformat(), "2025-01-14")
        with freeze_time("2026-01-15 02:00:00"):
            # sudo: as the scheduler.
            self.Use.sudo()._cron_book()
            self.assertEqual(pack.units_left, 2)
            self.Pack.with_context(tz="UTC").use(self.customer.id, self.single.id)
        days = [day.isoformat() for day in pack.use_ids.mapped("date")]
        self.assertEqual(sorted(days), ["2025-01-14", "2026-01-14"])
        with freeze_time("2026-01-15 12:00:00"):
            self.Use.sudo()._cron_book()
        self.assertEqual(pack.units_left, 0)

    def test_an_archived_account_keeps_no_other_income(self):
        """W42: the others are booked; the product's account of today is taken."""
        old, new, later = (
            self._add_account("Old Income", "income"),
            self._add_account("New Income", "income"),
            self._add_account("Later", "liability_current"),
        )
        five = self._add_pack("Five", 50, 5, property_account_income_id=old.id)
        stuck = self._add_pack("Stuck", 30, 3)
        stuck.billing_pack_account_id = later
        with freeze_time("2026-01-10 12:00:00"):
            moved, kept = self._sell(five), self._sell(stuck)
            self._use(8)
        five.property_account_income_id = new
        (old + later).active = False
        # What fails is undone; this was there before.
        self.env.flush_all()
        with self.assertLogs("odoo.addons.omni_billing.tools.database", "WARNING"):
            self._run_job("2026-02-01")
        self.assertEqual(moved.use_ids.move_id.line_ids.account_id, self.deferred + new)
        self.assertFalse(kept.use_ids.is_booked)
        Watch = self.env["omni.billing.watch"]
        self.env.flush_all()
        self.env.invalidate_all()
        with freeze_time(fields.Datetime.now() + timedelta(days=20)):
            row = Watch.search(
                [("kind", "=", "pack"), ("company_id", "=", self.company.id)]
            )
            self.assertEqual((row.waiting, row.level), (1, "failing"))
            self.assertIn("archived", row.advice)
            opened = row.action_open()
            self.assertEqual(self.Use.search(opened["domain"]), kept.use_ids)
        later.active = True
        self._run_job("2026-02-21")
        self.assertTrue(kept.use_ids.is_booked)


@tagged("post_install", "-at_install")
class TestPacksProven(ProvenCommon):
    """W45: fast billing knows this addon: what sells no pack is written as before."""

    def test_ordinary_invoices_are_written_fast(self):
        """W45: to the last column as Odoo has them."""
        self.assertEqual(self.Proven._find_unknown(), [])
        batches = self._create_batches()
        self.assertFalse(self._compare(batches))
        _invoices, count, reasons = self._bill(batches)
        self.assertEqual((count, reasons), (4, set()))
