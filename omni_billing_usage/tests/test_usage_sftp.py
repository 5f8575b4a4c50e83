import io
import logging
import os
import sys
from unittest.mock import patch

from psycopg2.errors import CheckViolation

from odoo.exceptions import AccessError, ValidationError
from odoo.tests import tagged
from odoo.tools import mute_logger

from ..gateways import places
from .fetch_common import FetchCommon
from .sftp_server import PASSWORD, USER, SftpServer


@tagged("post_install", "-at_install")
class TestSftp(FetchCommon):
    """W41: files by SFTP, from a server that is as rude as servers are."""

    def setUp(self):
        super().setUp()
        self.server = SftpServer(self.folder)
        self.addCleanup(self.server.close)
        self.switch.write(
            {
                "fetch_from": "sftp",
                "sftp_host": "127.0.0.1",
                "sftp_port": self.server.port,
                "sftp_user": USER,
                "sftp_host_key": f"switch {self._line(self.server.key)} comment",
                "sftp_password": PASSWORD,
            }
        )

    def _line(self, key):
        return f"{key.get_name()} {key.get_base64()}"

    def _look(self, times=1):
        with mute_logger("paramiko.transport", "paramiko.transport.sftp"):
            return super()._look(times)

    def test_files_are_taken_in_and_put_aside(self):
        """W41: with a password, or a key; as from a folder of this machine."""
        self._put("a.csv", "1", "2")
        self._look(2)
        self.assertEqual(self._refs(), ["1", "2"])
        self.assertFalse(self.switch.fetch_problem)
        key = io.StringIO()
        self.server.user_key.write_private_key(key)
        os.rename(self.folder / "a.csv", self.folder / "x")
        (self.folder / "cdr").mkdir()
        self.switch.write(
            {
                "sftp_by": "key",
                "sftp_key": key.getvalue(),
                "sftp_folder": "cdr/",
                "fetch_then": "move",
            }
        )
        self._put("cdr/b.csv", "3")
        self._look(2)
        self._put("cdr/b.csv", "4")
        self._look(2)
        self.assertEqual(self._refs(), ["1", "2", "3", "4"])
        names = {path.name for path in (self.folder / "cdr" / "done").iterdir()}
        self.assertEqual(names, {"b.csv", "b.csv.1"})
        self.assertEqual(len(self.server.heard), 2)
        # Another one comes just then.
        self.server.swapping["c.csv"] = lambda: self._put("cdr/c.csv", "6")
        self._put("cdr/c.csv", "5")
        self._look(2)
        self.assertTrue((self.folder / "cdr" / "c.csv").exists())
        self._look(2)
        self.assertEqual(self._refs(), ["1", "2", "3", "4", "5", "6"])

    def test_another_host_gets_no_password(self):
        """W41: nor does one without a key that was entered."""
        self._put("a.csv", "1")
        self.server.heard.clear()
        other = self._line(self.server.user_key)
        self.switch.write({"sftp_host_key": other, "sftp_password": PASSWORD})
        self._look(2)
        self.assertIn("another key", self.switch.fetch_problem)
        self.assertFalse(self.server.heard)
        self.switch.write({"sftp_host_key": "ssh-rsa xx", "sftp_password": PASSWORD})
        self._look()
        self.assertIn("is none", self.switch.fetch_problem)
        with self.assertRaises(ValidationError), self.env.cr.savepoint():
            self.switch.sftp_host_key = False
        right = self._line(self.server.key)
        self.switch.write({"sftp_host_key": right, "sftp_password": "wrong"})
        self._look()
        self.assertIn("did not let us in", self.switch.fetch_problem)
        self.switch.write({"sftp_by": "key", "sftp_key": "none"})
        self._look()
        self.assertIn("Enter the password", self.switch.fetch_problem)
        self.assertFalse(self._refs())
        self.assertEqual(self._watched(), (1, 0))

    def test_nobody_reads_a_password_or_has_it_sent_elsewhere(self):
        """W41: it goes whenever it would be sent to somebody else."""
        source = self.switch.with_user(self.manager)
        with self.assertRaises(AccessError):
            source.read(["sftp_secret"])
        self.assertEqual(
            source.read(["sftp_password", "sftp_key", "has_sftp_secret"])[0],
            {
                "id": source.id,
                "sftp_password": False,
                "sftp_key": False,
                "has_sftp_secret": True,
            },
        )
        self.assertFalse(source.search([("id", "=", source.id)]).copy().has_sftp_secret)
        source.write({"sftp_host": "127.0.0.1", "name": "New"})
        self.assertTrue(source.has_sftp_secret)
        for name, value in {
            "sftp_host": "localhost",
            "sftp_port": 22,
            "sftp_user": "other",
            "sftp_host_key": self._line(self.server.user_key),
            "sftp_by": "key",
        }.items():
            self.switch.sudo().sftp_secret = PASSWORD
            source.write({name: value})
            self.assertFalse(self.switch.sudo().sftp_secret, name)
        self._look()
        self.assertIn("Enter the password", self.switch.fetch_problem)

    def test_password_is_in_no_log(self):
        """W41: Odoo logs each statement that fails, with what it was to write."""
        self.env.cr.execute(
            "ALTER TABLE omni_billing_usage_source"
            " ADD CHECK (sftp_secret != 'pass' || 'phrase' AND sftp_port != 2222)"
        )
        source = self.switch.with_user(self.manager)
        for values in ({"sftp_port": 2222}, {}):
            with (
                self.assertLogs("odoo.sql_db", "ERROR") as logs,
                self.assertRaises(CheckViolation),
                self.env.cr.savepoint(),
            ):
                logging.getLogger("odoo.sql_db").error("at least this")
                source.write({"sftp_password": "passphrase", **values})
                self.env.flush_all()
            self.assertNotIn("passphrase", "".join(logs.output))

    def test_connection_is_cut_in_the_middle(self):
        """W41: nothing of the file is there; it is tried again, and others have it."""
        rows = [f"{number};+33;2026-11-30 14:05:00;1" for number in range(3000)]
        (self.folder / "a.csv").write_text(
            "\n".join(["No;Caller;Start;Seconds", *rows])
        )
        self._put("b.csv", "one")
        self.server.cut.add("a.csv")
        self._look(2)
        self.assertEqual(self._files(), [("a.csv", "waiting"), ("b.csv", "waiting")])
        self.assertIn("no answer", self.switch.fetch_problem)
        self.assertFalse(self._refs())
        # One that it chokes on each time holds the others up for a while alone. That it
        # is the file, and not the host, is known from others that are read.
        self._look(6)
        self.assertEqual(self._files(), [("a.csv", "waiting"), ("b.csv", "taken")])
        self.assertIn("no answer", self.switch.fetch_problem)
        for name in "cdef":
            self._put(f"{name}.csv", name)
            self._look(2)
        self.assertEqual(self._files()[0], ("a.csv", "failed"))
        self._look()
        self.assertFalse(self.switch.fetch_problem)
        self.server.cut.clear()
        self.switch.arrival_ids.filtered(lambda one: one.state == "failed").with_user(
            self.manager
        ).action_try_again()
        self._look()
        self.assertEqual(len(self._refs()), 3005)

    def test_host_that_is_down_has_no_file_set_aside(self):
        """W41: whenever it goes, however long; it is told once, until it is back."""
        for name in "abc":
            self._put(f"{name}.csv", name)
        self._look()
        (self.folder / "d.csv").write_text("no columns")
        self.server.is_down = True
        self._look()
        since = self.switch.problem_since
        self.server.is_down, self.server.is_dying = False, True
        self._look(20)
        self.server.is_down = True
        self._look(6)
        self.assertEqual({state for _name, state in self._files()}, {"waiting"})
        self.assertEqual(self._watched(), (1, 0))
        self.assertTrue(since)
        self.assertEqual(self.switch.problem_since, since)
        # It is back: all are read, and what is broken itself is told.
        self.server.is_down = self.server.is_dying = False
        self._look()
        self.assertEqual(self._refs(), ["a", "b", "c"])
        self.assertFalse(self.switch.fetch_problem or self.switch.problem_since)
        self.assertEqual(self._files()[3:], [("d.csv", "failed")])
        self.assertEqual(self._watched(), (1, 1))

    def test_server_that_is_late_or_lies_holds_nobody_up(self):
        """W41: no answer, a file that goes, one larger than it is, links, folders."""
        self._put("a.csv", "1")
        self._put("b.csv", "2")
        self._put("c.csv", "3")
        (self.folder / "d.csv").symlink_to(self.outside)
        self._put("e.csv", "5")
        self._put("f.csv", "6")
        (self.folder / os.fsdecode(b"z\xff.csv")).write_text("x")
        self.server.vanishing.add("a.csv")
        self.server.lies = {"b.csv": 10_000, "c.csv": places.MAX_BYTES + 1}
        self._look(2)
        self.assertEqual(self._refs(), ["5", "6"])
        self.assertEqual(
            self._files(),
            [
                ("a.csv", "waiting"),
                ("b.csv", "waiting"),
                ("c.csv", "failed"),
                ("d.csv", "failed"),
                ("e.csv", "taken"),
                ("f.csv", "taken"),
                ("z\\udcff.csv", "failed"),
            ],
        )
        # What lies each time is told to a person in the end.
        (self.folder / "a.csv").write_text("again")
        self._look(4)
        failed = self.switch.arrival_ids.filtered(lambda one: one.state == "failed")
        self.assertIn("b.csv", failed.mapped("name"))
        self.assertIn(
            "as large", failed.filtered(lambda one: one.name == "b.csv").reason
        )
        self._put("g.csv", "7")
        self.server.late.add("g.csv")
        Sftp = sys.modules["odoo.addons.omni_billing_usage.gateways.sftp"].SftpPlace
        defaults = {**Sftp.__init__.__kwdefaults__, "answer_seconds": 0.3}
        with patch.object(Sftp.__init__, "__kwdefaults__", defaults):
            self._look(2)
        self.assertIn("timed out", self.switch.fetch_problem)
        self.assertEqual(self._refs(), ["5", "6"])
        # Nor who answers just in time, again and again.
        defaults = {**defaults, "answer_seconds": 60, "visit_seconds": 0.5}
        with patch.object(Sftp.__init__, "__kwdefaults__", defaults):
            self._look()
        self.assertIn("no answer", self.switch.fetch_problem)
        self.assertNotIn("timed out", self.switch.fetch_problem)
        self.server.close()
        self._look()
        self.assertIn("Unable to connect", self.switch.fetch_problem)

    def test_what_sftp_needs_is_missing(self):
        """W41: it says what to install."""
        name = "odoo.addons.omni_billing_usage.gateways.sftp"
        with patch.dict(sys.modules, {"paramiko": None}):
            sys.modules.pop(name, None)
            self._look()
        self.assertIn("sftp-requirements.txt", self.switch.fetch_problem)
        self._put("a.csv", "1")
        self._look(2)
        self.assertEqual(self._refs(), ["1"])
