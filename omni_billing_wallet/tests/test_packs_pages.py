"""What customers see of their packs."""

from odoo.tests import tagged

from .common import PackCommon
from .page_common import WalletPagesCase


@tagged("post_install", "-at_install")
class TestPackPages(PackCommon, WalletPagesCase):
    """W42: what is left and what was used, the customer's own, in its language."""

    def test_packs_and_uses_are_shown(self):
        """W42: of nobody else; without a pack there is no link."""
        self.authenticate("portal-test", "portal-test")
        self.assertNotIn("Prepaid", self._read_page("/my/billing"))
        self._sell()
        self._use(1, ref="secret-reference", note="Knee")
        stranger = self.env["res.partner"].create({"name": "Stranger"})
        self._sell(self._add_pack("Theirs", 50, 5), partner_id=stranger.id)
        self.env.flush_all()
        self.assertIn("What is left, and what was used", self._read_page("/my/billing"))
        text = self._read_page("/my/billing/packs")
        for told in ("Ten Sessions", "9 of 10 left", "Can Be Used", "Session: Knee"):
            self.assertIn(told, text)
        for hidden in ("Theirs", "secret-reference"):
            self.assertNotIn(hidden, text)
        for lang, told in (
            ("fr_FR", "9 sur 10"),
            ("de_DE", "9 von 10"),
            ("es_ES", "9 de 10"),
        ):
            text = self._read_page_in(lang, "/my/billing/packs")
            self.assertIn(told, text)
            self.assertNotIn("What Was Used", text)
