"""Fetching, on connections of its own that commit: no test of Odoo's runner."""

import os
import shutil
import signal
import tempfile
from contextlib import contextmanager
from pathlib import Path
from threading import Barrier, Thread
from unittest.mock import patch

from odoo import SUPERUSER_ID, api, modules, sql_db
from odoo.fields import Command
from odoo.modules.registry import Registry
from odoo.tests import BaseCase, get_db_name, tagged
from odoo.tools import mute_logger

from ..gateways.folder import FolderPlace
from ..models import omni_billing_usage_place

TITLES = "No;Caller;Start;Seconds"
#: The steps of a file, in the middle of each of which a process is killed.
STEPS = {
    "when its first part is there": ("omni.billing.usage", "_finish"),
    "when all of it is there": ("omni.billing.usage.arrival", "write"),
    "before it is put aside": (None, "put_aside"),
}


@tagged("-standard", "-at_install", "post_install", "omni_billing_at_once")
class TestFetchAtOnce(BaseCase):
    """W41: whoever dies, or fetches at the same time, each event is there once."""

    def setUp(self):
        super().setUp()
        self.registry = Registry(get_db_name())
        # What commits does so, as in a server.
        self.patch(modules.module, "current_test", False)
        self.place = Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.place)
        config = self.place / "odoo.conf"
        self.folder = self.place / "in"
        self.folder.mkdir()
        config.write_text(f"[omni_billing_usage]\nfolders = {self.folder}\n")
        self.patch(omni_billing_usage_place, "config", {"config": str(config)})
        self.code = f"fetch-{self.place.name}"
        with self._connect() as env:
            partner = env["res.partner"].create({"name": "At Once"})
            service = env["omni.billing.service"].create(
                {"name": "Line", "partner_id": partner.id}
            )
            env["omni.billing.usage.identifier"].create(
                {"value": self.code, "service_id": service.id}
            )
            env["omni.billing.meter"].create(
                {"name": "At Once", "code": self.code, "kind": "sum"}
            )
            columns = {"No": "ref", "Caller": "identifier", "Start": "time"}
            columns["Seconds"] = "quantity"
            source = env["omni.billing.usage.source"].create(
                {
                    "name": "At Once",
                    "code": self.code,
                    "kind": "file",
                    "zone": "UTC",
                    "late_days": 1830,
                    "fetch_from": "folder",
                    "fetch_folder": str(self.folder),
                    "fetch_then": "move",
                    "column_ids": [
                        Command.create({"target": "meter", "value": self.code}),
                        *(
                            Command.create({"target": target, "title": title})
                            for title, target in columns.items()
                        ),
                    ],
                }
            )
            self.source_id = source.id
        # Other jobs have nothing to fetch after.
        self.addCleanup(self._stop)

    @contextmanager
    def _connect(self):
        with self.registry.cursor() as cr:
            yield api.Environment(cr, SUPERUSER_ID, {})

    def _stop(self):
        with self._connect() as env:
            source = env["omni.billing.usage.source"].browse(self.source_id)
            source.write({"fetch_from": False, "kind": "api", "active": False})
            # Nor is a person to look at one.
            source.arrival_ids.filtered(lambda one: one.state == "failed").unlink()

    def _put(self, name, refs):
        rows = [f"{ref};{self.code};2026-08-02 12:00:00;{ref}" for ref in refs]
        (self.folder / name).write_text("\n".join([TITLES, *rows]))

    def _see(self):
        """Have the files be seen, and be as they are for long enough."""
        self._fetch()
        with self._connect() as env:
            env.cr.execute(
                "UPDATE omni_billing_usage_arrival SET seen_date = '2020-01-01'"
                " WHERE source_id = %s",
                [self.source_id],
            )

    def _fetch(self):
        with self._connect() as env:
            env["omni.billing.usage.source"].browse(self.source_id)._fetch()

    def _stored(self):
        with self._connect() as env:
            usage = env["omni.billing.usage"].search(
                [("source_id", "=", self.source_id)]
            )
            return sorted(map(int, usage.mapped("ref")))

    def _fetch_and_die(self, model, method):
        """Fetch in a process of its own, which is killed after a step."""
        pid = os.fork()
        if pid:
            _pid, status = os.waitpid(pid, 0)
            return os.WTERMSIG(status)
        try:
            # The connections of the other process are not ours.
            sql_db._Pool = sql_db._Pool_readonly = None
            self.registry._db = sql_db.db_connect(self.registry.db_name)
            cls = self.registry[model] if model else FolderPlace
            original = getattr(cls, method)

            def die(*args, **kwargs):
                if model:
                    original(*args, **kwargs)
                os.kill(os.getpid(), signal.SIGKILL)

            with patch.object(cls, method, die):
                self._fetch()
        finally:
            os._exit(1)

    def test_process_is_killed_in_the_middle_of_a_file(self):
        """W41: nothing is lost and nothing double, whatever was done by then."""
        module = "odoo.addons.omni_billing_usage.models.omni_billing_usage_file"
        self.patch(__import__(module, fromlist=["x"]), "MAX_EVENTS", 4)
        expected = []
        for number, (when, step) in enumerate(STEPS.items()):
            refs = range(number * 10, number * 10 + 10)
            self._put("a.csv", refs)
            self._put("b.csv", [number * 10 + 5, number + 100])
            self._see()
            with self.subTest(when):
                self.assertEqual(self._fetch_and_die(*step), signal.SIGKILL)
                is_in = step[1] == "put_aside"
                self.assertEqual(self._stored(), sorted(expected + is_in * [*refs]))
                self._fetch()
                expected += [*refs, number + 100]
                self.assertEqual(self._stored(), sorted(expected))
                left = [path.name for path in self.folder.iterdir()]
                self.assertEqual(left, ["done"])
        with self._connect() as env:
            source = env["omni.billing.usage.source"].browse(self.source_id)
            self.assertEqual(source.count_taken, len(expected))
            # That of each second file which the first one had.
            self.assertEqual(source.count_double, 3)

    def test_process_dies_of_a_file(self):
        """W41: a few times, and then the others have their turn, and a person."""
        self._put("a.csv", range(3))
        self._put("b.csv", range(3, 6))
        self._see()
        for _number in range(5):
            status = self._fetch_and_die(None, "read_file")
            self.assertEqual(status, signal.SIGKILL)
        self._fetch()
        self.assertEqual(self._stored(), [3, 4, 5])
        with self._connect() as env:
            source = env["omni.billing.usage.source"].browse(self.source_id)
            arrival = source.arrival_ids.filtered(lambda one: one.name == "a.csv")
            self.assertEqual((arrival.state, arrival.tries), ("failed", 5))
            self.assertIn("too large", arrival.reason)

    @mute_logger("odoo.sql_db")
    def test_two_jobs_fetch_the_same(self):
        """W41: both have read the file before one of them takes it in."""
        self._put("a.csv", range(10))
        self._see()
        both, original = Barrier(2, timeout=60), FolderPlace.read_file

        def read(place, entry):
            content = original(place, entry)
            both.wait()
            return content

        with patch.object(FolderPlace, "read_file", read):
            jobs = [Thread(target=self._fetch) for _number in range(2)]
            for job in jobs:
                job.start()
            for job in jobs:
                job.join()
        self.assertEqual(self._stored(), list(range(10)))
        with self._connect() as env:
            source = env["omni.billing.usage.source"].browse(self.source_id)
            self.assertEqual((source.count_taken, source.count_double), (10, 0))
            self.assertEqual(source.arrival_ids.mapped("state"), ["taken"])
            self.assertFalse(source.fetch_problem)
