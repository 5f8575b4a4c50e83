from pathlib import Path
from unittest.mock import patch

from odoo.exceptions import UserError
from odoo.fields import Command
from odoo.modules.loading import load_demo
from odoo.modules.migration import load_script
from odoo.modules.module_graph import ModuleGraph
from odoo.tests import tagged
from odoo.tools import mute_logger

from odoo.addons.omni_billing import hooks
from odoo.addons.omni_billing.tools.write_guard import trust

from .card_common import CardCommon
from .common import BillingCommon
from .test_card_requests import RequestCommon

SCRIPTS = Path(__file__).resolve().parents[1] / "migrations"
#: What ours begins with; of Odoo's page nobody makes a PDF in a test.
PDF = b"%PDF"


class ForeignCommon(BillingCommon):
    """An invoice that somebody wrote in Odoo, beside one of ours."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls._create_transaction(100)
        cls.invoice = cls._bill()
        cls.foreign = cls.init_invoice(
            "out_invoice", cls.customer, amounts=[50], post=True
        )
        cls.report = cls.env.ref("omni_billing.report_invoice")
        cls.standard = cls.env.ref("account.account_invoices")


@tagged("post_install", "-at_install")
class TestForeignPdf(ForeignCommon):
    """W44: one number is one document, and that of another invoice is Odoo's."""

    def test_each_door_gives_the_page_of_odoo(self):
        self.env["ir.attachment"].search([]).invalidate_recordset()
        content = self.foreign._billing_get_pdf()
        self.assertFalse(content.startswith(PDF))
        self.assertIn(self.foreign.name.encode(), content)
        printed, _type = self.report.with_context(
            force_report_rendering=True
        )._render_qweb_pdf(self.report.report_name, self.invoice.ids)
        self.assertTrue(printed.startswith(PDF))
        with patch.object(type(self.foreign), "_billing_get_odoo_pdf", lambda _m: b"O"):
            streams = self.report._render_qweb_pdf_prepare_streams(
                self.report.report_name, {}, (self.invoice + self.foreign).ids
            )
            self.assertEqual(streams[self.foreign.id]["stream"].getvalue(), b"O")
            bulk = self.env["omni.billing.bulk"].create(
                {
                    "operation": "download",
                    "invoice_ids": [Command.set((self.invoice + self.foreign).ids)],
                }
            )
            bulk.run_step(bulk.invoice_ids.ids)
            files = dict(bulk._get_files())
        self.assertEqual(
            files[self.foreign._billing_get_filename(among_others=True)], b"O"
        )
        self.assertTrue(
            files[self.invoice._billing_get_filename(among_others=True)].startswith(PDF)
        )

    def test_button_opens_the_report_of_odoo(self):
        for invoice, report in (
            (self.foreign, self.standard),
            (self.invoice, self.report),
        ):
            for action in (
                invoice.action_billing_pdf(),
                invoice.action_billing_download(),
            ):
                self.assertEqual(action["report_name"], report.report_name)

    def test_what_was_sent_is_what_there_is(self):
        self.env["ir.attachment"].create(
            {
                "name": "sent.pdf",
                "raw": b"%PDF sent",
                "res_model": "account.move",
                "res_id": self.foreign.id,
                "res_field": "invoice_pdf_report_file",
            }
        )
        self.foreign.invalidate_recordset()
        self.assertEqual(self.foreign._billing_get_pdf(), b"%PDF sent")

    def test_looking_at_it_keeps_nothing(self):
        count = self.env["ir.attachment"].search_count([])
        self.foreign.with_context(force_report_rendering=False)._billing_get_pdf()
        self.assertEqual(self.env["ir.attachment"].search_count([]), count)
        self.assertFalse(self.foreign.invoice_pdf_report_id)

    def test_nobody_is_asked_which(self):
        """Send & Print, and the menu Print, offer ours for ours alone."""
        for invoice, report in (
            (self.foreign, self.standard),
            (self.invoice, self.report),
        ):
            with self.subTest(invoice.name):
                dialog = (
                    self.env["account.move.send.wizard"]
                    .with_context(active_model="account.move", active_ids=invoice.ids)
                    .create({})
                )
                self.assertEqual(dialog.pdf_report_id, report)
                self.assertEqual(dialog.available_pdf_report_ids, report)
                self.assertFalse(dialog.display_pdf_report_id)
                found = self.report.get_valid_action_reports(
                    "account.move", invoice.ids
                )
                self.assertEqual(bool(found), invoice == self.invoice)
        both = (self.foreign + self.invoice).ids
        found = self.report.get_valid_action_reports("account.move", both)
        self.assertEqual(found, self.report.ids)
        self.assertNotIn(
            self.report, self.customer.available_invoice_template_pdf_report_ids
        )

    def test_customer_for_whom_ours_was_chosen_once(self):
        self.customer.invoice_template_pdf_report_id = self.report
        send = self.env["account.move.send"]
        self.assertEqual(send._get_default_pdf_report_id(self.foreign), self.standard)
        self.assertEqual(send._get_default_pdf_report_id(self.invoice), self.report)
        send._check_invoice_report(self.foreign)
        self.assertFalse(self.foreign._billing_get_pdf().startswith(PDF))


