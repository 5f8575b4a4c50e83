"""Import real purchases as Odoo's import does, bill those of 1997, check the cents.

Options: --rows N also imports N made-up rows (0: none; 100000 by default).
"""

# ruff: noqa: F821 - `env` is given by bin/bench
import argparse
import time
from decimal import Decimal

from dev import cdnow
from dev.bench import Report, peak_memory
from dev.billing import load, measure_import

parser = argparse.ArgumentParser(prog="bin/bench import")
parser.add_argument("--rows", type=int, default=100_000)
options = parser.parse_args()
report = Report("Import of transactions")
Transaction = env["omni.billing.transaction"]


def timed(work, *arguments):
    start = time.perf_counter()
    return work(*arguments), time.perf_counter() - start


# --- The purchases of the sample ---
purchases = [
    purchase
    for purchase in cdnow.read(cdnow.fetch().read_text().splitlines())
    if not purchase.is_free
]
load(env, "res.partner", cdnow.PARTNER_COLUMNS, list(cdnow.partner_rows(purchases)))
rows = list(cdnow.transaction_rows(purchases))
with peak_memory() as memory:
    created, seconds = timed(
        load, env, Transaction._name, cdnow.TRANSACTION_COLUMNS, rows
    )
assert created == len(rows), (created, len(rows))
report.add("purchases", created)
report.add("rows_per_s", created / seconds)
report.add("peak_mb", memory.peak_mb)
again, seconds = timed(load, env, Transaction._name, cdnow.TRANSACTION_COLUMNS, rows)
assert again == 0, again
report.add("again_rows_per_s", len(rows) / seconds)

# --- One invoice a customer for 1997 ---
in_1997 = [purchase for purchase in purchases if purchase.date < "1998"]
expected = sum(Decimal(purchase.dollars) for purchase in in_1997)
customers = [
    partner
    for (partner,) in Transaction._read_group(
        [("state", "=", "unbilled"), ("date", "<", "1998-01-01")], ["partner_id"]
    )
]
start = time.perf_counter()
invoices = env["account.move"]
for count, customer in enumerate(customers, start=1):
    wizard = env["omni.billing.proforma.wizard"].create(
        {
            "partner_id": customer.id,
            "date_start": "1997-01-01",
            "date_end": "1997-12-31",
        }
    )
    invoices += invoices.browse(wizard.action_generate()["res_id"])
    if not count % 200:
        env.cr.commit()
        env.invalidate_all()
        print(f"  {count} of {len(customers)} invoices", flush=True)
env.cr.commit()
report.add("invoices", len(invoices))
report.add("wizard_invoice_ms", 1000 * (time.perf_counter() - start) / len(invoices))
billed = sum(Decimal(str(total)) for total in invoices.mapped("amount_total"))
assert billed == expected, (billed, expected)
assert set(invoices.mapped("state")) == {"posted"}
print(f"  {len(invoices)} invoices of 1997: {billed} as in the file")

# --- Made-up rows ---
if options.rows:
    for name, value in measure_import(env, options.rows).items():
        report.add(name, value)

report.print(env)
report.save()
