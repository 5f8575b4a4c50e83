"""Top-ups that are made by themselves: with consent, within a limit, and once."""

from unittest.mock import patch

from freezegun import freeze_time

from odoo import fields
from odoo.exceptions import LockError, UserError, ValidationError
from odoo.tests import tagged

from odoo.addons.omni_billing.tools.write_guard import trust

from ..models.omni_billing_wallet_agreed import AUTO
from .wallet_common import WalletCommon


@tagged("post_install", "-at_install")
class TestWalletsAuto(WalletCommon):
    def setUp(self):
        super().setUp()
        frozen = freeze_time("2026-01-10 12:00:00")
        frozen.start()
        self.addCleanup(frozen.stop)
        self.wallet.write(
            {
                "is_auto": True,
                "auto_level": 20,
                "auto_amount": 50,
                "auto_limit": 100,
                "auto_agreed": "By e-mail",
            }
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
        for _time in range(3):
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
        """W51: a limit, an amount within it, and how it was agreed; all are kept."""
        log = self.env["omni.billing.activity.log"].sudo()
        found = log.search([("action", "=", "wallet_auto")], limit=1)
        self.assertIn("By e-mail", found.note)
        for values in (
            {"auto_agreed": " "},
            {"auto_limit": 0},
            {"auto_limit": 49},
            {"auto_amount": 0},
        ):
            with self.subTest(values), self.assertRaises(ValidationError):
                self.wallet.write(values)

    def test_more_is_agreed_to_anew(self):
        """W51: other words for a higher level, amount or limit, and to switch it on."""
        words = {"auto_agreed": "By phone on 12 March"}
        for name in ("auto_level", "auto_amount", "auto_limit"):
            more = {name: self.wallet[name] + 1}
            for values in (more, {"auto_agreed": " By e-mail "} | more):
                with self.assertRaises(ValidationError), self.env.cr.savepoint():
                    self.wallet.write(values)
            with self.assertRaises(ValidationError), self.env.cr.savepoint():
                self.wallet.write({"is_auto": False, "auto_agreed": False} | more)
            self.wallet.write({name: self.wallet[name] - 1})
        self.wallet.write(words | {"auto_limit": 500})
        self.assertEqual(self.wallet.auto_limit, 500)
        with self.assertRaises(ValidationError), self.env.cr.savepoint():
            self.wallet.write({"is_auto": False, "auto_agreed": False})
        self.wallet.is_auto = False
        for values in ({}, words):
            with self.assertRaises(ValidationError), self.env.cr.savepoint():
                self.wallet.write({"is_auto": True} | values)
        self.wallet.write({"is_auto": True, "auto_agreed": "By phone on 2 May"})
        self.assertTrue(self.wallet.is_auto)

    def test_one_that_stays_unpaid_is_told_of(self):
        """W51: as it keeps others from being made; until it is paid."""
        self._run_job()
        self.gateway.decline(decline_code="stolen_card")
        self._charge_planned()
        self._run_job()
        self.assertFalse(self.wallet.auto_problem)
        with freeze_time("2026-01-11 12:00:00"):
            self._check_quiet("is not paid")
            [move] = self._find_top_ups()
            self.env["omni.billing.installment"]._plan(
                move, [(fields.Date.today(), 50)]
            )
            self._run_job()
            self.assertFalse(self.wallet.auto_problem)
            move._billing_pay("cash")
            self._run_job()
        self.assertFalse(self.wallet.auto_problem)

    def test_who_is_just_busy_is_no_problem(self):
        """W51: nor does what cannot be noted end the job; all else is noted."""
        Wallet = type(self.wallet)

        def refuse(error):
            return patch.object(Wallet, "_explain_no_top_up", side_effect=error)

        with refuse(LockError("busy")):
            self._run_job()
        self.assertFalse(self.wallet.auto_problem)
        with (
            refuse(UserError("No journal")),
            patch.object(Wallet, "_note_problem", side_effect=ValueError("died")),
            patch.object(Wallet, "_expire_all") as rest,
            self.assertLogs("odoo.addons.omni_billing.tools.database", "ERROR"),
        ):
            self._run_job()
        self.assertTrue(rest.called)
        with refuse(UserError("No journal")):
            self._run_job()
        self.assertEqual(self.wallet.auto_problem, "No journal")
        self._top_up(100)
        self._run_job()
        self.assertFalse(self.wallet.auto_problem)

    def test_a_problem_is_read_in_any_language(self):
        """W51: the job wrote it in its own."""
        self.card.sudo().active = False
        self._run_job()
        self.env["res.lang"].sudo()._activate_lang("fr_FR")
        wallet = self.wallet.with_context(lang="fr_FR")
        [told] = wallet.read(["auto_problem"])
        self.assertIn("moyen de paiement", told["auto_problem"])

    def test_switched_off_charges_nothing(self):
        """W51: also what was planned already; nobody owes it, so it is void."""
        self._run_job()
        self.wallet.is_auto = False
        self._charge_planned()
        self.assertFalse(self.gateway.charges)
        self._run_job()
        self.assertEqual(self._find_top_ups().billing_state, "void")

    def test_switched_off_what_waited_is_not_charged(self):
        """W51: for an outcome, or for another try: the charge itself asks."""
        self._run_job()
        # sudo: scheduled payments are the job's.
        [payment] = self._find_top_ups().sudo().billing_installment_ids
        with patch.object(type(self.wallet), "_end_planned"):
            self.wallet.is_auto = False
        for state in ("open", "retry"):
            payment.write({"charge_state": state, "charge_date": fields.Date.today()})
            for _turn in range(2):
                self._charge_planned()
            self.assertEqual(payment.charge_state, "given_up")
        self.assertFalse(self.gateway.charges)
        self._run_job()
        self.assertEqual(self._find_top_ups().billing_state, "void")

    def test_less_was_agreed_while_it_waited(self):
        """W51: what was made before is charged no more than that."""
        self._run_job()
        self.wallet.auto_amount = 5
        self._charge_planned()
        self.assertFalse(self.gateway.charges)

    def test_unarchived_it_is_switched_on_with_new_words(self):
        """W51: an archived wallet is off; by whatever door it comes back."""
        self.wallet.active = False
        self.wallet.active = True
        self.assertFalse(self.wallet.is_auto)
        with self.assertRaisesRegex(ValidationError, "each time"):
            self.wallet.is_auto = True
        self.wallet.write({"is_auto": True, "auto_agreed": "By phone, again"})
        # As a former version left it.
        self.env.flush_all()
        self.env.cr.execute("UPDATE omni_billing_wallet SET active = FALSE")
        self.env.invalidate_all()
        with self.assertRaisesRegex(ValidationError, "each time"):
            self.wallet.active = True

    def test_a_dispute_that_is_won_is_acted_on_at_once(self):
        """W51: what it had held pays what is unpaid."""
        # sudo: as the job that reads what Stripe tells.
        payment = self._top_up_by_card().sudo().transaction_ids
        payment._billing_note_dispute("dp_1", "open")
        cron = self.env.ref("omni_billing_wallet.ir_cron_wallets").sudo()
        triggers = self.env["ir.cron.trigger"].sudo()
        before = triggers.search_count([("cron_id", "=", cron.id)])
        payment._billing_note_dispute("dp_1", "won")
        after = triggers.search_count([("cron_id", "=", cron.id)])
        self.assertGreater(after, before)

    def _top_up_by_card(self):
        """Have it topped up and charged, and return the invoice."""
        self._run_job()
        self._charge_planned()
        return self._find_top_ups()[-1:]

    def _check_quiet(self, told=None):
        """Check that nothing more is charged, and what staff are told."""
        charges = len(self.gateway.charges)
        for _time in range(2):
            self._run_job()
            self._charge_planned()
        self.assertEqual(len(self.gateway.charges), charges)
        if told:
            self.assertIn(told, self.wallet.auto_problem)

    def test_money_that_went_back_is_not_charged_again(self):
        """W51: to the card or in cash: it is off until somebody switches it on."""
        move = self._top_up_by_card()
        move._billing_refund(45)
        self.assertEqual(self._read_left(), 5)
        self._check_quiet("went back")
        self.assertFalse(self.wallet.is_auto)

    def test_nothing_is_charged_while_a_refund_is_under_way(self):
        """W51: what is left of it counts for nothing meanwhile, and is not replaced."""
        move = self._top_up_by_card()
        self.gateway.lose(is_executed=False)
        move._billing_refund(5)
        self.assertTrue(move.billing_attempt_id)
        self._check_quiet()

    def test_a_card_that_is_disputed_is_not_charged(self):
        """W51: whoever disputes a top-up is not charged for another one."""
        top_up = self._top_up_by_card()
        for state in ("open", "lost", "written_off"):
            trust(top_up).billing_dispute = state
            self._check_quiet("disputed")

    def test_who_uses_nothing_is_charged_once(self):
        """W51: not each month for money that expires."""
        self.company.sudo().billing_wallet_days = 10
        self._top_up_by_card()
        with freeze_time("2026-02-10 12:00:00"):
            self._check_quiet("expired")

    def test_merged_customers_are_charged_once(self):
        """W51: one of two wallets is topped up, and both count."""
        twin = self.wallet.sudo().create(
            {
                "partner_id": self.customer.id,
                "company_id": self.company.id,
                "currency_id": self.currency.id,
            }
        )
        twin.write({name: self.wallet.sudo()[name] for name in AUTO})
        self._top_up_by_card()
        self.assertEqual((self.gateway.taken, len(twin.top_up_ids)), (5000, 0))
        self._check_quiet()

    def test_who_belongs_to_a_company_by_now_holds_up_no_other(self):
        """W51: the wallet of the company is topped up; the other says why it is not."""
        group = self.env["res.partner"].create({"name": "Group", "is_company": True})
        theirs = self.Wallet._open_for(group)
        theirs.write({name: self.wallet.sudo()[name] for name in AUTO})
        self.customer.write({"is_company": False, "parent_id": group.id})
        self.assertEqual(self.customer.commercial_partner_id, group)
        self.card._billing_find_active()._end("Of another customer")
        self.card._billing_agree("paper")
        self._run_job()
        self.assertEqual((len(theirs.top_up_ids), len(self._find_top_ups())), (1, 0))
        self.assertIn("belongs to Group", self.wallet.auto_problem)
