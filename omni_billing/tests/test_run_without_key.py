from datetime import timedelta

from odoo import fields
from odoo.tests import freeze_time, tagged

from .card_common import CardCommon
from .test_omni_billing_run import RunCommon


@tagged("post_install", "-at_install")
class TestRunWithoutKey(CardCommon, RunCommon):
    """The key of the account at Stripe is rolled or revoked while a run charges cards.

    That is no customer's fault, and nothing that staff could do for each of them.
    """

    def setUp(self):
        super().setUp()
        self.cards = [
            self._save_card(f"{number}111", partner)
            for number, partner in enumerate(self.others, start=2)
        ]
        self.now = fields.Datetime.now()

    def _run(self, **values):
        self._charge_all(customers=self.others)
        run = self._create_run(is_charge=True, **values)
        run.action_start()
        self._work()
        return run

    def _later(self, **wait):
        self.now += timedelta(**wait)
        with freeze_time(self.now):
            self._work()

    def _read_charges(self, run):
        return [
            (line.charge_state, line.charge_tries) for line in run.line_ids.sorted("id")
        ]

    def _find_told(self, run):
        told = run.message_ids.filtered(lambda one: "charge" in one.body.lower())
        return [message.body for message in told.sorted("id")]

    def test_charging_stops_at_the_first_refusal(self):
        self.gateway.is_closed = True
        run = self._run()
        self.assertEqual(self.gateway.denials, 1)
        self.assertEqual(run.state, "collecting")
        self.assertEqual(self._read_charges(run), [("due", 0)] * 3)
        self.assertFalse(run.failed_count)
        self.assertIn("does not accept the key", run.line_ids[0].charge_error)
        [told] = self._find_told(run)
        self.assertIn("Nothing is charged at the moment", told)
        self.assertEqual(run.message_ids[0].partner_ids, run.user_id.partner_id)

    def test_it_is_tried_again_a_little_later_and_said_once(self):
        self.gateway.is_closed = True
        run = self._run()
        self._later(minutes=1)
        self.assertEqual(self.gateway.denials, 1)
        for _time in range(2):
            self._later(minutes=10)
        self.assertEqual(self.gateway.denials, 3)
        self.assertEqual(len(self._find_told(run)), 1)
        self.assertEqual(self._read_charges(run), [("due", 0)] * 3)

    def test_it_goes_on_by_itself_when_the_key_is_mended(self):
        self.gateway.is_closed = True
        run = self._run()
        self.gateway.is_closed = False
        self._later(minutes=10)
        self.assertEqual(run.state, "done")
        self.assertEqual(self._read_charges(run), [("paid", 1)] * 3)
        self.assertEqual(self.gateway.taken, 3 * 4500)
        self.assertEqual(len(self._find_told(run)), 3)  # and the sum at the end
        self.assertFalse(run.charging_stopped_at)

    def _close_after_one_charge(self):
        charge = self.gateway.charge

        def charge_once(**values):
            try:
                return charge(**values)
            finally:
                self.gateway.is_closed = True

        self.gateway.charge = charge_once
        return charge

    def test_key_is_revoked_in_the_middle(self):
        """Who was charged gets the invoice; the others wait with both."""
        self.others.write({"email": "a@example.com"})
        charge = self._close_after_one_charge()
        run = self._run(is_email=True)
        self.assertEqual(self._read_charges(run), [("paid", 1), ("due", 0), ("due", 0)])
        lines = run.line_ids.sorted("id")
        self.assertEqual(lines.mapped("email_state"), ["queued", "todo", "todo"])
        self.gateway.charge = charge
        self.gateway.is_closed = False
        self._later(minutes=10)
        self.assertEqual(self._read_charges(run), [("paid", 1)] * 3)
        self.assertEqual(set(lines.mapped("email_state")), {"queued"})
        self.assertEqual(self.gateway.taken, 3 * 4500)

    def test_retries_wait_without_a_new_try(self):
        """W11: a try that Stripe did not let in is none of the customer's four."""
        self.gateway.decline(decline_code="insufficient_funds")
        run = self._run()
        line = run.line_ids.sorted("id")[0]
        self.assertEqual((line.charge_state, line.charge_tries), ("retry", 1))
        self.gateway.is_closed = True
        self._later(days=2)
        self.assertEqual((line.charge_state, line.charge_tries), ("retry", 1))
        self.gateway.is_closed = False
        self._later(hours=1)
        self.assertEqual((line.charge_state, line.charge_tries), ("paid", 2))

    def test_scheduled_payments_ask_once_and_go_on_later(self):
        invoices = self._bill_amounts(45, 30)
        Installment = self.env["omni.billing.installment"].sudo()
        day = fields.Date.context_today(Installment)
        for invoice in invoices:
            Installment._plan(invoice, [(day, 10)], self.card)
        self.gateway.is_closed = True
        Installment._cron_charge()
        plans = Installment.search([("invoice_id", "in", invoices.ids)])
        self.assertEqual(self.gateway.denials, 1)
        self.assertEqual(set(plans.mapped("charge_state")), {"due"})
        todo = " ".join(map(str, invoices.activity_ids.mapped("note")))
        self.assertIn("does not accept the key", todo)
        self.gateway.is_closed = False
        Installment._cron_charge()
        self.assertEqual(set(plans.mapped("charge_state")), {"paid"})
