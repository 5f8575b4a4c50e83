"""A month of a telecom: what is used comes in twice the same, whoever is killed.

Files of a switch are written to a folder, with what they have to come to and, by
another hand, what each line owes. A database takes them in; another one does so too, in
processes that are killed meanwhile.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import asdict
from hashlib import md5
from pathlib import Path

from dev import paths
from dev.console import Failure, Step, say
from dev.scripts.telecom_events import Event, Switch
from dev.scripts.telecom_rating import Bill, rate_all
from dev.templates import Templates
from dev.workspace import Workspace

SCRIPT = paths.SCRIPTS / "telecom.py"
SEED = 41
#: Events that are new, and how many of them a line has.
EVENTS, EACH = 3_000_000, 1_500
LEAST_LINES = 60
KILLS = 20
#: Statements until a process is killed, at most; a file that needs less is all there.
STATEMENTS = 24
#: All that an event says, as a sum that says whether one differs.
SUMS = """
    SELECT substring(service.name FROM '\\d+')::int AS line, meter.code, count(*),
           sum(usage.quantity * 1000000)::bigint,
           sum(('x' || left(md5(concat_ws('|',
               usage.ref, usage.identifier,
               (extract(epoch FROM usage.moment) * 1000000)::bigint,
               (usage.quantity * 1000000)::bigint,
               usage.dimensions ->> 'area',
               coalesce(usage.dimensions ->> 'called', '')
           )), 8))::bit(32)::bigint)::bigint
      FROM omni_billing_usage usage
      JOIN omni_billing_service service ON service.id = usage.service_id
      JOIN omni_billing_meter meter ON meter.id = usage.meter_id
  GROUP BY 1, 2
