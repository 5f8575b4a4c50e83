from base64 import b64encode

from odoo.exceptions import UserError
from odoo.tests import tagged
from odoo.tools import file_open, mute_logger

from odoo.addons.omni_billing.tests.mail_common import MailCommon
from odoo.addons.omni_billing.tests.test_omni_billing_run import RunCommon

from .access_point import CLIENT, AccessPoint

KEY = "account_peppol/tests/assets/private_key.pem"
PARTNER = "odoo.addons.account_peppol.models.res_partner"
DELIVERY = "odoo.addons.omni_billing_peppol.models.omni_billing_mail"
PROXY = "odoo.addons.account_edi_proxy_client.models.account_edi_proxy_user"


@tagged("post_install", "-at_install")
class TestPeppol(MailCommon, RunCommon):
    """W40: invoices go by the customer's channel, and rejected ones are told."""

    @classmethod
    def _request_handler(cls, session, request, /, **options):
        return cls.access_point.answer(request)

    @classmethod
    def setUpClass(cls):
        cls.access_point = AccessPoint("0208:2718281828")
        super().setUpClass()
        # Odoo's tests send HTML in the place of a PDF otherwise.
        cls.env = cls.env(context=dict(cls.env.context, force_report_rendering=True))
        cls.Run = cls.Run.with_env(cls.env)
        # sudo: an administrator registers the company.
        env = cls.env(su=True)
        env["ir.config_parameter"].set_param("account_peppol.edi.mode", "test")
        belgium = env.ref("base.be")
        cls.company.write(
            {
                "country_id": belgium.id,
                "vat": "BE0477472701",
                "peppol_eas": "0208",
                "peppol_endpoint": "0477472701",
                "account_peppol_proxy_state": "receiver",
            }
        )
        users = env["account_edi_proxy_client.user"]
        key = env["certificate.key"].create(
            {
                "name": "Peppol",
                "content": b64encode(file_open(KEY, "rb").read()),
                "company_id": cls.company.id,
            }
        )
        cls.proxy_user = users.create(
            {
                "id_client": CLIENT,
                "company_id": cls.company.id,
                "proxy_type": "peppol",
                "edi_mode": "test",
                "edi_identification": users._get_proxy_identification(
                    cls.company, "peppol"
                ),
                "private_key_id": key.id,
                "refresh_token": "dG9rZW4=",
            }
        )
        cls.tax_21 = cls._create_tax(21)
        address = {
            "is_company": True,
            "country_id": belgium.id,
            "street": "1 Rue A",
            "zip": "5000",
            "city": "Namur",
        }
        cls.customer.write(
            {**address, "peppol_eas": "0208", "peppol_endpoint": "2718281828"}
        )
        cls.other = cls.env["res.partner"].create(
            {
                **address,
                "name": "Not There",
                "email": "not@example.com",
                "peppol_eas": "0208",
                "peppol_endpoint": "3141592654",
            }
        )

    def setUp(self):
        super().setUp()
        type(self).access_point = AccessPoint("0208:2718281828")
        self._use_mailjet()

    def _bill_one(self, partner=None, **values):
        partner = partner or self.customer
        charge = self._create_transaction(
            100, partner_id=partner.id, tax_ids=self.tax_21, **values
        )
        return self._bill(charge, partner_id=partner.id)

    def _set_method(self, method, partner=None):
        (partner or self.customer).with_company(
            self.company
        ).invoice_sending_method = method

    def _reset_customer(self):
        """Have nobody have looked the customers up."""
        for partner in (self.customer, self.other):
            partner.with_company(self.company).peppol_verification_state = False

    def _read_mails(self, invoice):
        return [
            (mail.kind, mail.state)
            for mail in invoice.sudo().billing_mail_ids.sorted("id")
        ]

    def _tell(self, **answer):
        """Have the access point tell what became of all documents."""
        point = self.access_point
        point.answers = dict.fromkeys(point.documents, answer)
        # sudo: a job.
        self.proxy_user.sudo()._peppol_get_message_status()
        self.env.invalidate_all()

    def _send_line(self, price, **values):
        """Send an invoice of a million pieces; return the line of its document."""
        self._set_method("peppol")
        charge = self.env["omni.billing.transaction"].create(
            {
                "name": "Data",
                "partner_id": self.customer.id,
                "quantity": 1_000_000,
                "price_unit": price,
                "tax_ids": self.tax_21.ids,
                **values,
            }
        )
        self._bill(charge).action_billing_email()
        [(_receiver, tree)] = self.access_point.documents.values()
        [line] = tree.findall("{*}InvoiceLine")
        return line

    def _read_line(self, line):
        """Return price, of how many pieces that is, and the amount, as written."""
        return [
            line.findtext(path)
            for path in (
                "{*}Price/{*}PriceAmount",
                "{*}Price/{*}BaseQuantity",
                "{*}LineExtensionAmount",
            )
        ]

    def test_instead_of_the_email(self):
        """The customer wants Peppol: one press sends that, and nothing else."""
        self._set_method("peppol")
        invoice = self._bill_one()
        notice = invoice.action_billing_email()
        self.assertEqual(notice["params"]["type"], "success")
        [(receiver, tree)] = self.access_point.documents.values()
        self.assertEqual(receiver, "0208:2718281828")
        self.assertEqual(tree.findtext("{*}ID"), invoice.name)
        self.assertFalse(self.mailjet.sent)
        self.assertEqual(self._read_mails(invoice), [("einvoice", "sent")])
        self.assertEqual(invoice.peppol_move_state, "processing")
        self.assertTrue(invoice.is_move_sent)
        # Our PDF is in it.
        self.assertTrue(
            tree.findtext(".//{*}EmbeddedDocumentBinaryObject").startswith("JVBERi")
        )

    def test_small_price_is_of_as_many_as_it_takes(self):
        """W40: Odoo writes 6 decimals, and a million at 0.000038 is not 37.51."""
        unit = self.env.ref("omni_billing.product_uom_megabyte")
        line = self._send_line(0.00003751, uom_id=unit.id)
        self.assertEqual(self._read_line(line), ["0.003751", "100", "37.51"])
        self.assertEqual(line.findtext("{*}InvoicedQuantity"), "1000000.0")
        units = {node.get("unitCode") for node in line.findall(".//*[@unitCode]")}
        self.assertEqual(units, {"4L"})

    def test_small_price_with_tax_in_it_is_of_as_many_as_it_takes(self):
        """W40: what a million cost before tax is not a million times 0.000041."""
        line = self._send_line(0.00005, tax_included=True)
        price, base, total = map(float, self._read_line(line))
        self.assertEqual(total, 41.32)
        self.assertAlmostEqual(price / base * 1_000_000, total, delta=0.005)

    def test_small_price_with_odoos_tax_in_it_is_not_that_of_the_list(self):
        """W40: both are 0.00001 in six decimals; it is 9.90 before tax, not 10.49."""
        tax = self._create_tax(6, price_include_override="tax_included")
        line = self._send_line(0.00001049, tax_ids=tax.ids)
        self.assertEqual(self._read_line(line), ["0.000099", "10", "9.90"])

    def test_beside_the_email(self):
        """Nobody chose, and Peppol knows the customer: both go out."""
        invoice = self._bill_one()
        invoice.action_billing_email()
        self.assertEqual(len(self.mailjet.sent), 1)
        self._send_outbox()
        self.assertEqual(len(self.access_point.documents), 1)
        states = [("einvoice", "sent"), ("invoice", "sent")]
        self.assertEqual(sorted(self._read_mails(invoice)), states)

    def test_customer_who_is_not_there_gets_the_email(self):
        invoice = self._bill_one(self.other)
        for _time in range(2):
            invoice.action_billing_email()
        self._send_outbox()
        self.assertEqual(len(self.mailjet.sent), 2)
        self.assertFalse(self.access_point.documents)
        self.assertTrue(self.access_point.looked_up)

    @mute_logger(PARTNER)
    def test_customer_who_could_not_be_looked_up_is_looked_up_again(self):
        """The access point was down, or the customer was not there then."""
        self.access_point.odd_answer = {"error": {"code": "X", "message": "Down"}}
        self.customer.button_account_peppol_check_partner_endpoint(company=self.company)
        invoice = self._bill_one()
        invoice.action_billing_email()
        self._send_outbox()
        self.assertEqual(self._read_mails(invoice), [("invoice", "sent")])
        self.access_point.odd_answer = None
        later = self._bill_one()
        later.action_billing_email()
        self._send_outbox()
        states = [("einvoice", "sent"), ("invoice", "sent")]
        self.assertEqual(sorted(self._read_mails(later)), states)
        # Nor does who wants Peppol wait for somebody to press Verify in Contacts.
        self._set_method("peppol")
        self.customer.with_company(self.company).peppol_verification_state = "not_valid"
        last = self._bill_one()
        last.action_billing_email()
        self.assertEqual(self._read_mails(last), [("einvoice", "sent")])

    @mute_logger(DELIVERY)
    def test_odd_answer_holds_up_no_message(self):
        """What Odoo cannot read of an answer would be met again by each job."""
        self.access_point.odd_answer = {"error": "Too many requests"}
        self._reset_customer()
        first, second = self._bill_one(), self._bill_one(self.other)
        (first + second)._billing_queue_mail("invoice")
        self._send_outbox()
        for invoice in (first, second):
            self.assertEqual(self._read_mails(invoice), [("invoice", "sent")])

    def test_no_email_address_is_needed(self):
        self._set_method("peppol")
        self.customer.email = False
        invoice = self._bill_one()
        invoice._billing_send_mail()
        self._send_outbox()
        self.assertEqual(self._read_mails(invoice), [("einvoice", "sent")])

    def test_run_sends_by_the_customers_way(self):
        self._set_method("peppol")
        for partner in (self.customer, self.other):
            self._create_transaction(50, partner_id=partner.id, tax_ids=self.tax_21)
        run = self._create_run(is_email=True)
        self._do(run)
        self.assertEqual(run.state, "done")
        self._send_outbox()
        self.assertEqual(len(self.access_point.documents), 1)
        self.assertEqual(
            [message.to[0].email for message in self.mailjet.sent], ["not@example.com"]
        )
        self.assertFalse(run.unsent_count)

    def test_many_at_once(self):
        self._set_method("peppol")
        invoices = self._bill_one() + self._bill_one(self.other)
        bulk = self.env["omni.billing.bulk"].create(
            {"operation": "email", "invoice_ids": invoices.ids}
        )
        for invoice in invoices:
            bulk._run_email(invoice)
        self._send_outbox()
        self.assertEqual(len(self.access_point.documents), 1)
        self.assertEqual(len(self.mailjet.sent), 1)

    def test_sent_once(self):
        """Who asks again gets an e-mail; a second e-invoice is not sent."""
        self._set_method("peppol")
        invoice = self._bill_one()
        invoice.action_billing_email()
        invoice.action_billing_email()
        self.assertEqual(len(self.access_point.documents), 1)
        self.assertEqual(len(self.mailjet.sent), 1)

    def test_answer_that_is_lost_is_left_to_a_person(self):
        """The process died after it was handed over, or before: nobody knows."""
        self._set_method("peppol")
        [mail] = self._bill_one()._billing_queue_mail("invoice")
        mail.sudo()._set_attempted_by_channel()
        self._send_outbox()
        self.assertRecordValues(
            mail, [{"state": "failed", "error_code": "unknown", "needs_action": True}]
        )
        self.assertFalse(self.access_point.documents)

    @mute_logger(PROXY)
    def test_access_point_that_is_down(self):
        """It is on the list, and goes out when somebody sends it again."""
        self._set_method("peppol")
        self.access_point.is_down = True
        invoice = self._bill_one()
        notice = invoice.action_billing_email()
        self.assertEqual(notice["params"]["type"], "danger")
        [mail] = invoice.sudo().billing_mail_ids
        self.assertTrue(mail.needs_action)
        self.assertTrue(mail.error)
        self.access_point.is_down = False
        mail.action_send_again()
        self.assertEqual(len(self.access_point.documents), 1)
        self.assertFalse(mail.needs_action)

    def test_customer_whom_peppol_does_not_know(self):
        """Chosen by hand, and not there: said at once."""
        self._set_method("peppol", self.other)
        invoice = self._bill_one(self.other)
        notice = invoice.action_billing_email()
        self.assertEqual(notice["params"]["type"], "danger")
        self.assertIn("Not There", invoice.sudo().billing_mail_ids.error)

    def test_company_that_is_not_registered(self):
        self._set_method("peppol")
        self.company.sudo().account_peppol_proxy_state = "not_registered"
        invoice = self._bill_one()
        with self.assertRaisesRegex(UserError, "registered"):
            invoice._billing_send_mail()

    def test_delivered(self):
        self._set_method("peppol")
        invoice = self._bill_one()
        invoice.action_billing_email()
        self._tell()
        self.assertEqual(invoice.billing_mail_state, "sent")
        self._tell(state="done")
        self.assertEqual(invoice.billing_mail_state, "delivered")
        self.assertEqual(len(self.access_point.acknowledged), 2)

    def test_rejected_is_told_to_staff(self):
        """As an e-mail that bounced, and as a to-do; mended, it goes out anew."""
        self._set_method("peppol")
        invoice = self._bill_one()
        invoice.action_billing_email()
        self._tell(error={"code": 200, "message": "The order number is unknown"})
        [mail] = invoice.sudo().billing_mail_ids
        self.assertRecordValues(
            mail, [{"state": "bounced", "error_code": "rejected", "needs_action": True}]
        )
        self.assertTrue(mail.error)
        self.assertEqual(invoice.billing_mail_state, "bounced")
        [activity] = invoice.activity_ids
        self.assertIn(mail.error, activity.note)
        invoice.ref = "PO-7"
        mail.action_send_again()
        self.assertEqual(invoice.billing_mail_state, "sent")
        self.assertFalse(mail.needs_action)
        *_first, (_receiver, tree) = self.access_point.documents.values()
        self.assertEqual(tree.findtext("{*}OrderReference/{*}ID"), "PO-7")
        self.assertEqual(len(self.access_point.documents), 2)

    def test_rejection_of_what_odoos_dialog_sent_is_on_the_list_too(self):
        invoice = self._bill_one()
        self.env["account.move.send"]._generate_and_send_invoices(
            invoice, sending_methods=["peppol"]
        )
        self._tell(error={"code": 200, "message": "No"})
        [mail] = invoice.sudo().billing_mail_ids
        self.assertEqual((mail.kind, mail.state), ("einvoice", "bounced"))
        self.assertTrue(mail.needs_action)

    def test_reminders_are_emails(self):
        self._set_method("peppol")
        invoice = self._bill_one()
        invoice._billing_queue_mail("reminder")
        self.assertEqual(self._read_mails(invoice), [("reminder", "queued")])
