"""What customers see of their packs."""

from lxml import html

from odoo.tests import tagged
from odoo.tools.translate import TranslationImporter

from odoo.addons.omni_billing.tests.http_common import PatientHttpCase

from .common import PackCommon


@tagged("post_install", "-at_install")
class TestPackPages(PackCommon, PatientHttpCase):
    """W42: what is left and what was used, the customer's own, in its language."""

    def _read(self, path="/my/billing/packs"):
        response = self.url_open(path)
        self.assertEqual(response.status_code, 200)
        return " ".join(html.fromstring(response.content).text_content().split())

    def test_packs_and_uses_are_shown(self):
        """W42: of nobody else; without a pack there is no link."""
        self.authenticate("portal-test", "portal-test")
        self.assertNotIn("Prepaid", self._read("/my/billing"))
        self._sell()
        self._use(1, ref="secret-reference", note="Knee")
        stranger = self.env["res.partner"].create({"name": "Stranger"})
        self._sell(self._add_pack("Theirs", 50, 5), partner_id=stranger.id)
        self.env.flush_all()
        self.assertIn("What is left, and what was used", self._read("/my/billing"))
        text = self._read()
        for told in ("Ten Sessions", "9 of 10 left", "Can Be Used", "Session: Knee"):
            self.assertIn(told, text)
        for hidden in ("Theirs", "secret-reference"):
            self.assertNotIn(hidden, text)
        importer = TranslationImporter(self.env.cr, verbose=False)
        for lang, told in (
            ("fr_FR", "9 sur 10"),
            ("de_DE", "9 von 10"),
            ("es_ES", "9 de 10"),
        ):
            self.env["res.lang"].sudo()._activate_lang(lang)
            importer.load_file(f"omni_billing_wallet/i18n/{lang[:2]}.po", lang)
            importer.save(overwrite=True)
            self.env.registry.clear_all_caches()
            self.portal.sudo().lang = lang
            self.env.flush_all()
            self.authenticate("portal-test", "portal-test")
            text = self._read()
            self.assertIn(told, text)
            self.assertNotIn("What Was Used", text)
