"""The telecom of ``bin/test telecom``: its lines, and the files of its switch.

Runs in ``odoo shell`` on a database with accounting and the addon for usage. What is
done is in a journal: a process that is killed is followed by one that goes on from
there, and sends what was not answered again, as a switch does.

``arguments``: the stage, the folder, the journal, and where to be killed: in which
file, and after how many statements.
"""

import base64
import json
import os
import signal
import sys
from datetime import datetime, timezone
from pathlib import Path
from unittest.mock import patch

from freezegun import freeze_time

sys.path.insert(0, os.getcwd())

from odoo.fields import Command  # noqa: E402
from odoo.sql_db import Cursor  # noqa: E402

from dev.scripts.telecom_events import (  # noqa: E402
    CSV_COLUMNS,
    CSV_TIME,
    OUTCOMES,
    SECOND,
)
from dev.scripts.telecom_list import METERS, PLANS  # noqa: E402

#: When the files come, and those that come when the month was billed.
COMES, COMES_AFTER = "2026-11-02 06:00:00", "2026-11-12 06:00:00"
LATE_DAYS = 100
UNITS = {"calls": "duration", "data": "sum", "messages": "count", "premium": "sum"}
PEOPLE = {
    "program": "omni_billing_usage.omni_billing_usage_group_intake",
    "manager": "omni_billing.omni_billing_group_manager",
}


class Telecom:
    """The telecom and its people."""

    def __init__(self, env):
        self.env = env(context={**env.context, "tracking_disable": True})
        self.folder = Path(arguments["folder"])
        self.plan = json.loads((self.folder / "plan.json").read_text())
        self.journal = Path(arguments["journal"])

    # === THE LINES === #

    def found(self):
        """Have customers, lines and their numbers, meters and sources."""
        self.add_people()
        Partner = self.env["res.partner"]
        customers = sorted({line["customer"] for line in self.plan["lines"]})
        partners = Partner.create([{"name": f"Customer {n:05}"} for n in customers])
        partner_of = dict(zip(customers, partners, strict=True))
        since = {plan.code: plan.since for plan in PLANS}
        services = self.env["omni.billing.service"].create(
            [
                {
                    "name": f"Line {line['number']:05}",
                    "partner_id": partner_of[line["customer"]].id,
                    "date_start": since[line["plan"]],
                }
                for line in self.plan["lines"]
            ]
        )
        self.env["omni.billing.usage.identifier"].create(
            [
                {
                    "value": number["value"],
                    "service_id": services[number["line"] - 1].id,
                    "valid_from": read_moment(number["since"]),
                    "valid_until": read_moment(number["until"]),
                }
                for number in self.plan["numbers"]
            ]
        )
        self.env["omni.billing.meter"].create(
            [
                {
                    "name": code.title(),
                    "code": code,
                    "kind": UNITS[code],
                    "dimensions": ", ".join(names),
                }
                for code, names in METERS.items()
            ]
        )
        self.add_sources()
        self.env.cr.commit()

    def add_people(self):
        """Have who sends usage, and who takes in files."""
        users = self.env["res.users"].with_context(no_reset_password=True)
        for login, group in PEOPLE.items():
            groups = [Command.link(self.env.ref(group).id)]
            users.create({"name": login, "login": login, "group_ids": groups})

    def add_sources(self):
        """Have a program, and a switch that writes files."""
        dimensions = {name for names in METERS.values() for name in names}
        columns = [
            {"title": title, "target": "dimension", "dimension": name}
            if name in dimensions
            else {"title": title, "target": name}
            for title, name in CSV_COLUMNS.items()
        ]
        common = {"late_days": LATE_DAYS}
        self.env["omni.billing.usage.source"].create(
            [
                {"name": "Program", "code": "json", "kind": "api", **common},
                {
                    "name": "Switch",
                    "code": "csv",
                    "kind": "file",
                    "time_format": CSV_TIME,
                    "has_comma": True,
                    "column_ids": [Command.create(values) for values in columns],
                    **common,
                },
            ]
        )

    # === THE FILES === #

    def take_in(self):
        """Take in what has no answer yet."""
        lines = self.journal.read_text().splitlines()
        done = {
            place for kind, place, _more in map(json.loads, lines) if kind == "took"
        }
        deaths = dict(reversed(arguments["deaths"]))
        for place, file in enumerate(self.plan["files"]):
            if place in done:
                continue
            content = (self.folder / file["name"]).read_bytes()
            with (
                freeze_time(COMES_AFTER if file["is_after"] else COMES, tick=True),
                Death(self.journal, place, deaths.get(place)),
            ):
                counts = getattr(self, f"take_in_{file['source']}")(file, content)
                self.env.cr.commit()
            self.write("took", place, counts)
            self.env.invalidate_all()

    def take_in_json(self, _file, content):
        """Have a program send events."""
        usage = self.as_user("program")["omni.billing.usage"]
        told = usage.take_in("json", json.loads(content))
        return {name: told[name] for name in OUTCOMES}

    def take_in_csv(self, file, content):
        """Have a manager take in a file."""
        env = self.as_user("manager")
        source = env["omni.billing.usage.source"].search([("code", "=", "csv")])
        values = {"source_id": source.id, "name": file["name"]}
        wizard = env["omni.billing.usage.import.wizard"].create(
            values | {"content": base64.b64encode(content)}
        )
        action = wizard.action_import()
        batches = env["omni.billing.usage.batch"].search(action["domain"])
        return {name: sum(batches.mapped(f"count_{name}")) for name in OUTCOMES}

    def as_user(self, login):
        """Return the environment of a user."""
        user = self.env["res.users"].search([("login", "=", login)])
        return self.env(user=user.id, su=False)

    def write(self, *said):
        """Write down what was answered."""
        with self.journal.open("a") as journal:
            journal.write(json.dumps(said) + "\n")


class Death:
    """Ends this process after some statements, or else at the end of what it did."""

    def __init__(self, journal, place, after):
        self.journal, self.place, self.left = journal, place, after
        self.patch = patch.object(Cursor, "execute", self.make(Cursor.execute))

    def make(self, execute):
        """Return what is done for each statement."""

        def count_down(cursor, *args, **values):
            result = execute(cursor, *args, **values)
            self.left -= 1
            if not self.left:
                self.die()
            return result

        return count_down

    def __enter__(self):
        if self.left:
            self.patch.start()

    def __exit__(self, kind, *error):
        if self.left is not None:
            self.patch.stop()
            if kind is None:
                self.die()

    def die(self):
        """Leave at once; the journal says that it was meant."""
        with self.journal.open("a") as journal:
            journal.write(json.dumps(["killed", self.place, self.left]) + "\n")
        os.kill(os.getpid(), signal.SIGKILL)


def read_moment(moment):
    """Return a moment as Odoo has it."""
    if moment is None:
        return False
    return datetime.fromtimestamp(moment // SECOND, timezone.utc).replace(tzinfo=None)


telecom = Telecom(env)
getattr(telecom, arguments["stage"])()
env.cr.commit()
