from datetime import date
from unittest.mock import patch

from odoo.tests import freeze_time, tagged
from odoo.tools import mute_logger

from .card_common import CardCommon
from .mail_common import MailCommon
from .test_omni_billing_run import RunCommon

TELLING = "odoo.addons.omni_billing.models.collection.omni_billing_collection_telling"


@tagged("post_install", "-at_install")
class TestDeclinedMails(CardCommon, MailCommon, RunCommon):
    """F124, F155: whose card a job could not charge is told why, with a link to pay."""

    def setUp(self):
        super().setUp()
        self._use_mailjet()

    def _charge(self, code="insufficient_funds", day="2025-02-01"):
        """Bill the one customer by a run, and have the card declined."""
        self._create_transaction(45, date="2025-01-31")
        with freeze_time(f"{day} 12:00:00"):
            self.gateway.decline(decline_code=code)
            run = self._create_run(is_charge=True)
            run.action_start()
            self._work()
        return run.line_ids

    def _go_to(self, day):
        with freeze_time(f"{day} 12:00:00"):
            self._work()

    def _find(self, line):
        return line.invoice_id.billing_mail_ids.filtered(
            lambda mail: mail.kind == "declined"
        )

    def test_customer_of_a_run_is_told_first_and_last(self):
        """W11: of the tries between nobody is told."""
        line = self._charge()
        [mail] = self._find(line)
        self.assertEqual(mail.retry_date, date(2025, 2, 2))
        for day in ("2025-02-02", "2025-02-04", "2025-02-08"):
            self.gateway.decline(decline_code="insufficient_funds")
            # Sent meanwhile, or the next one would not be queued beside it.
            self._send_outbox()
            # Dates of creation are PostgreSQL's, and no test's.
            self.env.cr.execute(
                "UPDATE omni_billing_mail SET create_date = '2025-01-01'"
            )
            self._go_to(day)
        self.assertEqual(line.charge_state, "failed")
        last, first = self._find(line)
        self.assertEqual(first, mail)
        self.assertFalse(last.retry_date)
        self._send_outbox()
        first, last = self.mailjet.sent
        self.assertIn("02/02/2025", first.text)
        self.assertIn("not enough money", first.text)
        self.assertIn("do not try again", last.text)
        for message in (first, last):
            self.assertIn(
                f"/my/billing/invoices/{line.invoice_id.id}/pay", message.html
            )
            self.assertIn("failed", message.subject)
            self.assertFalse(message.files)

    def test_hard_decline_is_told_once(self):
        line = self._charge("stolen_card")
        [mail] = self._find(line)
        self.assertFalse(mail.retry_date)
        self.gateway.decline(decline_code="stolen_card")
        line.action_charge_again()
        self.assertEqual(self._find(line), mail, "not twice on one day")

    def test_words_are_safe(self):
        """What a bank says of stolen cards is not told to who holds the card."""
        self._charge("stolen_card")
        self._send_outbox()
        [message] = self.mailjet.sent
        self.assertIn("Card declined.", message.text)
        self.assertNotIn("stolen", message.text + message.subject)
        self.assertNotIn("Stripe", message.text)

    def test_words_are_in_the_language_of_the_customer(self):
        self.env["res.lang"]._activate_lang("fr_FR")
        modules = self.env["ir.module.module"]
        modules.search([("name", "=", "omni_billing")])._update_translations(["fr_FR"])
        self.customer.lang = "fr_FR"
        self._charge()
        self._send_outbox()
        [message] = self.mailjet.sent
        self.assertIn("paiement", message.subject)
        self.assertIn("Carte refusée", message.text)
        self.assertNotIn("declined", message.text)

    def test_scheduled_payment_is_told(self):
        """F148"""
        invoice = self._bill_amounts(100)
        planned = self.env["omni.billing.installment"]._plan(
            invoice, [(self.today, 60)], self.card
        )
        self.gateway.decline(decline_code="stolen_card")
        self._run_job("omni.billing.installment", "_cron_charge")
        self.assertEqual(planned.charge_state, "failed")
        self.assertEqual(invoice.billing_mail_ids.kind, "declined")

    def test_expired_card_is_told(self):
        # sudo: cards are the provider's.
        self.card.sudo().billing_exp_year = 2020
        self._create_transaction(45)
        line = self._do(is_charge=True).line_ids
        self._send_outbox()
        [message] = self.mailjet.sent
        self.assertIn("Card expired", message.text)
        self.assertEqual(self._find(line).decline_code, "expired_card")

    def test_card_that_was_agreed_and_is_gone_is_told(self):
        invoice = self._bill_amounts(100)
        self.env["omni.billing.installment"]._plan(
            invoice, [(self.today, 60)], self.card
        )
        self.card.action_billing_delete()
        self._run_job("omni.billing.installment", "_cron_charge")
        self._send_outbox()
        self.assertIn("not saved any more", self.mailjet.sent[0].text)

    def test_what_is_ours_to_mend_is_not_told(self):
        """No key, no answer, a call that Stripe refused: the customer did nothing."""
        self._create_transaction(45)
        self.gateway.refuse("parameter_invalid_integer")
        line = self._do(is_charge=True).line_ids
        self.assertEqual(line.charge_state, "failed")
        self.assertFalse(self._find(line))
        self.gateway.lose(is_executed=False)
        self._create_transaction(30)
        line = self._do(is_charge=True).line_ids
        # sudo: the job is nobody's.
        self.env["payment.transaction"].sudo()._cron_billing_resolve()
        self._work()
        self.assertEqual(line.charge_state, "retry")
        self.assertFalse(self._find(line))

    def test_without_a_card_nobody_is_told(self):
        self.card.action_billing_delete()
        self._create_transaction(45)
        line = self._do(is_charge=True).line_ids
        self.assertEqual(line.charge_state, "no_card")
        self.assertFalse(self._find(line))

    def test_company_may_switch_it_off(self):
        self.assertTrue(self.company.billing_tell_declines)
        self.company.billing_tell_declines = False
        self.assertFalse(self._find(self._charge("stolen_card")))

    def test_paid_meanwhile_is_not_told(self):
        line = self._charge("stolen_card")
        self._pay(line.invoice_id, mode="cash")
        self._send_outbox()
        self.assertEqual(self._find(line).state, "canceled")
        self.assertFalse(self.mailjet.sent)

    def test_mail_that_cannot_be_made_changes_nothing_of_the_charge(self):
        Move = type(self.env["account.move"])

        def fail(*_args, **_kwargs):
            raise KeyError("mail")

        with (
            patch.object(Move, "_billing_queue_mail", fail),
            mute_logger(TELLING),
        ):
            line = self._charge("stolen_card")
        self.assertEqual(line.charge_state, "failed")
        self.assertIn("Card declined", line.charge_error)

    def test_customer_who_was_told_has_the_turn(self):
        """W30"""
        line = self._charge("stolen_card")
        rows = self.env["omni.billing.todo"].search([("res_id", "=", line.id)])
        self.assertEqual(rows.turn, "staff")
        self._send_outbox()
        rows.invalidate_recordset()
        self.assertEqual(rows.turn, "customer")

    def test_history_tells_it(self):
        """F10"""
        line = self._charge("stolen_card")
        self._send_outbox()
        logs = self.env["omni.billing.activity.log"].search(
            [("move_id", "=", line.invoice_id.id), ("action", "=", "failure_told")]
        )
        self.assertEqual(len(logs), 1)

    # === THE PORTAL === #

    def test_failure_is_known_until_it_is_paid(self):
        line = self._charge()
        invoice = line.invoice_id
        failure = invoice.with_user(self.portal)._billing_get_failure()
        self.assertIn("not enough money", failure["reason"])
        self.assertEqual(failure["next_date"], date(2025, 2, 2))
        self._pay(invoice, mode="cash")
        self.assertIsNone(invoice._billing_get_failure())

    def test_failure_of_a_refusal_is_not_the_customers(self):
        invoice = self._bill_amounts(45)
        self.gateway.refuse("parameter_invalid_integer")
        invoice._billing_charge(self.card)
        self.assertIsNone(invoice._billing_get_failure())

    def test_failure_of_one_sum_is_of_each_invoice(self):
        invoices = self._bill_amounts(45, 30)
        self.gateway.decline(decline_code="stolen_card")
        invoices._billing_charge(self.card)
        self.assertTrue(all(move._billing_get_failure() for move in invoices))
        invoices[0]._billing_charge(self.card)
        self.assertIsNone(invoices[0]._billing_get_failure())
        self.assertTrue(invoices[1]._billing_get_failure())

    def test_contacts_who_get_it_are_those_of_the_invoice(self):
        """F116"""
        self._add_contact("ap@acme.example.com")
        self._charge("stolen_card")
        self._send_outbox()
        [message] = self.mailjet.sent
        self.assertEqual([a.email for a in message.to], ["ap@acme.example.com"])
