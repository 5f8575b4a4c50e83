from datetime import timedelta
from unittest.mock import patch

from odoo import fields
from odoo.exceptions import UserError
from odoo.service.model import call_kw
from odoo.tests import freeze_time, tagged
from odoo.tools import mute_logger

from .common import SaleCommon

#: What the server does.
INNER = {
    "sale.order": (
        *("_action_cancel", "_billing_begin", "_billing_follow_now"),
        *("_billing_settle", "_billing_tell_to_settle"),
    ),
    "sale.order.line": (
        *("_billing_follow", "_billing_try_all", "_billing_withdraw"),
        *("_billing_enter", "_cron_billing_follow"),
    ),
    "omni.billing.service": ("_sale_follow", "_sale_end", "_sale_hand_over"),
    "omni.billing.transaction": ("_sale_reduce", "_sale_prepare_counter"),
}


@tagged("post_install", "-at_install")
class TestDoors(SaleCommon):
    """W38: what anybody calls by RPC, and what operators see."""

    def _call(self, user, record, method, *args):
        """Call a method as the web client does, which any program can."""
        model = record.env[record._name].with_user(user)
        ids = [record.ids] if record else []
        with self.env.cr.savepoint(), mute_logger("odoo.addons.base.models.ir_rule"):
            return call_kw(model, method, [*ids, *args], {})

    def _refuse(self, user, record, method, *args):
        with (
            self.subTest((user.login, record._name, method, args)),
            # Some are told first that there is nothing to do.
            self.assertRaises(UserError),
        ):
            self._call(user, record, method, *args)

    def test_who_has_no_business_with_an_order(self):
        """W38: its own customer and plain users; who sells does not bill by it.

        Odoo has whoever writes invoices write orders as well.
        """
        contact = self.portal.partner_id
        order = self._create_order((self.ordered, 2, {}), (self.fibre, 1, {}))
        mine = self._create_order(
            (self.ordered, 2, {}), (self.fibre, 1, {}), confirm=False
        )
        mine.partner_id = contact
        mine.state = "sent"
        before = self._amounts(order), order.order_line.billing_service_ids
        for user in (self.portal, self.outsider):
            self._refuse(user, mine, "action_draft")
            for one in (order, mine):
                for method in (
                    *("action_confirm", "action_cancel"),
                    *("action_billing_follow", "action_lock"),
                ):
                    self._refuse(user, one, method)
                for values in (
                    {"billing_is_pooled": False},
                    {"state": "sale"},
                    {"billing_problem": False, "billing_to_settle": False},
                    {"partner_id": contact.id},
                ):
                    self._refuse(user, one, "write", values)
                for values in (
                    {"product_uom_qty": 0},
                    {"price_unit": 0},
                    {"billing_qty": 9},
                    {"qty_delivered": 9},
                    {"billing_setup_price": 0},
                ):
                    self._refuse(user, one.order_line[:1], "write", values)
                self._refuse(user, one, "unlink")
        for user in (self.portal, self.outsider, self.seller):
            self._refuse(user, order, "action_billing_settle")
        for user in (self.portal, self.outsider, self.staff, self.seller):
            for model, methods in INNER.items():
                for method in methods:
                    self._refuse(user, self.env[model], method, 1)
        # Who sells need not bill, and does not by what was sold.
        service = order.order_line.billing_service_ids
        for record, values in (
            (self._entries(order), {"retail_cost": 0}),
            (service, {"price_unit": 0}),
            (service, {"sale_line_id": False}),
            (order.order_line[:1], {"billing_qty": 0}),
            (order, {"billing_to_settle": "Nothing"}),
        ):
            self._refuse(self.seller, record, "write", values)
        self.env.invalidate_all()
        self.assertEqual(
            (self._amounts(order), order.order_line.billing_service_ids), before
        )
        self.assertFalse(self._entries(mine))
        self.assertEqual(mine.state, "sent")

    def test_operators_see_what_is_not_in_billing(self):
        """W38, W45: lines that wait for the job, orders of which something failed."""
        order = self._create_order((self.delivered, 5, {}))
        self.assertEqual(self._look(), ("fine", 0, 0))
        order.order_line.qty_delivered = 2
        self.assertEqual(self._look(), ("fine", 1, 0))
        self.assertEqual(self._look(hours=1), ("late", 1, 0))
        self.assertEqual(self._look(hours=5), ("failing", 1, 0))
        # sudo: who sells tells it on the order.
        line = order.order_line.sudo()
        with self._failing():
            line._billing_try_all()
        self.assertEqual(self._look(), ("failing", 1, 1))
        self._follow()
        self.assertEqual(self._look(hours=5), ("fine", 0, 0))

    def _failing(self):
        """Have no charge be written."""
        self.enterContext(mute_logger("odoo.addons.omni_billing_sale"))
        return patch.object(
            self.env.registry["sale.order.line"],
            "_billing_prepare_charge",
            side_effect=UserError("The tax is gone."),
        )

    def _look(self, hours=0):
        """Return what operators see after a while, and see that its button opens it."""
        self.env.flush_all()
        self.env.invalidate_all()
        with freeze_time(fields.Datetime.now() + timedelta(hours=hours)):
            row = self.env["omni.billing.watch"].search(
                [("kind", "=", "sale"), ("company_id", "=", self.company.id)]
            )
            self.assertEqual(bool(row.advice), row.level != "fine")
            opened = row.action_open()
        found = self.env[opened["res_model"]].search(opened["domain"])
        self.assertEqual(bool(found), bool(row.waiting or row.failed))
        return row.level, row.waiting, row.failed
