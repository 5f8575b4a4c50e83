import json
import re
from datetime import datetime, timedelta, timezone
from pathlib import Path
from unittest import skipUnless

from odoo.tests import tagged

from odoo.addons.omni_billing.tests.http_common import PatientHttpCase

from .common import UsageCommon

#: It comes with the project, not with the addon alone.
DOCUMENT = Path(__file__).parents[2] / "docs" / "usage.md"
CALL = re.compile(r"^call (\S+) <<JSON\n(.*?)^JSON$", re.MULTILINE | re.DOTALL)


@tagged("post_install", "-at_install")
class TestJson(UsageCommon, PatientHttpCase):
    """docs/usage.md is run, as the program of a user who may send usage."""

    def _send(self, user, path, body):
        # By the clock of the database, which these tests do not set.
        expiry = datetime.now(timezone.utc).replace(tzinfo=None) + timedelta(days=1)
        keys = self.env["res.users.apikeys"].with_user(user).sudo()
        headers = {
            "Authorization": f"Bearer {keys._generate('rpc', 'x', expiry)}",
            "Content-Type": "application/json",
        }
        return self.url_open(f"/json/2/{path}", data=body, headers=headers)

    @skipUnless(DOCUMENT.exists(), "docs/usage.md is not here")
    def test_what_the_document_says(self):
        """W41: sent twice, the answer is the one that the document has for it."""
        calls = CALL.findall(DOCUMENT.read_text())
        [(path, body)] = [call for call in calls if call[0].endswith("/take_in")]
        self._identify("+33 1 99 00 12 34", self.line)
        first, again = (self._send(self.program, path, body) for _number in range(2))
        self.assertEqual((first.status_code, again.status_code), (200, 200), first.text)
        self.assertEqual(self._count(first.json()), {"taken": 1, "unknown": 1})
        self.assertEqual(self._count(again.json()), {"double": 1, "unknown": 1})
        self.assertEqual(len(self._stored()), 1)
        self.assertEqual(self._refused().tries, 2)
        refused = self._send(self.staff, path, body)
        self.assertEqual(refused.status_code, 403)
        wrong = json.dumps(json.loads(body) | {"events": "all"})
        self.assertEqual(self._send(self.program, path, wrong).status_code, 422)
