"""How long the server works for each screen, with a million transactions.

1,000,000 transactions of 100,000 customers, one of whom has 100,000, and 200,000
invoices, a fifth of them unpaid. Beside ours stand Odoo's own lists of invoices and of
customers, in the same run on the same database. Times are medians of what the web
client's requests take on the server: the rows of a page with the view's own fields, and
the cards.

Options: --transactions N, --invoices N (for a quick try).
"""

# ruff: noqa: F821 - `env` is given by bin/bench
import argparse
import statistics
import time

from lxml import etree

from dev.bench import Report

parser = argparse.ArgumentParser(prog="bin/bench screens")
parser.add_argument("--transactions", type=int, default=1_000_000)
parser.add_argument("--invoices", type=int, default=200_000)
options = parser.parse_args()
report = Report("Screens")
# VACUUM tells no page as seen by all whose commit is not yet on the disk.
env.cr.execute("SET synchronous_commit TO on")
CUSTOMERS = 100_000
Transaction, Move = env["omni.billing.transaction"], env["account.move"]
company = env.company

# --- The database ---
print("  filling the database", flush=True)
big = env["res.partner"].create({"name": "Customer 0"})
charge = Transaction.create(
    {"name": "Call", "partner_id": big.id, "retail_cost": 5, "external_ref": "seed"}
)
wizard = env["omni.billing.proforma.wizard"].create({"partner_id": big.id})
invoice = Move.browse(wizard.action_generate()["res_id"])
env.cr.commit()


def settle(*tables):
    """Do what autovacuum does of a database in use."""
    env.cr.commit()
    with env.registry.cursor() as cr:
        cr._cnx.autocommit = True
        for table in tables:
            cr.execute(f"VACUUM ANALYZE {table}")
        cr._cnx.autocommit = False


def clone(table, source, count, overrides):
    """Insert copies of a row that differ in the columns given as SQL of ``n``."""
    env.cr.execute(
        "SELECT column_name FROM information_schema.columns WHERE table_name = %s"
        " AND column_name != 'id' AND is_generated = 'NEVER' ORDER BY 1",
        [table],
    )
    columns = [name for (name,) in env.cr.fetchall()]
    values = [overrides.get(name, f"source.{name}") for name in columns]
    names = ", ".join(f'"{name}"' for name in columns)
    env.cr.execute(
        f"INSERT INTO {table} ({names}) SELECT {', '.join(values)}"
        f" FROM {table} source, generate_series(1, {count}) n"
        f" WHERE source.id = {source.id}"
    )
    settle(table)


clone(
    "res_partner",
    big,
    CUSTOMERS - 1,
    {"name": "'Customer ' || n", "complete_name": "'Customer ' || n"},
)
env.cr.execute(
    "UPDATE res_partner SET commercial_partner_id = id WHERE id > %s", [big.id]
)
settle("res_partner")
customers = big.search([("id", ">=", big.id)], order="id")
assert customers.ids == list(range(big.id, big.id + CUSTOMERS)), "ids are in a row"
first, share = big.id, options.transactions // 10
partner = f"CASE WHEN n <= {share} THEN {first} ELSE {first} + n % {CUSTOMERS} END"
clone(
    "omni_billing_transaction",
    charge,
    options.transactions,
    {
        "partner_id": partner,
        "commercial_partner_id": partner,
        "external_ref": "'made-' || n",
        "date": "CURRENT_DATE - n % 700",
        "state": "CASE WHEN n % 20 = 0 THEN 'unbilled' ELSE 'invoiced' END",
        "invoice_id": f"CASE WHEN n % 20 = 0 THEN NULL ELSE {invoice.id} END",
        "amount_total": "1 + n % 90",
        "amount_untaxed": "1 + n % 90",
    },
)
clone(
    "account_move",
    invoice,
    options.invoices,
    {
        "name": "'INV/MADE/' || n",
        "sequence_number": "n",
        "sequence_prefix": "'INV/MADE/'",
        "partner_id": f"{first} + n % {CUSTOMERS}",
        "commercial_partner_id": f"{first} + n % {CUSTOMERS}",
        "date": "CURRENT_DATE - n % 700",
        "invoice_date": "CURRENT_DATE - n % 700",
        "access_token": "NULL",
        "payment_state": "CASE WHEN n % 5 = 0 THEN 'not_paid' ELSE 'paid' END",
        "billing_state": "CASE WHEN n % 5 = 0 THEN 'unpaid' ELSE 'paid' END",
    },
)
env.cr.execute("SELECT MIN(id) FROM account_move WHERE name LIKE 'INV/MADE/%%'")
[(first_move,)] = env.cr.fetchall()
receivable = invoice.line_ids.filtered(lambda line: line.display_type == "payment_term")
clone(
    "account_move_line",
    receivable,
    options.invoices,
    {
        "move_id": f"{first_move} + n - 1",
        "partner_id": f"{first} + n % {CUSTOMERS}",
        "date_maturity": "CURRENT_DATE - n % 700",
        "reconciled": "n % 5 != 0",
        "amount_residual": "CASE WHEN n % 5 = 0 THEN source.amount_residual ELSE 0 END",
    },
)

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
clone(
    "payment_transaction",
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
settle(
    *("account_invoice_transaction_rel", "account_move", "account_move_line"),
    *("omni_billing_mail", "omni_billing_run_line", "omni_billing_transaction"),
    *("payment_transaction", "res_partner"),
)


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
small = [("commercial_partner_id", "=", customers[777].id)]
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
