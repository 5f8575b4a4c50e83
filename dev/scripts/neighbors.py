"""Do what other addons are for, with ours there, and bill beside it.

Runs in ``odoo shell`` on a database with all of them. Each path stands for itself, and
bills the customer it is about. Prints a line of JSON: for each path what went wrong, or
nothing.
"""

import json
import traceback
from datetime import timedelta

from odoo import Command, fields
from odoo.tests import Form

company = env.company
env.user.group_ids += env.ref("omni_billing.omni_billing_group_manager")
today = fields.Date.context_today(env.user)
bank = env["account.journal"].search(
    [("type", "=", "bank"), ("company_id", "=", company.id)], limit=1
)
product = env["product.product"].create(
    {"name": "Router", "list_price": 80, "type": "consu", "invoice_policy": "order"}
)
product.taxes_id = company.account_sale_tax_id


def add_customer(name):
    return env["res.partner"].create(
        {"name": name, "country_id": env.ref("base.us").id}
    )


def bill(customer, cost=45):
    """Bill with the company's tax; see that the invoice is right."""
    values = {"name": "Fibre 500", "partner_id": customer.id, "retail_cost": cost}
    values["tax_ids"] = company.account_sale_tax_id.ids
    item = env["omni.billing.transaction"].create(values)
    env["omni.billing.proforma.wizard"].create(
        {"partner_id": customer.id}
    ).action_generate()
    invoice = item.invoice_id
    taxes = company.account_sale_tax_id.compute_all(cost, company.currency_id)
    assert invoice.state == "posted", invoice.state
    assert invoice.billing_transaction_ids == item
    assert invoice.invoice_line_ids.mapped("price_subtotal") == [cost]
    assert invoice.amount_total == taxes["total_included"], invoice.amount_total
    assert invoice.amount_residual == invoice.amount_total
    assert invoice._billing_get_pdf().startswith(b"%PDF")
    return invoice


def check_theirs(invoice, total):
    """See that an invoice is posted, right, and none of ours."""
    assert invoice.state == "posted", invoice.state
    assert invoice.amount_total == total, (invoice.amount_total, total)
    assert not invoice.billing_transaction_ids


def with_tax(amount):
    return company.account_sale_tax_id.compute_all(amount)["total_included"]


def pay(invoice):
    """Pay with Odoo's own dialog."""
    env["account.payment.register"].with_context(
        active_model="account.move", active_ids=invoice.ids
    ).create({"journal_id": bank.id}).action_create_payments()
    assert invoice.payment_state in ("paid", "in_payment"), invoice.payment_state


def add_order(customer, **values):
    line = Command.create({"product_id": product.id, "product_uom_qty": 2})
    values |= {"partner_id": customer.id, "order_line": [line]}
    return env["sale.order"].create(values)


def pay_online(order):
    """Pay an order by Odoo's test provider."""
    provider = env.ref("payment.payment_provider_demo")
    provider.state = "test"
    payment = env["payment.transaction"].create(
        {
            "provider_id": provider.id,
            "payment_method_id": env.ref("payment_demo.payment_method_demo").id,
            "amount": order.amount_total,
            "currency_id": order.currency_id.id,
            "partner_id": order.partner_id.id,
            "operation": "online_direct",
            "sale_order_ids": [Command.set(order.ids)],
        }
    )
    payment.action_demo_set_done()
    payment._post_process()
    assert payment.state == "done"


# === OCA === #


def contract():
    """A contract generates its invoice, which is posted and paid."""
    customer = add_customer("Contract")
    line = {
        "product_id": product.id,
        "name": "Router, rent",
        "quantity": 1,
        "price_unit": 30,
        "recurring_rule_type": "monthly",
        "recurring_interval": 1,
        "date_start": today,
        "recurring_next_date": today,
    }
    found = env["contract.contract"].create(
        {
            "name": "Rent",
            "partner_id": customer.id,
            "contract_type": "sale",
            "line_recurrence": True,
            "contract_line_ids": [Command.create(line)],
        }
    )
    invoice = found.recurring_create_invoice()
    invoice.action_post()
    check_theirs(invoice, with_tax(30))
    bill(customer)
    invoice.button_draft()
    invoice.action_post()
    pay(invoice)


