from odoo.tests import Form, tagged

from .common import SaleCommon

INVOICE = "omni_billing.account_move_view_form_billing"


@tagged("post_install", "-at_install")
class TestSaleStory(SaleCommon):
    """W38: from the order to the invoice, each on the screens that they have."""

    def test_from_the_order_to_the_invoice(self):
        """W38: a seller confirms, staff bill, and the order shows what was invoiced."""
        Order = self.env["sale.order"].with_user(self.seller)
        with Form(Order) as form:
            form.partner_id = self.customer
            for product, quantity in ((self.ordered, 2), (self.fibre, 1)):
                with form.order_line.new() as line:
                    line.product_id = product
                    line.product_uom_qty = quantity
        order = form.record
        order.action_confirm()
        self.assertEqual(Form(order).billing_unbilled_amount, 176)
        # sudo: services are for staff of billing to see.
        [service] = order.order_line.sudo().billing_service_ids

        customer = self.customer.with_user(self.staff)
        action = customer.action_billing_proforma()
        Wizard = self.env[action["res_model"]].with_user(self.staff)
        wizard = Form(Wizard.with_context(**action["context"])).save()
        self.assertEqual(wizard.amount_total, 176)
        invoice = self.env["account.move"].with_user(self.staff)
        invoice = invoice.browse(wizard.action_generate()["res_id"])
        self.assertEqual(Form(invoice, view=INVOICE).billing_state, "unpaid")

        # The month of the service comes by itself, and is of the order as well.
        service.action_write_due()
        order.invalidate_recordset()
        form = Form(order)
        self.assertEqual(form.billing_invoiced_amount, 176)
        self.assertEqual(form.billing_unbilled_amount, 82.5)
        self.assertEqual(order.order_line[0].qty_invoiced, 2)
        self.assertEqual(order.invoice_ids.ids, invoice.ids)
