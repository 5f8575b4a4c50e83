"""A billing run of many customers by OCA's job queue, on several processes.

Customers with 10 transactions of one taxed line each, unbilled; then Odoo with workers
and the job runner, as docs/scale.md describes it, and one run over all of them, from
the click on Start until it is done. How long that takes is wall time; memory is what
the largest worker had at each tenth of the run. Then the PDFs of some invoices, by jobs
as a run that sends e-mails makes them.

Options: --customers N, --workers N (of HTTP, which do the jobs), --jobs N (at once),
--by-odoo (fast billing stays off), --pdfs N (of how many invoices).
"""

# ruff: noqa: F821 - `env` is given by bin/bench
import argparse
import os
import time
from pathlib import Path

from odoo.tools import split_every

from odoo.addons.omni_billing_queue_job.models.omni_billing_run import PDFS

from dev import billing, core, paths, server
from dev.bench import Report
from dev.workspace import Workspace
from tests.bench.made import check_space

LINES = 10
PAUSE = 1.0
#: Of a run that stands still, to be seen and not to be waited for.
STANDS_SECONDS = 300

parser = argparse.ArgumentParser(prog="bin/bench queue")
parser.add_argument("--customers", type=int, default=10_000)
parser.add_argument("--workers", type=int, default=4)
parser.add_argument("--jobs", type=int, default=2)
parser.add_argument("--by-odoo", action="store_true")
parser.add_argument("--pdfs", type=int, default=0)
options = parser.parse_args()
report = Report("A run by the job queue")
database = env.cr.dbname


def make():
    """Make the customers and what they owe; return the id of the run, not begun."""
    books = billing.Books(env, LINES)
    books.add_charges(books.add_customers(options.customers))
    if not options.by_odoo:
        company = env.company
        company.with_user(env.ref("base.user_admin")).action_billing_prove()
        if not company.billing_use_proven:
            raise SystemExit(f"Fast billing: {company.billing_proven_problem}")
    run = env["omni.billing.run"].create(
        {"invoice_date": billing.DAY, "date_end": billing.DAY, "title": "Bill"}
    )
    # Time passes in the run alone.
    env.cr.execute("UPDATE ir_cron SET nextcall = now() + interval '1 day'")
    # Not all: PostgreSQL plans for what it was told to be empty as if it stayed so.
    env.cr.execute("ANALYZE account_tax_omni_billing_transaction_rel")
    env.cr.commit()
    return run


def read_largest(served):
    """Return the MB of the largest worker."""
    found = 0.0
    for file in Path("/proc").glob("[0-9]*/status"):
        try:
            status = file.read_text()
        except OSError:
            continue
        if f"PPid:\t{served.pid}\n" in status:
            fields = dict(line.split(":", 1) for line in status.splitlines())
            found = max(found, int(fields["VmRSS"].split()[0]) / 1024)
    return found


def count_left(run):
    """Return how many of its customers are still to be billed; None until it knows."""
    env.cr.rollback()
    env.cr.execute(
        "SELECT count(*) FILTER (WHERE l.state = 'pending'), count(l.id), r.state"
        "  FROM omni_billing_run r LEFT JOIN omni_billing_run_line l ON l.run_id = r.id"
        " WHERE r.id = %s GROUP BY r.state",
        [run.id],
    )
    left, all_, state = env.cr.fetchone()
    return (None if not all_ else left), state


def count_pdfs(jobs):
    """Return for how many invoices no job made a PDF yet; how the jobs stand."""
    env.cr.rollback()
    env.cr.execute(
        "SELECT state, count(*) FROM queue_job WHERE uuid = ANY(%s) GROUP BY state",
        [jobs],
    )
    states = dict(env.cr.fetchall())
    left = len(jobs) - states.get("done", 0)
    return (
        left * PDFS,
        "failed" if "failed" in states else "running" if left else "done",
    )


def watch(served, count, count_left):
    """Wait until it is done, and tell of each tenth; return MB at each."""
    memory, told, since, last = [], 0, time.monotonic(), None
    while True:
        left, state = count_left()
        if left is not None:
            tenths = (count - left) * 10 // count
            if tenths > told:
                told = tenths
                memory.append(read_largest(served))
                print(f"    {tenths}0 %: {memory[-1]:.0f} MB", flush=True)
        if state == "done":
            return memory
        if (left, state) != last:
            last, since = (left, state), time.monotonic()
        elif time.monotonic() - since > STANDS_SECONDS:
            raise SystemExit(f"It stands: {state}, {left} left.")
        time.sleep(PAUSE)


space = Workspace(core.ensure(), paths.TEST_DATA, dict(os.environ))
check_space(paths.TEST_DATA, 2 + options.customers * 4e-5)
print(f"  making {options.customers} customers", flush=True)
run = make()
port = server.free_port()
space.environment["ODOO_QUEUE_JOB_CHANNELS"] = (
    f"root:{options.jobs},root.omni_billing:{options.jobs}"
)
space.environment["ODOO_QUEUE_JOB_PORT"] = str(port)
with server.serving(
    space,
    database,
    *(f"--workers={options.workers}", "--max-cron-threads=1"),
    *("--load=base,web,queue_job", f"--gevent-port={server.free_port()}"),
    port=port,
    log="bench-queue",
) as served:
    print("  billing", flush=True)
    begin = time.perf_counter()
    run.action_start()
    env.cr.commit()
    memory = watch(served, options.customers, lambda: count_left(run))
    seconds = time.perf_counter() - begin
    if options.pdfs:
        print("  PDFs", flush=True)
        env.cr.rollback()
        moves = run.line_ids.invoice_id.sorted("id")[: options.pdfs]
        begin = time.perf_counter()
        jobs = [
            part.with_delay()._job_billing_render_pdf().uuid
            for part in split_every(PDFS, moves.ids, moves.browse)
        ]
        env.cr.commit()
        pdf_memory = watch(served, len(moves), lambda: count_pdfs(jobs))
        pdf_seconds = time.perf_counter() - begin
env.cr.rollback()
env.invalidate_all()
env.cr.execute(
    "SELECT count(*), count(*) FILTER (WHERE m.state = 'posted'), sum(m.amount_total)"
    "  FROM omni_billing_run_line l JOIN account_move m ON m.id = l.invoice_id"
    " WHERE l.run_id = %s",
    [run.id],
)
lines, posted, total = env.cr.fetchone()
env.cr.execute("SELECT sum(amount_total) FROM omni_billing_transaction")
(owed,) = env.cr.fetchone()
if (lines, posted, total) != (options.customers, options.customers, owed):
    raise SystemExit(f"{posted} of {lines} are posted, {total} of {owed}")
report.add("queue_customers", options.customers)
report.add("queue_s", seconds)
report.add("queue_invoice_ms", 1000 * seconds / options.customers)
report.add("queue_invoices_per_s", options.customers / seconds)
report.add("queue_first_mb", memory[0])
report.add("queue_last_mb", memory[-1])
report.add("queue_peak_mb", max(memory))
if options.pdfs:
    stored = env["omni.billing.pdf.cache"].search_count(
        [("move_id", "in", moves.ids), ("attachment_id", "!=", False)]
    )
    if stored != len(moves):
        raise SystemExit(f"{stored} of {len(moves)} PDFs are stored.")
    report.add("queue_pdfs", stored)
    report.add("queue_pdfs_s", pdf_seconds)
    report.add("queue_pdfs_per_s", stored / pdf_seconds)
    report.add("queue_pdfs_first_mb", pdf_memory[0])
    report.add("queue_pdfs_last_mb", pdf_memory[-1])
report.print(env)
report.save()
