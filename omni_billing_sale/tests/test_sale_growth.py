from odoo.tests import tagged

from .common import SaleCommon

FEW, MANY = 5, 45


@tagged("post_install", "-at_install")
class TestGrowth(SaleCommon):
    """W38: what many lines cost beside a few, in statements of the database."""

    def _count(self, work):
        self.env.flush_all()
        self.env.invalidate_all()
        before = self.env.cr.sql_log_count
        work()
        self.env.flush_all()
        return self.env.cr.sql_log_count - before

    def _find_growth(self, prepare):
        """Return how many statements each further line costs."""
        self._count(prepare(FEW))
        few = self._count(prepare(FEW))
        return (self._count(prepare(MANY)) - few) / (MANY - FEW)

    def _prepare_lines(self, product, number):
        lines = [(product, 2, {}) for _number in range(number)]
        return self._create_order(*lines)

    def test_deliveries(self):
        """A thousand a day: each is a row, and no statement of its own."""

        def prepare(number):
            order = self._prepare_lines(self.delivered, number)
            order.order_line.qty_delivered = 2
            return self._follow

        self.assertLessEqual(self._find_growth(prepare), 0.1)

    def test_confirmation(self):
        """What Billing adds to the confirmation of an order, by its lines."""

        def prepare(number):
            order = self._create_order(
                *[(self.ordered, 2, {}) for _number in range(number)], confirm=False
            )
            order.write({"state": "sale"})
            return order._billing_follow_now

        self.assertLessEqual(self._find_growth(prepare), 0.1)

    def test_credits(self):
        def prepare(number):
            order = self._prepare_lines(self.delivered, number)
            order.order_line.qty_delivered = 2
            self._follow()
            self._bill()
            order.order_line.qty_delivered = 1
            return self._follow

        self.assertLessEqual(self._find_growth(prepare), 0.1)

    def test_services(self):
        def prepare(number):
            order = self._create_order(
                *[(self.fibre, 2, {}) for _number in range(number)], confirm=False
            )
            order.write({"state": "sale"})
            return order._billing_follow_now

        self.assertLessEqual(self._find_growth(prepare), 0.1)

    def test_invoice(self):
        """Sales is told what is invoiced of many lines at once."""

        def prepare(number):
            self._prepare_lines(self.ordered, number)
            return self._bill

        self.assertLessEqual(self._find_growth(prepare), 3.1)
