"""Invoices for everyone: what a billing run costs, beside other ways to the same books.

Customers with 10 transactions of one taxed line each are billed in chunks of 100, each
committed, from unbilled transactions to posted invoices. Beside it, on data of the same
shape, in one process, in turns:

- *bare*: Odoo's ``create`` and ``action_post`` with the values that one writes without
  a thought of speed;
- *plain*: the same two calls with the values that this addon prepares;
- *contract*, *subscription*: what OCA contract and OCA subscription generate for one
  period, posted in chunks too. They come from the package index, without what they
  depend on, into a folder of their own in the project's state; they are no part of the
  project's requirements. They bring addons into the database that make every invoice
  dearer, and contract takes the taxes of a product only: so ours and bare are measured
  again beside them, all with a product on each line.

The cost of an invoice is CPU time, Python's and its database backend's, which other
work on the machine changes little; medians of the rounds. Rates, the import and
``speedup_2_workers`` are wall time.

Options: --parts NAME ..., --sizes N ... (customers of our own runs), --way NAME (of
these), --peer-sizes N ..., --workers-size N, --rounds N, --rows N (of the import),
--product (on each line).
"""

# ruff: noqa: F821 - `env` is given by bin/bench
import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from dev import billing, paths
from dev.bench import Report
from dev.workspace import shell_arguments

PARTS = ("ways", "sizes", "workers", "import", "peers")
PEERS = paths.STATE / "peers"
PACKAGES = ("odoo-addon-contract", "odoo-addon-subscription-oca")
LINES = 10

parser = argparse.ArgumentParser(prog="bin/bench run")
parser.add_argument("--parts", nargs="*", choices=PARTS, default=PARTS)
parser.add_argument("--sizes", type=int, nargs="*", default=[200, 1_000, 5_000, 10_000])
parser.add_argument("--way", choices=("ours", "proven", "whole"), default="ours")
parser.add_argument("--peer-sizes", type=int, nargs="*", default=[200, 1_000])
parser.add_argument("--workers-size", type=int, default=1_000)
parser.add_argument("--rounds", type=int, default=3)
parser.add_argument("--rows", type=int, default=100_000)
parser.add_argument("--product", action="store_true")
options = parser.parse_args()
report = Report("Billing runs")
database = env.cr.dbname
folder = Path(tempfile.mkdtemp())


def add(name, value):
    """Add a figure, and show it at once: all of them take long."""
    report.add(name, value)
    print(f"    {name} {value:.3f}", flush=True)


def median(figures, name="cpu_ms"):
    return statistics.median(measured[name] for measured in figures)


# === processes === #


def environment():
    path = [str(PEERS), str(paths.ROOT), os.environ["PYTHONPATH"]]
    return os.environ | {"PYTHONPATH": os.pathsep.join(path)}


