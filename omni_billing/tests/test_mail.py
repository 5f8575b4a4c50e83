import errno
import os
import runpy
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from unittest.mock import MagicMock, patch

from odoo import fields
from odoo.exceptions import AccessError, UserError
from odoo.tests import tagged
from odoo.tools import mute_logger

from odoo.addons.base.models import ir_attachment
from odoo.addons.omni_billing.exceptions import GatewayRefused, GatewayUnknown
from odoo.addons.omni_billing.tools.write_guard import trust

from .mail_common import MAIL_LOGGERS, MailCommon

NO_ANSWER = GatewayUnknown("no_answer", "Mailjet gave no answer.")


@tagged("post_install", "-at_install")
class TestMailContent(MailCommon):
    """F114-F116: what the mail says, and to whom."""

    def setUp(self):
        super().setUp()
        self._use_mailjet()

    def test_all_billing_contacts_get_one_mail(self):
        """F116"""
        self._add_contact("ap@acme.example.com")
        self._add_contact("cfo@acme.example.com")
        self._add_contact("AP@acme.example.com", name="The same again")
        self._add_contact("desk@acme.example.com", kind="contact")
        invoice = self._bill_one()
        invoice.action_billing_email()
        [message] = self.mailjet.sent
        self.assertEqual(
            [address.email for address in message.to],
            ["ap@acme.example.com", "cfo@acme.example.com"],
        )

    def test_subsidiary_is_a_customer_of_its_own(self):
        """What is the parent's goes to none of its subsidiaries' contacts."""
        branch = self._add_contact("uk@example.com", "contact", is_company=True)
        self._add_contact("ap@uk.example.com", parent_id=branch.id)
        invoice = self._bill_one()
        self.assertEqual(invoice._billing_get_recipients(), self.customer)
        contact = self._add_contact("billing@example.com")
        self.assertEqual(invoice._billing_get_recipients(), contact)

    def test_main_contact_gets_it_without_billing_contacts(self):
        """F116"""
        self._add_contact("desk@acme.example.com", kind="contact")
        self._add_contact("", kind="invoice", name="No address")
        invoice = self._bill_one()
        invoice.action_billing_email()
        [message] = self.mailjet.sent
        self.assertEqual([a.email for a in message.to], ["acme@example.com"])

    def test_mail_holds_all_that_is_needed(self):
        """F113, F114"""
        invoice = self._bill_one(title="Services of January", date_due="2099-02-15")
        invoice.action_billing_email()
        [message] = self.mailjet.sent
        self.assertIn(invoice.name, message.subject)
        for words in (
            "Acme Rentals",
            invoice.name,
            "02/15/2099",
            "$\xa045.00",
            f"/my/billing/invoices/{invoice.id}/pay?access_token=",
            f"/my/billing/invoices/{invoice.id}?access_token=",
            "Services of January",
        ):
            self.assertIn(words, message.html.replace("&nbsp;", "\xa0"))
        [file] = message.files
        self.assertEqual(file.name, invoice._billing_get_filename())
        self.assertEqual(file.content[:5], b"%PDF-")
        self.assertIn("Acme Rentals", message.text)
        self.assertEqual(message.sender.email, "billing@omni.example.com")
        self.assertEqual(message.sender.name, "Omni & Sons")

    def test_variables_of_mailjets_template(self):
        """F115"""
        self.company.sudo().billing_mailjet_template = "crmInvoice"
        invoice = self._bill_one(date_due="2099-02-15")
        invoice.action_billing_email()
        [message] = self.mailjet.sent
        self.assertEqual(message.template, "crmInvoice")
        self.assertEqual(
            {name: message.variables[name] for name in message.variables}
            | {"invoice_url": "", "pay_url": ""},
            {
                "customer_name": "Acme Rentals",
                "invoice_number": invoice.name,
                "invoice_date": self.today.strftime("%m/%d/%Y"),
                "due_date": "02/15/2099",
                "total_amount": "$\xa045.00",
                "amount_due": "$\xa045.00",
                "title": invoice.billing_title,
                "company_name": "Omni & Sons",
                "invoice_url": "",
                "pay_url": "",
            },
        )
        self.assertIn("access_token", message.variables["invoice_url"])
        self.assertIn("/pay?", message.variables["pay_url"])

    def test_paid_invoice_and_credit_note_have_no_pay_link(self):
        invoice = self._bill_one()
        self._pay(invoice, mode="cash")
        invoice.action_billing_email()
        self._create_credit(20)
        note = self._bill()
        note.action_billing_email()
        for message in self.mailjet.sent:
            self.assertNotIn("/pay?", message.html)
        self.assertIn("It is paid", self.mailjet.sent[0].html)
        self.assertIn("credit note", self.mailjet.sent[1].html)

    def test_sender_of_the_company(self):
        self.company.billing_mail_sender = '"Billing desk" <desk@omni.example.com>'
        self._bill_one().action_billing_email()
        [message] = self.mailjet.sent
        self.assertEqual(message.sender.email, "desk@omni.example.com")
        self.assertEqual(message.sender.name, "Billing desk")
        with self.assertRaisesRegex(UserError, "no e-mail address"):
            self.company.billing_mail_sender = "nobody"

    def test_letters_by_templates_are_from_the_same_sender(self):
        """F114: about cards and payments, too; one that a seller chose stays."""
        names = ("confirm_payment", "card_receipt", "report_answered", "card_expires")
        confirm, receipt, *others, own = templates = [
            self.env.ref(f"omni_billing.mail_template_{name}")
            for name in (*names, "account_saved")
        ]
        new = receipt.email_from
        old = "{{ (object.company_id.email_formatted or user.email_formatted) }}"
        confirm.email_from = old.replace(
            "(", "(object.invoice_user_id.email_formatted or "
        )
        for template in (receipt, *others):
            template.email_from = old
        own.email_from = "desk@omni.example.com"
        self.env.flush_all()
        folder = Path(__file__).resolve().parents[1] / "migrations/19.0.1.12.0"
        script = runpy.run_path(str(folder / "post-senders.py"))
        script["migrate"](self.env.cr, "19.0.1.11.0")
        self.env.invalidate_all()
        senders = [template.email_from for template in templates]
        self.assertEqual(senders, [new] * 4 + ["desk@omni.example.com"])
        self.company.billing_mail_sender = "Bills <bills@seller.example>"
        invoice = self._bill_one()
        sender = confirm._render_field("email_from", invoice.ids)[invoice.id]
        self.assertEqual(sender, self.company.billing_mail_sender)

    def test_names_of_templates_that_nobody_changed_are_the_new_ones(self):
        """W33: they are not about cards alone; what somebody named stays so."""
        names = ("confirm_payment", "card_receipt", "card_link")
        templates = confirm, receipt, link = [
            self.env.ref(f"omni_billing.mail_template_{name}") for name in names
        ]
        new = confirm.name
        confirm.name, receipt.name = "Billing: confirm a card payment", "Our receipt"
        link.name = "Billing: a link to save a card"
        self.env["res.lang"]._activate_lang("fr_FR")
        shipped, french = (one.with_context(lang="fr_FR") for one in (confirm, link))
        shipped.name = "Facturation : confirmer un paiement par carte"
        french.name = "Votre carte"
        self.env.flush_all()
        folder = Path(__file__).resolve().parents[1] / "migrations/19.0.1.13.0"
        script = runpy.run_path(str(folder / "pre-template-names.py"))
        script["migrate"](self.env.cr, "19.0.1.12.0")
        self.env.invalidate_all()
        self.assertEqual(
            [template.name for template in templates],
            [new, "Our receipt", "Billing: a link to save a card"],
        )
        self.assertEqual(french.name, "Votre carte")