@tagged("post_install", "-at_install")
class TestForeignTitle(ForeignCommon):
    """W44: what is ours is what holds transactions."""

    def test_title_makes_nothing_ours(self):
        draft = self.init_invoice("out_invoice", self.customer, amounts=[5])
        draft.billing_title = "By hand"
        self.assertFalse(draft._billing_has_own_pdf())
        draft.action_post()
        self.assertFalse(draft._billing_has_own_pdf())
        draft.button_cancel()
        self.assertEqual((draft.state, draft.billing_state), ("cancel", "void"))
        self.assertFalse(draft.billing_is_void)
        draft.button_draft()
        self.assertEqual(draft.state, "draft")
        draft.action_post()
        self.assertEqual(draft.billing_title, "By hand")

    def test_seal_of_another_is_odoos(self):
        """Odoo guards it, and writes those of earlier kinds as such."""
        self.foreign.write({"inalterable_hash": "$3$kept", "secure_sequence_number": 7})
        self.assertRecordValues(
            self.foreign,
            [{"inalterable_hash": "$3$kept", "secure_sequence_number": 7}],
        )
        with self.assertRaisesRegex(UserError, "protected by a hash"):
            self.foreign.inalterable_hash = "forged"
        for seal in ({"inalterable_hash": "x"}, {"secure_sequence_number": 7}):
            with self.subTest(seal), self.assertRaisesRegex(UserError, "by hand"):
                self.invoice.write(seal)

    def test_upgrade_gives_back_what_a_title_took(self):
        draft = self.init_invoice("out_invoice", self.customer, amounts=[5])
        draft.button_cancel()
        self.invoice.action_billing_void()
        trust(draft).write({"billing_is_void": True, "billing_title": "Void: By hand"})
        self.env.flush_all()
        path = SCRIPTS / "19.0.1.5.0" / "post-foreign.py"
        load_script(str(path), "foreign").migrate(self.env.cr, "19.0.1.4.0")
        self.env.invalidate_all()
        self.assertFalse(draft.billing_is_void)
        self.assertTrue(self.invoice.billing_is_void)
        draft.button_draft()

    def test_payment_of_another_is_blocked(self):
        """As in Odoo; and what was blocked before we came can be let go."""
        accountant = self._create_user("accountant", "account.group_account_invoice")
        foreign = self.foreign.with_user(accountant)
        for state in ("blocked", "not_paid"):
            foreign.action_toggle_block_payment()
            self.assertEqual(foreign.payment_state, state)
        with self.assertRaisesRegex(UserError, "vendor bills"):
            self.invoice.action_toggle_block_payment()

    def test_void_of_another_stays_another(self):
        self.company.billing_void_method = "credit_note"
        (self.foreign + self.invoice).action_billing_void()
        self.assertTrue(self.foreign.billing_is_void)
        self.assertFalse(self.foreign._billing_has_own_pdf())
        self.assertFalse(self.foreign.reversal_move_ids._billing_has_own_pdf())
        self.assertTrue(self.invoice._billing_has_own_pdf())
        self.assertTrue(self.invoice.reversal_move_ids._billing_has_own_pdf())

    def test_ours_is_ours_when_what_was_released_is_gone(self):
        charges = self.invoice.billing_transaction_ids
        self.invoice.action_billing_void()
        charges.unlink()
        self.assertFalse(self.invoice.billing_released_ids)
        self.assertTrue(self.invoice._billing_has_own_pdf())
        with self.assertRaises(UserError):
            self.invoice.button_draft()


