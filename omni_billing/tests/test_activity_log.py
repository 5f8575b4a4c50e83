from odoo.exceptions import AccessError
from odoo.tests import tagged
from odoo.tools import mute_logger

from odoo.addons.omni_billing.exceptions import GatewayRefused

from .card_common import CardCommon
from .mail_common import MAIL_LOGGERS, MailCommon


class LogCommon(MailCommon):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.Log = cls.env["omni.billing.activity.log"]

    def _read_log(self, **values):
        """Return the actions on the customer, from the first to the last."""
        domain = [("commercial_partner_id", "=", self.customer.id)]
        domain += [(name, "=", value) for name, value in values.items()]
        self.env.invalidate_all()
        return self.Log.search(domain, order="id")

    def _actions(self, **values):
        return self._read_log(**values).mapped("action")


@tagged("post_install", "-at_install")
class TestActivityLog(LogCommon):
    """F10, F166: who did what, when."""

    def test_life_of_an_invoice(self):
        charge = self._create_transaction(45, name="Fibre")
        charge.with_user(self.staff).write({"retail_cost": 50, "name": "Fibre 500"})
        other = self._create_transaction(10, name="Twice")
        other.action_void(reason="Entered twice")
        gift = self._create_transaction(5, name="Gift")
        gift.action_mark_free()
        self._create_transaction(1, name="Typo").unlink()
        invoice = self._bill(charge)
        self._pay(invoice, mode="cash", reference="Receipt 7")
        rows = self._read_log()
        self.assertEqual(
            [(row.action, row.name) for row in rows],
            [
                ("transaction_added", "Fibre"),
                ("transaction_edited", "Fibre 500"),
                ("transaction_added", "Twice"),
                ("transaction_voided", "Twice"),
                ("transaction_added", "Gift"),
                ("transaction_free", "Gift"),
                ("transaction_added", "Typo"),
                ("transaction_deleted", "Typo"),
                ("invoice_generated", invoice.name),
                ("paid", invoice.billing_receipt_ids.name),
            ],
        )
        edited, voided = rows[1], rows[3]
        self.assertEqual(edited.create_uid, self.staff)
        self.assertIn("Title: Fibre → Fibre 500", edited.note)
        self.assertIn("45.0 → 50.0", edited.note)
        self.assertEqual(voided.note, "Entered twice")
        self.assertEqual((rows[0].amount, rows[0].currency_id), (45, self.currency))
        self.assertEqual(rows[-1].move_id, invoice)
        self.assertTrue(all(rows.mapped("create_date")))

    def test_void_tells_why(self):
        invoice = self._bill_one()
        invoice.action_billing_void(reason="Wrong month")
        self.assertEqual(
            self._read_log(move_id=invoice.id).mapped("action"),
            ["invoice_generated", "invoice_voided"],
        )
        self.assertEqual(self._read_log(action="invoice_voided").note, "Wrong month")

    def test_unreconciled_payment(self):
        invoice = self._bill_one()
        self._pay(invoice, mode="cash")
        invoice.line_ids.remove_move_reconcile()
        self.assertEqual(self._actions()[-2:], ["paid", "payment_canceled"])

    def test_mails_and_pauses(self):
        self._use_mailjet()
        invoice = self._bill_one()
        invoice.with_user(self.staff).action_billing_email()
        invoice.action_billing_remind()
        self.mailjet.fail_next(GatewayRefused("bad_credentials", "401"))
        with mute_logger(*MAIL_LOGGERS):
            invoice.action_billing_email()
        invoice.action_billing_pause_reminders()
        invoice.action_billing_pause_reminders()
        self.customer.action_billing_pause_reminders()
        rows = self._read_log()[2:]
        self.assertEqual(
            rows.mapped("action"),
            [
                "mailed",
                "reminded",
                "mail_failed",
                "reminders_paused",
                "reminders_resumed",
                "reminders_paused",
            ],
        )
        self.assertEqual(rows[0].create_uid, self.staff)
        self.assertEqual(rows[0].note, "acme@example.com")
        self.assertIn("API keys", rows[2].note)
        with self.assertRaises(AccessError):
            invoice.billing_reminders_paused = True

    def test_odoos_dialog_is_in_the_history_too(self):
        invoice = self._bill_one()
        # Odoo makes no PDF in tests, unless asked to.
        Send = self.env["account.move.send"].with_context(force_report_rendering=True)
        Send._generate_and_send_invoices(invoice, sending_methods=["email"])
        self.assertEqual(self._actions()[-1], "mailed")

    def test_nobody_edits_it(self):
        self._create_transaction(45)
        row = self._read_log()
        for change in (
            lambda: row.write({"name": "Something else"}),
            row.unlink,
            lambda: self.Log.create(
                {"action": "paid", "company_id": self.company.id, "name": "x"}
            ),
        ):
            with self.assertRaises(AccessError):
                change()

    def test_what_the_customer_sees(self):
        """Not the staff's notes, nor what was only tried."""
        self._create_transaction(45).retail_cost = 46
        invoice = self._bill()
        invoice.action_billing_void(reason="The accountant forgot it")
        stranger = self.env["res.partner"].create({"name": "Other"})
        self._bill(
            self._create_transaction(9, partner_id=stranger.id), partner_id=stranger.id
        )
        self.env.flush_all()
        self.env.invalidate_all()
        rows = self.Log.with_user(self.portal).search([], order="id")
        self.assertEqual(rows.mapped("action"), ["invoice_generated", "invoice_voided"])
        self.assertEqual(rows.commercial_partner_id, self.customer)
        for name in ("note", "create_uid"):
            with self.assertRaises(AccessError):
                rows.read([name])

    def test_creation_of_many_is_one_more_query(self):
        """A batch of transactions is not slowed down by a query for each."""
        values = {"partner_id": self.customer.id, "retail_cost": 1, "name": "Call"}
        Transaction = self.env["omni.billing.transaction"]
        Transaction.create(values)
        self.env.flush_all()
        counts = []
        for count in (1, 200):
            before = self.env.cr.sql_log_count
            Transaction.create([dict(values) for _index in range(count)])
            self.env.flush_all()
            counts.append(self.env.cr.sql_log_count - before)
        # Odoo inserts a few hundred rows in a statement.
        self.assertLessEqual(counts[1], counts[0] + 3)
        self.assertEqual(len(self._read_log(action="transaction_added")), 202)
        many = Transaction.search([], limit=200)
        self.Log._log_transactions("transaction_added", many)
        with self.assertQueryCount(1):
            self.Log._log_transactions("transaction_added", many)

    def test_actions_of_customer_and_invoice_open_their_history(self):
        invoice = self._bill_one()
        for record in (invoice, self.customer):
            action = record.with_user(self.staff).action_billing_activity()
            found = self.Log.with_user(self.staff).search(action["domain"])
            self.assertIn("invoice_generated", found.mapped("action"))
            self.assertEqual(action["res_model"], "omni.billing.activity.log")


