"""How long the server works for each screen, with a million transactions.

1,000,000 transactions of 100,000 customers, one of whom has 100,000, and 200,000
invoices, a fifth of them unpaid. Beside ours stand Odoo's own lists of invoices and of
customers, in the same run on the same database. Times are medians of what the web
client's requests take on the server: the rows of a page with the view's own fields, and
the cards.

Options: --transactions N, --invoices N: fewer for a quick try, or ten times as many,
which need 35 GB of disk.
"""

# ruff: noqa: F821 - `env` is given by bin/bench
import argparse
import statistics
import time

from lxml import etree

from odoo.fields import Domain

from dev import paths
from dev.bench import Report
from tests.bench.made import Maker, check_space

parser = argparse.ArgumentParser(prog="bin/bench screens")
parser.add_argument("--transactions", type=int, default=1_000_000)
parser.add_argument("--invoices", type=int, default=200_000)
options = parser.parse_args()
report = Report("Screens")
CUSTOMERS = 100_000
Transaction, Move = env["omni.billing.transaction"], env["account.move"]
company = env.company


def say_time(what):
    """Tell how far it is, and how long that took."""
    print(f"  {what}: {time.perf_counter() - began:.0f} s", flush=True)


# --- The database ---
began = time.perf_counter()
# With its indexes, a transaction takes 1.2 kB and an invoice 9; sorting takes as much
# as the largest index once more.
check_space(paths.TEST_DATA, options.transactions * 1.6e-6 + options.invoices * 9.5e-6)
print("  filling the database", flush=True)
big = env["res.partner"].create({"name": "Customer 0"})
charge = Transaction.create(
    {"name": "Call", "partner_id": big.id, "retail_cost": 5, "external_ref": "seed"}
)
wizard = env["omni.billing.proforma.wizard"].create({"partner_id": big.id})
invoice = Move.browse(wizard.action_generate()["res_id"])
env.cr.commit()


maker = Maker(env)
BIG_TABLES = ("omni_billing_transaction", "account_move", "account_move_line")
maker.clone(
    big,
    CUSTOMERS - 1,
    {"name": "'Customer ' || n", "complete_name": "'Customer ' || n"},
)
env.cr.execute(
    "UPDATE res_partner SET commercial_partner_id = id WHERE id > %s", [big.id]
)
maker.settle("res_partner")
customers = big.search([("id", ">=", big.id)], order="id")
assert customers.ids == list(range(big.id, big.id + CUSTOMERS)), "ids are in a row"
first, share = big.id, options.transactions // 10
partner = f"CASE WHEN n <= {share} THEN {first} ELSE {first} + n % {CUSTOMERS} END"
payer = f"{first} + n % {CUSTOMERS}"
day = "CURRENT_DATE - n % 700"
with maker.bare(*BIG_TABLES):
    first_move = maker.clone(
        invoice,
        options.invoices,
        {
            "name": "'INV/MADE/' || n",
            "sequence_number": "n",
            "sequence_prefix": "'INV/MADE/'",
            "partner_id": payer,
            "commercial_partner_id": payer,
            "date": day,
            "invoice_date": day,
            "access_token": "NULL",
            "payment_state": "CASE WHEN n % 5 = 0 THEN 'not_paid' ELSE 'paid' END",
            "billing_state": "CASE WHEN n % 5 = 0 THEN 'unpaid' ELSE 'paid' END",
        },
    )
    env.cr.commit()
    on_invoice = f"{first_move} + n % {options.invoices}"
    first_charge = maker.clone(
        charge,
        options.transactions,
        {
            "name": "'Call ' || n",
            "partner_id": partner,
            "commercial_partner_id": partner,
            "external_ref": "'made-' || n",
            "date": day,
            "state": "CASE WHEN n % 20 = 0 THEN 'unbilled' ELSE 'invoiced' END",
            "invoice_id": f"CASE WHEN n % 20 = 0 THEN NULL ELSE {on_invoice} END",
            "amount_total": "1 + n % 90",
            "amount_untaxed": "1 + n % 90",
        },
    )
    env.cr.commit()
    for line in invoice.line_ids:
        values = {
            "move_id": f"{first_move} + n - 1",
            "partner_id": payer,
            "date": day,
            "date_maturity": day,
        }
        if line.billing_transaction_id:
            values["billing_transaction_id"] = f"{first_charge} + n - 1"
        if line.display_type == "payment_term":
            values["reconciled"] = "n % 5 != 0"
            values["amount_residual"] = (
                "CASE WHEN n % 5 = 0 THEN source.amount_residual ELSE 0 END"
            )
        maker.clone(line, options.invoices, values)
        env.cr.commit()
say_time("rows, indexes and totals")

