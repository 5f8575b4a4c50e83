from odoo import api, models
from odoo.exceptions import UserError

from ..tools.trust import is_trusted

#: What says how much moved, whose it is and whether it did.
MONEY_FIELDS = {
    *("amount", "company_id", "currency_id", "journal_id", "move_id", "partner_id"),
    *("partner_type", "payment_method_line_id", "payment_transaction_id"),
    *("payment_type", "state"),
}
#: Odoo tells by these whether the bank statement has it yet.
BOOKED = ("in_process", "paid")


class AccountPayment(models.Model):
    """Money that Stripe moved stays booked: Odoo's buttons would forget it."""

    # A matter of its own, in a file of its own.
    _inherit = "account.payment"  # pylint: disable=R8180

    def write(self, vals):
        """Override of `account`: draft, cancel and reject are written as well.

        :raise UserError: if the books would tell something else than Stripe.
        """
        names = MONEY_FIELDS & vals.keys()
        for payment in self if names and not is_trusted(self.env) else ():
            if payment.state in BOOKED and payment._billing_is_taken():
                payment._billing_check_kept(vals, names)
        return super().write(vals)

    def _billing_check_kept(self, vals, names):
        for name in names:
            if name == "state" and vals[name] in BOOKED:
                continue
            field = self._fields[name]
            value = field.convert_to_cache(vals[name], self)
            if value != field.convert_to_cache(self[name], self):
                self._billing_raise_taken()

    @api.ondelete(at_uninstall=False)
    def _unlink_except_taken(self):
        """What Stripe moved is not deleted either."""
        for payment in self:
            if payment._billing_is_taken() and not is_trusted(self.env):
                payment._billing_raise_taken()

    def _billing_is_taken(self):
        """Whether Stripe confirmed that this money moved."""
        self.ensure_one()
        # sudo: who keeps the books need not read attempts.
        attempt = self.sudo().payment_transaction_id
        return attempt.provider_code == "stripe" and attempt.state == "done"

    def _billing_raise_taken(self):
        raise UserError(
            self.env._(
                "%(payment)s was moved by Stripe, and stays booked. To give money back,"
                " refund the invoice; what a bank took back is an entry of its own.",
                payment=self.display_name,
            )
        )


class AccountMove(models.Model):
    _inherit = "account.move"  # pylint: disable=R8180

    def button_draft(self):
        """Override of `account`: nor is its entry opened again."""
        self._billing_check_not_taken()
        return super().button_draft()

    def button_cancel(self):
        """Override of `account`: nor canceled."""
        self._billing_check_not_taken()
        return super().button_cancel()

    def _billing_check_not_taken(self):
        for payment in () if is_trusted(self.env) else self.origin_payment_id:
            if payment._billing_is_taken():
                payment._billing_raise_taken()
