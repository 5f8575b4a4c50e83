from odoo.exceptions import UserError
from odoo.fields import Command
from odoo.tests import tagged

from .common import SaleCommon


@tagged("post_install", "-at_install")
class TestNoSecondInvoice(SaleCommon):
    """W38: what Omni Billing bills is invoiced by nobody else."""

    def _open_dialog(self, orders, **values):
        return self.env["sale.advance.payment.inv"].create(
            {"sale_order_ids": [Command.set(orders.ids)], **values}
        )

    def _create_theirs(self):
        order = self._create_order((self.ordered, 1, {}), confirm=False)
        order.billing_is_pooled = False
        order.action_confirm()
        return order

    def test_sales_finds_nothing_to_invoice(self):
        """Unbilled, and billed; by method and by dialog."""
        order = self._create_order((self.ordered, 2, {}), (self.delivered, 2, {}))
        order.order_line[1].qty_delivered = 2
        for _time in range(3):
            self.assertEqual(order.order_line.mapped("qty_to_invoice"), [0, 0])
            for work in (
                order._create_invoices,
                self._open_dialog(order).create_invoices,
            ):
                with self.assertRaisesRegex(UserError, "Omni Billing"):
                    work()
            self._follow()
            if self._entries(order).filtered(lambda t: t.state == "unbilled"):
                self._bill()
        self.assertEqual(order.order_line.mapped("qty_invoiced"), [2, 2])

    def test_others_are_invoiced_beside_it(self):
        ours, theirs = self._create_order((self.ordered, 2, {})), self._create_theirs()
        invoices = (ours + theirs)._create_invoices()
        self.assertEqual(invoices.amount_untaxed, 80)
        self.assertEqual(invoices.line_ids.sale_line_ids, theirs.order_line)

    def test_quantity_that_is_written(self):
        """By a program, or by another addon's method."""
        order = self._create_order((self.ordered, 2, {}))
        order.order_line.write({"qty_to_invoice": 2})
        order._force_lines_to_invoice_policy_order()
        self.assertEqual(order.order_line.qty_to_invoice, 0)
        with self.assertRaisesRegex(UserError, "Omni Billing"):
            order._create_invoices()

    def test_no_down_payment(self):
        order = self._create_order((self.ordered, 2, {}))
        for values in (
            {"advance_payment_method": "percentage", "amount": 50},
            {"advance_payment_method": "fixed", "fixed_amount": 50},
        ):
            with self.assertRaisesRegex(UserError, "credit on file"):
                self._open_dialog(order, **values).create_invoices()
        self.assertFalse(order.order_line.filtered("is_downpayment"))

    def test_order_with_a_down_payment_stays_with_sales(self):
        """Sales alone takes it off its final invoice."""
        order = self._create_theirs()
        self._open_dialog(
            order, advance_payment_method="fixed", fixed_amount=50
        ).create_invoices()
        order.invoice_ids.action_post()
        order._action_cancel()
        order.action_draft()
        order.billing_is_pooled = True
        order.action_confirm()
        self.assertFalse(order.billing_is_pooled)
        self.assertFalse(self._entries(order))
        final = order._create_invoices(final=True)
        self.assertEqual(final.amount_total, 38)

    def test_what_sales_invoiced_before_is_not_billed_again(self):
        order = self._create_theirs()
        order._create_invoices().action_post()
        order._action_cancel()
        order.action_draft()
        order.write({"billing_is_pooled": True})
        order.order_line.product_uom_qty = 3
        order.action_confirm()
        self.assertTrue(order.billing_is_pooled)
        self.assertEqual(self._amounts(order), [176])
        self.assertEqual(order.order_line.qty_invoiced, 1)
        self._bill()
        self.assertEqual(order.order_line.qty_invoiced, 3)

    def test_invoice_that_names_the_line_is_not_posted(self):
        """Whoever made it, by whatever way."""
        order = self._create_order((self.ordered, 2, {}))
        invoice = self.env["account.move"].create(
            {
                "move_type": "out_invoice",
                "partner_id": self.customer.id,
                "invoice_line_ids": [
                    Command.create(
                        {
                            "name": "Router",
                            "price_unit": 80,
                            "sale_line_ids": [Command.link(order.order_line.id)],
                        }
                    )
                ],
            }
        )
        with self.assertRaisesRegex(UserError, "Omni Billing"):
            invoice.action_post()
        # Other invoices of the customer are.
        invoice.invoice_line_ids.sale_line_ids = False
        invoice.action_post()

    def test_credit_notes_of_accounting_are_posted(self):
        """They take back, and nothing is in Billing once more because of them."""
        order = self._create_order((self.ordered, 2, {}))
        invoice = self._bill()
        note = invoice._reverse_moves()
        note.action_post()
        self._follow()
        self.assertEqual(
            self._entries(order).filtered("sale_line_id").mapped("amount_total"), [176]
        )

    def _add_provider(self):
        # sudo: providers are an administrator's.
        env = self.env(su=True)
        provider = env.ref("payment.payment_provider_stripe")
        provider = provider.copy({"company_id": self.company.id, "state": "disabled"})
        provider.write(
            {
                "stripe_publishable_key": "pk_test_1",
                "stripe_secret_key": "sk_test_1",
                "stripe_webhook_secret": "whsec_test",
                "state": "test",
            }
        )
        return provider

    def _pay(self, order, amount, provider):
        """Pay an order in the portal, as Odoo's own payments do."""
        # sudo: payments are the server's.
        payment = (
            self.env["payment.transaction"]
            .sudo()
            .create(
                {
                    "provider_id": provider.id,
                    "payment_method_id": self.env.ref("payment.payment_method_card").id,
                    "amount": amount,
                    "currency_id": order.currency_id.id,
                    "partner_id": order.partner_id.id,
                    "operation": "online_redirect",
                    "sale_order_ids": [Command.set(order.ids)],
                }
            )
        )
        payment._set_done()
        payment._post_process()
        return payment

    def test_order_that_is_paid_online_is_invoiced_by_billing_alone(self):
        """In whole and in part: the money is credit on file for our invoice."""
        # sudo: parameters are an administrator's.
        parameters = self.env["ir.config_parameter"].sudo()
        parameters.set_param("sale.automatic_invoice", "True")
        provider = self._add_provider()
        for amount in (176, 100):
            order = self._create_order((self.ordered, 2, {}), confirm=False)
            order.prepayment_percent = amount / order.amount_total
            payment = self._pay(order, amount, provider)
            self.assertEqual(order.state, "sale")
            self.assertFalse(order.invoice_ids)
            self.assertFalse(order.order_line.filtered("is_downpayment"))
            self.assertEqual(self._amounts(order), [176])
            self.assertEqual(payment.payment_id.amount, amount)
            self._bill()
            self.assertEqual(order.invoice_ids.amount_total, 176)

    def test_credit_limit_counts_it_once(self):
        # sudo: settings are an administrator's.
        self.company.sudo().account_use_credit_limit = True
        order = self._create_order((self.ordered, 2, {}), (self.delivered, 2, {}))
        self.customer.invalidate_recordset()
        self.assertEqual(self.customer.credit_to_invoice, 176)
        order.order_line[1].qty_delivered = 1
        self._follow()
        self.customer.invalidate_recordset()
        self.assertEqual(self.customer.credit_to_invoice, 231)
        self._bill()
        self.customer.invalidate_recordset()
        self.assertEqual(self.customer.credit_to_invoice, 0)