def queue_job():
    """A job of the queue runs; a run of ours is billed by a job."""
    from odoo.addons.queue_job.job import Job

    customer = add_customer("Queue")
    job = customer.with_delay().write({"ref": "by a job"})
    found = Job.load(env, job.uuid)
    found.perform()
    found.set_done()
    found.store()
    assert customer.ref == "by a job"
    bill(customer)


def account_credit_control():
    """A credit control run finds an overdue invoice of ours."""
    customer = add_customer("Credit control")
    invoice = bill(customer)
    policy = env.ref("account_credit_control.credit_control_3_time")
    policy.account_ids += invoice.line_ids.account_id.filtered(
        lambda account: account.account_type == "asset_receivable"
    )
    company.credit_policy_id = policy
    env.flush_all()
    run = env["credit.control.run"].create(
        {
            "date": invoice.invoice_date_due + timedelta(days=60),
            "policy_ids": [Command.set(policy.ids)],
        }
    )
    run.generate_credit_lines()
    found = run.line_ids.filtered(lambda line: line.invoice_id == invoice)
    assert found.amount_due == invoice.amount_total, run.line_ids
    run.set_to_ready_lines()
    run.run_channel_action()
    pay(invoice)
    assert invoice.billing_state == "paid"


def partner_statement():
    """Its statement of a customer of ours has the invoice and its payment."""
    customer = add_customer("Statement")
    invoice, paid = bill(customer), bill(customer, 20)
    pay(paid)
    env.flush_all()
    for kind, period, named in (
        ("outstanding", {}, invoice),
        ("activity", {"date_start": today - timedelta(days=30)}, invoice + paid),
    ):
        wizard = env[f"{kind}.statement.wizard"].with_context(active_ids=customer.ids)
        data = wizard.create(period)._prepare_statement()
        html, _kind = env["ir.actions.report"]._render_qweb_html(
            f"partner_statement.{kind}_statement", customer.ids, data
        )
        for each in named:
            assert each.name in html.decode(), (kind, each.name)
            assert f"{each.amount_total:,.2f}" in html.decode(), (kind, each.name)


def account_reconcile_oca():
    """A line of the bank is reconciled with an invoice, of ours and of Odoo's."""
    customer = add_customer("Reconcile")
    plain = env["account.move"].create(
        {
            "move_type": "out_invoice",
            "partner_id": customer.id,
            "invoice_line_ids": [Command.create({"name": "Rent", "price_unit": 33})],
        }
    )
    plain.action_post()
    invoice = bill(customer)
    for each in (plain, invoice):
        line = env["account.bank.statement.line"].create(
            {
                "journal_id": bank.id,
                "date": today,
                "payment_ref": "Transfer",
                "amount": each.amount_total,
            }
        )
        view = "account_reconcile_oca.bank_statement_line_form_reconcile_view"
        with Form(line, view=view) as form:
            form.add_account_move_line_id = each.line_ids.filtered(
                lambda item: item.account_id.account_type == "asset_receivable"
            )
        line.reconcile_bank_line()
        assert line.is_reconciled
        assert each.payment_state == "paid", each.payment_state
    assert invoice.billing_state == "paid"


# === Odoo's own === #


def sale():
    """A sale order is invoiced and paid; one that was paid before is invoiced later."""
    customer = add_customer("Sale")
    order = add_order(customer)
    order.action_confirm()
    invoice = order._create_invoices()
    invoice.action_post()
    check_theirs(invoice, with_tax(160))
    bill(customer)
    pay(invoice)
    assert order.invoice_status == "invoiced"
    early = add_order(customer)
    pay_online(early)
    assert early.state == "sale"
    later = early._create_invoices()
    later.action_post()
    check_theirs(later, with_tax(160))
    assert later.payment_state in ("paid", "in_payment"), later.payment_state


