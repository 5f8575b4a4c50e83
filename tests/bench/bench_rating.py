"""Rate a month of calls, and beside that have PostgreSQL add them up.

Options: --events N (200000 by default), --services N (1000).
"""

# ruff: noqa: F821 - `env` is given by bin/bench
import argparse
import time
from datetime import datetime, timedelta

from dev.bench import Report, peak_memory

parser = argparse.ArgumentParser(prog="bin/bench rating")
parser.add_argument("--events", type=int, default=200_000)
parser.add_argument("--services", type=int, default=1_000)
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
for start in range(0, options.events, SIZE):
    events = [
        {
            "ref": f"call-{number:010}",
            "meter": "calls",
            "service": services[number % options.services].id,
            "time": f"{begin + timedelta(seconds=number * 7 % 2_200_000)}Z",
            "quantity": number % 600,
            "dimensions": {"called": f"{PREFIXES[number % 4]}12345678"},
        }
        for number in range(start, min(start + SIZE, options.events))
    ]
    env["omni.billing.usage"].take_in("switch", events)
    env.cr.commit()


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
charged = Rating.search_count([("transaction_id", "!=", False)])
assert charged == options.services, charged
report.print(env)
report.save()
