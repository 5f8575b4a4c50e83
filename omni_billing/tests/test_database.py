from contextlib import closing

from odoo.exceptions import UserError
from odoo.tests import tagged

from odoo.addons.omni_billing.tools.database import (
    SavepointError,
    check_can_commit,
    commit,
    commit_progress,
    rollback,
    savepoint,
)

from .card_common import CardCommon


@tagged("post_install", "-at_install")
class TestDatabase(CardCommon):
    """Promise 1: what is committed lasts, so nothing is committed in a savepoint.

    Those of others, which PostgreSQL knows, are in tests/faults: here all is in one.
    """

    def _assert_refused(self):
        calls = (check_can_commit, commit, commit_progress, rollback)
        for call in calls:
            with self.assertRaisesRegex(SavepointError, "Nothing was charged"):
                call(self.env)

    def test_nothing_is_committed_or_undone_in_a_savepoint(self):
        with savepoint(self.env):
            self._assert_refused()
            with savepoint(self.env):
                self._assert_refused()
            self._assert_refused()
        commit(self.env)
        commit_progress(self.env)
        rollback(self.env)

    def test_odoos_own_methods_are_refused_too(self):
        forbidden = self.env.cr.commit
        with savepoint(self.env), savepoint(self.env(su=True)):
            for call in (self.env.cr.commit, self.env.cr.rollback):
                with self.assertRaises(SavepointError):
                    call()
            with self.assertRaises(SavepointError):
                self.env["ir.cron"]._commit_progress(1)
        self.assertEqual(self.env.cr.commit, forbidden)

    def test_each_cursor_has_its_own(self):
        with self.enter_registry_test_mode(), savepoint(self.env):
            with self.env.registry.cursor() as cr:
                other = self.env(cr=cr)
                commit(other)
                with savepoint(other), self.assertRaises(SavepointError):
                    commit(other)
                commit(other)
            with self.assertRaises(SavepointError):
                commit(self.env)

    def test_error_undoes_the_block_and_counts_it_no_longer(self):
        self.customer.ref = "before"
        with self.assertRaisesRegex(ValueError, "outer"), savepoint(self.env):
            self.customer.ref = "outer"
            with self.assertRaisesRegex(ValueError, "inner"), savepoint(self.env):
                self.customer.ref = "inner"
                raise ValueError("inner")
            self.assertEqual(self.customer.ref, "outer")
            with self.assertRaises(SavepointError):
                commit(self.env)
            raise ValueError("outer")
        self.assertEqual(self.customer.ref, "before")
        commit(self.env)

    def test_error_of_the_database_counts_it_no_longer(self):
        with self.assertRaisesRegex(Exception, "division by zero"):
            with savepoint(self.env):
                self.env.cr.execute("SELECT 1 / 0", log_exceptions=False)
        with self.assertRaisesRegex(Exception, "division by zero"):
            with savepoint(self.env):
                # At the end of the block, when what was left to write is written.
                self.env.cr.precommit.add(
                    lambda: self.env.cr.execute("SELECT 1 / 0", log_exceptions=False)
                )
        commit(self.env)

    def test_savepoints_of_tests_do_not_count(self):
        with self.env.cr.savepoint(), closing(self.env.cr.savepoint()):
            commit(self.env)

    def test_money_does_not_move_in_a_savepoint(self):
        """Neither is Stripe asked what became of an earlier charge."""
        invoice, other = self._bill_amounts(45, 30)
        self.gateway.lose(is_executed=True)
        attempt = invoice._billing_charge(self.card)
        mail = other._billing_queue_mail("invoice")
        calls = (
            lambda: other._billing_charge(self.card),
            lambda: invoice._billing_charge(self.card),
            lambda: other._billing_refund(),
            lambda: self._pay(other, mode="cash"),
            lambda: self._pay(other, mode="stripe"),
            attempt._billing_resolve,
            attempt._billing_give_up,
            mail._deliver,
        )
        for call in calls:
            with self.assertRaises(SavepointError), savepoint(self.env):
                call()
        self.assertTrue(attempt.billing_is_open)
        self.assertEqual(other.billing_state, "unpaid")
        self.assertEqual(len(self.gateway.charges), 1)

    def test_what_was_settled_is_paid_in_a_savepoint(self):
        """A card payment that began meanwhile is left alone."""
        invoices = self._bill_amounts(45, 30)
        self.gateway.lose(is_executed=True)
        invoices[0]._billing_charge(self.card)
        with self.assertRaisesRegex(UserError, "under way"), savepoint(self.env):
            invoices[0]._billing_pay("cash")
        with savepoint(self.env):
            invoices[1]._billing_pay("cash")
        self.assertEqual(invoices.mapped("billing_state"), ["unpaid", "paid"])
