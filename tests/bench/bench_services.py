"""Charge many recurring services at once, as the job does on the first of a month.

Options: --services N (100000 by default).
"""

# ruff: noqa: F821 - `env` is given by bin/bench
import argparse
import time

from odoo.fields import Command

from dev.bench import Report, peak_memory

parser = argparse.ArgumentParser(prog="bin/bench services")
parser.add_argument("--services", type=int, default=100_000)
options = parser.parse_args()
report = Report("Recurring services")
Service = env["omni.billing.service"]
BATCH = 5_000

tax = env["account.tax"].search([("type_tax_use", "=", "sale")], limit=1)
partners = env["res.partner"].create(
    [{"name": f"Subscriber {number}"} for number in range(2_000)]
)
start = time.perf_counter()
for first in range(0, options.services, BATCH):
    Service.create(
        [
            {
                "name": f"Line {number}",
                "partner_id": partners[number % len(partners)].id,
                "unit": "month",
                "price_unit": 10 + number % 90,
                "date_start": "2025-01-01",
                "charged_until": "2025-12-31",
                "date_end": "2026-01-31",
                "tax_ids": [Command.set(tax.ids)],
            }
            for number in range(first, min(first + BATCH, options.services))
        ]
    )
    env.cr.commit()
    env.invalidate_all()
report.add("create_service_ms", 1000 * (time.perf_counter() - start) / options.services)

with peak_memory() as memory:
    before = env.cr.sql_log_count
    start = time.perf_counter()
    Service._cron_write_due()
    seconds = time.perf_counter() - start
charges = env["omni.billing.transaction"].search_count(
    [("service_id.name", "=like", "Line %"), ("period_start", "=", "2026-01-01")]
)
assert charges == options.services, (charges, options.services)
statements = env.cr.sql_log_count - before
report.add("services_100k_ms", 1000 * seconds * 100_000 / options.services)
report.add("charges_per_s", options.services / seconds)
report.add("sql_per_charge", statements / options.services)
report.add("peak_mb", memory.peak_mb)

start = time.perf_counter()
Service._cron_write_due()
report.add("nothing_due_ms", 1000 * (time.perf_counter() - start))

report.print(env)
report.save()
