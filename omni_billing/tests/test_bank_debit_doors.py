import ast
from datetime import timedelta

from lxml import etree

from odoo import fields
from odoo.exceptions import UserError
from odoo.tests import tagged

from odoo.addons.omni_billing.const import COMING_STATES

from .test_bank_debits import DebitCommon


@tagged("post_install", "-at_install")
class TestReturnFees(DebitCommon):
    """W33: the fee of a return is charged, and holds up nothing if it cannot be."""

    def setUp(self):
        super().setUp()
        self.company.billing_return_fee = 12
        self.fees = self.env["omni.billing.transaction"]

    def _find_fees(self):
        return self.fees.search([("name", "like", "Fee for the returned debit of")])

    def _begin_at_odoo(self, invoice):
        """Have a debit be at its bank that was begun on Odoo's own page."""
        payment = self._begin_online(
            invoice,
            payment_method_id=self.acss.id,
            provider_reference=f"pi_{invoice.id}",
        ).sudo()
        payment._set_pending()
        return payment

    def _assert_owed_without_fee(self, attempt, invoice):
        self.assertEqual(attempt.state, "error")
        self.assertFalse(attempt.billing_is_open)
        self.assertFalse(invoice.billing_attempt_id)
        self.assertEqual(invoice.billing_state, "unpaid")
        self.assertTrue(self._is_remindable(invoice))
        self.assertFalse(self._find_fees())
        self.assertIn("fee could not be charged", self._get_todos(invoice))

    def test_product_of_another_company_holds_up_nothing(self):
        product = self.env["product.product"].create({"name": "Return"})
        self.company.billing_return_fee_product_id = product
        other = self.setup_other_company()["company"]
        attempt = self._debit()
        product.sudo().company_id = other
        self._return(attempt)
        self._assert_owed_without_fee(attempt, self.invoice)

    def test_fee_of_nothing_holds_up_nothing(self):
        """What the fee comes to in the currency of the invoice is less than a cent."""
        cad = self.env.ref("base.CAD").sudo()
        cad.active = True
        # sudo: rates are an accountant's.
        self.env["res.currency.rate"].sudo().create(
            {
                "name": self.today - timedelta(days=300),
                "currency_id": cad.id,
                "company_id": self.company.id,
                "rate": 0.0001,
            }
        )
        invoice = self._bill_amounts(45, currency_id=cad.id)
        attempt = self._debit(invoice)
        self._return(attempt)
        self._assert_owed_without_fee(attempt, invoice)

    def test_settings_take_no_product_of_another_company(self):
        other = self.setup_other_company()["company"]
        product = self.env["product.product"].sudo()
        foreign = product.create({"name": "Return", "company_id": other.id})
        with self.assertRaises(UserError):
            self.company.billing_return_fee_product_id = foreign

    def test_odoos_debits_cost_nothing_where_billing_makes_none(self):
        self.company.billing_debits = False
        payment = self._begin_at_odoo(self.invoice)
        payment._set_error("The bank did not pay.")
        self.assertFalse(self._find_fees())
        self.company.billing_debits = True
        other = self._begin_at_odoo(self._bill_amounts(10))
        other._set_error("The bank did not pay.")
        self.assertEqual(self._find_fees().amount_untaxed, 12)

    def test_what_comes_back_is_a_managers_where_billing_makes_no_debits(self):
        attempt = self._debit()
        self._answer(attempt)
        self.company.billing_debits = False
        self._dispute(
            attempt.provider_reference, status="lost", reason="insufficient_funds"
        )
        self.env.invalidate_all()
        dispute = self.Dispute.search([("reference", "=", "dp_1")])
        self.assertEqual(dispute.state, "lost")
        self.assertEqual(self.invoice.billing_state, "paid")
        self.assertFalse(self._find_fees())

    def test_branch_has_its_own_fee(self):
        branch = self.company.create({"name": "Branch", "parent_id": self.company.id})
        # Odoo loads its accounts.
        self.env.cr.precommit.run()
        self.env.user.company_ids += branch
        branch.billing_return_fee = 7
        env = self.env(context={"allowed_company_ids": [branch.id, self.company.id]})
        charge = env["omni.billing.transaction"].create(
            {"name": "Fibre", "partner_id": self.customer.id, "retail_cost": 45}
        )
        env["omni.billing.proforma.wizard"].create(
            {"partner_id": self.customer.id}
        ).action_generate()
        attempt = self._debit(charge.invoice_id)
        self.assertEqual(attempt.company_id, self.company)
        self._return(attempt)
        fee = self._find_fees()
        self.assertEqual((fee.company_id, fee.amount_untaxed), (branch, 7))


