"""What was used is income: by month, once, and to the cent."""

from unittest.mock import patch

from freezegun import freeze_time

from odoo import fields
from odoo.exceptions import UserError
from odoo.tests import tagged

from odoo.addons.omni_billing.tools.write_guard import trust

from .common import PackCommon


@tagged("post_install", "-at_install")
class TestPacksBooked(PackCommon):
    """W42: deferred revenue of each customer is the balance of the account."""

    def test_each_month_has_one_entry(self):
        """W42: what was used, of all packs; again, and nothing is booked."""
        with freeze_time("2026-01-10 12:00:00"):
            mine = self._sell()
            other = self.env["res.partner"].create({"name": "Other"})
            theirs = self._sell(self._add_pack("Three", 100, 3), partner_id=other.id)
            self._use(2)
            self.Pack.use(other.id, self.single.id)
        with freeze_time("2026-02-05 12:00:00"):
            self._use(1)
        # The month is not over.
        self._run_job("2026-01-31")
        self.assertFalse(mine.use_ids.move_id)
        self._run_job("2026-02-28")
        entry = (mine + theirs).use_ids.move_id
        self.assertEqual((len(entry), entry.state), (1, "posted"))
        self.assertEqual(entry.date, fields.Date.to_date("2026-01-31"))
        self.assertEqual(self._read_income(), 53.33)
        self.assertFalse(entry.line_ids.tax_ids)
        self.assertEqual(self._read_deferred(self.customer), 80)
        self.assertEqual(self._read_deferred(other), 66.67)
        self._run_job("2026-02-28")
        self.assertEqual((mine + theirs).use_ids.move_id, entry)
        self._run_job("2026-03-01")
        self.assertEqual(self._read_income(), 63.33)
        self.assertEqual(len(mine.use_ids.move_id), 2)
        self._check_books()
        # What was booked stays; who takes it back has a row of today.
        with self.assertRaisesRegex(UserError, "stays as it is"):
            entry.sudo().button_draft()
        with self.assertRaisesRegex(UserError, "stays as it is"):
            entry.sudo().button_cancel()
        with freeze_time("2026-03-10 12:00:00"):
            mine.use_ids.sorted("id")[:1].action_take_back()
        self.assertEqual((mine.units_left, self._worth(mine)), (9, 90))
        self._run_job("2026-04-01")
        self.assertEqual(self._read_income(), 43.33)
        self._check_books()

    def test_a_closed_month_is_booked_after_it(self):
        """W42: as Odoo does with what comes late."""
        with freeze_time("2026-01-10 12:00:00"):
            pack = self._sell()
            self._use(1)
        self.company.sudo().fiscalyear_lock_date = "2026-01-31"
        self._run_job("2026-02-10")
        entry = pack.use_ids.move_id
        self.assertEqual(entry.state, "posted")
        self.assertGreater(entry.date, fields.Date.to_date("2026-01-31"))
        self._check_books()

    def test_what_expires_is_income_or_stays(self):
        """W42: the last day counts; after it, as the company has it."""
        months = self._add_pack("Twelve Months", 100, 3, billing_pack_months=12)
        with freeze_time("2025-01-15 12:00:00"):
            pack = self._sell(months)
            unpaid = self._sell(months, paid=False)
            self.assertEqual(pack.expires_on, fields.Date.to_date("2026-01-14"))
        with freeze_time("2026-01-14 12:00:00"):
            self._use(1)
        self.company.sudo().billing_pack_expiry = "keep"
        self._run_job("2026-02-01")
        with freeze_time("2026-02-01 12:00:00"):
            self.env.invalidate_all()
            self.assertEqual((pack.state, self._worth(pack)), ("expired", 66.67))
            with self.assertRaises(UserError):
                self._use(1)
        self.company.sudo().billing_pack_expiry = "recognize"
        self._run_job("2026-02-02")
        self.assertEqual((pack.units_left, self._worth(pack)), (0, 0))
        self._run_job("2026-03-01")
        self.assertEqual(self._read_income(), 100)
        self.assertEqual(self._read_deferred(), 100)
        # Nobody paid it, so nothing of it is income.
        self.assertEqual((unpaid.units_left, self._worth(unpaid)), (3, 100))
        self._check_books()

    def test_one_pack_keeps_no_other_from_being_closed(self):
        """W42: what expired, or was lost, is closed each by itself if it must be."""
        month = self._add_pack("One Month", 30, 3, billing_pack_months=1)
        with freeze_time("2026-01-10 12:00:00"):
            expired = self.Pack.union(*(self._sell(month) for _number in range(3)))
            lost = self.Pack.union(*(self._sell() for _number in range(3)))
        trust(lost.invoice_id.sudo()).billing_dispute = "written_off"
        broken, original = expired[1] + lost[1], type(self.Pack)._close

        def close(packs, kind):
            if packs & broken:
                raise UserError("broken")
            original(packs, kind)

        with (
            patch.object(type(self.Pack), "_close", close),
            self.assertLogs(
                "odoo.addons.omni_billing.tools.database", "WARNING"
            ) as log,
        ):
            self._run_job("2026-02-20")
        for pack in broken:
            self.assertIn(f"pack {pack.id} ", "".join(log.output))
        self.assertEqual(expired.mapped("units_left"), [0, 3, 0])
        self.assertEqual(lost.mapped("units_left"), [0, 10, 0])
        self._run_job("2026-02-21")
        self.assertFalse(any((expired + lost).mapped("units_left")))
        self._check_books()

    def test_a_job_that_dies_books_nothing_twice(self):
        """W42: a failure leaves all as it was; the next run books it."""
        with freeze_time("2026-01-10 12:00:00"):
            pack = self._sell()
            self._use(1)
        moves = type(self.env["account.move"])
        with (
            patch.object(moves, "_post", side_effect=UserError("closed")),
            self.assertLogs("odoo.addons.omni_billing.tools.database", "WARNING"),
        ):
            self._run_job("2026-02-01")
        self.assertFalse(pack.use_ids.is_booked)
        self._run_job("2026-02-02")
        self.assertEqual(self._read_income(), 10)
        self.assertEqual(len(pack.use_ids.move_id), 1)

    def test_another_currency_is_booked_at_the_rate_of_its_invoice(self):
        """W42: what is owed in services has no other rate; a refund has that of today.

        IAS 21.16: deferred revenue is no monetary item.
        """
        dollar = self.setup_other_currency(
            "HRK", rates=[("2026-01-01", 2), ("2026-02-01", 4)]
        )
        with freeze_time("2026-01-10 12:00:00"):
            pack = self._sell(currency_id=dollar.id, price_unit=100, retail_cost=100)
            self.assertEqual(self._worth(pack), 50)
            self._use(5)
            self.assertEqual(self._worth(pack), 25)
        with freeze_time("2026-02-10 12:00:00"):
            credit = pack.action_refund(5)
            self.assertEqual(credit.retail_cost, 50)
            self._bill(credit)
        # 25 were deferred and 12.50 went back: the rest is income.
        self.assertEqual((pack.units_left, self._worth(pack)), (0, 0))
        self._run_job("2026-03-01")
        self.assertEqual(self._read_income(), 37.5)
        self.assertEqual(self._read_deferred(), 0)

    def test_another_pays_for_the_pack(self):
        """W42: the child uses it; what is owed is the parent's in the books."""
        with freeze_time("2026-01-10 12:00:00"):
            child = self.env["res.partner"].create({"name": "Child"})
            pack = self._sell(partner_id=child.id, payer_id=self.customer.id)
            self.assertEqual(pack.invoice_id.commercial_partner_id, self.customer)
            with self.assertRaises(UserError):
                self._use()
            self.Pack.use(child.id, self.single.id, 4)
        self._run_job("2026-02-01")
        self.assertEqual(self._read_deferred(self.customer), 60)
        self.assertEqual(self._read_deferred(child), 0)
        self._check_books()

    def test_statements_do_not_grow_with_packs(self):
        """W42: ten packs more, and a use and the job have less than one for each."""
        self.company.sudo().billing_pack_usable = "invoice"
        counts = []
        for number, day in ((2, "2026-01-10"), (12, "2026-02-10")):
            with freeze_time(f"{day} 12:00:00"):
                charges = self.env["omni.billing.transaction"].create(
                    [{"partner_id": self.customer.id, "product_id": self.ten.id}]
                    * number
                )
                self._bill(charges)
                self.env.flush_all()
                self.env.invalidate_all()
                start = self.env.cr.sql_log_count
                self._use(number * 10)
                used = self.env.cr.sql_log_count
            job = f"2026-{int(day[5:7]) + 1:02}-01"
            self.env.invalidate_all()
            before = self.env.cr.sql_log_count
            self._run_job(job)
            counts.append((used - start, self.env.cr.sql_log_count - before))
        (few_uses, few_job), (many_uses, many_job) = counts
        self.assertLessEqual(many_uses, few_uses + 9, counts)
        self.assertLessEqual(many_job, few_job + 9, counts)
        self._check_books()