def sale_billing():
    """What is delivered, returned and worked is billed by us; once each."""
    customer = add_customer("Sold and Billed")
    customer.with_company(company).billing_sale = "billing"
    goods = env["product.product"].create(
        {"name": "Cable", "list_price": 10, "is_storable": True}
        | {"type": "consu", "invoice_policy": "delivery", "taxes_id": False}
    )
    hours = env["product.product"].create(
        {"name": "Help", "list_price": 60, "type": "service", "taxes_id": False}
        | {"service_policy": "delivered_timesheet", "uom_id": _hour().id}
        | {"service_tracking": "task_global_project", "project_id": _project().id}
    )
    order = env["sale.order"].create(
        {
            "partner_id": customer.id,
            "order_line": [
                Command.create({"product_id": goods.id, "product_uom_qty": 5}),
                Command.create({"product_id": hours.id, "product_uom_qty": 8}),
            ],
        }
    )
    order.action_confirm()
    assert _follow(order) == []
    delivery = order.picking_ids
    _move(delivery, 4)
    employee = env["hr.employee"].create({"name": "Helper"})
    env["account.analytic.line"].create(
        {"name": "Helped", "unit_amount": 1.5, "employee_id": employee.id}
        | {"project_id": hours.project_id.id, "task_id": order.tasks_ids.id}
    )
    assert _follow(order) == [40, 90], _follow(order)
    env["omni.billing.proforma.wizard"].create(
        {"partner_id": customer.id}
    ).action_generate()
    assert order.order_line.mapped("qty_invoiced") == [4, 1.5]
    back = env["stock.return.picking"].create({"picking_id": delivery.id})
    back.product_return_moves.quantity = 1
    _move(back._create_return(), 1)
    assert _follow(order) == [40, 90, -10], _follow(order)


def _hour():
    return env.ref("uom.product_uom_hour")


def _project():
    return env["project.project"].create(
        {"name": "Help", "allow_billable": True, "allow_timesheets": True}
    )


def _move(picking, quantity):
    """Bring so many, or take them back, and leave no rest."""
    picking.move_ids.quantity = quantity
    picking.move_ids.picked = True
    picking.with_context(skip_backorder=True).button_validate()
    assert picking.state == "done", picking.state


def _follow(order):
    """Run the job of the orders; return what is in Billing of one."""
    order.env.flush_all()
    lines = env["sale.order.line"].search([("billing_is_due", "=", True)])
    lines._billing_try_all()
    assert not order.billing_problem, order.billing_problem
    entries = env["omni.billing.transaction"].search(
        [("sale_order_id", "=", order.id), ("state", "!=", "void")]
    )
    return entries.sorted("id").mapped("amount_total")


def point_of_sale():
    """An order at a till is paid and invoiced; the till is closed."""
    customer = add_customer("Till")
    method = env["pos.payment.method"].create(
        {"name": "Bank at the till", "journal_id": bank.id}
    )
    till = env["pos.config"].create(
        {"name": "Shop", "payment_method_ids": [Command.set(method.ids)]}
    )
    # The superuser may not.
    till.with_user(env.ref("base.user_admin")).open_ui()
    session = till.current_session_id
    line = {
        "product_id": product.id,
        "price_unit": 80,
        "qty": 1,
        "price_subtotal": 80,
        "price_subtotal_incl": with_tax(80),
        "tax_ids": [Command.set(product.taxes_id.ids)],
    }
    order = env["pos.order"].create(
        {
            "session_id": session.id,
            "company_id": company.id,
            "partner_id": customer.id,
            "lines": [Command.create(line)],
            "amount_total": with_tax(80),
            "amount_tax": with_tax(80) - 80,
            "amount_paid": 0,
            "amount_return": 0,
        }
    )
    env["pos.make.payment"].with_context(
        active_id=order.id, active_ids=order.ids
    ).create({"amount": with_tax(80), "payment_method_id": method.id}).check()
    assert order.state == "paid"
    order.action_pos_order_invoice()
    check_theirs(order.account_move, with_tax(80))
    bill(customer)
    session.action_pos_session_closing_control()
    assert session.state == "closed"
    assert order.account_move.payment_state == "paid"


def website_sale():
    """A cart of the web shop is paid by the test provider, and invoiced by itself."""
    customer = add_customer("Web shop")
    env["ir.config_parameter"].sudo().set_param("sale.automatic_invoice", "True")
    website = env["website"].search([], limit=1)
    order = add_order(customer, website_id=website.id)
    pay_online(order)
    assert order.state == "sale"
    check_theirs(order.invoice_ids, with_tax(160))
    assert order.invoice_ids.payment_state in ("paid", "in_payment")
    bill(customer)


failures = {}
for name in arguments["paths"]:
    try:
        with env.cr.savepoint():
            globals()[name]()
            env.flush_all()
        failures[name] = ""
    except Exception:
        env.invalidate_all()
        failures[name] = traceback.format_exc()
print(json.dumps(failures))
