"""Prepaid money ends: customers are told before, and what is left is income."""

from freezegun import freeze_time

from odoo.fields import Command
from odoo.tests import tagged

from odoo.addons.omni_billing.tools.write_guard import trusting

from .wallet_common import WalletCommon


@tagged("post_install", "-at_install")
class TestWalletsEnded(WalletCommon):
    def test_what_went_back_too_much_is_paid_once(self):
        """W51: what ends first covers it, also where that has ended by now."""
        income = self._let_expire()
        with freeze_time("2026-03-01 12:00:00"):
            move = self._top_up(100, paid=False)
            move._billing_charge(self.card)
            self._bill_amounts(60)
            with trusting(self.env):
                move._billing_create_refund_note(100)
            self.assertEqual(self._read_left(), -60)
            self._top_up(100)
            self.assertEqual(self._read_left(), 40)
        self._run_job("2026-05-01")
        with freeze_time("2026-05-01 12:00:00"):
            self.assertEqual(self._read_left(), 0)
            self._top_up(100)
            self.assertEqual(self._read_left(), 100)
            self.assertEqual(self._bill_amounts(100).amount_residual, 0)
        self._run_job("2026-05-02")
        booked = self.env["account.move.line"].sudo()
        booked = booked.search([("account_id", "=", income.id)])
        self.assertEqual(-sum(booked.mapped("balance")), 40)
        self.assertEqual(self._read_advances(), 0)

    def test_what_expired_is_income(self):
        """W51: from the day after the last one, once; nothing where it is kept."""
        income = self._add_account("Expired", "income_other")
        self.company.sudo().billing_wallet_days = 30
        with freeze_time("2026-03-01 12:00:00"):
            self._top_up(100)
            self._bill_amounts(30)
            self.assertEqual(self._read_left(), 70)
        self._run_job("2026-05-01")
        with freeze_time("2026-05-01 12:00:00"):
            self.assertEqual((self._read_left(), self._read_advances()), (0, 70))
            late = self._bill_amounts(5)
            self.assertEqual(late.amount_residual, 5)
            late._billing_pay("cash")
        self.company.sudo().billing_wallet_income_account_id = income
        self._run_job("2026-03-31")
        self.assertEqual(self._read_advances(), 70)
        for _again in range(2):
            self._run_job("2026-05-02")
            self.assertEqual(self._read_advances(), 0)
        lines = self.env["account.move.line"].search([("account_id", "=", income.id)])
        self.assertEqual(sum(lines.mapped("balance")), -70)
        self.assertEqual(self._get_ledger_balance(), self._get_books_balance())

    def test_health_tells_of_what_is_not_booked(self):
        """W51: a count, and a list of it."""
        self._let_expire()
        with freeze_time("2026-03-01 12:00:00"):
            self._top_up(100)
        self.env.flush_all()
        self.env.invalidate_all()
        with freeze_time("2026-05-01 12:00:00"):
            row = self.env["omni.billing.watch"].search(
                [("kind", "=", "wallet"), ("company_id", "=", self.company.id)]
            )
            self.assertEqual((row.waiting, row.level), (1, "failing"))
            opened = row.action_open()
        found = self.env["account.move.line"].search(opened["domain"])
        self.assertEqual(found.billing_wallet_id, self.wallet)

    def test_health_is_silent_of_what_nothing_is_left_of(self):
        """W51: what went back although it was used took all of what expired."""
        self._let_expire()
        with freeze_time("2026-03-01 12:00:00"):
            move = self._top_up(100, paid=False)
            move._billing_charge(self.card)
            self._bill_amounts(60)
            with trusting(self.env):
                move._billing_create_refund_note(100)
            self._top_up(50)
        self._run_job("2026-05-01")
        self.env.flush_all()
        domain = [("kind", "=", "wallet"), ("company_id", "=", self.company.id)]
        with freeze_time("2026-05-01 12:00:00"):
            self.assertEqual(self._read_advances(), -10)
            self.assertFalse(self.env["omni.billing.watch"].search(domain).waiting)

    def test_customers_are_told_before_it_ends(self):
        """W51: once for each, of what can be used, and not right after they paid."""
        self.company.sudo().billing_wallet_days = 30
        self.customer.email = "acme@example.com"
        # sudo: the outbox is an administrator's.
        mails = self.env["mail.mail"].sudo()
        domain = [("model", "=", self.wallet._name), ("res_id", "=", self.wallet.id)]

        def count(day):
            self._run_job(day)
            return mails.search_count(domain)

        with freeze_time("2026-03-01 12:00:00"):
            self._top_up(20)
            self._top_up(80)
            self._bill_amounts(45)
            self._top_up(10, paid=False)
        self.assertEqual([count("2026-03-10"), count("2026-03-17")], [0, 1])
        body = mails.search(domain).body_html
        for told in ("55.00", "03/31/2026", "/my/billing/prepaid"):
            self.assertIn(told, body)
        self.assertNotIn("10.00", body)
        with freeze_time("2026-03-18 12:00:00"):
            self._top_up(7)
        self.assertEqual([count("2026-03-18"), count("2026-04-01")], [1, 1])
        self.assertEqual([count("2026-04-03"), count("2026-04-04")], [2, 2])
        self.company.sudo().billing_wallet_tell_days = 0
        with freeze_time("2026-05-01 12:00:00"):
            self._top_up(5)
            late = self._top_up(9, paid=False)
        self.assertEqual(count("2026-05-28"), 2)
        self.company.sudo().billing_wallet_tell_days = 30
        with freeze_time("2026-06-01 12:00:00"):
            late._billing_pay("cash")
        self.assertEqual([count("2026-06-02"), count("2026-06-16")], [2, 3])

    def test_what_was_written_off_is_nobodys(self):
        """W51: not to be used, nor given back; it is income once its time is over."""
        self._let_expire()
        with freeze_time("2026-03-01 12:00:00"):
            for paid, left in ((60, 60), (40, 100), (0, 100)):
                move = self._top_up(100, paid=paid)
                self._write_off(move)
                self.assertEqual((move.amount_residual, self._read_left()), (0, left))
                self.assertEqual(move._billing_get_unused(), paid)
            self.assertEqual(self._bill_amounts(70).amount_residual, 0)
        self._run_job("2026-05-01")
        self.assertEqual(self._read_advances(), 0)

    def test_what_was_written_off_is_income_once(self):
        """W51: also where the payment is returned, and the customer pays it again."""
        self._let_expire()
        with freeze_time("2026-03-02 12:00:00"):
            move = self._top_up(100, paid=60)
            receivable = move._billing_get_receivable_lines()
            paid = receivable.matched_credit_ids
            self._write_off(move)
            # sudo: as the bank's statement does.
            paid.sudo().unlink()
        for _time in range(3):
            self._run_job("2026-05-01")
        self.assertEqual((move.amount_residual, self._read_advances()), (60, 60))

    def _write_off(self, move):
        """Take off as an expense what is not paid of it."""
        lost = move.amount_residual
        receivable = move._billing_get_receivable_lines()
        # sudo: an accountant's.
        entry = (
            self.env["account.move"]
            .sudo()
            .create(
                {
                    "move_type": "entry",
                    "line_ids": [
                        Command.create(
                            {
                                "account_id": receivable.account_id.id,
                                "partner_id": self.customer.id,
                                "credit": lost,
                            }
                        ),
                        Command.create(
                            {
                                "account_id": self.company_data[
                                    "default_account_expense"
                                ].id,
                                "debit": lost,
                            }
                        ),
                    ],
                }
            )
        )
        entry._post()
        other = entry.line_ids.filtered(
            lambda line: line.account_id == receivable.account_id
        )
        (receivable.sudo() + other).reconcile()