"""


def check(space: Workspace) -> dict[str, bool]:
    """Live through the month, twice; tell what holds at its end.

    ``OMNI_TELECOM_EVENTS`` says how many events, if not three million.
    """
    events = int(os.environ.get("OMNI_TELECOM_EVENTS") or EVENTS)
    folder = space.data / f"telecom-{os.getpid()}"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    try:
        month = Month(folder, events)
        month.write()
        claims = {}
        for kills in (0, KILLS):
            with Templates(space).copied("usage", "telecom") as database:
                claims |= Life(space, database, month, kills).live()
        return claims
    finally:
        shutil.rmtree(folder)


class Month:
    """The month as the switch tells it, and what comes of it by the price list."""

    def __init__(self, folder: Path, events: int) -> None:
        self.folder, self.events = folder, events
        self.lines = max(events // EACH, LEAST_LINES)
        self.switch = Switch(SEED, self.lines, events)
        #: By line and meter: how many events, how much, and a sum of all they say.
        self.sums: dict[tuple[int, str], list[int]] = defaultdict(lambda: [0, 0, 0])
        self.files: list[dict] = []
        self.bills: list[Bill] = []

    def write(self) -> None:
        """Write the files, and what the script has to know."""
        what = f"files of {self.events:,} events of {self.lines:,} lines"
        start = time.monotonic()
        with Step(f"Writing {what}", f"{what} written and rated by another hand"):
            lines = self.switch.network.lines
            self.bills = list(rate_all(lines, self._write_files(), self.folder))
        say(f"  in {time.monotonic() - start:.0f} s")
        owners = self.switch.network.owners
        plan = {
            "files": self.files,
            "lines": [line._asdict() for line in lines],
            "numbers": [
                {"value": value, **owner._asdict()}
                for value, found in owners.items()
                for owner in found
            ],
        }
        (self.folder / "plan.json").write_text(json.dumps(plan))
        bills = [
            asdict(bill)
            | {
                "month": bill.month.isoformat(),
                "charges": [[*key, *charge] for key, charge in bill.charges.items()],
            }
            for bill in self.bills
        ]
        (self.folder / "bills.json").write_text(json.dumps(bills))

    def _write_files(self) -> Iterator[Event]:
        for place, file in enumerate(self.switch.write()):
            name = f"{place:05}-{file.name}"
            (self.folder / name).write_bytes(file.write())
            about = {"name": name, "source": file.source, "is_after": file.is_after}
            self.files.append(about | {"counts": file.counts})
            for event in file.events:
                self._add(event)
            yield from file.events

    def _add(self, event: Event) -> None:
        said = (event.ref, event.number, event.moment, event.quantity)
        text = "|".join(map(str, (*said, event.area, event.called)))
        found = self.sums[event.line, event.meter]
        found[0] += 1
        found[1] += event.quantity
        found[2] += int(md5(text.encode()).hexdigest()[:8], 16)


class Life:
    """A database that lives through the month.

    :param kills: how often its process is killed.
    """

    def __init__(
        self, space: Workspace, database: str, month: Month, kills: int
    ) -> None:
        self._space, self._database, self._month = space, database, month
        self._kills = kills
        self._journal = month.folder / f"journal-{kills}"

    def live(self) -> dict[str, bool]:
        """Take in all; return what holds."""
        told = f"with {self._kills} kills" if self._kills else "undisturbed"
        start = time.monotonic()
        self._run("found")
        killed = self._take_in()
        seconds = time.monotonic() - start
        say(f"  taken in {told}, in {seconds:.0f} s")
        return {
            f"each file comes to what it says, {told}": self._compare_files(killed),
            f"each event is there once, {told}": self._compare_events(),
            f"killed {len(killed)} times, {told}": len(killed) == self._kills,
        }

    def _run(self, stage: str, **more: object) -> str:
        return self._space.script(
            self._database,
            SCRIPT,
            stage=stage,
            folder=str(self._month.folder),
            journal=str(self._journal),
            **more,
        )

    def _take_in(self) -> list[int]:
        """Take in all files; return the places of those in which it was killed."""
        chance = random.Random(f"{SEED} kills")
        files = range(len(self._month.files))
        places = sorted(chance.choices(files, k=self._kills))
        deaths = [[place, chance.randrange(1, STATEMENTS)] for place in places]
        self._journal.touch()
        while True:
            try:
                self._run("take_in", deaths=deaths)
            except Failure:
                told = self._read_journal()
                if not deaths or ["killed", deaths[0][0]] != told[-1][:2]:
                    raise
                del deaths[0]
            else:
                break
        return [one[1] for one in self._read_journal() if one[0] == "killed"]

    def _read_journal(self) -> list[list]:
        return [json.loads(line) for line in self._journal.read_text().splitlines()]

    def _compare_files(self, killed: list[int]) -> bool:
        """Tell whether what became of each file is what it says."""
        told = {
            place: counts
            for kind, place, counts in self._read_journal()
            if kind == "took"
        }
        bad = []
        for place, file in enumerate(self._month.files):
            expected = file["counts"]
            again = expected | {
                "taken": 0,
                "double": expected["double"] + expected["taken"],
            }
            # Of who was killed, all was there already, or nothing was.
            fits = (expected, again) if place in killed else (expected,)
            if told.get(place) not in fits:
                bad.append(f"{file['name']}: {expected} and not {told.get(place)}")
        for complaint in bad[:5]:
            say(complaint)
        return not bad

    def _compare_events(self) -> bool:
        """Tell whether the events that are there are those that count, and no other."""
        with self._space.databases.cursor(self._database) as cursor:
            cursor.execute(SUMS)
            found = {(line, meter): sums for line, meter, *sums in cursor.fetchall()}
        expected = {key: sums for key, sums in self._month.sums.items() if sums[0]}
        bad = [
            f"Line {line}, {meter}: {expected.get((line, meter))} and not"
            f" {found.get((line, meter))}"
            for line, meter in sorted(expected.keys() | found.keys())
            if expected.get((line, meter)) != found.get((line, meter))
        ]
        for complaint in bad[:5]:
            say(complaint)
        return not bad