@tagged("post_install", "-at_install")
class TestPaymentsOfOthers(RequestCommon):
    """W43: who pays in a shop is nobody's customer here."""

    def setUp(self):
        super().setUp()
        self.answers["customers"] = {"id": "cus_odoo"}

    def _pay(self, partner, invoice=None, **values):
        payment = self._begin_online(invoice, partner_id=partner.id, **values)
        payment.write(
            {
                "partner_name": "Ada Donor",
                "partner_email": "ada@example.com",
                "partner_phone": "+33 1 23 45 67 89",
            }
        )
        payload = payment._stripe_prepare_payment_intent_payload()
        self.assertEqual(payment.billing_customer_ref, payload["customer"])
        asked = [data for call, data in self.sent if call == "POST customers"]
        return payload["customer"], asked

    def test_anonymous_payer_has_the_name_that_was_given(self):
        public = self.env.ref("base.public_partner")
        for count in (1, 2):
            customer, asked = self._pay(public)
            self.assertEqual((customer, len(asked)), ("cus_odoo", count))
            self.assertEqual(asked[-1]["name"], "Ada Donor")
            self.assertEqual(asked[-1]["email"], "ada@example.com")
            self.assertEqual(asked[-1]["phone"], "+33 1 23 45 67 89")
        self.assertFalse(self.gateway.named)

    def test_public_partner_is_shared_with_nobody(self):
        """Not even on an invoice of ours, as a shop without an account may have."""
        invoice = self._bill_amounts(45)
        customer, _asked = self._pay(self.env.ref("base.public_partner"), invoice)
        self.assertEqual(customer, "cus_odoo")
        self.assertFalse(self.gateway.named)

    def test_invoice_of_ours_or_of_another(self):
        customer, asked = self._pay(self.customer, self._bill_amounts(45))
        self.assertEqual((asked, customer in self.gateway.named), ([], True))
        foreign = self.init_invoice(
            "out_invoice", self.customer, amounts=[45], post=True
        )
        customer, asked = self._pay(self.customer, foreign)
        self.assertEqual((customer, len(asked)), ("cus_odoo", 1))

    def test_saved_card_is_of_our_customer(self):
        saving = self._begin_online(operation="validation")
        saving._stripe_prepare_setup_intent_payload()
        self.assertEqual(len(self.gateway.named), 1)
        self.assertFalse(self.sent)


@tagged("post_install", "-at_install")
class TestMissingSecret(CardCommon):
    """W43: Odoo takes events without a signature; who installs this is told."""

    def _find_notes(self):
        return self.company.partner_id.activity_ids.filtered(
            lambda activity: "webhook secret" in (activity.note or "")
        )

    def test_installer_is_told(self):
        hooks._tell_of_missing_secrets(self.env)
        self.assertFalse(self._find_notes())
        self.provider.stripe_webhook_secret = False
        with self.assertLogs(hooks.__name__, "WARNING"):
            hooks._tell_of_missing_secrets(self.env)
        with mute_logger(hooks.__name__):
            hooks._tell_of_missing_secrets(self.env)
        self.assertEqual(len(self._find_notes()), 1)

    def test_form_says_so(self):
        self.assertFalse(self.provider.billing_has_no_secret)
        self.provider.stripe_webhook_secret = False
        self.assertTrue(self.provider.billing_has_no_secret)
        self.provider.state = "disabled"
        self.assertFalse(self.provider.billing_has_no_secret)


