import base64
import hashlib
import os
from unittest.mock import patch

from odoo.exceptions import AccessError, UserError
from odoo.fields import Date, Datetime
from odoo.tests import tagged
from odoo.tools import mute_logger

from odoo.addons.omni_billing.models.documents import omni_billing_pdf_cache
from odoo.addons.omni_billing.models.documents.omni_billing_pdf_cache import (
    OmniBillingPdfCache,
)
from odoo.addons.omni_billing.tools.write_guard import trust

from .common import BillingCommon

CACHE_LOGGER = "odoo.addons.omni_billing.models.documents.omni_billing_pdf_cache"

#: What Odoo keeps in memory and announces itself, or what shows nowhere.
ANNOUNCED = {
    "ir.actions.report",
    "ir.attachment",
    "ir.model",
    "ir.model.fields",
    "ir.rule",
    "ir.sequence",
    "ir.ui.view",
    "omni.billing.pdf.cache",
    "res.groups",
    "res.lang",
}


class PlainRenderer:
    """Makes a file of what would be laid out, and counts."""

    def __init__(self):
        self.count = 0

    def render(self, document):
        self.count += 1
        return f"%PDF {document.source}".encode()


@tagged("post_install", "-at_install")
class TestPdfCache(BillingCommon):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.customer.write({"street": "18 Harbour Street", "lang": "en_US"})
        cls._create_transaction(100, tax_ids=cls.tax_10, name="Fibre 500")
        cls.invoice = cls._bill(title="January")
        cls.cache = cls.env["omni.billing.pdf.cache"]

    def setUp(self):
        super().setUp()
        self.renderer = PlainRenderer()
        Report = type(self.env["ir.actions.report"])
        self.patch(Report, "_billing_get_pdf_renderer", lambda report: self.renderer)
        sequences = dict(self.registry.cache_sequences)
        self.addCleanup(self.registry.cache_sequences.update, sequences)
        self._send_signals()

    def _send_signals(self):
        """Do what Odoo does at each commit."""
        self.env.flush_all()
        for name in self.registry.cache_invalidated:
            self.registry.cache_sequences[name] += 1
        self.registry.cache_invalidated.clear()

    def _get(self):
        self._send_signals()
        return self.invoice._billing_get_pdf().decode()

    @property
    def entry(self):
        return self.cache.search([("move_id", "=", self.invoice.id)])

    def test_made_once(self):
        """F54, F107, F108, F111"""
        first = self._get()
        self.assertEqual(self._get(), first)
        self.assertEqual(
            self.invoice.with_user(self.staff)._billing_get_pdf().decode(), first
        )
        self.assertEqual(self.renderer.count, 1)
        entry = self.entry
        self.assertEqual(entry.checksum, hashlib.sha256(first.encode()).hexdigest())
        self.assertTrue(entry.rendered_at and entry.last_access)
        self.assertEqual(entry.attachment_id.name, self.invoice._billing_get_filename())

    def test_made_by_a_job_right_after(self):
        """F54: nobody waits for it, and who asks has the file that is there."""
        self._send_signals()
        self.assertTrue(self.entry.is_due)
        self.assertFalse(self.entry.attachment_id)
        self.assertTrue(
            self.env["ir.cron.trigger"]
            .sudo()
            .search_count([("cron_id.code", "=", "model._cron_make()")])
        )
        # sudo: as the job.
        self.cache.sudo()._cron_make()
        self.assertEqual(self.renderer.count, 1)
        self.assertFalse(self.entry.is_due)
        self.assertTrue(self.entry.attachment_id)
        self._get()
        # sudo: as the job.
        self.cache.sudo()._cron_make()
        self.assertEqual(self.renderer.count, 1)

    def test_asked_for_before_the_job(self):
        """F54: it is made then, and not again."""
        self._get()
        # sudo: as the job.
        self.cache.sudo()._cron_make()
        self.assertEqual(self.renderer.count, 1)
        self.assertFalse(self.entry.is_due)

    def test_job_goes_on_after_one_that_fails(self):
        other = self._bill(self._create_transaction(5))
        fails = {self.invoice.id}
        make = type(self.cache)._make

        def fail(cache, move):
            if move.id in fails:
                message = "no"
                raise UserError(message)
            return make(cache, move)

        self.patch(type(self.cache), "_make", fail)
        # sudo: as the job.
        self.cache.sudo()._cron_make()
        self.assertFalse(self.entry.is_due or self.entry.attachment_id)
        stored = self.cache.search([("move_id", "=", other.id)])
        self.assertTrue(stored.attachment_id)

    def test_run_makes_none(self):
        """F54: its PDFs are made as they are sent."""
        charge = self._create_transaction(5)
        move = charge._create_invoice(self.customer)
        self.assertFalse(self.cache.search([("move_id", "=", move.id)]))

    def test_same_file_wherever_it_is_asked_for(self):
        first = self._get().encode()
        report = self.env["ir.actions.report"].with_context(force_report_rendering=True)
        content, _type = report._render_qweb_pdf(
            "account.account_invoices", self.invoice.ids
        )
        self.assertEqual(content, first)
        [document] = self.invoice._get_invoice_legal_documents_all(allow_fallback=True)
        self.assertEqual(document["content"], first)
        self.assertEqual(self.renderer.count, 1)

    def test_quick_answer_is_quick(self):
        """Promise 6: two queries, whatever the page shows."""
        self._get()
        # Late in the evening the clock of tests is put back, and not the database's.
        self.env.cr.execute(
            "UPDATE omni_billing_pdf_cache SET last_access = now() AT TIME ZONE 'UTC'"
        )
        self._send_signals()
        self.env.invalidate_all()
        with self.assertQueryCount(2):
            self.invoice.sudo()._billing_get_pdf()

    def test_page_of_one_does_not_read_the_others(self):
        """A hundred PDFs in a row cost a hundred times one, and no more."""
        self._create_transaction(10)
        first, second = self.invoice | self._bill()
        field = first._fields["partner_id"]
        read = []
        render = self.renderer.render

        def note(document):
            read.extend(field._get_cache(self.env))
            return render(document)

        self.patch(self.renderer, "render", note)
        self.cache._make(first)
        self.assertIn(first.id, read)
        self.assertNotIn(second.id, read)

    def _assert_shown(self, words, change):
        before = self._get()
        self.assertNotIn(words, before)
        change()
        after = self._get()
        self.assertIn(words, after)
        self.assertEqual(self.entry.size, -(-len(after.encode()) // 1024))
        self.assertEqual(self._get(), after)

    def test_fresh_after_payment(self):
        """W13, W17"""
        self._assert_shown("Paid in full", lambda: self._pay(self.invoice))

    def test_fresh_after_part_payment(self):
        self._assert_shown("Amount due", lambda: self._pay(self.invoice, amount=30))

    def test_fresh_after_void(self):
        """F81, F109"""
        self._assert_shown("Void invoice", self.invoice.action_billing_void)

    def test_fresh_after_any_change_that_shows(self):
        """F109, F112: each of what the page is made from."""
        template = self.env["omni.billing.template"]._select_for(self.invoice)
        country = self.env.ref("base.be")
        bank = self.env["res.partner.bank"].create(
            {
                "acc_number": "BE71096123456769",
                "partner_id": self.company.partner_id.id,
            }
        )
        trust(self.invoice).partner_bank_id = bank
        self.customer.country_id = country
        user = self.invoice.invoice_user_id
        self.assertTrue(user)
        template.show_author = True
        view = self.env.ref("omni_billing.report_invoice_document")
        line = self.invoice.invoice_line_ids
        changes = {
            "Quay 7": lambda: self.customer.write({"street": "Quay 7"}),
            "Acme Holdings": lambda: self.customer.write({"name": "Acme Holdings"}),
            "BE0477472701": lambda: self.customer.write({"vat": "BE0477472701"}),
            "Belgia": lambda: country.write({"name": "Belgia"}),
            "Our Company II": lambda: self.company.write({"name": "Our Company II"}),
            "+32 2 555 00 00": lambda: self.company.write({"phone": "+32 2 555 00 00"}),
            "https://ours.example.com": lambda: self.company.write(
                {"website": "https://ours.example.com"}
            ),
            "Pay by the 9th": lambda: self.company.write(
                {"billing_payment_instructions": "Pay by the 9th"}
            ),
            "DE89 3704 0044 0532 0130 00": lambda: bank.write(
                {"acc_number": "DE89370400440532013000"}
            ),
            "#aa0011": lambda: template.write({"color": "#aa0011"}),
            "Late fee 2 %": lambda: template.write({"terms": "Late fee 2 %"}),
            "Our footer": lambda: template.write({"footer": "Our footer"}),
            "size: letter": lambda: template.write({"paper_format": "letter"}),
            "Grace Author": lambda: user.write({"name": "Grace Author"}),
            "Duty": lambda: self.tax_10.tax_group_id.write({"name": "Duty"}),
            "¤": lambda: self.currency.write({"symbol": "¤"}),
            "Fibre 900": lambda: self._write_row(line, "Fibre 900"),
            "Our own words": lambda: view.write(
                {"arch": view.arch.replace("Billed to", "Our own words")}
            ),
        }
        for words, change in changes.items():
            with self.subTest(words=words):
                self._assert_shown(words, change)

    def _write_row(self, line, name):
        """Write where no code of ours is asked."""
        self.env.cr.execute(
            "UPDATE account_move_line SET name = %s WHERE id = %s", (name, line.id)
        )
        self.env.invalidate_all()

    def test_new_template_takes_over(self):
        """F93, F109: no row of the old file was written."""
        self._assert_shown(
            "#00aa00",
            lambda: self.env["omni.billing.template"].create(
                {
                    "name": "New",
                    "sequence": 1,
                    "lang": "en_US",
                    "color": "#00aa00",
                    "is_automatic": True,
                }
            ),
        )

    def test_customer_gets_another_template(self):
        template = self.env["omni.billing.template"].create(
            {"name": "Own", "is_automatic": False, "color": "#0000aa"}
        )
        self._assert_shown(
            "#0000aa", lambda: self.customer.write({"billing_template_id": template.id})
        )

    def test_language_of_the_customer(self):
        self.env["res.lang"]._activate_lang("fr_FR")
        lang = self.env["res.lang"]._lang_get("fr_FR")
        self._assert_shown(
            'lang="fr-FR"', lambda: self.customer.write({"lang": "fr_FR"})
        )
        day = Date.today().strftime("%Y~%m~%d")
        self._assert_shown(day, lambda: lang.write({"date_format": "%Y~%m~%d"}))

    def test_what_does_not_show_costs_no_new_file(self):
        first = self._get()
        self.customer.comment = "<p>likes mail</p>"
        self.company.write({"billing_void_method": "credit_note"})
        self.assertEqual(self._get(), first)
        self.assertEqual(self.renderer.count, 1)
        # And is looked at only once.
        self.patch(OmniBillingPdfCache, "_refresh", None)
        self.assertEqual(self._get(), first)

    def test_unsent_signals_are_not_trusted(self):
        """A change of views in this very transaction is told by nobody yet."""
        first = self._get()
        view = self.env.ref("omni_billing.report_invoice_document")
        view.arch = view.arch.replace("Billed to", "Right now")
        self.assertTrue(self.registry.cache_invalidated)
        self.assertNotEqual(self.invoice._billing_get_pdf().decode(), first)

    def test_all_that_is_read_is_watched(self):
        """No field may show of which the store does not know."""
        bank = self.env["res.partner.bank"].create(
            {"acc_number": "123", "partner_id": self.company.partner_id.id}
        )
        trust(self.invoice).partner_bank_id = bank
        template = self.env["omni.billing.template"]._select_for(self.invoice)
        template.write({"show_author": True, "show_payment_qr": True})
        note = self.invoice._reverse_moves(cancel=True)
        for move in (self.invoice, note):
            self.env.flush_all()
            self.env.invalidate_all()
            move._billing_prepare_document()
            read = {}
            for model in self.env.registry:
                for field in self.env[model]._fields.values():
                    ids = field._get_cache(self.env) if field.store else ()
                    read.setdefault(model, set()).update(
                        record_id for record_id in ids if isinstance(record_id, int)
                    )
            watched = {}
            for records in move._billing_get_pdf_dependencies():
                watched.setdefault(records._name, set()).update(records.ids)
            missed = {
                model: ids - watched.get(model, set())
                for model, ids in read.items()
                if model not in ANNOUNCED and ids - watched.get(model, set())
            }
            self.assertFalse(missed)

    def test_damaged_file_is_made_again(self):
        """Promise 6: never served."""
        first = self._get()
        path = self.env["ir.attachment"]._full_path(
            self.entry.attachment_id.store_fname
        )
        os.chmod(path, 0o600)
        with open(path, "wb") as file:
            file.write(b"%PDF half")
        with mute_logger(CACHE_LOGGER):
            self.assertEqual(self._get(), first)
        self.assertEqual(self.renderer.count, 2)
        self.assertEqual(self._get(), first)

    def test_lost_file_is_made_again(self):
        first = self._get()
        os.remove(
            self.env["ir.attachment"]._full_path(self.entry.attachment_id.store_fname)
        )
        with mute_logger(CACHE_LOGGER, "odoo.addons.base.models.ir_attachment"):
            self.assertEqual(self._get(), first)

    def test_file_in_the_database(self):
        self.env["ir.config_parameter"].set_param("ir_attachment.location", "db")
        first = self._get()
        self.assertFalse(self.entry.attachment_id.store_fname)
        self.assertEqual(self._get(), first)
        self.assertEqual(self.renderer.count, 1)

    def test_draft_is_never_kept(self):
        charge = self._create_transaction(10)
        draft = self._create_draft(charge)
        charge._set_invoiced(draft)
        for _time in range(2):
            draft._billing_get_pdf()
        self.assertEqual(self.renderer.count, 2)
        self.assertFalse(self.cache.search([("move_id", "=", draft.id)]))

    def test_clear(self):
        """F112: of one invoice, of a template, of all."""
        template = self.env["omni.billing.template"]._select_for(self.invoice)
        other = template.copy({"is_automatic": False})
        self._get()
        other.action_clear_pdf()
        self.assertTrue(self.entry, "it was made with another template")
        self.invoice.action_billing_clear_pdf()
        self.renderer.count = 0
        for clear in (
            self.invoice.action_billing_clear_pdf,
            template.action_clear_pdf,
            self.env["res.config.settings"].create({}).action_billing_clear_pdfs,
        ):
            self._get()
            attachment = self.entry.attachment_id
            clear()
            self.assertFalse(self.entry)
            self.assertFalse(attachment.exists())
        self.assertEqual(self.renderer.count, 3)

    def test_purge_by_age_and_use(self):
        """F110: 90 days old, or 30 days unused."""
        for field, kept, gone in (("rendered_at", 89, 91), ("last_access", 29, 31)):
            for days, count in ((kept, 1), (gone, 0)):
                self._get()
                self.entry.sudo()[field] = Datetime.subtract(Datetime.now(), days=days)
                self.cache.sudo()._gc_pdf_cache()
                self.assertEqual(len(self.entry), count, f"{field} {days}")

    def test_purge_by_size(self):
        others = []
        for cost in (20, 30):
            self._create_transaction(cost)
            others.append(self._bill())
        for number, move in enumerate((self.invoice, *others)):
            move._billing_get_pdf()
            entry = self.cache.search([("move_id", "=", move.id)]).sudo()
            entry.write(
                {
                    "size": 700,
                    "last_access": Datetime.subtract(Datetime.now(), days=number),
                }
            )
        settings = self.env["res.config.settings"].create({"billing_pdf_max_mb": 2})
        settings.set_values()
        self.cache.sudo()._gc_pdf_cache()
        kept = self.cache.search([]).move_id
        self.assertEqual(
            kept & (self.invoice + others[0] + others[1]), self.invoice + others[0]
        )

    def test_purge_goes_on_where_much_is_old(self):
        self._create_transaction(20)
        for move in (self.invoice, self._bill()):
            move._billing_get_pdf()
        entries = self.cache.search([]).sudo()
        entries.rendered_at = Datetime.subtract(Datetime.now(), days=91)
        with patch.object(omni_billing_pdf_cache, "PURGED", len(entries) - 1):
            purge = entries._gc_pdf_cache
            self.assertEqual(purge(), (len(entries) - 1, True))
            self.assertEqual(purge()[0], 1)
        self.assertFalse(entries.exists())

    def test_settings_keep_a_zero(self):
        settings = self.env["res.config.settings"].create({"billing_pdf_max_days": 0})
        settings.set_values()
        self._get()
        self.entry.sudo().rendered_at = Datetime.subtract(Datetime.now(), days=999)
        self.cache.sudo()._gc_pdf_cache()
        self.assertTrue(self.entry)

    def test_usage_is_counted(self):
        count, size = self.cache._get_usage()
        self._get()
        self._get()
        self.assertEqual(self.cache._get_usage(), (count + 1, size + self.entry.size))
        settings = self.env["res.config.settings"].create({})
        self.assertIn(f"{count + 1} PDFs, ", settings.billing_pdf_usage)

    def test_use_is_noted_once_an_hour(self):
        self._get()
        self.entry.sudo().last_access = Datetime.subtract(Datetime.now(), hours=2)
        self._get()
        used = self.entry.last_access
        self.assertGreater(used, Datetime.subtract(Datetime.now(), hours=1))
        self._get()
        self.assertEqual(self.entry.last_access, used)

    def test_who_may_see_the_store(self):
        self._get()
        entry = self.entry
        entry.check_access("read")
        for user in (self.staff, self.portal, self.outsider):
            with self.assertRaises(AccessError):
                entry.with_user(user).check_access("read")
            with self.assertRaises(AccessError):
                entry.attachment_id.with_user(user).raw  # noqa: B018
            with self.assertRaises(AccessError):
                self.invoice.with_user(self.outsider)._billing_get_pdf()

    def test_logo_shows(self):
        pixel = base64.b64encode(
            base64.b64decode(
                "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAW"
                "jR9awAAAABJRU5ErkJggg=="
            )
        )
        self._assert_shown(
            "data:image/png", lambda: self.company.write({"logo": pixel})
        )


@tagged("post_install", "-at_install")
class TestManyPdfs(BillingCommon):
    def test_several_in_one_file(self):
        """Each from the store, in the order that was asked for."""
        invoices = self.env["account.move"]
        for cost in (10, 20, 30):
            self._create_transaction(cost, partner_id=self.partner_a.id)
            wizard = self._open_proforma(partner_id=self.partner_a.id)
            invoices |= invoices.browse(wizard.action_generate()["res_id"])
        ids = [invoices.ids[1], invoices.ids[2], invoices.ids[0]]
        report = self.env["ir.actions.report"]
        streams = report._render_qweb_pdf_prepare_streams(
            "account.account_invoices", {}, ids
        )
        self.assertEqual(list(streams), ids)
        cached = self.env["omni.billing.pdf.cache"].search(
            [("move_id", "in", invoices.ids)]
        )
        self.assertEqual(len(cached), 3)
