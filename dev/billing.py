"""What bin/bench run measures: the same invoices, made in different ways.

Each way is prepared, then runs chunk by chunk in a process of its own that has ``env``
(``odoo shell``), and the costs are written as JSON for the benchmark to read.
"""

from __future__ import annotations

import gc
import json
import os
import time
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from pathlib import Path

from dev.bench import peak_memory

CHUNK = 100
DAY = date(2026, 1, 31)
TICKS = os.sysconf("SC_CLK_TCK")
QUIET = dict.fromkeys(
    ("mail_create_nolog", "mail_create_nosubscribe", "mail_notrack"), True
)

Way = Callable[[], Iterator[object]]


class Books:
    """The database that the invoices are made in."""

    def __init__(self, env: object, lines: int, with_product: bool = False) -> None:
        self.env = env
        self.lines = lines
        self.tax = self._have("account.tax", "Bench 10%", amount=10)
        self.product = env["product.product"]
        if with_product:
            journal = env["account.journal"].search([("type", "=", "sale")], limit=1)
            self.product = self._have(
                "product.product",
                "Bench call",
                type="service",
                taxes_id=[(6, 0, self.tax.ids)],
                property_account_income_id=journal.default_account_id.id,
            )

    def _have(self, model: str, name: str, **values: object) -> object:
        found = self.env[model].search([("name", "=", name)], limit=1)
        return found or self.env[model].create({"name": name, **values})

    def price(self, customer: int, line: int) -> float:
        """Give the price of a line; :meth:`add_charges` has the same in SQL."""
        return 1 + line + customer % 100 / 100

    def add_customers(self, count: int) -> range:
        """Add customers, and return their ids, one after the other."""
        country = self.env.ref("base.us").id
        ids: list[int] = []
        # In parts, or the memory of the process is that of all customers at once.
        for part in _chunks(range(count)):
            partners = self.env["res.partner"].create(
                [{"name": f"Customer {n}", "country_id": country} for n in part]
            )
            ids += partners.ids
            self.env.flush_all()
            self.env.invalidate_all()
        self.env.cr.execute("ANALYZE res_partner")
        found = range(ids[0], ids[0] + count)
        assert ids == [*found]
        return found

    def add_charges(self, customers: range) -> None:
        """Clone a transaction for each line: here the database is faster than Odoo."""
        cr = self.env.cr
        source = self.env["omni.billing.transaction"].create(
            {
                "name": "Call",
                "partner_id": customers[0],
                "retail_cost": 1,
                "tax_ids": self.tax.ids,
                "product_id": self.product.id,
                "date": DAY,
            }
        )
        self.env.flush_all()
        cr.execute(
            "SELECT column_name FROM information_schema.columns"
            " WHERE table_name = 'omni_billing_transaction' AND column_name != 'id'"
        )
        price = f"(1 + line + (customer - {customers[0]}) % 100 / 100.0)"
        changed = {
            "name": "'Call ' || line",
            "partner_id": "customer",
            "commercial_partner_id": "customer",
            "retail_cost": price,
            "amount_untaxed": price,
            "tax_amount": f"round({price} * 0.1, 2)",
            "amount_total": f"{price} + round({price} * 0.1, 2)",
        }
        columns = [name for (name,) in cr.fetchall()]
        values = ", ".join(changed.get(name, f"source.{name}") for name in columns)
        cr.execute(
            f"INSERT INTO omni_billing_transaction ({', '.join(columns)})"
            f" SELECT {values} FROM omni_billing_transaction source,"
            f" generate_series({customers[0]}, {customers[-1]}) customer,"
            f" generate_series(0, {self.lines - 1}) line WHERE source.id = {source.id}"
        )
        cr.execute(
            "INSERT INTO account_tax_omni_billing_transaction_rel"
            " (omni_billing_transaction_id, account_tax_id)"
            " SELECT id, %s FROM omni_billing_transaction WHERE id > %s",
            [self.tax.id, source.id],
        )
        self.env.invalidate_all()
        source.unlink()
        cr.execute("ANALYZE omni_billing_transaction")

    # === the ways to make invoices: each returns a function that makes them === #

    def ours(self, count: int) -> Way:
        """From unbilled transactions to posted invoices, with this addon."""
        return self._by_us(count, is_fast=False)

    def proven(self, count: int) -> Way:
        """The same by fast billing, as in its trial: whatever addons there are."""
        return self._by_us(count, is_fast=True)

    def _by_us(self, count: int, *, is_fast: bool) -> Way:
        from odoo.addons.omni_billing.models.invoicing import omni_billing_proven_check

        context = {
            omni_billing_proven_check.TRIAL: omni_billing_proven_check.Trial(is_fast)
        }
        customers = self.add_customers(count)
        self.add_charges(customers)
        return lambda: self.bill(customers, **context)

    def whole(self, count: int) -> Way:
        """A whole run by fast billing, which the company proves before."""
        # Other ways leave some: the run is of all that is unbilled.
        self.env.cr.execute(
            "DELETE FROM omni_billing_transaction WHERE state = 'unbilled'"
        )
        self.env.invalidate_all()
        customers = self.add_customers(count)
        self.add_charges(customers)
        company = self.env.company
        company.with_user(self.env.ref("base.user_admin")).action_billing_prove()
        assert company.billing_use_proven, company.billing_proven_problem

        def run() -> Iterator[object]:
            Run = self.env["omni.billing.run"]
            run = Run.create({"invoice_date": DAY, "date_end": DAY, "title": "Bill"})
            run.action_start()
            Run._cron_process()
            yield run.line_ids.invoice_id

        return run

    def bill(self, customers: range, **context: object) -> Iterator[object]:
        """Bill what is unbilled of these customers."""
        Transaction = self.env["omni.billing.transaction"].with_context(**context)
        for chunk in _chunks(customers):
            unbilled = Transaction.search(
                [
                    *Transaction._get_billable_domain(self.env.company),
                    ("commercial_partner_id", "in", [*chunk]),
                ]
            )
            by_customer = unbilled.grouped("commercial_partner_id")
            yield Transaction._create_invoices(
                [
                    (transactions, customer, {"title": "Bill", "invoice_date": DAY})
                    for customer, transactions in by_customer.items()
                ]
            )

    def plain(self, count: int) -> Way:
        """Odoo's own creation with the values that this addon prepares."""
        customers = self.add_customers(count)
        self.add_charges(customers)
        Transaction = self.env["omni.billing.transaction"]
        charges = Transaction.search([("partner_id", "in", [*customers])])
        prepared = []
        for customer, transactions in charges.grouped("partner_id").items():
            values, _computed = transactions._prepare_hinted_values(
                customer, title="Bill", invoice_date=DAY
            )
            for _command, _id, line in values["invoice_line_ids"]:
                del line["billing_transaction_id"]
            prepared.append(values)

        def run() -> Iterator[object]:
            Move = self.env["account.move"].with_context(**QUIET)
            for chunk in _chunks(prepared):
                moves = Move.create(chunk)
                moves.action_post()
                yield moves

        return run

    def bare(self, count: int) -> Way:
        """Odoo's own creation of many invoices, with values as one writes them."""
        customers = self.add_customers(count)

        def run() -> Iterator[object]:
            Move = self.env["account.move"]
            for chunk in _chunks(customers):
                moves = Move.create([self._naive(customers, id_) for id_ in chunk])
                moves.action_post()
                yield moves

        return run

    def _naive(self, customers: range, partner_id: int) -> dict:
        return {
            "move_type": "out_invoice",
            "partner_id": partner_id,
            "invoice_date": DAY,
            "invoice_line_ids": [
                (0, 0, self._line(partner_id - customers[0], line))
                for line in range(self.lines)
            ],
        }

    def _line(self, customer: int, line: int) -> dict:
        values = {
            "name": f"Call {line}",
            "quantity": 1,
            "price_unit": self.price(customer, line),
            "tax_ids": [(6, 0, self.tax.ids)],
        }
        return values | ({"product_id": self.product.id} if self.product else {})

    def contract(self, count: int) -> Way:
        """OCA contract: the invoices of one period of as many contracts."""
        customers = self.add_customers(count)
        Contract = self.env["contract.contract"]
        contracts = Contract.create(
            [
                {
                    "name": f"Contract {id_}",
                    "partner_id": id_,
                    "contract_line_ids": [
                        (
                            0,
                            0,
                            {
                                "name": f"Call {line}",
                                "product_id": self.product.id,
                                "quantity": 1,
                                "price_unit": self.price(id_ - customers[0], line),
                                "recurring_rule_type": "monthly",
                                "recurring_interval": 1,
                                "date_start": DAY,
                                "recurring_next_date": DAY,
                            },
                        )
                        for line in range(self.lines)
                    ],
                }
                for id_ in customers
            ]
        )
        ids = contracts.ids

        def run() -> Iterator[object]:
            for chunk in _chunks(ids):
                moves = Contract.browse(chunk)._recurring_create_invoice(DAY)
                moves.action_post()
                yield moves

        return run

    def subscription(self, count: int) -> Way:
        """OCA subscription: one period of as many subscriptions, drafts then posted."""
        customers = self.add_customers(count)
        env = self.env
        template = self._have(
            "sale.subscription.template", "Monthly", invoicing_mode="draft"
        )
        prices = self._have(
            "product.pricelist", "Bench", currency_id=env.company.currency_id.id
        )
        subscriptions = env["sale.subscription"].create(
            [
                {
                    "partner_id": id_,
                    "template_id": template.id,
                    "pricelist_id": prices.id,
                    "recurring_next_date": DAY,
                    "date_start": DAY,
                    "sale_subscription_line_ids": [
                        (
                            0,
                            0,
                            {
                                "name": f"Call {line}",
                                "product_id": self.product.id,
                                "product_uom_qty": 1,
                                "price_unit": self.price(id_ - customers[0], line),
                                "tax_ids": [(6, 0, self.tax.ids)],
                            },
                        )
                        for line in range(self.lines)
                    ],
                }
                for id_ in customers
            ]
        )
        ids = subscriptions.ids

        def run() -> Iterator[object]:
            Subscription = env["sale.subscription"]
            for chunk in _chunks(ids):
                for subscription in Subscription.browse(chunk):
                    subscription.generate_invoice()
                moves = Subscription.browse(chunk).invoice_ids
                moves.action_post()
                yield moves

        return run


