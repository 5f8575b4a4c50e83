import base64

from odoo.tests import Form, tagged

from . import bank
from .common import SepaCommon

INVOICE = "omni_billing.account_move_view_form_billing"


@tagged("post_install", "-at_install")
class TestSepaStory(SepaCommon):
    """W34: from the run to the file, and back, each on the screens that they have."""

    def test_from_the_run_to_the_file_and_back(self):
        """W34: a run collects, the bank gets a file, and staff see what came back."""
        self._create_transaction(40)
        with Form(self.env["omni.billing.run"]) as form:
            form.is_charge = True
        run = form.record
        run.action_start()
        self.env.flush_all()
        # sudo: the job is nobody's.
        self.env["omni.billing.run"].sudo()._cron_process()
        self.env.invalidate_all()
        invoice = run.line_ids.invoice_id
        seen = invoice.with_user(self.staff)
        self.assertIn("SEPA", Form(seen, view=INVOICE).billing_collecting)

        order = self._find_orders(invoice)
        [payment] = self._bring(order)
        self.assertIn(b'<InstdAmt Ccy="EUR">40', order.payment_file_id.raw)
        with Form(self.env["omni.billing.sepa.import.wizard"]) as form:
            told = bank.tell("pain.002.001.10", *self._say(payment))
            form.content = base64.b64encode(told)
        form.record.action_import()
        self.env.flush_all()
        self.env.invalidate_all()
        form = Form(seen, view=INVOICE)
        self.assertFalse(form.billing_collecting)
        self.assertEqual(form.billing_state, "unpaid")
        todo = self.env["omni.billing.todo"].with_user(self.staff)
        [row] = todo.search([("move_id", "=", invoice.id)])
        self.assertEqual((row.kind, row.turn), ("sepa", "staff"))