@tagged("post_install", "-at_install")
class TestCreditLimit(BillingCommon):
    """W43: Odoo's credit limit counts what is used and not billed yet."""

    def test_pool_counts(self):
        self.company.account_use_credit_limit = True
        self.customer.credit_limit = 400
        self._create_transaction(500)
        self._create_credit(20)
        contact = self.env["res.partner"].create(
            {"name": "Depot", "parent_id": self.customer.id}
        )
        self._create_transaction(20, partner_id=contact.id)
        draft = self.init_invoice("out_invoice", self.customer, amounts=[30])
        accountant = self._create_user("accountant", "account.group_account_user")
        customer = self.customer.with_user(accountant)
        self.assertEqual(customer.credit_to_invoice, 500)
        self.assertIn("530.00", draft.with_user(accountant).partner_credit_warning)
        self.assertFalse(contact.credit_to_invoice)
        invoice = self._bill()
        self.env.invalidate_all()
        self.assertEqual(invoice.amount_total, 500)
        self.assertEqual((customer.credit_to_invoice, customer.credit), (0, 500))
        self.company.account_use_credit_limit = False


@tagged("post_install", "-at_install")
class TestAddressBelowAPath(BillingCommon):
    """W43: an Odoo that is served below a path is found there."""

    def test_path_is_kept(self):
        # sudo: an administrator's.
        parameters = self.env["ir.config_parameter"].sudo()
        parameters.set_param("web.base.url", "https://example.com/erp")
        url = self.company.sudo()._billing_get_mailjet_hook_url()
        self.assertRegex(url, r"@example\.com/erp/omni_billing/mailjet/\S+$")
        self._create_transaction(10)
        invoice = self._bill()
        self.assertTrue(
            invoice._billing_get_pay_link().startswith("https://example.com/erp/my/")
        )


@tagged("post_install", "-at_install")
class TestDemo(BillingCommon):
    """W43: Odoo's own loader takes the demo data, whatever languages there are."""

    def _load(self):
        graph = ModuleGraph(self.env.cr, mode="load")
        installed = self.env["ir.module.module"].sudo()  # sudo: an administrator's.
        installed = installed.search([("state", "=", "installed")])
        graph.extend(installed.mapped("name"))
        package = graph["omni_billing"]
        env = self.env(su=True, user=1)
        self.assertTrue(load_demo(env, package, {}, "init"))
        customer = env.ref("omni_billing.partner_lemoine_demo")
        self.assertTrue(customer.billing_invoice_ids)
        return customer

    def _set_languages(self, *codes):
        languages = self.env["res.lang"].with_context(active_test=False)
        self.env.cr.execute(
            "UPDATE res_lang SET active = (code = ANY(%s))", [list(codes)]
        )
        languages.invalidate_model()
        self.env.registry.clear_cache("stable")

    def test_english_alone(self):
        self._set_languages("en_US")
        self.assertEqual(self._load().lang, "en_US")

    def test_with_french(self):
        self._set_languages("en_US", "fr_FR")
        customer = self._load()
        self.assertEqual(customer.lang, "fr_FR")
        self.assertFalse(self.env["mail.mail"].search([("state", "=", "outgoing")]))


@tagged("post_install", "-at_install")
class TestLabels(BillingCommon):
    """W43: settings of all addons are fields of one model, and Odoo warns of twins."""

    def test_keys_of_mailjet_are_not_those_of_others(self):
        for name, field in self.env["res.config.settings"]._fields.items():
            if name.startswith("billing_mailjet_"):
                self.assertIn("Mailjet", field.string)