def _chunks(ids: range | list) -> Iterator[range | list]:
    for start in range(0, len(ids), CHUNK):
        yield ids[start : start + CHUNK]


def measure(books: Books, name: str, count: int) -> dict[str, float]:
    """Prepare one way, then measure it: with a commit after each chunk."""
    way = getattr(books, name)(count)
    return measure_way(books, way, count)


def measure_way(books: Books, way: Way, count: int) -> dict[str, float]:
    """Measure a way that is prepared."""
    env = books.env
    env.cr.commit()
    env.invalidate_all()
    gc.collect()
    env.cr.execute("SELECT pg_backend_pid()")
    (backend,) = env.cr.fetchone()
    total, made = 0.0, 0
    statements, begin, start = env.cr.sql_log_count, time.time(), time.perf_counter()
    python, database = time.process_time(), _cpu_time(backend)
    with peak_memory() as memory:
        for moves in way():
            env.cr.commit()
            made += len(moves)
            # Read after the commit: one query for each chunk.
            total += sum(moves.mapped("amount_total"))
            assert set(moves.mapped("state")) == {"posted"}
    figures = {
        "begin": begin,
        "end": time.time(),
        "wall_ms": 1000 * (time.perf_counter() - start) / count,
        "python_ms": 1000 * (time.process_time() - python) / count,
        "database_ms": 1000 * (_cpu_time(backend) - database) / count,
        "statements": (env.cr.sql_log_count - statements) / count,
        "peak_mb": memory.peak_mb,
        "total": total,
    }
    figures["cpu_ms"] = figures["python_ms"] + figures["database_ms"]
    assert made == count, (made, count)
    return figures


