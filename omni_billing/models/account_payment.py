from odoo import api, fields, models
from odoo.exceptions import AccessError


class AccountPayment(models.Model):
    _inherit = "account.payment"

    billing_mode = fields.Selection(
        [
            ("stripe", "Card"),
            ("cash", "Cash"),
            ("pos", "POS Terminal"),
            ("bank", "Bank Transfer"),
        ],
        string="Payment Mode",
        readonly=True,
        copy=False,
    )
    billing_reference = fields.Char(
        string="Receipt Reference",
        readonly=True,
        copy=False,
        index="btree_not_null",
        help="The number of the receipt, cheque or transfer.",
    )

    # === CRUD METHODS === #

    @api.model_create_multi
    def create(self, vals_list):
        payments = super().create(vals_list)
        payments._billing_check_links()
        return payments

    def write(self, vals):
        if not {"payment_transaction_id", "move_id"} & vals.keys():
            return super().write(vals)
        self._billing_check_links()
        result = super().write(vals)
        self._billing_check_links()
        return result

    def _billing_check_links(self):
        """Check what a payment says it is: made online, or booked by an entry.

        :raise UserError: if it says so of an invoice, or a person says so of money
            that came otherwise.
        """
        for payment in self:
            if payment.move_id and payment.move_id._billing_is_ours():
                payment.move_id._billing_raise_numbered()
        if self.env.su:
            return
        for payment in self.sudo():  # sudo: who records payments does not see those.
            online = payment.payment_transaction_id
            if online and online._billing_is_ours():
                raise AccessError(
                    self.env._(
                        "%(payment)s was made online: what it is booked as is for the"
                        " server alone to say.",
                        payment=online.reference,
                    )
                )

    # === ACTION METHODS === #

    def action_refund_wizard(self):
        """Override of `account_payment`: our dialog, for what paid one invoice."""
        self.ensure_one()
        # sudo: who may refund, that dialog says.
        online = self.sudo().payment_transaction_id
        invoice = online and online._billing_get_invoices()
        if online.provider_code == "stripe" and len(invoice) == 1:
            # sudo: no more of it, the dialog is the user's.
            return invoice.sudo(False).action_billing_refund()
        return super().action_refund_wizard()

    # === BUSINESS METHODS === #

    def _billing_get_reference(self):
        """Return the PaymentIntent id (F136), or the manual reference (F141)."""
        self.ensure_one()
        # sudo: the reference of an online payment is no secret to who sees the payment.
        online = self.sudo().payment_transaction_id
        return online.provider_reference or self.billing_reference or self.memo

    def _billing_get_outstanding_account(self):
        """Return where the money is booked until the bank statement tells of it.

        There is always one: with a full accounting app Odoo would make no entry before
        the statement, but here an invoice is paid when its money is received (F145).
        Cash is in the till at once.
        """
        self.ensure_one()
        journal = self.journal_id
        in_till = journal.default_account_id if journal.type == "cash" else False
        return (
            self.payment_method_line_id.payment_account_id
            or in_till
            or self._get_outstanding_account(self.payment_type)
        )
