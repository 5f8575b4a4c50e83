import os
import shutil
import tempfile
from pathlib import Path

from odoo.fields import Command

from ..models import omni_billing_usage_place
from .common import UsageCommon

#: The first row of each file.
TITLES = "No;Caller;Start;Seconds"


class FetchCommon(UsageCommon):
    """A source that fetches its files, and a clock that goes on by hand."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        titles = {"No": "ref", "Caller": "identifier", "Start": "time"}
        titles["Seconds"] = "quantity"
        cls.switch.write(
            {
                "kind": "file",
                "zone": "Europe/Paris",
                "column_ids": [
                    Command.create({"target": "meter", "value": "calls"}),
                    *(
                        Command.create({"target": target, "title": title})
                        for title, target in titles.items()
                    ),
                ],
            }
        )

    def setUp(self):
        super().setUp()
        place = Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, place)
        self.folder = place / "in"
        self.folder.mkdir()
        self.outside = place / "secret.csv"
        self.outside.write_text(f"{TITLES}\nsecret;+33;2026-11-30 14:05:00;5\n")
        self.config = place / "odoo.conf"
        self._allow(self.folder)
        self.patch(omni_billing_usage_place, "config", {"config": str(self.config)})
        self.minute = 0

    def _allow(self, *folders):
        named = ", ".join(map(str, folders))
        self.config.write_text(f"[omni_billing_usage]\nfolders = {named}\n")

    def _put(self, name, *refs, seconds=61):
        """Write a file with a call for each reference."""
        rows = [f"{ref};+33;2026-11-30 14:05:00;{seconds}" for ref in refs]
        path = self.folder / name
        path.write_text("\n".join([TITLES, *rows]))
        # A clock of files may stand still while a test runs.
        at = path.stat().st_mtime + self.minute
        os.utime(path, (at, at))
        return path

    def _look(self, times=1):
        """Have the job run, each time two minutes later."""
        for _number in range(times):
            self.minute += 2
            self._set_now(f"2026-12-01 12:{self.minute:02}:00")
            self.env["omni.billing.usage.source"]._cron_fetch()
        self.env.flush_all()
        self.env.invalidate_all()

    def _files(self):
        """Return what is known of files."""
        found = self.env["omni.billing.usage.arrival"].search(
            [("source_id", "=", self.switch.id)], order="name, id"
        )
        return [(one.name, one.state) for one in found]

    def _refs(self):
        return sorted(ref for ref, *_rest in self._stored())

    def _watched(self):
        watch = self.env["omni.billing.watch"].search(
            [("kind", "=", "usage_file"), ("company_id", "=", self.company.id)]
        )
        return watch.waiting, watch.failed
