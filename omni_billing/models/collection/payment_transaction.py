from odoo import Command, fields, models


class PaymentTransaction(models.Model):
    """What those do who wait for the outcome of a charge."""

    _inherit = "payment.transaction"

    billing_return_fee_id = fields.Many2one(
        "omni.billing.transaction",
        string="Fee for the Return",
        readonly=True,
        copy=False,
        index="btree_not_null",
        ondelete="set null",
    )
    billing_is_returned = fields.Boolean(
        string="Came Back",
        readonly=True,
        copy=False,
        help="The debit came back, and its fee was charged, if the company has one: a"
        " fee that staff delete does not come back.",
    )

    def _billing_after_return(self, code):
        """Override: a fee by the company's rule, once for each debit (W33)."""
        result = super()._billing_after_return(code)
        if self.billing_is_returned or not self._billing_get_customer_invoices():
            return result
        self.billing_is_returned = True
        if self.company_id.billing_return_fee > 0:
            values = self._billing_prepare_return_fee()
            # sudo: whoever learns of the return charges its fee.
            transactions = self.env["omni.billing.transaction"].sudo()
            self.billing_return_fee_id = transactions.create(values)
        return result

    def _billing_prepare_return_fee(self):
        """Return the values of the charge for a debit that came back. Hook."""
        invoice = self._billing_get_customer_invoices()[:1]
        company = self.company_id
        product = company.billing_return_fee_product_id
        return {
            "name": invoice._billing_translate(
                lambda env: env._(
                    "Fee for the returned debit of %(invoice)s", invoice=invoice.name
                )
            ),
            "transaction_type": "charge",
            "company_id": invoice.company_id.id,
            "partner_id": invoice.commercial_partner_id.id,
            "currency_id": self.currency_id.id,
            "retail_cost": company.currency_id._convert(
                company.billing_return_fee, self.currency_id, company
            ),
            **(
                {"product_id": product.id}
                if product
                else {"tax_ids": [Command.clear()]}
            ),
        }

    def _billing_is_followed_up(self):
        """Override: a scheduled payment tells of its own charges."""
        # sudo: they are the job's.
        planned = self.env["omni.billing.installment"].sudo()
        return bool(planned._find_charged_by(self)) or super()._billing_is_followed_up()

    def _billing_tell_waiting(self):
        """Override: scheduled payments learn the outcome at once.

        Else their job would look at the next turn only, which may be an hour away.
        """
        # sudo: they are the job's.
        self.env["omni.billing.installment"].sudo()._learn_outcomes(self.invoice_ids)
        return super()._billing_tell_waiting()
