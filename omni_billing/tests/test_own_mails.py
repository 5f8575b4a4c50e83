from pathlib import Path

from odoo.modules.migration import load_script
from odoo.tests import tagged
from odoo.tools.translate import TranslationImporter

from .mail_common import MailCommon

SCRIPTS = Path(__file__).resolve().parents[1] / "migrations" / "19.0.1.8.0"
OURS = "omni_billing.mail_template_invoice"
THEIRS = "omni_billing.mail_template_reminder"


@tagged("post_install", "-at_install")
class TestOwnMails(MailCommon):
    """W50: a seller's own text is not replaced by ours in another language."""

    def _upgrade(self):
        """Do what an upgrade does, in its order."""
        self.env.flush_all()
        load_script(str(SCRIPTS / "post-own-mails.py"), "post").migrate(self.env.cr, "")
        importer = TranslationImporter(self.env.cr, verbose=False)
        file = "omni_billing/i18n/de.po"
        importer.load_file(file, "de_DE", xmlids={OURS, THEIRS})
        importer.save()
        load_script(str(SCRIPTS / "end-own-mails.py"), "end").migrate(self.env.cr, "")
        self.env.invalidate_all()

    def _read_german(self, name):
        # sudo: mail templates are an administrator's.
        return self.env.ref(name).sudo().with_context(lang="de_DE")

    def test_upgrade_keeps_what_a_seller_wrote(self):
        self.env["res.lang"]._activate_lang("de_DE")
        theirs = self.env.ref(THEIRS).sudo()
        theirs.with_context(lang="en_US").write(
            {"subject": "Pay, please", "body_html": "<p>Pay us.</p>"}
        )
        self.env.flush_all()
        self.env.cr.execute(
            "UPDATE mail_template SET write_date = create_date"
            " + CASE WHEN id = %s THEN interval '1 day' ELSE interval '0' END",
            [theirs.id],
        )
        self._upgrade()
        self.assertIn("Rechnung", self._read_german(OURS).subject)
        self.assertIn("Guten Tag", self._read_german(OURS).body_html)
        german = self._read_german(THEIRS)
        self.assertEqual(german.subject, "Pay, please")
        self.assertEqual(german.body_html, "<p>Pay us.</p>")
        theirs.with_context(lang="en_US").subject = "Pay now, please"
        self.assertEqual(german.subject, "Pay now, please")

    def test_upgrade_without_these_languages(self):
        subject = self.env.ref(OURS).sudo().subject
        self._upgrade_nothing()
        self.assertEqual(self.env.ref(OURS).sudo().subject, subject)

    def _upgrade_nothing(self):
        self.env.cr.execute("UPDATE res_lang SET active = code = 'en_US'")
        self.env.registry.clear_cache("stable")
        for name in ("post", "end"):
            path = SCRIPTS / f"{name}-own-mails.py"
            load_script(str(path), name).migrate(self.env.cr, "")
        self.env.invalidate_all()