IMPORT_COLUMNS = [
    "partner_id/.id",
    "date",
    "name",
    "retail_cost",
    "external_ref",
    "transaction_type",
]
IMPORT_BATCH = 2_000  # what Odoo's import screen sends at once


def load(env: object, model: str, columns: list[str], rows: list[list]) -> int:
    """Import in batches, as the import screen does, and commit each.

    :return: how many records were created.
    """
    created = 0
    for start in range(0, len(rows), IMPORT_BATCH):
        result = env[model].load(columns, rows[start : start + IMPORT_BATCH])
        errors = [m for m in result["messages"] if m["type"] == "error"]
        if errors:
            raise SystemExit(f"{model}: {errors[0]['message']}")
        created += len(result["ids"])
        env.cr.commit()
        env.invalidate_all()
    return created


def measure_import(env: object, count: int) -> dict[str, float]:
    """Import as many made-up rows."""
    customers = env["res.partner"].search([], limit=2_000)
    first = date(2025, 1, 1)
    rows = [
        [
            str(customers[index % len(customers)].id),
            str(first + timedelta(days=index % 365)),
            f"Call {index}",
            f"{1 + index % 900 / 100:.2f}",
            f"call-{index}",
            "charge",
        ]
        for index in range(count)
    ]
    start = time.perf_counter()
    with peak_memory() as memory:
        created = load(env, "omni.billing.transaction", IMPORT_COLUMNS, rows)
    assert created == count, (created, count)
    seconds = time.perf_counter() - start
    return {
        "import_100k_ms": 1000 * seconds * 100_000 / count,
        "import_100k_rows_per_s": count / seconds,
        "import_100k_peak_mb": memory.peak_mb,
    }


def _cpu_time(process: int) -> float:
    """Return the seconds of CPU time that a process has had; here a backend."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def serve(env: object, order: dict) -> None:
    """Do what the benchmark orders from a process of its own; write the figures."""
    books = Books(env, order["lines"], order.get("product", False))
    answer: object
    if customers := order.get("customers"):
        way = (lambda chosen: lambda: books.bill(chosen))(range(*customers))
        env.cr.commit()
        _wait(Path(order["ready"]), Path(order["go"]))
        answer = measure_way(books, way, len(range(*customers)))
    else:
        # The first run of a process looks up what later ones know.
        for name in dict.fromkeys(name for name, _count in order["runs"]):
            measure(books, name, CHUNK)
        answer = [(name, measure(books, name, count)) for name, count in order["runs"]]
    Path(order["file"]).write_text(json.dumps(answer))


def _wait(ready: Path, go: Path) -> None:
    """Tell that this process is ready, and wait for the others."""
    ready.touch()
    while not go.exists():
        time.sleep(0.01)
