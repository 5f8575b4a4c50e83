"""Two at once at an order."""

from collections import Counter
from unittest.mock import patch

from psycopg2.errors import SerializationFailure

from odoo.exceptions import UserError
from odoo.fields import Command
from odoo.tests import tagged
from odoo.tools import mute_logger

from odoo.addons.omni_billing.tests.at_once import AtOnceCase


class DeadError(BaseException):
    """A process ends: nothing catches it."""


@tagged("-standard", "-at_install", "post_install", "omni_billing_at_once")
class TestAtOnce(AtOnceCase):
    """W38: whoever is at an order at the same time, each unit is in Billing once."""

    def setUp(self):
        super().setUp()
        with self._connect() as env:
            company = env.company
            customer = env["res.partner"].create({"name": "At Once"})
            customer.with_company(company).billing_sale = "billing"
            products = env["product.product"].create(
                [
                    {"name": policy, "type": "service", "invoice_policy": policy}
                    | {"list_price": 80, "taxes_id": False}
                    for policy in ("order", "delivery")
                ]
            )
            order = env["sale.order"].create(
                {
                    "partner_id": customer.id,
                    "company_id": company.id,
                    "order_line": [
                        Command.create({"product_id": product.id, "product_uom_qty": 2})
                        for product in products
                    ],
                }
            )
            self.order_id = order.id
            # What recurs is an order of its own.
            fibre = products.create(
                {
                    "name": "Fibre",
                    "type": "service",
                    "billing_unit": "month",
                    "billing_recurring_price": 45,
                    "taxes_id": False,
                }
            )
            self.other_id = order.create(
                {
                    "partner_id": customer.id,
                    "company_id": company.id,
                    "order_line": [
                        Command.create({"product_id": one.id, "product_uom_qty": 2})
                        for one in (products[0], fibre)
                    ],
                }
            ).id
            self.addCleanup(self._end)

    def _end(self):
        """Leave nothing that other tests would bill."""
        with self._connect() as env:
            orders = env["sale.order"].browse([self.order_id, self.other_id])
            orders._action_cancel()

    def _get_order(self, env):
        return env["sale.order"].browse(self.order_id)

    def _count(self):
        with self._connect() as env:
            entries = env["omni.billing.transaction"].search(
                [("sale_order_id", "=", self.order_id), ("state", "!=", "void")]
            )
            return entries.mapped("sale_quantity")

    def _deliver(self):
        with self._connect() as env:
            order = self._get_order(env)
            order.action_confirm()
            order.order_line[1].qty_delivered = 1

    @mute_logger("odoo.sql_db")
    def test_two_confirm_at_once(self):
        """The second waits, begins again, and reads that it is confirmed."""

        def confirm(env):
            self._get_order(env).action_confirm()

        self.assertTrue(self._meet(confirm, confirm))
        self.assertEqual(self._count(), [2])

    def test_job_and_click_at_once(self):
        """The job leaves what another is at; a person is told."""
        self._deliver()
        with self._connect() as job, self._connect() as click, self._connect() as late:
            # Its snapshot is of before.
            late.cr.execute("SELECT 1")
            job["sale.order.line"].search(
                [("order_id", "=", self.order_id)]
            )._billing_try_all()
            job.flush_all()
            lines = self._get_order(click).order_line
            lines._billing_try_all()
            self.assertTrue(lines[1].billing_is_due)
            with self.assertRaisesRegex(UserError, "Someone else"):
                self._get_order(click).action_billing_follow()
            job.cr.commit()
            with (
                mute_logger("odoo.sql_db"),
                self.assertRaises(SerializationFailure),
            ):
                self._get_order(late).order_line._billing_try_all()
            late.cr.rollback()
            click.cr.rollback()
        self.assertEqual(sorted(self._count()), [1, 2])

    def test_process_that_dies_leaves_it_to_the_job(self):
        """Nothing was committed: neither the charge, nor that it is there."""
        self._deliver()
        with self._connect() as env:
            self._get_order(env).order_line._billing_try_all()
            env.flush_all()
            env.cr.rollback()
        self.assertEqual(self._count(), [2])
        with self._connect() as env:
            self._get_order(env).order_line.filtered(
                "billing_is_due"
            )._billing_try_all()
        self.assertEqual(sorted(self._count()), [1, 2])

    def _read_other(self, env):
        """Return the state of the other order, and what of it is in Billing."""
        order = env["sale.order"].browse(self.other_id)
        entries = order.order_line.billing_transaction_ids
        counts = Counter(entries.mapped("state"))
        services = order.order_line.billing_service_ids.filtered("active")
        return order.state, dict(counts), len(services)

    def test_process_dies_at_each_step_of_a_confirmation(self):
        """W38: nothing of it is there then, and the next click does all of it."""
        Order, Line = self.registry["sale.order"], self.registry["sale.order.line"]
        Service = self.registry["omni.billing.service"]
        steps = [
            *((Order, "_billing_begin"), (Order, "_billing_follow_now")),
            *((Line, "_billing_follow_services"), (Line, "_billing_prepare_charge")),
            *((Line, "_billing_enter"), (Service, "create")),
        ]
        for owner, name in steps:
            original = getattr(owner, name)

            def dies(self, *args, original=original, **kwargs):
                original(self, *args, **kwargs)
                self.env.flush_all()
                raise DeadError

            with (
                self.subTest(name),
                patch.object(owner, name, dies),
                self.assertRaises(DeadError),
                self._connect() as env,
            ):
                env["sale.order"].browse(self.other_id).action_confirm()
            with self._connect() as env:
                self.assertEqual(self._read_other(env), ("draft", {}, 0))
        self._change("action_confirm")
        with self._connect() as env:
            self.assertEqual(self._read_other(env), ("sale", {"unbilled": 1}, 1))

    @mute_logger("odoo.sql_db", "odoo.service.model")
    def test_order_is_canceled_while_it_is_billed(self):
        """W38: what is billed is told, and is not billed again if it is on again."""
        self._change("action_confirm")

        def cancel(env):
            env["sale.order"].browse(self.other_id)._action_cancel()

        self.assertFalse(self._meet(self._bill, cancel))
        self._run_job()
        with self._connect() as env:
            self.assertEqual(self._read_other(env)[:2], ("cancel", {"invoiced": 1}))
            order = env["sale.order"].browse(self.other_id)
            self.assertIn("is billed", order.billing_to_settle)
        self._change("action_draft", "action_confirm")
        with self._connect() as env:
            self.assertEqual(self._read_other(env), ("sale", {"invoiced": 1}, 1))

    @mute_logger("odoo.sql_db", "odoo.service.model")
    def test_order_is_billed_while_it_is_canceled_and_confirmed_again(self):
        """W38: who bills is told, and each unit is billed once in the end."""
        self._change("action_confirm")

        def cancel_and_confirm(env):
            order = env["sale.order"].browse(self.other_id)
            for step in ("_action_cancel", "action_draft", "action_confirm"):
                getattr(order, step)()

        told = self._meet(cancel_and_confirm, self._bill)
        self.assertIn("Someone else", told)
        with self._connect() as env:
            self._bill(env)
        with self._connect() as env:
            state, counts, services = self._read_other(env)
            counts.pop("void")
            self.assertEqual((state, counts, services), ("sale", {"invoiced": 1}, 1))

    def _change(self, *steps):
        """Press buttons of the other order, one after the other."""
        for step in steps:
            with self._connect() as env:
                getattr(env["sale.order"].browse(self.other_id), step)()

    def _bill(self, env):
        """Bill the customer, as staff do."""
        customer = env["sale.order"].browse(self.other_id).partner_id
        wizard = env["omni.billing.proforma.wizard"].create({"partner_id": customer.id})
        wizard.action_generate()

    def _run_job(self):
        with self._connect() as env:
            env["sale.order.line"].search(
                [("order_id", "=", self.other_id), ("billing_is_due", "=", True)]
            )._billing_try_all()