@tagged("post_install", "-at_install")
class TestMailOutbox(MailCommon):
    """W12: never twice, nothing lost, and an honest state."""

    def setUp(self):
        super().setUp()
        self._use_mailjet()
        self.invoice = self._bill_one()

    @property
    def mail(self):
        return self.invoice.billing_mail_ids[:1]

    def _press(self, invoice=None):
        with mute_logger(*MAIL_LOGGERS):
            return (invoice or self.invoice).action_billing_email()["params"]

    def test_one_click_sends_at_once(self):
        """F117"""
        notice = self._press()
        self.assertEqual(notice["type"], "success")
        self.assertEqual(notice["message"], "Invoice e-mail sent successfully")
        self.assertEqual(self.mail.state, "sent")
        self.assertEqual(self.invoice.billing_mail_state, "sent")
        self.assertTrue(self.invoice.is_move_sent)
        self.assertEqual(self.mail.user_id, self.env.user)
        self.assertEqual(self.mail.recipient_ids.message_ref, f"{2**53}")
        self.assertIn(
            "acme@example.com", " ".join(self.invoice.message_ids.mapped("body"))
        )

    def test_what_was_sent_is_kept_as_it_was(self):
        """F117: the page changes later, what was sent does not."""
        self._press()
        mail = self.mail.with_user(self.staff)
        [sent] = mail.sent_file_ids
        [message] = self.mailjet.sent
        self.assertEqual(sent.raw, message.files[0].content)
        self.assertEqual(sent.name, message.files[0].name)
        self.invoice._billing_pay("cash", 45)
        self.assertNotEqual(self.invoice._billing_get_pdf(), sent.raw)
        self.env.invalidate_all()
        action = mail.action_open_sent()
        self.assertEqual(action["url"], f"/web/content/{sent.id}?download=false")
        row = self.env["omni.billing.activity.log"].search(
            [("move_id", "=", self.invoice.id), ("action", "=", "mailed")]
        )
        self.assertEqual(row.with_user(self.staff).action_open_sent(), action)
        for user in (self.portal, self.outsider):
            with self.assertRaises(AccessError):
                sent.with_user(user).read(["raw"])

    def test_same_bytes_are_stored_once(self):
        before = self.invoice._billing_get_pdf()
        cached = self.env["omni.billing.pdf.cache"].search(
            [("move_id", "=", self.invoice.id)]
        )
        self._press()
        self._press()
        first, second = self.invoice.billing_mail_ids.sent_file_ids
        self.assertEqual(first.raw, before)
        # sudo: where files are stored is nobody's to read.
        names = (first | second | cached.sudo().attachment_id).sudo()
        self.assertEqual(len(set(names.mapped("store_fname"))), 1)

    def test_what_is_tried_again_is_kept_once(self):
        self.mailjet.fail_next(GatewayRefused("rate_limit", "busy"))
        self._press()
        self._send_outbox()
        self.assertEqual(self.mail.state, "sent")
        self.assertEqual(len(self.mail.sent_file_ids), 1)

    def test_overdue_invoice_is_sent_too(self):
        """F121: as decided, because reminders need it."""
        trust(self.invoice).invoice_date_due = "2020-01-01"
        self.assertEqual(self._press()["type"], "success")
        self.assertEqual(self.mail.state, "sent")

    def test_staff_send(self):
        invoice = self.invoice.with_user(self.staff)
        self.assertEqual(self._press(invoice)["type"], "success")
        with self.assertRaises(AccessError):
            self.mail.with_user(self.staff).state = "delivered"
        reader = self._create_user("reader-test", "account.group_account_readonly")
        self.env.invalidate_all()
        for action in (
            self.invoice.with_user(reader).action_billing_email,
            self.mail.with_user(reader).action_send_again,
            self.mail.with_user(reader).action_dismiss,
        ):
            with self.assertRaises(AccessError):
                action()
        self.env.invalidate_all()
        with self.assertRaises(AccessError):
            self.company.with_user(self.staff).read(["billing_mailjet_secret_key"])

    def test_queue_sends_later(self):
        mail = self.invoice._billing_send_mail()
        self.assertEqual((mail.state, mail.kind), ("queued", "invoice"))
        self.assertEqual(self.invoice._billing_send_mail(), mail)
        self.assertFalse(self.mailjet.sent)
        self._send_outbox()
        self._send_outbox()
        self.assertEqual(len(self.mailjet.sent), 1)
        self.assertEqual(mail.state, "sent")

    def test_many_are_queued_at_once(self):
        """F120"""
        invoices = self.invoice + self._bill_one() + self._bill_one()
        mails = invoices._billing_send_mail()
        self.assertEqual(mails.move_id, invoices)
        self._send_outbox()
        self.assertEqual(len(self.mailjet.sent), 3)

    def test_busy_mailjet_is_tried_again(self):
        self.mailjet.fail_next(GatewayRefused("rate_limit", "429"))
        notice = self._press()
        self.assertEqual(notice["type"], "warning")
        self.assertEqual(self.mail.state, "queued")
        self.assertGreater(self.mail.next_try, fields.Datetime.now())
        self._send_outbox()
        self.assertEqual(self.mail.state, "sent")
        self.assertFalse(self.mail.error)
        self.assertEqual(len(self.mailjet.sent), 1)

    def test_pauses_grow_and_end(self):
        for _try in range(12):
            self.mailjet.fail_next(GatewayRefused("unreachable", "down"))
        self.invoice._billing_send_mail()
        pauses = []
        for _try in range(12):
            self._send_outbox()
            pauses.append(self.mail.next_try - fields.Datetime.now())
        self.assertLess(pauses[0], timedelta(minutes=3))
        self.assertLess(pauses[0], pauses[3])
        self.assertLess(max(pauses), timedelta(hours=7))
        self.assertEqual(self.mail.state, "failed")
        self.assertTrue(self.mail.needs_action)

    def test_page_that_ends_the_process_holds_up_no_other(self):
        """It is later than the others then, and at last left to a person."""

        class Killed(BaseException):
            pass

        other = self._bill_one()
        self.invoice._billing_send_mail()
        other._billing_send_mail()
        Move = type(self.invoice)
        prepare = Move._billing_prepare_mail

        def die(move, *args):
            if move == self.invoice:
                raise Killed
            return prepare(move, *args)

        with patch.object(Move, "_billing_prepare_mail", die):
            for _start in range(5):
                self._make_due(self.mail)
                # Not by assertRaises, which undoes what was written.
                with suppress(Killed):
                    self.mail._deliver()
                self.assertGreater(self.mail.next_try, fields.Datetime.now())
            other.billing_mail_ids._deliver()
            self.assertEqual(other.billing_mail_ids.state, "sent")
            self._make_due(self.mail)
            self.mail._deliver()
        self.assertEqual((self.mail.state, self.mail.needs_action), ("failed", True))
        self.assertIn("the process ended", self.mail.error)

    def test_last_lost_answer_is_asked_for_too(self):
        """Only then it is said, and truly, that it was not sent."""
        for _try in range(12):
            self.mailjet.fail_next(NO_ANSWER)
        self.invoice._billing_send_mail()
        for _try in range(12):
            self._send_outbox()
        self.assertEqual((self.mail.state, self.mail.tries), ("queued", 12))
        self._send_outbox()
        self.assertEqual((self.mail.state, self.mail.needs_action), ("failed", True))
        self.assertIn("does not know the message", self.mail.error)
        self.assertFalse(self.mailjet.sent)

    def test_asking_ends_and_says_what_is_not_known(self):
        """W12: keys that were changed meanwhile, or a day without an answer."""
        for failure, days in (
            (GatewayRefused("bad_credentials", "401"), 0),
            (NO_ANSWER, 2),
        ):
            with self.subTest(failure=failure.code):
                invoice = self._bill_one()
                self.mailjet.fail_next(NO_ANSWER, executed=True)
                self._press(invoice)
                mail = invoice.billing_mail_ids.sudo()
                mail.attempt_date -= timedelta(days=days)
                self.mailjet.has_failures = [failure]
                self._send_outbox()
                self.assertEqual((mail.state, mail.needs_action), ("failed", True))
                self.assertIn("may have been sent", mail.error)

    def test_lost_answer_is_asked_for_and_not_sent_again(self):
        """A time-out with success: Mailjet has it, so it is not sent twice."""
        self.mailjet.fail_next(NO_ANSWER, executed=True)
        self.assertEqual(self._press()["type"], "warning")
        self.assertEqual(self.mail.state, "queued")
        self.assertTrue(self.mail.attempt_date)
        # Too early to ask: Mailjet may not know of it yet.
        self.mail._deliver()
        self.assertEqual(self.mail.state, "queued")
        self._send_outbox()
        self.assertEqual(self.mail.state, "sent")
        self.assertEqual(len(self.mailjet.sent), 1)

    def test_lost_call_is_sent_again(self):
        self.mailjet.fail_next(NO_ANSWER)
        self._press()
        self._send_outbox()
        self.assertEqual(self.mail.state, "sent")
        self.assertEqual(len(self.mailjet.sent), 1)

    def test_nothing_is_sent_while_nobody_knows(self):
        self.mailjet.fail_next(NO_ANSWER, executed=True)
        self._press()
        self.mailjet.has_failures = [NO_ANSWER, GatewayRefused("unreachable", "down")]
        self._send_outbox()
        self._send_outbox()
        self.assertEqual(self.mail.state, "queued")
        self.assertEqual(len(self.mailjet.sent), 1)
        self._send_outbox()
        self.assertEqual(self.mail.state, "sent")
        self.assertEqual(len(self.mailjet.sent), 1)

    def test_process_that_dies_after_the_call(self):
        """What was committed before the call is all that is left of it."""
        self.invoice._billing_send_mail()
        mail = self.mail.sudo()
        hand_over = mail._begin()
        self.env.flush_all()
        hand_over()
        # It dies: what records the outcome is never called.
        self.env.invalidate_all()
        self.assertEqual(mail.state, "queued")
        self._send_outbox()
        self.assertEqual(mail.state, "sent")
        self.assertEqual(len(self.mailjet.sent), 1)

    def test_process_that_dies_before_the_call(self):
        self.invoice._billing_send_mail()
        self.mail.sudo()._begin()
        self.env.flush_all()
        self.env.invalidate_all()
        self._send_outbox()
        self.assertEqual(self.mail.state, "sent")
        self.assertEqual(len(self.mailjet.sent), 1)

    def test_wrong_keys_are_said_at_once_and_stay_to_be_done(self):
        """F118"""
        self.mailjet.fail_next(GatewayRefused("bad_credentials", "401"))
        notice = self._press()
        self.assertEqual(notice["type"], "danger")
        self.assertIn("API keys", notice["message"])
        self.assertEqual((self.mail.state, self.mail.needs_action), ("failed", True))
        self.assertFalse(self.invoice.is_move_sent)
        self.assertEqual(self.mail.action_send_again()["params"]["type"], "success")
        self.assertEqual(
            {m.state: m.needs_action for m in self.invoice.billing_mail_ids},
            {"sent": False, "failed": False},
        )

    def test_missing_template_is_named(self):
        """F118"""
        self.company.sudo().billing_mailjet_template = "crmInvoice"
        self.mailjet.fail_next(GatewayRefused("template_missing", "send-0010"))
        self.assertIn("crmInvoice", self._press()["message"])

    def test_customer_without_address(self):
        """F118: said at once, and in the work list."""
        self.customer.email = False
        with self.assertRaisesRegex(UserError, "has no e-mail address"):
            self.invoice._billing_send_mail()
        self.assertFalse(self.mail)
        notice = self._press()
        self.assertEqual(notice["type"], "danger")
        self.assertIn("has no e-mail address", notice["message"])
        self.assertEqual((self.mail.state, self.mail.needs_action), ("failed", True))
        self.mail.with_user(self.staff).action_dismiss()
        self.assertFalse(self.mail.needs_action)

    def test_mailjet_without_keys(self):
        """F118"""
        self.company.sudo().billing_mailjet_secret_key = False
        with self.assertRaisesRegex(UserError, "API keys"):
            self.invoice._billing_send_mail()
        self.assertIn("API keys", self._press()["message"])

    def test_void_after_queuing_is_not_sent(self):
        """F162"""
        self.invoice._billing_send_mail()
        self.invoice.action_billing_void()
        self._send_outbox()
        self.assertEqual(self.mail.state, "canceled")
        self.assertFalse(self.mailjet.sent)
        with self.assertRaisesRegex(UserError, "void"):
            self.invoice.action_billing_email()
        with self.assertRaisesRegex(UserError, "void"):
            self.invoice._billing_send_mail()

    def test_text_that_cannot_be_made_fails_alone(self):
        def refuse(move):
            raise UserError(move.env._("No PDF of %(name)s.", name=move.name))

        with patch.object(type(self.invoice), "_billing_get_pdf", refuse):
            notice = self._press()
        self.assertEqual(notice["type"], "danger")
        self.assertIn(self.invoice.name, notice["message"])
        self.assertEqual(self.mail.error_code, "content")
        self.assertFalse(self.mailjet.sent)

    def _bill_unlike_others(self):
        """Bill what no other test did: files are named by what is in them."""
        self.invoice = self._bill(self._create_transaction(name=os.urandom(8).hex()))
        self.invoice._billing_send_mail()

    @contextmanager
    def _full_disk(self):
        """Have each new file cut short after its first bytes."""

        def cut_short(path, mode="r"):
            file = open(path, mode)
            if "w" in mode:
                write = file.write
                file = MagicMock(wraps=file)
                file.__enter__.return_value = file
                file.__exit__.side_effect = lambda *_error: file.close()

                def fail(content):
                    write(content[:10])
                    raise OSError(errno.ENOSPC, "No space left on device")

                file.write = fail
            return file

        with patch.object(ir_attachment, "open", cut_short, create=True):
            yield

    def test_full_disk_holds_up_what_is_sent_later(self):
        """F118: nobody has to do anything but to make room."""
        self._bill_unlike_others()
        with self._full_disk():
            for _try in range(2):
                self._make_due(self.mail)
                self.mail._deliver()
        self.assertEqual((self.mail.state, self.mail.needs_action), ("queued", False))
        self.assertIn("make room", self.mail.error)
        self.assertGreater(self.mail.next_try, fields.Datetime.now())
        self.assertFalse(self.mailjet.sent)
        self._make_due(self.mail)
        self.mail._deliver()
        self.assertEqual((self.mail.state, self.mail.error), ("sent", False))
        [message] = self.mailjet.sent
        self.assertEqual(message.files[0].content, self.mail.sent_file_ids.raw)

    def test_file_that_was_cut_short_is_no_file(self):
        """The same bytes can be kept as soon as there is room."""
        values = {"name": "page", "raw": os.urandom(100)}
        Attachment = self.env["ir.attachment"]
        with self._full_disk(), self.assertRaises(OSError):
            Attachment.create(values)
        self.assertEqual(Attachment.create(values).raw, values["raw"])

    def test_disk_that_stays_full_is_left_to_a_person(self):
        self._bill_unlike_others()
        with self._full_disk():
            for _try in range(12):
                self._make_due(self.mail)
                self.mail._deliver()
        self.assertEqual((self.mail.state, self.mail.needs_action), ("failed", True))
        self.assertIn("was full for a day", self.mail.error)

    def test_latest_mail_of_a_list_is_read_at_once(self):
        """The state of a page of invoices takes no query for each."""
        invoices = self.invoice + self._bill_one() + self._bill_one()
        invoices._billing_send_mail()
        self.env.flush_all()
        self.env.invalidate_all()
        with self.assertQueryCount(2):
            states = invoices.mapped("billing_mail_state")
        self.assertEqual(states, ["queued"] * 3)


