"""Two hundred people at once, against a server with two workers behind a proxy.

180 customers with 1,000 invoices each, and 20 of staff, who log in by the form and do
what people do (``load_people.py``): portal pages, PDFs and payments by a card of the
strict Stripe, lists, previews, money by hand and voids. First how many pages a second
the server makes at most, of Odoo's own list of invoices, of ours, and of the portal as
customers use it; then everybody for some minutes at a rate.

The tool is locust, from ``bench-requirements.txt``, in a folder of its own. On demand:
no part of bin/test runs it.

Options: --users N, --minutes N, --rates N [N ...] (requests a second, of all together),
--workers N, --invoices N (of each customer).
"""

# ruff: noqa: F821 - `env` is given by bin/bench
import argparse
import csv
import json
import os
import subprocess
import sys
import tempfile
import threading
from contextlib import contextmanager
from pathlib import Path

from dev import core, paths, proxy, server, venv
from dev.bench import Report
from dev.workspace import Workspace
from strict_stripe import PUBLISHABLE_KEY, SECRET_KEY, StripeServer
from tests.bench.made import Maker, check_space

PASSWORD = "open sesame"
AMOUNT = 45.0
#: Of each customer's invoices one in so many is unpaid; the others were paid.
UNPAID = 25
#: Who come in a second; to look at a password takes a worker a third of one.
SPAWNED = 3
#: What 95 of 100 answers are to take at most.
MOST_MS = 300
#: How much of the time at a rate people take to change to it.
SETTLING = 0.35
PEOPLE = Path(__file__).with_name("load_people.py")
PAGES = {"odoo_list": "/my/invoices", "list": "/my/billing/invoices"}

