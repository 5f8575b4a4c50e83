from lxml import html

from odoo.tools.translate import TranslationImporter

from odoo.addons.omni_billing.tests.http_common import PatientHttpCase


class WalletPagesCase(PatientHttpCase):
    """What customers read of our pages, in whatever language."""

    def _read_page(self, path):
        response = self.url_open(path)
        self.assertEqual(response.status_code, 200)
        return " ".join(html.fromstring(response.content).text_content().split())

    def _read_page_in(self, lang, path):
        """Return a page as the portal user reads it in a language."""
        self.env["res.lang"].sudo()._activate_lang(lang)
        importer = TranslationImporter(self.env.cr, verbose=False)
        importer.load_file(f"omni_billing_wallet/i18n/{lang[:2]}.po", lang)
        importer.save(overwrite=True)
        self.env.registry.clear_all_caches()
        self.portal.sudo().lang = lang
        self.env.flush_all()
        self.authenticate("portal-test", "portal-test")
        return self._read_page(path)