# What waits for a person: of each 200 invoices one charge of a run, one payment and one
# message failed; a hundred customers are parked.
run = env["omni.billing.run"].create({"name": "January"})
env.cr.execute(
    """
    INSERT INTO omni_billing_run_line (run_id, company_id, partner_id, currency_id,
           grouping_key, state, charge_state, charge_error, invoice_id, amount_total,
           charge_first_date, write_date)
    SELECT %s, company_id, commercial_partner_id, currency_id, id::text, 'done',
           CASE WHEN id %% 200 = %s THEN 'failed' ELSE 'paid' END, 'Card declined.', id,
           45, CURRENT_DATE, now()
      FROM account_move WHERE name LIKE 'INV/MADE/%%'
    """,
    [run.id, first_move % 5 + 4],
)
env.cr.execute(
    """
    INSERT INTO omni_billing_run_line (run_id, company_id, partner_id, currency_id,
           grouping_key, state, reason, write_date)
    SELECT %s, company_id, partner_id, currency_id, 'parked', 'parked', 'Archived.',
           now() FROM omni_billing_run_line ORDER BY id LIMIT 100
    """,
    [run.id],
)
env.cr.execute("UPDATE omni_billing_run SET state = 'done' WHERE id = %s", [run.id])
method = env.ref("payment.payment_method_card")
provider = env.ref("payment.payment_provider_stripe")
attempt = env["payment.transaction"].create(
    {
        "provider_id": provider.id,
        "payment_method_id": method.id,
        "reference": "made",
        "amount": 45,
        "currency_id": company.currency_id.id,
        "partner_id": big.id,
        "operation": "offline",
    }
)
maker.clone(
    attempt,
    options.invoices,
    {
        "reference": "'made-' || n",
        "state": "CASE WHEN n % 200 = 0 THEN 'error' ELSE 'done' END",
        "billing_needs_action": "n % 200 = 0",
        "last_state_change": "now()",
    },
)
env.cr.execute(
    "INSERT INTO account_invoice_transaction_rel (transaction_id, invoice_id)"
    " SELECT id, %s + substr(reference, 6)::int - 1 FROM payment_transaction"
    " WHERE reference LIKE 'made-%%'",
    [first_move],
)
env.cr.execute(
    """
    INSERT INTO omni_billing_mail (company_id, move_id, commercial_partner_id, kind,
           state, needs_action, error, key, create_date)
    SELECT company_id, id, commercial_partner_id, 'invoice',
           CASE WHEN id % 200 = 0 THEN 'bounced' ELSE 'sent' END, id % 200 = 0,
           'No such box.', 'made-' || id, now()
      FROM account_move WHERE name LIKE 'INV/MADE/%'
    """
)
maker.settle(
    *("account_invoice_transaction_rel", "account_move", "account_move_line"),
    *("omni_billing_mail", "omni_billing_run_line", "omni_billing_transaction"),
    *("payment_transaction", "res_partner"),
)
say_time("the database is full")


# --- What the web client asks, as a user whose access rules count ---
env = env(user=env.ref("base.user_admin"), su=False)
Transaction, Move = env["omni.billing.transaction"], env["account.move"]
big, customers = big.with_env(env), customers.with_env(env)


def read_specification(model, view):
    """Return the fields that a list view asks for."""
    arch = etree.fromstring(env[model].get_view(env.ref(view).id, "list")["arch"])
    specification = {}
    for node in arch.iter("field"):
        name = node.get("name")
        field = env[model]._fields[name]
        has_names = field.type in ("many2one", "many2many", "one2many")
        specification[name] = {"fields": {"display_name": {}}} if has_names else {}
    return specification


def measure(work, times=9):
    """Return the median of milliseconds, each time with an empty cache."""
    durations = []
    for _index in range(times):
        env.invalidate_all()
        start = time.perf_counter()
        work()
        durations.append(1000 * (time.perf_counter() - start))
    return statistics.median(durations)


def open_list(model, view, domain=(), limit=80, order=None, count_limit=10_000):
    specification = read_specification(model, view)
    return lambda: env[model].web_search_read(
        list(domain),
        specification,
        limit=limit,
        order=order,
        count_limit=count_limit + 1,
    )


def search_all(text):
    """Return what the search of transactions looks for when a text is typed."""
    return Domain.OR(
        [
            *(Domain(name, "ilike", text) for name in SEARCHED),
            Domain("partner_id", "child_of", text),
            Domain("external_ref", "=", text),
            Domain("billing_find_id", "=", text),
        ]
    )


