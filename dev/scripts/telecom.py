"""The telecom of ``bin/test telecom``: its lines, plans, files and bills.

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
from decimal import Decimal
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
from dev.scripts.telecom_list import (  # noqa: E402
    BANDS,
    METERS,
    PLANS,
    REST,
    ZONE,
)

#: When files come and are billed; and those that come when the month was billed.
COMES, COMES_AFTER = "2026-11-02 06:00:00", "2026-11-12 06:00:00"
LATE_DAYS = 100
#: Where in the journal a job is that rates.
RATING = -1
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
                    "tax_ids": [Command.clear()],
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
        meters = self.env["omni.billing.meter"].create(
            [
                {
                    "name": code.title(),
                    "code": code,
                    "kind": UNITS[code],
                    "dimensions": ", ".join(names),
                    "number_dimension": "called" if "called" in names else False,
                }
                for code, names in METERS.items()
            ]
        )
        self.add_sources()
        self.meters = {meter.code: meter.id for meter in meters}
        plans = {plan.code: self.add_plan(plan).id for plan in PLANS}
        self.env["omni.billing.usage.plan"].create(
            [
                {
                    "service_id": services[line["number"] - 1].id,
                    "plan_id": plans[line["plan"]],
                    "date_from": since[line["plan"]],
                }
                for line in self.plan["lines"]
            ]
        )

    # === THE PRICE LIST === #

    def add_plan(self, plan):
        """Have a plan with its prices, as the list has them."""
        made = self.env["omni.billing.rate.plan"].create(
            {
                "name": plan.name,
                "zone": ZONE,
                "least": float(plan.least),
                "band_ids": [
                    Command.create(
                        {
                            "name": name,
                            "weekdays": "all" if len(days) == 7 else "work",
                            "clock_from": to_hours(begin),
                            "clock_to": to_hours(end),
                        }
                    )
                    for name, (days, begin, end) in BANDS.items()
                ],
            }
        )
        bands = {band.name: band.id for band in made.band_ids}
        made.write(
            {
                "rate_ids": [
                    Command.create(self.prepare_rate(price, since, terms, bands))
                    for price in plan.prices
                    for since, terms in ((False, price.terms), *price.changes)
                ]
            }
        )
        made.write(
            {
                "allowance_ids": [
                    Command.create(
                        {
                            "name": one.code,
                            "meter_id": self.meters[one.meter],
                            "units": one.quantity,
                            "rate_names": ", ".join(one.covers),
                            "is_shared": one.is_shared,
                            "rolls_over": one.rolls_over,
                        }
                    )
                    for one in plan.allowances
                ],
                "most_ids": [
                    Command.create(
                        {"meter_id": self.meters[meter], "most": float(most)}
                    )
                    for meter, most in plan.most.items()
                ],
            }
        )
        return made

    def prepare_rate(self, price, since, terms, bands):
        """Return the values of a price from a day on."""
        is_share = price.kind == "share"
        return {
            "name": price.code,
            "date_from": since,
            "meter_id": self.meters[price.meter],
            "prefixes": " ".join(price.prefixes),
            "conditions": f"area={price.area}",
            # What is at any other time is at any time, and comes second.
            "band_id": bands[price.band] if price.band not in ("", REST) else False,
            "charge": "percentage" if is_share else price.kind,
            "price": float(Decimal(terms.price) * (100 if is_share else 1)),
            "fee": float(terms.fee),
            "size": price.package,
            **self.prepare_steps(price, terms),
            "tier_ids": [
                Command.create(
                    {
                        "until": bound or 0,
                        "is_last": bound is None,
                        "price": float(at),
                    }
                )
                for bound, at in terms.tiers
            ],
        }

    def prepare_steps(self, price, terms):
        """Return how a price rounds up what calls last."""
        if UNITS[price.meter] != "duration":
            return {}
        first, then = terms.steps
        return {"step_first": first, "step_then": then}

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
            if place in done or file["is_after"] != arguments["is_after"]:
                continue
            content = (self.folder / file["name"]).read_bytes()
            with Death(self.journal, place, deaths.get(place)):
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

    # === THE BILLS === #

    def rate(self):
        """Let the job rate what came."""
        deaths = dict(reversed(arguments["deaths"]))
        with Death(self.journal, RATING, deaths.get(RATING)):
            self.env["omni.billing.usage.rating"]._cron_rate()
            self.env.cr.commit()

    def bill(self):
        """Bill all customers in a run, and take what each owes."""
        env = self.as_user("manager")
        run = env["omni.billing.run"].create({"title": "Calls"})
        run.action_start()
        self.env.cr.commit()
        self.env["omni.billing.run"]._cron_process()
        self.env.cr.commit()
        owed = env["account.move"].search(
            [
                ("move_type", "=", "out_invoice"),
                ("billing_state", "in", ("unpaid", "partial")),
            ]
        )
        for invoices in owed.grouped("partner_id").values():
            values = {"invoice_ids": [Command.set(invoices.ids)], "mode": "cash"}
            env["omni.billing.payment.wizard"].create(values).action_pay()
            self.env.cr.commit()

    def report(self):
        """Print what was charged, what the books have of it, and what is left."""
        ratings = self.env["omni.billing.usage.rating"].search(
            [("state", "=", "charged")]
        )
        services = self.env["omni.billing.service"].search([], order="id")
        numbers = {service: number for number, service in enumerate(services, 1)}
        charged = {}
        for part in ratings:
            key = numbers[part.service_id], part.date_from.isoformat()
            meters = charged.setdefault(key, {})
            code = part.meter_id.code
            meters[code] = meters.get(code, 0) + to_cents(part.amount)
        pools = self.env["omni.billing.transaction"]._read_group(
            [("state", "=", "unbilled")], ["partner_id"], ["amount_total:sum"]
        )
        items = self.env["account.move.line"].search(
            [("parent_state", "=", "posted"), ("display_type", "=", "product")]
        )
        owed = self.env["account.move.line"].search(
            [
                ("parent_state", "=", "posted"),
                ("account_type", "=", "asset_receivable"),
            ]
        )
        print(
            json.dumps(
                {
                    "charged": [[*key, meters] for key, meters in charged.items()],
                    "unrated": sum(ratings.mapped("unrated")),
                    # A run bills nobody who has more credits than charges.
                    "kept": sum(to_cents(pool) for _who, pool in pools if pool < 0),
                    "unbilled": [
                        f"{customer.name}: {pool}"
                        for customer, pool in pools
                        if pool >= 0
                    ],
                    "corrections": len(ratings.filtered("part")),
                    "revenue": -to_cents(sum(items.mapped("balance"))),
                    "owed": to_cents(sum(owed.mapped("balance"))),
                }
            )
        )

    # === PEOPLE === #

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


def to_hours(clock):
    """Return a time of the clock as Odoo has it."""
    return clock.hour + clock.minute / 60


def to_cents(amount):
    """Return an amount in cents."""
    return round(100 * amount)


def read_moment(moment):
    """Return a moment as Odoo has it."""
    if moment is None:
        return False
    return datetime.fromtimestamp(moment // SECOND, timezone.utc).replace(tzinfo=None)


NOW = COMES_AFTER if arguments["is_after"] else COMES
# A clock that stands does not know which of two 02:30 it shows.
with freeze_time(NOW, tick=True, ignore=["odoo.addons.omni_billing.tools.rating"]):
    telecom = Telecom(env)
    getattr(telecom, arguments["stage"])()
    env.cr.commit()