parser = argparse.ArgumentParser(prog="bin/bench load")
parser.add_argument("--users", type=int, default=200)
parser.add_argument("--minutes", type=float, default=10)
parser.add_argument("--rates", type=float, nargs="+", default=[10, 15, 20, 25, 30, 40])
parser.add_argument("--seconds", type=float, default=60)
parser.add_argument("--workers", type=int, default=2)
parser.add_argument("--invoices", type=int, default=1_000)
options = parser.parse_args()
report = Report("Load")
database = env.cr.dbname
folder = Path(tempfile.mkdtemp())
customers_count = max(1, options.users * 9 // 10)
staff_count = max(1, options.users - customers_count)


# === The world === #


def make_people(stripe):
    """Make the customers, their cards at this Stripe, and staff; return who is who."""
    company = env.company
    provider = env.ref("payment.payment_provider_stripe")
    card = env.ref("payment.payment_method_card")
    provider.write(
        {
            "stripe_publishable_key": PUBLISHABLE_KEY,
            "stripe_secret_key": SECRET_KEY,
            "stripe_webhook_secret": "whsec_test",
            "allow_tokenization": True,
            "is_published": True,
            "state": "test",
        }
    )
    provider.with_context(active_test=False).payment_method_ids = card
    card.active = True
    import stripe as sdk

    api = sdk.StripeClient(SECRET_KEY, base_addresses={"api": stripe.url}).v1
    partners = env["res.partner"].create(
        [
            {
                "name": f"Customer {number}",
                "is_company": True,
                "email": f"customer{number}@example.com",
                "country_id": company.country_id.id,
            }
            for number in range(customers_count)
        ]
    )
    assert partners.ids == list(range(partners[0].id, partners[0].id + len(partners)))
    cards = []
    for partner in partners:
        reference = api.customers.create({"name": partner.name}).id
        method = api.payment_methods.attach("pm_card_visa", {"customer": reference}).id
        env["omni.billing.stripe.customer"].create(
            {
                "provider_id": provider.id,
                "partner_id": partner.id,
                "reference": reference,
            }
        )
        cards.append(
            {
                "provider_id": provider.id,
                "payment_method_id": card.id,
                "partner_id": partner.id,
                "provider_ref": reference,
                "payment_details": "4242",
                "stripe_payment_method": method,
                "billing_brand": "visa",
                "billing_last4": "4242",
                "billing_exp_month": 12,
                "billing_exp_year": 2040,
            }
        )
    tokens = env["payment.token"].create(cards)
    add = env["res.users"].with_context(no_reset_password=True).create
    portal = env.ref("base.group_portal")
    users = add(
        [
            {
                "login": f"customer{partner.id}",
                "partner_id": partner.id,
                "group_ids": [(6, 0, portal.ids)],
            }
            for partner in partners
        ]
    )
    group = env.ref("omni_billing.omni_billing_group_user")
    staff = add(
        [
            {
                "name": f"Staff {number}",
                "login": f"staff{number}",
                "group_ids": [(6, 0, (group + env.ref("base.group_user")).ids)],
            }
            for number in range(staff_count)
        ]
    )
    # To make a hash takes a third of a second, on purpose.
    users[0].password = PASSWORD
    env.flush_all()
    env.cr.execute(
        "UPDATE res_users SET password = (SELECT password FROM res_users WHERE id = %s)"
        " WHERE id IN %s",
        [users[0].id, tuple((users + staff).ids)],
    )
    return partners, tokens, users, staff


def make_invoices(partners):
    """Give each customer their invoices, and three charges that are unbilled yet."""
    maker = Maker(env)
    charge = env["omni.billing.transaction"].create(
        {
            "name": "Call",
            "partner_id": partners[0].id,
            "retail_cost": AMOUNT,
            "tax_ids": [],
        }
    )
    wizard = env["omni.billing.proforma.wizard"].create({"partner_id": partners[0].id})
    invoice = env["account.move"].browse(wizard.action_generate()["res_id"])
    env.cr.commit()
    count = len(partners) * options.invoices
    # The first of all is the one that is copied: it is the first customer's, too.
    partner = f"{partners[0].id} + (n - 1) / {options.invoices}"
    day = f"CURRENT_DATE - (n % {options.invoices}) / 2"
    is_open = f"n % {UNPAID} = 0"
    values = {"partner_id": partner, "commercial_partner_id": partner, "date": day}
    with maker.bare("omni_billing_transaction", "account_move", "account_move_line"):
        first = maker.clone(
            invoice,
            count,
            values
            | {
                "name": "'INV/MADE/' || n",
                "sequence_number": "n",
                "sequence_prefix": "'INV/MADE/'",
                "partner_shipping_id": partner,
                "invoice_date": day,
                "invoice_date_due": f"{day} + 30",
                "access_token": "NULL",
                "billing_state": f"CASE WHEN {is_open} THEN 'unpaid' ELSE 'paid' END",
                "payment_state": f"CASE WHEN {is_open} THEN 'not_paid' ELSE 'paid' END",
                **{
                    name: f"CASE WHEN {is_open} THEN source.{name} ELSE 0 END"
                    for name in ("amount_residual", "amount_residual_signed")
                },
            },
        )
        own = maker.clone(
            charge,
            count,
            values
            | {
                "name": "'Call ' || n",
                "external_ref": "'made-' || n",
                "invoice_id": f"{first} + n - 1",
            },
        )
        for line in invoice.line_ids:
            of_line = {
                "move_id": f"{first} + n - 1",
                "move_name": "'INV/MADE/' || n",
                "partner_id": partner,
                "date": day,
                "invoice_date": day,
            }
            if line.billing_transaction_id:
                of_line["billing_transaction_id"] = f"{own} + n - 1"
            if line.display_type == "payment_term":
                of_line["date_maturity"] = f"{day} + 30"
                of_line["reconciled"] = f"NOT ({is_open})"
                for name in ("amount_residual", "amount_residual_currency"):
                    of_line[name] = f"CASE WHEN {is_open} THEN source.{name} ELSE 0 END"
            maker.clone(line, count, of_line)
    env["omni.billing.transaction"].create(
        [
            {"name": "Call", "partner_id": partner.id, "retail_cost": 5 + number}
            for partner in partners
            for number in range(3)
        ]
    )
    maker.settle(
        *("account_move", "account_move_line", "omni_billing_transaction"),
        *("res_partner", "res_users", "payment_token", "omni_billing_total"),
    )
    return first


def describe(partners, tokens, users, staff, first):
    """Return who there is and what is whose, for the people.

    Who pays is not who voids, and nobody pays what is paid: each of the parts of a
    measurement has invoices of its own.
    """
    customers, to_pay, to_void = [], [[], []], [[], []]
    for index, (partner, token, user) in enumerate(
        zip(partners, tokens, users, strict=True)
    ):
        begin = index * options.invoices
        ids = range(first + begin, first + begin + options.invoices)
        unpaid = [number for number in ids if (number - first + 1) % UNPAID == 0]
        for later in (0, 1):
            to_pay[later] += unpaid[later::7]
            to_void[later] += unpaid[later + 2 :: 7]
        customers.append(
            {
                "login": user.login,
                "partner": partner.id,
                "card": token.id,
                "unpaid": unpaid[4::7],
                "unpaid_later": [unpaid[5::7], unpaid[6::7]],
                "invoices": [n for n in reversed(ids) if (n - first + 1) % UNPAID],
            }
        )
    return {
        "password": PASSWORD,
        "amount": AMOUNT,
        "customers": customers,
        "staff": [
            {
                "login": one.login,
                **{"to_pay": [], "to_void": []},
                "to_pay_later": [part[number :: len(staff)] for part in to_pay],
                "to_void_later": [part[number :: len(staff)] for part in to_void],
            }
            for number, one in enumerate(staff)
        ],
    }


# === The load === #


def run_people(url, world, *, users, steps, only="", kinds=()):
    """Have people at work; return what it came to, and each answer.

    :param steps: seconds, and requests a second of all together, one after the other.
    :return: by the name of what they did; and rows of when (in seconds), what, how
        many ms, and whether it went well.
    """
    (folder / "world.json").write_text(
        json.dumps(world | {"users": users, "steps": steps})
    )
    result = subprocess.run(
        [
            *(sys.executable, "-m", "locust", "--headless", "--only-summary"),
            *(f"--locustfile={PEOPLE}", f"--host={url}", f"--users={users}"),
            # They end it themselves, so long after all are logged in.
            *(f"--spawn-rate={SPAWNED}", "--stop-timeout=30"),
            f"--csv={folder / 'stats'}",
            *kinds,
        ],
        env=os.environ
        | {
            "PYTHONPATH": os.pathsep.join(
                [str(venv.ensure_load()), str(venv.ensure_load() / "bin")]
            ),
            "OMNI_LOAD": str(folder / "world.json"),
            "OMNI_LOAD_LOG": str(folder / "answers"),
            "OMNI_LOAD_ONLY": only,
        },
        capture_output=True,
        text=True,
    )
    file = folder / "stats_stats.csv"
    if not file.exists():
        raise SystemExit(result.stderr)
    with file.open() as rows:
        found = {row["Name"]: row for row in csv.DictReader(rows)}
    with (folder / "stats_failures.csv").open() as rows:
        for row in csv.DictReader(rows):
            print(f"    {row['Occurrences']} × {row['Name']}: {row['Error']}")
    with (folder / "answers").open() as rows:
        return found, [json.loads(row) for row in rows]


def find_rate(answers, steps):
    """Tell what each rate came to; return the highest that was borne."""
    borne, end = 0, 0
    for seconds, rate in steps:
        begin, end = end + SETTLING * seconds, end + seconds
        rows = [row for row in answers if begin <= row[0] < end]
        errors = sum(not is_good for *_rest, is_good in rows)
        times = sorted(milliseconds for _when, _what, milliseconds, _good in rows)
        p50, p95 = (times[int(len(times) * part)] for part in (0.5, 0.95))
        print(
            f"    {rate:.0f} a second wished, {len(rows) / (end - begin):.1f} made:"
            f" p50 {p50:.0f} ms, p95 {p95:.0f} ms, {errors} errors",
            flush=True,
        )
        report.add(f"at_{rate:.0f}_p95_ms", p95)
        if p95 < MOST_MS and not errors:
            borne = rate
    return borne


def read_memory(served):
    """Return the megabytes of the HTTP workers, by their process."""
    sizes = {}
    for status in Path("/proc").glob("[0-9]*/status"):
        try:
            text, command = status.read_text(), status.with_name("cmdline").read_text()
        except OSError:
            continue
        fields = dict(line.split(":", 1) for line in text.splitlines() if ":" in line)
        if int(fields["PPid"]) == served.pid and "\0gevent\0" not in command:
            sizes[int(fields["Pid"])] = int(fields["VmRSS"].split()[0]) / 1024
    return sizes


def measure(served, url, world):
    """Measure what the server makes at most, then everybody together."""
    print("  measuring", flush=True)
    rate = options.rates[0]
    if len(options.rates) > 1:
        measure_most(url, world)
        begin_next_part(world)
        steps = [(options.seconds, one) for one in options.rates]
        _all, answers = run_people(url, world, users=options.users, steps=steps)
        rate = find_rate(answers, steps)
    if rate and options.minutes:
        begin_next_part(world)
        steps = [(60 * options.minutes, rate)]
        with watched(served) as sizes:
            found, _all = run_people(url, world, users=options.users, steps=steps)
        add_everybody(found)
        largest = [max(one.values()) for one in sizes]
        print("    largest worker, MB, each minute:", *(f"{mb:.0f}" for mb in largest))
        report.add("workers_begin_mb", largest[0])
        report.add("workers_half_mb", largest[len(largest) // 2])
        report.add("workers_end_mb", largest[-1])
        if sizes[0].keys() != sizes[-1].keys():
            print("    a worker was replaced meanwhile")


@contextmanager
def watched(served):
    """Have the memory of the workers read now, each minute, and at the end."""
    sizes, is_over = [read_memory(served)], threading.Event()

    def watch():
        while not is_over.wait(60):
            sizes.append(read_memory(served))

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield sizes
    finally:
        is_over.set()
        watcher.join()
    sizes.append(read_memory(served))


def measure_most(url, world):
    """Measure what the server makes at most, of lists and of the portal."""
    for name, path in PAGES.items():
        pages, _all = run_people(url, world, users=4, steps=[(30, 1)], only=path)
        report.add(f"{name}_per_s", float(pages[path]["Requests/s"]))
        report.add(f"{name}_p50_ms", float(pages[path]["50%"]))
        print(f"  {path}: {pages[path]['Requests/s']} a second", flush=True)
    # 8 who wait for a thousandth of a second.
    steps = [(40, 8_000)]
    found, _all = run_people(url, world, users=8, steps=steps, kinds=["Customer"])
    report.add("portal_per_s", float(found["Aggregated"]["Requests/s"]))
    print(f"  portal: {found['Aggregated']['Requests/s']} a second", flush=True)


def begin_next_part(world):
    """Have each pay, and void, what nobody has yet."""
    for customer in world["customers"]:
        customer["unpaid"] = customer["unpaid_later"].pop()
    for one in world["staff"]:
        for name in ("to_pay", "to_void"):
            one[name] = one[f"{name}_later"].pop()


def add_everybody(found):
    """Add how long it took all, and each thing that people do."""
    total = found.pop("Aggregated")
    report.add("requests", float(total["Request Count"]))
    report.add("errors", float(total["Failure Count"]))
    report.add("rate_per_s", float(total["Requests/s"]))
    for percent in (50, 95, 99):
        report.add(f"p{percent}_ms", float(total[f"{percent}%"]))
    print(f"    {'':40} {'number':>8} {'p50 ms':>8} {'p95 ms':>8} {'errors':>7}")
    for name, row in sorted(found.items()):
        print(
            f"    {name:40} {row['Request Count']:>8} {row['50%']:>8} {row['95%']:>8}"
            f" {row['Failure Count']:>7}"
        )


check_space(paths.TEST_DATA, 2 + customers_count * options.invoices * 1e-5)
venv.ensure_load()
with StripeServer() as stripe:
    print("  making customers, cards and invoices", flush=True)
    people = make_people(stripe)
    world = describe(*people, make_invoices(people[0]))
    port, odoo = server.free_port(), server.free_port()
    parameters = env["ir.config_parameter"]
    for key, value in {
        "web.base.url": f"http://localhost:{port}",
        "web.base.url.freeze": "True",
        "omni_billing.stripe_api_base": stripe.url,
        "omni_billing.stripe_js_url": stripe.js_url,
    }.items():
        parameters.set_param(key, value)
    env.cr.commit()
    space = Workspace(core.ensure(), paths.TEST_DATA, dict(os.environ))
    with (
        server.serving(
            space,
            database,
            *(f"--workers={options.workers}", "--max-cron-threads=0", "--smtp-port=9"),
            *(f"--gevent-port={server.free_port()}", "--proxy-mode"),
            port=odoo,
            log="load",
        ) as served,
        proxy.holding(odoo, options.workers, port) as url,
    ):
        measure(served, url, world)
report.print(env)
report.save()
