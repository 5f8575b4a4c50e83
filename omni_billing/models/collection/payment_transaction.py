import logging

from odoo import fields, models
from odoo.exceptions import UserError

from ...tools.database import savepoint

_logger = logging.getLogger(__name__)


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
        invoices = self._billing_get_customer_invoices()
        if self.billing_is_returned or not invoices or not self._billing_is_our_debit():
            return result
        self.billing_is_returned = True
        if invoices[:1].company_id.billing_return_fee > 0:
            self._billing_charge_return_fee()
        return result

    def _billing_charge_return_fee(self):
        """Charge the fee; what is wrong with it holds up nothing, and staff are told.

        The answer of the bank is recorded in any case, and the invoice owed again.
        """
        # sudo: whoever learns of the return charges its fee.
        transactions = self.env["omni.billing.transaction"].sudo()
        try:
            with savepoint(self.env):
                values = self._billing_prepare_return_fee()
                fee = transactions.create(values)
                self.env.flush_all()
        except UserError as error:
            _logger.warning("%s: no fee for its return: %s", self.reference, error)
            self._billing_tell_staff(
                self.env._(
                    "The debit came back, and its fee could not be charged: %(why)s"
                    " Mend the product and the amount of that fee in the settings, and"
                    " charge it by hand if you want it.",
                    why=error,
                )
            )
        else:
            self.billing_return_fee_id = fee

    def _billing_prepare_return_fee(self):
        """Return the values of the charge for a debit that came back. Hook."""
        invoice = self._billing_get_customer_invoices()[:1]
        return invoice._billing_prepare_return_fee(self.currency_id)

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
