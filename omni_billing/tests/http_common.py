from unittest.mock import patch

from odoo.tests import HttpCase, common

#: Seconds to wait for an answer; Odoo's twelve are few on a machine that is busy.
SECONDS = 120
#: How often a browser may take as long as Odoo thinks.
TIMES = 10


class PatientHttpCase(HttpCase):
    """Pages and browsers may take their time: the machine has other things to do."""

    #: Seconds that a request may wait for the test's own cursor.
    test_cursor_lock_timeout = SECONDS

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        # As Odoo does for a browser that it slows down.
        factor = property(lambda _browser: TIMES, lambda _browser, _value: None)
        for owner, name, value in (
            (common.ChromeBrowser, "throttling_factor", factor),
            (
                common,
                "CHECK_BROWSER_ITERATIONS",
                TIMES * common.CHECK_BROWSER_ITERATIONS,
            ),
        ):
            cls.startClassPatcher(patch.object(owner, name, value, create=True))

    @classmethod
    def _make_assets(cls, scripts, styles):
        """Have bundles of scripts and styles for all browsers of a class.

        Else each test makes them, which are gone when it is rolled back.
        """
        qweb = cls.env["ir.qweb"]
        for name in scripts:
            qweb._get_asset_bundle(name, css=False).js()
        for name in styles:
            qweb._get_asset_bundle(name, js=False).css()

    def url_open(self, *args, timeout=SECONDS, **kwargs):
        return super().url_open(*args, timeout=timeout, **kwargs)

    def make_jsonrpc_request(self, *args, timeout=SECONDS, **kwargs):
        return super().make_jsonrpc_request(*args, timeout=timeout, **kwargs)
