"""Payouts of several providers and companies; failures, and a client's context."""

from unittest.mock import patch

from odoo.tests import tagged
from odoo.tools import mute_logger

from ..exceptions import GatewayDenied, GatewayRefused
from .settlement_common import SettlementCommon


@tagged("post_install", "-at_install")
class TestPayoutsApart(SettlementCommon):
    """Each payout is booked once, and holds up no other."""

    def _copy_provider(self, **values):
        provider = self.provider.sudo()
        other = provider.copy({"name": "Stripe too", **values})
        other.write(
            {
                "stripe_publishable_key": provider.stripe_publishable_key,
                "stripe_secret_key": provider.stripe_secret_key,
                "state": provider.state,
            }
        )
        return other

    def _failing(self, reference, error):
        """Have Stripe not tell what a payout is made of."""
        gateway = type(self.gateway)
        real = gateway.list_movements

        def list_movements(self, payout):
            if payout == reference:
                raise error
            return real(self, payout)

        return patch.object(gateway, "list_movements", list_movements)

    def _pay_out_two(self):
        _invoice, intent = self._charge(100)
        self._pay_out(self._move("stripe_fee", -100), reference="po_bad")
        self._pay_out(self._move_charge(intent), reference="po_good")

    def test_providers_of_one_account_book_a_payout_once(self):
        other = self._copy_provider()
        _invoice, intent = self._charge(100)
        _second, theirs = self._charge(50)
        # sudo: as if it had been paid by the other one.
        self.env["payment.transaction"].sudo().search(
            [("provider_reference", "=", theirs)]
        ).provider_id = other
        self._pay_out(self._move_charge(intent, 320), self._move_charge(theirs))
        self.Payout._cron_fetch()
        self.Payout._cron_fetch()
        payout = self.Payout.search([])
        self.assertEqual((payout.reference, payout.state), ("po_1", "booked"))
        self.assertEqual(self._get_balance(self.fees), 4.2)
        self.assertEqual(self._get_balance(self.clearing), 0)

    def test_payout_stays_that_of_the_provider_that_has_booked_it(self):
        other = self._copy_provider()
        _invoice, intent = self._charge(100)
        self._pay_out(self._move_charge(intent))
        self.Payout._cron_fetch()
        self.provider.sudo().state = "disabled"
        self.assertEqual(self.Payout._find_providers(), other)
        self.Payout._cron_fetch()
        self.assertEqual(len(self.Payout.search([])), 1)
        self.assertEqual(len(self._get_entries()), 1)

    def test_dispute_of_the_other_provider_is_matched(self):
        other = self._copy_provider()
        _invoice, intent = self._charge(100)
        self.env["payment.transaction"].sudo().search(
            [("provider_reference", "=", intent)]
        ).provider_id = other
        other._billing_ensure_method_line()
        self._dispute(intent)
        (withdrawn,) = self.gateway.disputes["dp_1"].movements
        self._pay_out(self._move_charge(intent), withdrawn)
        self.Payout._cron_fetch()
        self.assertEqual(self._find_payout().state, "booked")
        rows = self.env["omni.billing.balance.transaction"].sudo()
        self.assertEqual(rows.search_count([("reference", "=", withdrawn.id)]), 1)

    def test_companies_of_one_account_book_it_once(self):
        """Whoever began goes on; the other one is told."""
        other = self.setup_other_company()["company"]
        fees = self.env["account.account"].sudo().with_company(other)
        fees = fees.search([("account_type", "=", "expense")], limit=1)
        theirs = self._copy_provider(company_id=other.id)
        other.sudo().write(
            {
                "billing_fee_account_id": fees.id,
                "billing_payouts_since": self.company.billing_payouts_since,
            }
        )
        _invoice, intent = self._charge(100)
        self._pay_out(self._move_charge(intent))
        self.Payout._cron_fetch()
        self.assertEqual(self.Payout.search([]).company_id, self.company)
        self.assertIn(self.company.name, self._get_todos(other.partner_id))
        self.assertNotIn(theirs, self.Payout._find_providers())

    def test_one_that_stripe_refuses_holds_up_no_other(self):
        self._pay_out_two()
        with self._failing("po_bad", GatewayRefused("x", "No such right")):
            self.Payout._cron_fetch()
        self.assertEqual(self._find_payout("po_good").state, "booked")
        self.assertIn("po_bad", self._get_todos(self.company.partner_id))
        self.Payout._cron_fetch()
        self.assertEqual(self._find_payout("po_bad").state, "booked")

    def test_one_that_fails_here_holds_up_no_other(self):
        self._pay_out_two()
        logger = "odoo.addons.omni_billing.tools.database"
        with self._failing("po_bad", ValueError("odd")), mute_logger(logger):
            self.Payout._cron_fetch()
        self.assertEqual(self._find_payout("po_good").state, "booked")
        self.assertIn("po_bad", self._get_todos(self.company.partner_id))

    def test_key_without_the_right_is_told_once(self):
        error = GatewayDenied("", "The key lacks a right")
        with patch.object(type(self.gateway), "list_payouts", side_effect=error):
            self.Payout._cron_fetch()
            self.Payout._cron_fetch()
        activities = self.company.partner_id.sudo().activity_ids
        self.assertEqual(len(activities), 1)
        self.assertIn("lacks a right", activities.note)

    def test_dispute_that_fails_holds_up_no_payout(self):
        self._pay_out_two()
        _invoice, intent = self._charge(100)
        self._dispute(intent)
        logger = "odoo.addons.omni_billing.tools.database"
        with (
            patch.object(type(self.gateway), "get_dispute", side_effect=ValueError),
            mute_logger(logger),
        ):
            self.Payout._cron_fetch()
        self.assertEqual(self._find_payout("po_good").state, "booked")

    def _set_default_tax(self):
        # sudo: taxes are an accountant's.
        tax = self.env["account.tax"].sudo()
        tax = tax.create({"name": "P", "amount": 20, "type_tax_use": "purchase"})
        (self.fees + self.losses).sudo().tax_ids = tax
        return {"account_default_taxes": True, "default_tax_ids": tax.ids}

    def test_context_of_a_client_adds_no_tax(self):
        context = self._set_default_tax()
        _invoice, intent = self._charge(100)
        self._pay_out(self._move_charge(intent, 320))
        self.Payout.with_context(**context).action_fetch()
        payout = self._find_payout()
        self.assertEqual(
            sorted(payout.move_id.line_ids.mapped("balance")), [-100, 3.2, 96.8]
        )
        self.assertFalse(payout.move_id.line_ids.tax_ids)
        self._change_payout("po_1", status="failed", failure="x")
        self.Payout.with_context(**context)._cron_fetch()
        self.assertEqual(self._get_balance(self.transit), 0)

    def test_context_of_a_client_adds_no_tax_to_a_loss(self):
        context = self._set_default_tax()
        _invoice, intent = self._charge(100)
        self._dispute(intent)
        self._close_dispute("dp_1", "lost")
        dispute = self.Dispute.search([]).with_context(**context)
        move = dispute._decide("written_off", self.losses)
        self.assertEqual(sorted(move.line_ids.mapped("balance")), [-100, 100])
