"""Take in events of usage, batch by batch, each committed as a request is.

Options: --events N (200000 by default), --size N of a batch (10000) and
--services N (1000).
"""

# ruff: noqa: F821 - `env` is given by bin/bench
import argparse
import time
from datetime import datetime, timedelta, timezone

from dev.bench import Report, peak_memory

parser = argparse.ArgumentParser(prog="bin/bench usage")
parser.add_argument("--events", type=int, default=200_000)
parser.add_argument("--size", type=int, default=10_000)
parser.add_argument("--services", type=int, default=1_000)
options = parser.parse_args()
report = Report(f"Usage, {options.events} events in batches of {options.size}")

partner = env["res.partner"].create({"name": "Carrier"})
services = env["omni.billing.service"].create(
    [{"name": f"Line {n}", "partner_id": partner.id} for n in range(options.services)]
)
env["omni.billing.usage.identifier"].create(
    [{"value": f"+33{n}", "service_id": one.id} for n, one in enumerate(services)]
)
env["omni.billing.meter"].create(
    {"name": "Calls", "code": "calls", "kind": "duration", "dimensions": "country"}
)
env["omni.billing.usage.source"].create({"name": "Switch", "code": "switch"})
env.cr.commit()
Usage = env["omni.billing.usage"]
now = datetime.now(timezone.utc)


def make(begin, known=True):
    """Return a batch of events, of the last thirty days."""
    return [
        {
            "ref": f"call-{number:010}",
            "meter": "calls",
            "identifier": f"+{33 if known else 44}{number % options.services}",
            "time": (now - timedelta(seconds=number * 7 % 2_592_000)).isoformat(),
            "quantity": number % 600,
            "dimensions": {"country": "FR"},
        }
        for number in range(begin, begin + options.size)
    ]


def measure(name, begins, outcome, known=True):
    """Take in batches; all of their events are to become the same."""
    seconds, taken = 0, 0
    for begin in begins:
        events = make(begin, known)
        start = time.perf_counter()
        taken += Usage.take_in("switch", events)[outcome]
        env.cr.commit()
        seconds += time.perf_counter() - start
    assert taken == len(begins) * options.size, (name, taken)
    report.add(f"{name}_per_s", taken / seconds)


begins = range(0, options.events, options.size)
with peak_memory() as memory:
    measure("new", begins, "taken")
    measure("again", begins, "double")
    few = range(options.events, options.events + options.events // 10, options.size)
    measure("unknown", few, "unknown", known=False)
report.add("peak_mb", memory.peak_mb)
before = env.cr.sql_log_count
Usage.take_in("switch", make(options.events * 2))
report.add("sql_per_batch", env.cr.sql_log_count - before)
env.cr.execute(
    """
    SELECT SUM(pg_total_relation_size(oid)) FROM pg_class
     WHERE relkind = 'r' AND relname LIKE 'omni\\_billing\\_usage\\_event%'
        OR relname = 'omni_billing_usage_key'
    """
)
report.add("bytes_per_event", float(env.cr.fetchone()[0]) / options.events)
report.print(env)
report.save()
