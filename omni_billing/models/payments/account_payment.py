from odoo import api, fields, models
from odoo.exceptions import UserError

from ...const import AGAIN
from ...tools.write_guard import is_trusted

#: What says how much moved, whose it is and whether it did.
MONEY_FIELDS = {
    *("amount", "company_id", "currency_id", "journal_id", "move_id", "partner_id"),
    *("partner_type", "payment_method_line_id", "payment_transaction_id"),
    *("payment_type", "state"),
}
#: Odoo tells by these whether the bank statement has it yet.
BOOKED = ("in_process", "paid")


class AccountPayment(models.Model):
    """How money came; and that what Stripe moved stays booked, by whatever button."""

    _inherit = "account.payment"

    billing_mode = fields.Selection(
        [
            ("stripe", "Card or Bank Debit"),
            ("cash", "Cash"),
            ("pos", "POS Terminal"),
            ("bank", "Bank Transfer"),
            ("cheque", "Cheque"),
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

    billing_payer_id = fields.Many2one(
        "res.partner",
        string="Paid by",
        readonly=True,
        copy=False,
        index="btree_not_null",
        help="Who paid for the customer, if it was not the customer.",
    )

    # === BUSINESS METHODS === #

    @api.model
    def _billing_record(self, values):
        """Post a payment that was made outside of Odoo, in the current company.

        :param dict values: see `_billing_prepare_values`.
        :return: the `account.payment`.
        :raise UserError: if the period is closed.
        """
        journal = self.env["account.journal"].browse(values["journal_id"])
        date = fields.Date.to_date(values["date"])
        self.env.company._billing_check_open(date, journal)
        payment = self.create(values)
        payment.outstanding_account_id = payment._billing_get_outstanding_account()
        payment.action_post()
        return payment

    @api.model
    def _billing_prepare_values(self, values):
        """Return the values of a payment that was made outside of Odoo. Hook.

        :param dict values: the direction (``payment_type``), partner, amount, currency,
            date and memo, ``billing_mode`` (cash, pos, bank, cheque) and
            ``billing_reference``.
        :return: these, with a journal of the current company, and a payment method.
        :raise UserError: if there is none.
        """
        journal = self._billing_get_journal(values["billing_mode"])
        method_line = journal._get_available_payment_method_lines(
            values["payment_type"]
        ).filtered(lambda line: line.code == "manual")[:1]
        if not method_line:
            raise UserError(
                self.env._(
                    "Journal %(journal)s has no manual payment method. Add it on the"
                    " journal's Incoming and Outgoing Payments tabs.",
                    journal=journal.display_name,
                )
            )
        return values | {
            "partner_type": "customer",
            "journal_id": journal.id,
            "payment_method_line_id": method_line.id,
            "date": values["date"] or fields.Date.context_today(self),
        }

    @api.model
    def _billing_get_journal(self, mode):
        company = self.env.company
        if problem := company._billing_explain_no_payment_journal(mode):
            raise UserError(problem)
        return company._billing_get_payment_journal(mode)

    # === HELPERS === #

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

    def _get_outstanding_account(self, payment_type):
        """Override of `account`: also for who works for a branch alone.

        Odoo asks as the company above, which they may not act for; the account is
        theirs to use.
        """
        # sudo: nothing of that company but its account.
        found = super(AccountPayment, self.sudo())._get_outstanding_account(
            payment_type
        )
        return found.with_env(self.env)

    # === WHAT STRIPE MOVED === #

    def write(self, vals):
        """Override of `account`: draft, cancel and reject are written as well.

        :raise UserError: if the books would tell something else than Stripe.
        """
        names = MONEY_FIELDS & vals.keys()
        for payment in self if names and not is_trusted(self.env) else ():
            if payment.state in BOOKED and payment._billing_is_taken():
                payment._billing_check_kept(vals, names)
        return super().write(vals)

    @api.ondelete(at_uninstall=False)
    def _unlink_except_billing_taken(self):
        """What Stripe moved is not deleted either."""
        for payment in self:
            if payment._billing_is_taken() and not is_trusted(self.env):
                payment._billing_raise_taken()

    def _billing_check_kept(self, vals, names):
        for name in names:
            if name == "state" and vals[name] in BOOKED:
                continue
            field = self._fields[name]
            value = field.convert_to_cache(vals[name], self)
            if value != field.convert_to_cache(self[name], self):
                self._billing_raise_taken()

    def _billing_is_taken(self):
        """Whether Stripe confirmed that this money moved. Hook: or something else."""
        self.ensure_one()
        # sudo: who keeps the books need not read attempts.
        attempt = self.sudo().payment_transaction_id
        is_again = (attempt.provider_reference or "").startswith(AGAIN)
        is_done = attempt.provider_code == "stripe" and attempt.state == "done"
        return is_done and not is_again

    def _billing_raise_taken(self):
        """Say why it stays booked, and what to do instead. Hook."""
        raise UserError(
            self.env._(
                "%(payment)s was moved by Stripe, and stays booked. To give money back,"
                " refund the invoice; what a bank took back is an entry of its own.",
                payment=self.display_name,
            )
        )