SEARCHED = ("name", "description", "customer_reference")
OURS, INVOICES = (
    "omni_billing.omni_billing_transaction_view_list",
    "omni_billing.account_move_view_list_billing",
)
sales = [("move_type", "in", ("out_invoice", "out_refund"))]
odoo_list = measure(open_list("account.move", "account.view_out_invoice_tree", sales))
transactions_list = measure(open_list("omni.billing.transaction", OURS))
unbilled_list = measure(
    open_list("omni.billing.transaction", OURS, [("state", "=", "unbilled")])
)
invoices_list = measure(open_list("account.move", INVOICES, sales))
report.add("odoo_invoices_list_ms", odoo_list)
report.add("transactions_list_ms", transactions_list)
report.add("unbilled_list_ms", unbilled_list)
report.add("invoices_list_ms", invoices_list)
for name, domain in {
    "search_reference_ms": [("external_ref", "=", "made-777")],
    "search_customer_ms": [("partner_id", "child_of", customers[777].ids)],
    "search_text_ms": list(search_all("Call 777777")),
}.items():
    work = open_list("omni.billing.transaction", OURS, domain)
    # A text may be anywhere: all rows are read.
    report.add(name, measure(work, times=2 if name == "search_text_ms" else 9))
report.add("ratio_list", max(transactions_list, unbilled_list) / odoo_list)
report.add("ratio_invoices", invoices_list / odoo_list)

CUSTOMERS_LIST = "omni_billing.res_partner_view_list_billing"
main = ["|", ("is_company", "=", True), ("parent_id", "=", False)]
ranked = [("customer_rank", ">", 0)]
odoo_customers = measure(open_list("res.partner", "base.view_partner_tree", ranked))
found = measure(open_list("res.partner", CUSTOMERS_LIST, ranked + main))
by_balance = open_list(
    "res.partner", CUSTOMERS_LIST, ranked + main, order="billing_balance DESC"
)
owing = open_list(
    "res.partner", CUSTOMERS_LIST, [*ranked, *main, ("billing_balance", ">", 0)]
)
report.add("odoo_customers_list_ms", odoo_customers)
report.add("customers_list_ms", found)
report.add("ratio_customers", found / odoo_customers)
report.add("customers_by_balance_ms", measure(by_balance))
report.add("customers_who_owe_ms", measure(owing))

TODO_LIST = "omni_billing.omni_billing_todo_view_list"
todo, in_turn = (
    measure(open_list("omni.billing.todo", TODO_LIST, domain, count_limit=200))
    for domain in ([], [("turn", "=", "staff")])
)
report.add("todo_rows", env["omni.billing.todo"].search_count([]))
report.add("todo_list_ms", todo)
report.add("todo_staff_list_ms", in_turn)
report.add("ratio_todo", max(todo, in_turn) / odoo_customers)

mine = [("commercial_partner_id", "=", big.id)]
report.add("cards_ms", measure(lambda: Transaction.billing_retrieve_stats([])))
report.add("cards_invoices_ms", measure(lambda: Move.billing_retrieve_stats(sales)))
small_id = customers[777].id
small = [("commercial_partner_id", "=", small_id)]
report.add(
    "cards_partner_ms", measure(lambda: Transaction.billing_retrieve_stats(small))
)
report.add("cards_big_ms", measure(lambda: Transaction.billing_retrieve_stats(mine)))

fields = ("billing_unbilled_amount", "billing_due_amount", "billing_credit_amount")
tab = (
    measure(lambda: big.web_read(dict.fromkeys(fields, {})))
    + measure(open_list("omni.billing.transaction", OURS, mine, limit=10))
    + measure(open_list("account.move", INVOICES, sales + mine, limit=10))
)
report.add("tab_ms", tab)
report.add("ratio_tab", tab / odoo_list)

# --- Reports, and all of one customer's ---
AGED = "omni_billing.omni_billing_aged_view_list"
report.add("aged_ms", measure(open_list("omni.billing.aged", AGED), times=3))
report.add(
    "aged_partner_ms",
    measure(open_list("omni.billing.aged", AGED, [("partner_id", "=", small_id)])),
)
say_time("lists and cards")

# --- The preview of 2,000 rows ---
heavy = customers[1]
tax = env["account.tax"].search(
    [("type_tax_use", "=", "sale"), ("company_id", "=", company.id)], limit=1
)
env["omni.billing.transaction"].create(
    [
        {
            "name": f"Call {index}",
            "partner_id": heavy.id,
            "retail_cost": 1 + index / 100,
            "tax_ids": tax.ids,
        }
        for index in range(2_000)
    ]
)
env.cr.commit()
view = env.ref("omni_billing.omni_billing_proforma_wizard_view_form")
Wizard = env["omni.billing.proforma.wizard"].with_context(
    default_partner_id=heavy.id,
    default_date_start=charge.date,
    default_date_end=charge.date,
)
specification = {
    name: {} if name != "partner_id" else {"fields": {"display_name": {}}}
    for name in ("partner_id", "title", "date_start", "date_end", "preview", "blocker")
}
shown = Wizard.onchange({}, [], specification)["value"]["preview"]["lines"]
report.add("preview_rows", len(shown))
report.add(
    "preview_2000_ms", measure(lambda: Wizard.onchange({}, [], specification), times=3)
)

report.print(env)
report.save()