def start(order, number=0):
    """Start a process that carries out an order."""
    order |= {
        "lines": LINES,
        "product": options.product,
        "file": str(folder / f"{number}.json"),
    }
    process = subprocess.Popen(
        [sys.executable, str(paths.ODOO_BIN), *shell_arguments(database)],
        env=environment(),
        stdin=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    process.stdin.write(f"from dev import billing\nbilling.serve(env, {order!r})\n")
    process.stdin.close()
    return process


def finish(process, number=0):
    """Wait for a process, and read what it measured."""
    errors = process.stderr.read()
    if process.wait():
        raise SystemExit(errors)
    return json.loads((folder / f"{number}.json").read_text())


def run(*runs):
    """Measure in a fresh process; return for each way its figures, run by run."""
    figures = {}
    for name, measured in finish(start({"runs": runs})):
        figures.setdefault(name, []).append(measured)
    return figures


# === parts === #


def measure_ways(names, new, suffix=""):
    """Measure ways in turns, and add what each costs; of the last size by its name."""
    for size in options.peer_sizes:
        print(f"  {size} customers: {', '.join(names)}", flush=True)
        found = run(*[(name, size) for name in names] * options.rounds)
        totals = {
            round(one["total"], 2) for figures in found.values() for one in figures
        }
        if len(totals) > 1:
            raise SystemExit(f"The ways disagree: {found}")
        for name, figures in found.items():
            label = name if name in new else name + suffix
            for end in ("", f"_{size}"):
                add(f"{label}{end}_ms", median(figures))
                if name != "ours":
                    add(f"ratio_{label}{end}", median(found["ours"]) / median(figures))
            add(f"{label}_statements", median(figures, "statements"))
        for name in {"bare", "contract"} & found.keys() if "proven" in found else ():
            ratio = median(found["proven"]) / median(found[name])
            add(f"ratio_proven_over_{name}_{size}", ratio)


def measure_sizes():
    """Measure ours at each size, in a fresh process."""
    cost, peak = {}, {}
    for size in options.sizes:
        print(f"  {size} customers", flush=True)
        (figures,) = run((options.way, size))[options.way]
        cost[size], peak[size] = figures["cpu_ms"] * size, figures["peak_mb"]
        label = f"{size // 1_000}k" if size >= 1_000 else f"{size}"
        label = label if options.way == "ours" else f"{options.way}_{label}"
        add(f"run_{label}_cpu_ms", figures["cpu_ms"])
        add(f"run_{label}_per_s", 1000 / figures["wall_ms"])
        add(f"run_{label}_statements", figures["statements"])
        add(f"peak_{label}_mb", figures["peak_mb"])
    if {1_000, 10_000} <= cost.keys():
        add("scale_10k_over_1k", cost[10_000] / cost[1_000])
        add("scale_peak_10k_over_1k", peak[10_000] / peak[1_000])


def measure_workers():
    """Measure one process against two, whose customers are not each other's."""
    print(f"  {options.workers_size} customers in one process, in two", flush=True)
    books = billing.Books(env, LINES, options.product)
    seconds = {1: [], 2: []}
    for count in [*seconds] * options.rounds:
        customers = books.add_customers(options.workers_size)
        books.add_charges(customers)
        env.cr.commit()
        share = len(customers) // count
        seconds[count].append(
            bill_in([customers[n * share :][:share] for n in range(count)])
        )
    one, two = map(statistics.median, seconds.values())
    add("workers_1_per_s", options.workers_size / one)
    add("workers_2_per_s", options.workers_size / two)
    add("speedup_2_workers", one / two)


def bill_in(parts):
    """Bill each part in a process of its own; return the seconds from first to last."""
    go, ready = folder / "go", [folder / f"ready-{n}" for n in range(len(parts))]
    for file in (go, *ready):
        file.unlink(missing_ok=True)
    processes = [
        start(
            {
                "customers": [part.start, part.stop],
                "ready": str(ready[n]),
                "go": str(go),
            },
            n,
        )
        for n, part in enumerate(parts)
    ]
    while not all(file.exists() for file in ready):
        if any(process.poll() for process in processes):
            break
        time.sleep(0.05)
    go.touch()
    figures = [finish(process, n) for n, process in enumerate(processes)]
    return max(one["end"] for one in figures) - min(one["begin"] for one in figures)


def measure_import():
    print(f"  {options.rows} transactions are imported", flush=True)
    for name, value in billing.measure_import(env, options.rows).items():
        add(name, value)


def install_peers():
    print(f"  installing {' and '.join(PACKAGES)}", flush=True)
    if not (PEERS / "odoo" / "addons" / "subscription_oca").exists():
        subprocess.run(
            [
                *(sys.executable, "-m", "pip", "install", "--quiet", "--no-deps"),
                *("--disable-pip-version-check", "--target", str(PEERS), *PACKAGES),
            ],
            check=True,
        )
    env.cr.commit()
    subprocess.run(
        [
            *(sys.executable, str(paths.ODOO_BIN), f"--database={database}"),
            *("--init=contract,subscription_oca", "--stop-after-init", "--no-http"),
            "--log-level=critical",
        ],
        env=environment(),
        check=True,
    )


if "ways" in options.parts:
    ways = ("ours", "proven", "whole", "bare", "plain")
    measure_ways(ways, new=ways)
if "sizes" in options.parts:
    measure_sizes()
if "workers" in options.parts:
    measure_workers()
if "import" in options.parts:
    measure_import()
if "peers" in options.parts:
    install_peers()
    options.product = True
    ways = ("ours", "proven", "bare", "contract", "subscription")
    measure_ways(ways, new=("contract", "subscription"), suffix="_beside_peers")

report.print(env)
report.save()
