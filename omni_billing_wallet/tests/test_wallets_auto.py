"""Top-ups that are made by themselves: with consent, within a limit, and once."""

from freezegun import freeze_time

from odoo.exceptions import ValidationError
from odoo.tests import tagged

from .wallet_common import WalletCommon


@tagged("post_install", "-at_install")
class TestWalletsAuto(WalletCommon):
    def setUp(self):
        super().setUp()
        frozen = freeze_time("2026-01-10 12:00:00")
        frozen.start()
        self.addCleanup(frozen.stop)
        self.wallet.write(
            {"is_auto": True, "auto_level": 20, "auto_amount": 50, "auto_limit": 100}
        )

    def _find_top_ups(self):
        self.env.flush_all()
        self.env.invalidate_all()
        return self.wallet.top_up_ids.sorted("id")

    def test_below_the_level_it_is_topped_up(self):
        """W51: charged by the job of scheduled payments; unbilled charges count."""
        self._run_job()
        self._run_job()
        [move] = self._find_top_ups()
        self.assertEqual(move.billing_wallet_origin, "auto")
        self.assertFalse(self.gateway.charges)
        self._charge_planned()
        self.assertEqual((self.gateway.taken, self._read_left()), (5000, 50))
        self._run_job()
        self.assertEqual(len(self._find_top_ups()), 1)
        self._create_transaction(31)
        self._run_job()
        self._charge_planned()
        self.assertEqual((self.gateway.taken, self._read_left()), (10000, 100))
        self.assertEqual(self.wallet.left, 69)
        self._check_books()

    def test_no_more_than_the_limit_of_a_month(self):
        """W51: more is refused, staff are told once; next month it goes on."""
        for _time in range(4):
            self._run_job()
            self._charge_planned()
            self._bill_amounts(45)
        self.assertEqual(self.gateway.taken, 10000)
        self.assertIn("most of a month", self.wallet.auto_problem)
        # sudo: to-dos of anybody.
        self.assertEqual(len(self.customer.sudo().activity_ids), 1)
        with freeze_time("2026-02-01 12:00:00"):
            self._run_job()
            self._charge_planned()
        self.assertEqual(self.gateway.taken, 15000)
        self.assertFalse(self.wallet.auto_problem)

    def test_only_what_was_agreed(self):
        """W51: not without a method, or a consent that lets so much be charged."""
        self.card._billing_find_active()._end("Taken back")
        self._run_job()
        self.assertIn("did not agree", self.wallet.auto_problem)
        self.card._billing_agree("paper", amount_limit=49)
        self._run_job()
        self.assertIn("at most", self.wallet.auto_problem)
        self.card.sudo().write({"billing_exp_year": 2025})
        self._run_job()
        self.assertIn("expired", self.wallet.auto_problem)
        self.card.sudo().active = False
        self._run_job()
        self.assertIn("no saved", self.wallet.auto_problem)
        self.assertFalse(self._find_top_ups())
        self.assertFalse(self.gateway.charges)

    def test_a_declined_one_is_left_to_the_machinery(self):
        """W51: as each scheduled payment; no second one is made beside it."""
        self._run_job()
        self.gateway.decline(decline_code="stolen_card")
        self._charge_planned()
        [move] = self._find_top_ups()
        payment = move.billing_installment_ids
        self.assertEqual((payment.charge_state, self._read_left()), ("failed", 0))
        self._run_job()
        self._charge_planned()
        self.assertEqual(self._find_top_ups(), move)
        move.action_billing_void()
        self.assertEqual(move.billing_released_ids.state, "void")
        self._run_job()
        self._charge_planned()
        self.assertEqual((self.gateway.taken, self._read_left()), (5000, 50))

    def test_an_answer_that_is_lost_charges_nothing_twice(self):
        """W51: it is asked for; meanwhile nothing is begun."""
        self._run_job()
        self.gateway.lose(is_executed=True)
        self._charge_planned()
        self._run_job()
        self.assertEqual((len(self._find_top_ups()), self._read_left()), (1, 0))
        # sudo: as the job that asks for lost answers.
        self.wallet.top_up_ids.sudo().billing_attempt_id._billing_resolve()
        self._charge_planned()
        self._run_job()
        self.assertEqual((self.gateway.taken, self._read_left()), (5000, 50))
        self.assertEqual(len(self._find_top_ups()), 1)

    def test_without_a_limit_there_is_none(self):
        """W51: a limit, and an amount within it, in cents of the currency."""
        for values in (
            {"auto_limit": 0},
            {"auto_limit": 49},
            {"auto_amount": 0},
            {"auto_amount": 10.001},
        ):
            with self.subTest(values), self.assertRaises(ValidationError):
                self.wallet.write(values)
