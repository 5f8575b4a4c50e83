"""Two at once, on connections of their own that commit: no test of Odoo's runner."""

from contextlib import contextmanager
from threading import Thread

from psycopg2.errors import SerializationFailure

from odoo import SUPERUSER_ID, api
from odoo.exceptions import UserError
from odoo.fields import Command
from odoo.modules.registry import Registry
from odoo.service.model import retrying
from odoo.tests import BaseCase, get_db_name, tagged
from odoo.tools import mute_logger

#: Who waits for a lock that another connection of this database has.
WAITING = """
    SELECT count(*) FROM pg_stat_activity
     WHERE datname = current_database() AND wait_event_type = 'Lock'
"""


@tagged("-standard", "-at_install", "post_install", "omni_billing_at_once")
class TestAtOnce(BaseCase):
    """W38: whoever is at an order at the same time, each unit is in Billing once."""

    def setUp(self):
        super().setUp()
        self.registry = Registry(get_db_name())
        with self._connect() as env:
            company = env["res.company"].search([("chart_template", "!=", False)])[0]
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
            self.addCleanup(self._end)

    def _end(self):
        """Leave nothing that other tests would bill."""
        with self._connect() as env:
            env["sale.order"].browse(self.order_id)._action_cancel()

    @contextmanager
    def _connect(self):
        with self.registry.cursor() as cr:
            yield api.Environment(cr, SUPERUSER_ID, {})

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
        answers = []

        def confirm():
            with self._connect() as env:
                env.transaction.default_env = env
                try:
                    retrying(self._get_order(env).action_confirm, env)
                except UserError as error:
                    answers.append(str(error))

        with self._connect() as env:
            self._get_order(env).action_confirm()
            env.flush_all()
            other = Thread(target=confirm)
            other.start()
            with self._connect() as watch:
                while other.is_alive():
                    watch.cr.execute(WAITING)
                    if watch.cr.fetchone()[0]:
                        break
                    watch.cr.rollback()
        other.join()
        self.assertEqual(len(answers), 1)
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
