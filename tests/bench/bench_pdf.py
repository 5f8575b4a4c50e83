"""Make invoice PDFs, beside Odoo's own report of the same invoices by wkhtmltopdf.

Odoo serves its styles over HTTP meanwhile, as wkhtmltopdf asks for them. *First* is
from an empty store to the stored file, *cached* the second time; *shipped* is Odoo's
report as it is, which waits a second for scripts; the plain one is without that wait.

Options: --renders N for the growth of memory (1000), --invoices N for the throughput of
two processes (500), --repeat N of each render (5).
"""

# ruff: noqa: F821 - `env` is given by bin/bench
import argparse
import gc
import os
import shutil
import socket
import statistics
import threading
import time

import psutil

from dev.bench import Report
from dev.console import Failure, say

parser = argparse.ArgumentParser(prog="bin/bench pdf")
parser.add_argument("--renders", type=int, default=1000)
parser.add_argument("--invoices", type=int, default=500)
parser.add_argument("--repeat", type=int, default=5)
options = parser.parse_args()
if not shutil.which("wkhtmltopdf"):
    raise Failure("wkhtmltopdf is not installed: it is what Odoo prints with.")
report = Report("Invoice PDFs")
Transaction = env["omni.billing.transaction"]
Cache = env["omni.billing.pdf.cache"]
tax = env["account.tax"].search([("type_tax_use", "=", "sale")], limit=1)


def make_invoice(partner, lines):
    transactions = Transaction.create(
        [
            {
                "partner_id": partner.id,
                "name": f"Fibre 500, line {number}",
                "description": "Unlimited, with a router on loan",
                "retail_cost": 10 + number,
                "tax_ids": tax.ids,
            }
            for number in range(lines)
        ]
    )
    return transactions._create_invoice(partner, title=f"{lines} lines")


def timed(work, before=None):
    if before:
        before()
    env.invalidate_all()
    start = time.perf_counter()
    work()
    return (time.perf_counter() - start) * 1000


def median(work, before=None):
    timed(work, before)
    return statistics.median(timed(work, before) for _time in range(options.repeat))


def serve():
    """Serve this database's styles from a thread, and tell Odoo's report where."""
    import odoo
    from odoo.service.server import ThreadedWSGIServerReloadable

    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    odoo.tools.config["http_port"] = port
    server = ThreadedWSGIServerReloadable("127.0.0.1", port, odoo.http.root)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    env["ir.config_parameter"].set_param("report.url", f"http://127.0.0.1:{port}")
    commit()


def commit():
    """End a transaction as a request does: with Odoo's signals about what changed."""
    env.cr.commit()
    env.registry.signal_changes()


def forget(invoices):
    Cache.search([("move_id", "in", invoices.ids)]).unlink()
    env.flush_all()


def theirs(invoice):
    """Odoo's own report, which our addon stands aside for."""
    Move = type(env["account.move"])
    own = Move._billing_has_own_pdf
    Move._billing_has_own_pdf = lambda move: False
    try:
        content, kind = env["ir.actions.report"]._render_qweb_pdf(
            "account.account_invoices", invoice.ids
        )
    finally:
        Move._billing_has_own_pdf = own
    assert kind == "pdf" and content.startswith(b"%PDF"), kind


def resident_mb():
    gc.collect()
    return psutil.Process().memory_info().rss / 2**20


def render_half(ids):
    """Be a process of its own, with connections of its own."""
    import odoo

    # The parent's connections stay its own: they are neither used nor closed.
    odoo.sql_db._Pool = None
    with odoo.sql_db.db_connect(env.cr.dbname).cursor() as cr:
        moves = odoo.api.Environment(cr, odoo.SUPERUSER_ID, {})["account.move"]
        for move in moves.browse(ids):
            move._billing_get_pdf()
            cr.commit()


serve()
partner = env["res.partner"].create(
    {"name": "Ada Harbour", "street": "18 Harbour Street", "city": "Bristol"}
)
invoices = {lines: make_invoice(partner, lines) for lines in (10, 200)}
commit()
parameters = env["ir.config_parameter"]

# --- First render ---
for lines, invoice in invoices.items():
    ours = median(invoice._billing_get_pdf, lambda invoice=invoice: forget(invoice))
    parameters.set_param("report.print_delay", "0")
    bare = median(lambda invoice=invoice: theirs(invoice))
    parameters.set_param("report.print_delay", "1000")
    shipped = median(lambda invoice=invoice: theirs(invoice))
    report.add(f"first_{lines}_ms", ours)
    report.add(f"wkhtmltopdf_{lines}_ms", bare)
    report.add(f"shipped_{lines}_ms", shipped)
    report.add(f"ratio_first_{lines}", ours / bare)
    report.add(f"ratio_shipped_{lines}", ours / shipped)

# --- From the store ---
invoice = invoices[10]
content = invoice._billing_get_pdf()
plain = env["ir.attachment"].create(
    {"name": "plain.pdf", "raw": content, "res_model": "res.partner", "res_id": 1}
)
commit()
Attachment = env["ir.attachment"]
domain = [("res_model", "=", "res.partner"), ("name", "=", "plain.pdf")]
cached, attached = [], []
for _time in range(200):
    cached.append(timed(invoice._billing_get_pdf))
    attached.append(timed(lambda: Attachment.search(domain, limit=1).raw))
report.add("cached_ms", statistics.median(cached))
report.add("attachment_ms", statistics.median(attached))
report.add("ratio_cached", statistics.median(cached) / statistics.median(attached))

# --- Memory ---
if options.renders:
    document = invoice._billing_prepare_document()
    renderer = env["ir.actions.report"]._billing_get_pdf_renderer()
    for _time in range(50):
        renderer.render(document)
    before = resident_mb()
    for _time in range(options.renders):
        renderer.render(document)
    report.add("growth_1000_mb", (resident_mb() - before) * 1000 / options.renders)
    report.add("resident_mb", resident_mb())

# --- Two processes ---
if options.invoices:
    say(f"  Making {options.invoices} invoices …")
    many = []
    for count in range(options.invoices):
        many.append(make_invoice(partner, 10).id)
        if count % 50 == 49:
            commit()
            env.invalidate_all()
    commit()
    start = time.perf_counter()
    halves = (many[::2], many[1::2])
    children = []
    for half in halves:
        child = os.fork()
        if not child:
            status = 1
            try:
                render_half(half)
                status = 0
            finally:
                os._exit(status)
        children.append(child)
    for child in children:
        assert os.waitpid(child, 0)[1] == 0, "a process failed"
    seconds = time.perf_counter() - start
    env.cr.rollback()
    assert Cache.search_count([("move_id", "in", many)]) == len(many)
    report.add("two_processes_per_s", len(many) / seconds)

report.print(env)
report.save()
