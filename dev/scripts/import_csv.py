"""Import a CSV file through Odoo's own import, in batches that are kept.

Runs in ``odoo shell``.
"""

import csv
import sys
import time

BATCH = 500

model = env[arguments["model"]]
with open(arguments["file"], newline="") as file:
    columns, *rows = csv.reader(file)

before = model.search_count([])
start = time.monotonic()
for first in range(0, len(rows), BATCH):
    batch = rows[first : first + BATCH]
    result = model.load(columns, batch)
    errors = [m["message"] for m in result["messages"] if m["type"] == "error"]
    if errors:
        sys.exit(f"Error: row {first + 2} or later: {errors[0]}")
    env.cr.commit()
    env.invalidate_all()
    done = first + len(batch)
    speed = done / (time.monotonic() - start)
    print(
        f"  {model._name}: {done:,} of {len(rows):,} rows, {speed:,.0f} rows/s",
        flush=True,
    )
created = model.search_count([]) - before
seconds = time.monotonic() - start
print(
    f"✓ {model._name}: {created:,} created, {len(rows) - created:,} known before"
    f" ({seconds:.1f} s)",
    flush=True,
)