@tagged("post_install", "-at_install")
class TestMailByOdoo(MailCommon):
    """Without Mailjet the same mail goes out by Odoo's own mail server."""

    def setUp(self):
        super().setUp()
        self._use_smtp()
        self._add_contact("ap@acme.example.com", name="Ada, Accounts")
        self._add_contact("cfo@acme.example.com")
        self.invoice = self._bill_one(date_due="2099-02-15")

    @property
    def mail(self):
        return self.invoice.billing_mail_ids[:1]

    def _press(self):
        with mute_logger(
            *MAIL_LOGGERS,
            "odoo.addons.mail.models.mail_mail",
            "odoo.addons.base.models.ir_mail_server",
        ):
            return self.invoice.action_billing_email()["params"]

    def test_received_message_is_the_one_of_the_rows(self):
        """F114, F116: opened with a mail parser."""
        self.assertEqual(self._press()["type"], "success")
        self.assertEqual(self.mail.state, "sent")
        self.assertTrue(self.invoice.is_move_sent)
        [message] = self.smtp.messages
        self.assertEqual(
            [address.addr_spec for address in message["To"].addresses],
            ["ap@acme.example.com", "cfo@acme.example.com"],
        )
        self.assertEqual(message["To"].addresses[0].display_name, "Ada, Accounts")
        [sender] = message["From"].addresses
        self.assertEqual(sender.addr_spec, "billing@omni.example.com")
        self.assertEqual(sender.display_name, "Omni & Sons")
        self.assertIn(self.invoice.name, message["Subject"])
        [pdf] = message.iter_attachments()
        self.assertEqual(pdf.get_content_type(), "application/pdf")
        self.assertEqual(pdf.get_filename(), self.invoice._billing_get_filename())
        self.assertEqual(pdf.get_content()[:5], b"%PDF-")
        html = message.get_body(("html",)).get_content()
        text = message.get_body(("plain",)).get_content()
        for words in ("Acme Rentals", self.invoice.name, "02/15/2099", "45.00"):
            self.assertIn(words, html)
            self.assertIn(words, text)
        for path in ("/pay?access_token=", "?access_token="):
            self.assertIn(f"/my/billing/invoices/{self.invoice.id}{path}", html)

    def test_no_server_is_tried_again(self):
        self.mail_server.smtp_port = 9
        notice = self._press()
        self.assertEqual(notice["type"], "warning")
        self.assertIn("cannot be reached", notice["message"])
        self.assertEqual(self.mail.state, "queued")
        self.assertFalse(self.mail.mail_id)
        self.mail_server.smtp_port = self.smtp.port
        self._send_outbox()
        self.assertEqual(self.mail.state, "sent")
        self.assertEqual(len(self.smtp.messages), 1)

    def test_busy_server_is_tried_again(self):
        """A relay with a limit, or greylisting, takes it later."""
        self.smtp.refuse = "451 Try again later"
        notice = self._press()
        self.assertEqual((notice["type"], self.mail.state), ("warning", "queued"))
        self.assertIn("is busy", self.mail.error)
        self.assertFalse(self.mail.mail_id)
        self.smtp.refuse = ""
        self._send_outbox()
        self.assertEqual(self.mail.state, "sent")
        self.assertEqual(len(self.smtp.messages), 1)

    def test_refusal_of_the_server_is_told(self):
        self.smtp.refuse = "552 Message too big"
        notice = self._press()
        self.assertEqual(notice["type"], "danger")
        self.assertEqual((self.mail.state, self.mail.needs_action), ("failed", True))
        self.assertIn("552", self.mail.error)

    def test_process_that_dies_while_sending_leaves_it_to_a_person(self):
        """Nobody can be asked: it is neither lost nor sent twice."""
        self.invoice._billing_send_mail()
        mail = self.mail.sudo()
        mail._begin()
        self.env.flush_all()
        # It dies now. Odoo's own queue does not find the message.
        self.assertEqual(mail.mail_id.state, "exception")
        self.env.invalidate_all()
        self._send_outbox()
        self.assertEqual((mail.state, mail.needs_action), ("failed", True))
        self.assertIn("may have been sent", mail.error)
        self.assertFalse(self.smtp.messages)

    def test_message_of_odoos_own_queue_is_followed(self):
        self.invoice._billing_send_mail()
        mail = self.mail.sudo()
        mail._begin()
        mail.mail_id.state = "outgoing"
        self._send_outbox()
        self.assertEqual(mail.state, "queued")
        mail.mail_id.state = "sent"
        self._send_outbox()
        self.assertEqual(mail.state, "sent")
        self.assertFalse(self.smtp.messages)

    def _come_back(self, address, reason="552 mailbox is full"):
        """Have the mail server of a recipient return the message, as Odoo gets it."""
        [message] = self.smtp.messages
        report = "\r\n".join(
            [
                "From: MAILER-DAEMON@acme.example.com",
                "To: bounce@omni.example.com",
                "Subject: Undelivered",
                "MIME-Version: 1.0",
                "Content-Type: multipart/report; report-type=delivery-status;"
                ' boundary="part"',
                "",
                "--part",
                "Content-Type: text/plain",
                "",
                reason,
                "--part",
                "Content-Type: message/delivery-status",
                "",
                "Reporting-MTA: dns; acme.example.com",
                "",
                f"Final-Recipient: rfc822; {address}",
                "Action: failed",
                "Status: 5.2.2",
                "",
                "--part",
                "Content-Type: message/rfc822",
                "",
                f"Message-Id: {message['Message-Id']}",
                f"Subject: {message['Subject']}",
                "",
                "--part--",
                "",
            ]
        )
        with mute_logger("odoo.addons.mail.models.mail_thread"):
            self.env["mail.thread"].sudo().message_process(None, report)
        self.env.invalidate_all()

    def test_bounce_to_odoo_is_a_task(self):
        """W12: one of two contacts; the other has it."""
        self._press()
        self._come_back("cfo@acme.example.com")
        self.assertEqual((self.mail.state, self.mail.needs_action), ("bounced", True))
        self.assertEqual(self.mail.error, "cfo@acme.example.com: 552 mailbox is full")
        states = {row.email: row.state for row in self.mail.recipient_ids}
        self.assertEqual(
            states,
            {"ap@acme.example.com": "sent", "cfo@acme.example.com": "bounced"},
        )
        self.mail.action_dismiss()
        self._come_back("cfo@acme.example.com")
        self.assertFalse(self.mail.needs_action)

    def test_bounce_of_somebody_else_changes_nothing(self):
        self._press()
        self._come_back("stranger@acme.example.com")
        self.assertEqual((self.mail.state, self.mail.needs_action), ("sent", False))
        self.assertFalse(self.mail.error)
        self.mail.sudo()._set_failed("timeout", "Nobody knows whether it was sent.")
        self._come_back("stranger@acme.example.com")
        self.assertEqual((self.mail.state, self.mail.needs_action), ("failed", True))
        self.assertEqual(self.mail.error, "Nobody knows whether it was sent.")

    def test_bounce_of_a_lost_attempt_says_that_it_was_sent(self):
        self._press()
        mail = self.mail.sudo()
        mail.write({"state": "queued", "attempt_date": fields.Datetime.now()})
        self._come_back("ap@acme.example.com")
        self.assertEqual(mail.state, "bounced")
        self.assertFalse(mail.attempt_date)