@tagged("post_install", "-at_install")
class TestDebitDoors(DebitCommon):
    """W33: other doors to an invoice, or an account, that is being collected."""

    def _get_refusal(self, call):
        """Return why it is refused, with what was written before that kept."""
        try:
            call()
        except UserError as error:
            self.env.invalidate_all()
            return str(error)
        raise AssertionError("Not refused")

    def _plan(self, card, invoice=None):
        return self.env["omni.billing.installment"]._plan(
            invoice or self.invoice, [(self.today, 45)], card
        )

    def _charge_plan(self, plan):
        # sudo: a job.
        plan.sudo()._cron_charge()
        self.env.invalidate_all()

    # === CONSENT === #

    def test_consent_to_charge_a_card_debits_no_account(self):
        self.account._billing_withdraw("The customer took it back.")
        self.card.action_billing_set_default()
        self.card._billing_agree(
            "phone", "single", amount_limit=45, move_ids=self.invoice.ids
        )
        plan = self._plan(self.card)
        # Its owner does so, in the customer area.
        self.account.with_user(self.portal).sudo().action_billing_replace_default()
        self.assertTrue(self.account.billing_is_default)
        self.assertFalse(self.account._billing_find_active())
        self.assertFalse(self.card._billing_find_active())
        self.assertEqual(plan.token_id, self.card)
        self.assertIn("planned with", self._get_todos(self.invoice))
        self._charge_plan(plan)
        self.assertEqual(plan.charge_state, "failed")
        with self.assertRaisesRegex(UserError, "did not agree"):
            self.invoice._billing_charge(self.account)
        self.assertFalse(self.gateway.named_charges)

    def test_consent_to_debit_an_account_charges_no_card(self):
        plan = self._plan(self.account)
        self.card._billing_withdraw("The customer took it back.")
        self.card.with_user(self.portal).sudo().action_billing_replace_default()
        self.assertFalse(self.card._billing_find_active())
        self._charge_plan(plan)
        self.assertEqual(plan.charge_state, "failed")
        self.assertFalse(self.gateway.named_charges)

    def test_consent_goes_on_with_another_account_of_the_scheme(self):
        plan = self._plan(self.account)
        newer = self._save_account("7777", agrees=False, stripe_mandate="mandate_2")
        newer.with_user(self.portal).sudo().action_billing_replace_default()
        self.assertEqual(newer._billing_find_standing().mandate_ref, "mandate_2")
        self.assertEqual(plan.token_id, newer)
        self.assertFalse(self._get_todos(self.invoice))
        self.gateway.wait()
        self._charge_plan(plan)
        self.assertEqual(plan.charge_state, "collecting")
        self.assertEqual(self.gateway.named_charges, [("acss_debit", "mandate_2")])

    # === ODOO'S OWN DIALOG === #

    def _take_cash(self, invoices):
        journal = self.env["account.journal"].search(
            [("type", "=", "cash"), ("company_id", "=", self.company.id)], limit=1
        )
        register = self.env["account.payment.register"].with_context(
            active_model="account.move", active_ids=invoices.ids
        )
        return register.create({"journal_id": journal.id})._create_payments()

    def test_odoos_dialog_takes_no_cash_meanwhile(self):
        attempt = self._debit()
        other = self._bill_amounts(10)
        for invoices in (self.invoice, self.invoice + other):
            with self.assertRaisesRegex(UserError, "being collected.*Stop the Debit"):
                self._take_cash(invoices)
        self.assertEqual(self.invoice.amount_residual, 45)
        self._take_cash(other)
        self.assertEqual(other.billing_state, "paid")
        self._return(attempt)
        self._take_cash(self.invoice)
        self.assertEqual(self.invoice.billing_state, "paid")
        self.assertFalse(self.gateway.taken)

    # === STOP === #

    def test_debit_that_was_just_paid_is_not_told_to_be_stopped(self):
        attempt = self._debit()
        self.gateway.settle(attempt.provider_reference, "succeeded")
        why = self._get_refusal(self.invoice.action_billing_stop_debit)
        self.assertIn("has just confirmed", why)
        self.assertEqual(attempt.state, "done")
        self.assertEqual(self.invoice.billing_state, "paid")
        self.assertEqual(self.gateway.taken, 4500)
        with self.assertRaises(UserError):
            self._pay(self.invoice, mode="cash", amount=45)

    def test_debit_that_was_paid_and_is_not_booked_is_not_told_to_be_stopped(self):
        attempt = self._debit()
        self.gateway.settle(attempt.provider_reference, "succeeded")
        with self._closed_books():
            why = self._get_refusal(self.invoice.action_billing_stop_debit)
        self.assertIn("has just confirmed", why)
        self.assertEqual(attempt.state, "done")
        self.assertTrue(self.invoice.billing_attempt_id)

    def test_plan_learns_that_its_debit_was_stopped(self):
        plan = self._plan(self.account)
        self.gateway.wait()
        self._charge_plan(plan)
        self.assertEqual(plan.charge_state, "collecting")
        attempt = plan.sudo().charge_attempt_id
        self.gateway.settle(attempt.provider_reference, "requires_action")
        self.invoice.action_billing_stop_debit()
        self.assertEqual(attempt.state, "cancel")
        self.assertEqual(plan.charge_state, "open")

    # === BOOKING === #

    def test_paid_debit_whose_booking_broke_off_waits_for_no_turn(self):
        attempt = self._debit()
        watch = self.env["omni.billing.watch"]

        def find_waiting():
            self.env.flush_all()
            self.env.invalidate_all()
            return watch.search([("kind", "=", "attempt")])

        before = sum(find_waiting().mapped("waiting"))
        self.gateway.settle(attempt.provider_reference, "succeeded")
        with self._closed_books():
            attempt._billing_apply(self.gateway.charges[attempt.provider_reference])
        self.assertEqual(attempt.state, "done")
        self.assertTrue(attempt.billing_is_open)
        self.assertGreater(attempt.billing_ask_at, fields.Datetime.now())
        rows = find_waiting()
        self.assertEqual(sum(rows.mapped("waiting")), before + 1)
        domain = rows[:1]._open_attempt()["domain"]
        self.assertIn(attempt, attempt.search(domain))
        self._resolve()
        self.assertFalse(attempt.billing_is_open)
        self.assertEqual(self.invoice.billing_state, "paid")

    # === LISTS === #

    def test_what_is_being_collected_is_still_to_come(self):
        self.env.cr.execute(
            "SELECT indexdef FROM pg_indexes WHERE indexname IN %s",
            [
                (
                    "omni_billing_installment_coming_idx",
                    "omni_billing_run_line__charge_idx",
                    "omni_billing_installment__coming_idx",
                    "omni_billing_run_line_charge_idx",
                )
            ],
        )
        indexes = [row[0] for row in self.env.cr.fetchall()]
        self.assertEqual(len(indexes), 2)
        view = self.env.ref("omni_billing.omni_billing_installment_view_search")
        node = etree.fromstring(view.arch).find(".//filter[@name='coming']")
        states = ast.literal_eval(node.get("domain"))[0][2]
        self.assertEqual(set(states), set(COMING_STATES))
        for state in COMING_STATES:
            for index in indexes:
                self.assertIn(f"'{state}'", index)