@tagged("post_install", "-at_install")
class TestActivityNotices(LogCommon):
    """F122, F123: an address is told what was done, once, in one mail."""

    def _tell(self):
        Mail = self.env["mail.mail"].sudo()
        before = Mail.search([])
        # As the job does.
        with self.enter_registry_test_mode():
            self.env.ref(
                "omni_billing.ir_cron_tell_activity"
            ).sudo().method_direct_trigger()
        return Mail.search([]) - before

    def test_one_mail_for_all_that_was_done(self):
        self.company.billing_notice_email = "boss@omni.example.com"
        invoice = self._bill_one()
        self._pay(invoice, mode="cash")
        other = self._bill_one(12)
        other.action_billing_void()
        [mail] = self._tell()
        self.assertEqual(mail.email_to, "boss@omni.example.com")
        for words in (
            "Invoice Generated",
            "Invoice Voided",
            "Payment Received",
            invoice.name,
            "Acme Rentals",
        ):
            self.assertIn(words, mail.body_html)
        self.assertNotIn("Transaction Added", mail.body_html)
        self.assertFalse(self._tell())

    def test_nobody_is_told_by_default(self):
        self._bill_one()
        self.assertFalse(self._tell())
        self.company.billing_notice_email = "boss@omni.example.com"
        self.assertFalse(self._tell())


@tagged("post_install", "-at_install")
class TestActivityOfCards(CardCommon):
    """F10, F124: cards, charges and refunds."""

    def _actions(self):
        return (
            self.env["omni.billing.activity.log"]
            .search([("commercial_partner_id", "=", self.customer.id)], order="id")
            .mapped("action")
        )

    def test_cards(self):
        other = self._save_card("4444")
        other.action_billing_set_default()
        self.card.action_billing_delete()
        self.assertEqual(
            self._actions(),
            [
                *("card_added", "autopay_on") * 2,
                *("card_default", "card_removed", "autopay_off"),
            ],
        )

    def test_charge_and_refund(self):
        invoice = self._bill_amounts(45)
        invoice._billing_charge(self.card)
        invoice._billing_refund()
        actions = self._actions()
        for action in ("card_added", "charged", "paid", "card_refunded"):
            self.assertIn(action, actions)

    def test_declined_card(self):
        invoice = self._bill_amounts(45)
        self.gateway.decline("card_declined", "insufficient_funds")
        invoice._billing_charge(self.card)
        log = self.env["omni.billing.activity.log"]
        [row] = log.search([("action", "=", "charge_failed")])
        self.assertEqual((row.move_id, row.amount), (invoice, 45))
        self.assertIn("not enough money", row.note)
