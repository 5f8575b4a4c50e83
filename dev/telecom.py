"""A month of a telecom: it comes to the same cent twice, whoever is killed.

Files of a switch are written to a folder, with what they have to come to and, by
another hand, what each line owes. A database takes them in, rates and bills them; what
comes late is billed after that. Another one does so too, in processes that are killed
meanwhile.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import time
from collections import defaultdict
from collections.abc import Iterator
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
#: How often a process is killed that takes in files, and one that rates.
KILLS, RATING_KILLS = 12, 8
#: Statements until then, at most; what needs less is all there.
STATEMENTS, RATING_STATEMENTS = 24, 400
#: Where a job that rates is in the journal.
RATING = -1
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
        for is_killed in (False, True):
            with Templates(space).copied("counted", "telecom") as database:
                claims |= Life(space, database, month, is_killed).live()
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
            events = self._write_files()
            self.bills = list(rate_all(lines, events, self.folder))
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

    :param is_killed: whether its processes are killed.
    """

    def __init__(
        self, space: Workspace, database: str, month: Month, is_killed: bool
    ) -> None:
        self._space, self._database, self._month = space, database, month
        self._is_killed = is_killed
        self._journal = month.folder / f"journal-{is_killed:d}"

    def live(self) -> dict[str, bool]:
        """Take in, rate, bill and be paid; then again what comes late."""
        told = "with kills" if self._is_killed else "undisturbed"
        chance = random.Random(f"{SEED} kills")
        files = range(len(self._month.files))
        kills, rating_kills = KILLS * self._is_killed, RATING_KILLS * self._is_killed
        places = sorted(chance.choices(files, k=kills))
        self._deaths = [[place, chance.randrange(1, STATEMENTS)] for place in places]
        self._journal.touch()
        self._run("found")
        for is_after in (False, True):
            self._last("take_in", is_after, told)
            # Half of those who rate are killed before the bill, half after.
            self._deaths[:0] = [
                [RATING, chance.randrange(1, RATING_STATEMENTS)]
                for _kill in range(rating_kills // 2)
            ]
            self._last("rate", is_after, told)
            self._last("bill", is_after, told)
        killed = [one[1] for one in self._read_journal() if one[0] == "killed"]
        found = json.loads(self._run("report", is_after=True).splitlines()[-1])
        total = sum(bill.total for bill in self._month.bills)
        say(f"  {len(killed)} kills, {found['corrections']} corrections")
        for complaint in found["unbilled"][:5]:
            say(f"Not billed: {complaint}")
        return {
            f"each file comes to what it says, {told}": self._compare_files(killed),
            f"each event is there once, {told}": self._compare_events(),
            f"another hand comes to the same cent of each line and meter, {told}": (
                self._compare_bills(found["charged"])
            ),
            f"{total} cents are revenue or kept as credit, and not"
            f" {found['revenue']} and {found['kept']}, {told}": (
                found["revenue"] + found["kept"] == total
            ),
            f"all is rated, billed and paid, {told}": not any(
                found[name] for name in ("unrated", "unbilled", "owed")
            ),
            f"{len(killed)} were killed, {told}": len(killed) == kills + rating_kills,
        }

    def _run(self, stage: str, is_after: bool = False) -> str:
        return self._space.script(
            self._database,
            SCRIPT,
            stage=stage,
            is_after=is_after,
            folder=str(self._month.folder),
            journal=str(self._journal),
            deaths=self._deaths,
        )

    def _last(self, stage: str, is_after: bool, told: str) -> None:
        """Run a stage until it ends; who is killed is followed by another."""
        start = time.monotonic()
        while True:
            try:
                self._run(stage, is_after)
            except Failure:
                journal = self._read_journal()
                if not journal or not self._deaths:
                    raise
                if journal[-1][:2] != ["killed", self._deaths[0][0]]:
                    raise
                del self._deaths[0]
            else:
                break
        late = "late, " if is_after else ""
        say(f"  {stage}, {late}{told}: {time.monotonic() - start:.0f} s")

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

    def _compare_bills(self, charged: list) -> bool:
        """Tell whether each meter of each line comes to what another hand says."""
        found = {(line, month): meters for line, month, meters in charged}
        bad = []
        for bill in self._month.bills:
            meters = found.pop((bill.line, bill.month.isoformat()), {})
            rest = {
                meter: cents - bill.cents.get(meter, 0)
                for meter, cents in meters.items()
                if cents != bill.cents.get(meter, 0)
            }
            missing = any(cents and m not in meters for m, cents in bill.cents.items())
            # What is missing to the least is on one of the meters.
            if missing or list(rest.values()) != [bill.rest][: bool(bill.rest)]:
                due = f"{bill.cents}, {bill.rest} up to the least"
                bad.append(f"Line {bill.line}, {bill.month}: {due}; not {meters}")
        bad += [f"Line {line}, {month}: nothing" for line, month in found]
        for complaint in bad[:5]:
            say(complaint)
        return not bad
