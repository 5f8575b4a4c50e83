"""Rate a month of calls, and beside that have PostgreSQL add them up.

And show what runs of a customer who has many events: what the portal says, and the
first page of events, as medians of what the server takes for them.

Options: --events N (200000 by default), --services N (1000), --own N, events of that
customer (100000).
"""

# ruff: noqa: F821 - `env` is given by bin/bench
import argparse
import statistics
import time
from datetime import datetime, timedelta

from dev.bench import Report, peak_memory

parser = argparse.ArgumentParser(prog="bin/bench rating")
parser.add_argument("--events", type=int, default=200_000)
parser.add_argument("--services", type=int, default=1_000)
parser.add_argument("--own", type=int, default=100_000)
options = parser.parse_args()
report = Report(f"Rating, {options.events} events of {options.services} services")
SIZE = 10_000
#: Prices of calls, by the country that they go to.
PREFIXES = ("+33", "+336", "+44", "+49")

partner = env["res.partner"].create({"name": "Carrier"})
services = env["omni.billing.service"].create(
    [{"name": f"Line {n}", "partner_id": partner.id} for n in range(options.services)]
)
meter = env["omni.billing.meter"].create(
    {
        "name": "Calls",
        "code": "calls",
        "kind": "duration",
        "step_first": 60,
        "dimensions": "called",
        "number_dimension": "called",
    }
)
rates = [
    {
        "name": prefix,
        "meter_id": meter.id,
        "prefixes": prefix,
        "price": 0.01 * number,
        "size": 60,
    }
    for number, prefix in enumerate(PREFIXES, start=1)
]
plan = env["omni.billing.rate.plan"].create(
    {
        "name": "Calls",
        "zone": "Europe/Paris",
        "rate_ids": [(0, 0, rate) for rate in rates],
        "allowance_ids": [
            (0, 0, {"name": "Hour", "meter_id": meter.id, "units": 3600})
        ],
    }
)
now = datetime.now()
# The month before this one is over.
first = (now.replace(day=1) - timedelta(days=1)).date().replace(day=1)
env["omni.billing.usage.plan"].create(
    [{"service_id": one.id, "plan_id": plan.id, "date_from": first} for one in services]
)
env["omni.billing.usage.source"].create(
    {"name": "Switch", "code": "switch", "late_days": 365}
)
env.cr.commit()
begin = datetime(first.year, first.month, 2)


def take_in(count, prefix, since, seconds, whose):
    """Have events, with times that go round in some seconds."""
    for start in range(0, count, SIZE):
        events = [
            {
                "ref": f"{prefix}-{number:010}",
                "meter": "calls",
                "service": whose[number % len(whose)].id,
                "time": f"{since + timedelta(seconds=number * 7 % seconds)}Z",
                "quantity": number % 600,
                "dimensions": {"called": f"{PREFIXES[number % 4]}12345678"},
            }
            for number in range(start, min(start + SIZE, count))
        ]
        result = env["omni.billing.usage"].take_in("switch", events)
        assert result["taken"] == len(events), result
        env.cr.commit()


take_in(options.events, "call", begin, 2_200_000, services)


def measure(name, work):
    """Report how many events are dealt with in a second."""
    start = time.perf_counter()
    work()
    env.cr.commit()
    report.add(f"{name}_per_s", options.events / (time.perf_counter() - start))


def add_up():
    """Have PostgreSQL do the least of it: read, and add up in steps of a minute."""
    env.cr.execute(
        """
        SELECT service_id, SUM(GREATEST(60, CEIL(quantity)) * 0.02 / 60)
          FROM omni_billing_usage_event WHERE meter_id = %s GROUP BY service_id
        """,
        [meter.id],
    )
    env.cr.fetchall()


Rating = env["omni.billing.usage.rating"]
with peak_memory() as memory:
    measure("rated", lambda: Rating._rate_all(now))
Rating._mark(services, begin, begin)
env.cr.commit()
measure("rated_again", lambda: Rating._rate_all(now))
measure("sql_floor", add_up)
report.add("peak_mb", memory.peak_mb)

# --- One customer who has many ---
own = services[0]
month = datetime(now.year, now.month, 1)
# As far as the month that runs is over by the clock of the plan; an hour at least.
ran = max(3600, int((now - month).total_seconds()) - 7200)
take_in(options.own, "own", month + timedelta(hours=1), ran, own)
with peak_memory() as memory:
    start = time.perf_counter()
    Rating._rate_all(now)
    env.cr.commit()
report.add("own_rated_per_s", options.own / (time.perf_counter() - start))
report.add("own_peak_mb", memory.peak_mb)
env.cr.execute("ANALYZE")


def show_portal():
    """Read what the portal says of the service."""
    rows = Rating.search([("service_id", "=", own.id)])
    [running] = [row for row in rows if row.state == "running"]
    assert running.events == options.own, running.events
    return [row._billing_write_for_customer() for row in rows]


def show_events():
    """Read the first page of events, as its list does."""
    Usage = env["omni.billing.usage"]
    names = ("moment", "meter_id", "identifier", "quantity")
    return Usage.web_search_read(
        [("service_id", "=", own.id)], {name: {} for name in names}, limit=80
    )


for name, show in (("portal", show_portal), ("events", show_events)):
    times = []
    for _round in range(11):
        env.invalidate_all()
        start = time.perf_counter()
        assert show()
        times.append(1000 * (time.perf_counter() - start))
    report.add(f"{name}_ms", statistics.median(times))
charged = Rating.search_count([("transaction_id", "!=", False)])
assert charged == options.services, charged
report.print(env)
report.save()
