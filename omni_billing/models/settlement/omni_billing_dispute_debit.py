import logging

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.tools import float_compare

from ...tools.database import savepoint
from ...tools.write_guard import trust

_logger = logging.getLogger(__name__)


class OmniBillingDispute(models.Model):
    """A bank that takes a debit back has decided: what it paid is owed again (W33).

    Nobody has to answer, and nobody can (https://docs.stripe.com/payments/sepa-debit,
    disputed payments): so no manager decides either.
    """

    _inherit = "omni.billing.dispute"

    @api.model
    def _take(self, payment, told):
        """Override: what a bank took back of a debit is owed again at once."""
        result = super()._take(payment, told)
        self._find(payment, told.id)._reopen_debit()
        return result

    def _reopen_debit(self):
        """Book that a debit that came back is owed again, for who holds the lock.

        What cannot be booked yet (a closed period, a payment that is not booked) is
        left as a lost dispute, which is looked at each day, and which a manager may
        decide."""
        self.ensure_one()
        payment = self.transaction_id
        if self.state != "lost" or not payment._billing_is_our_debit():
            return
        reason = payment._billing_explain_return(self.reason) or self.reason_name
        try:
            with savepoint(self.env):
                self._book_return(reason)
        except UserError as error:
            self.invalidate_recordset()
            _logger.warning("%s: not owed again yet: %s", self.reference, error)
            self._set_problem(self.problem or str(error))
            return
        payment._billing_note_dispute(self.reference, "owed")
        payment._billing_note_return(self.reason)

    def _get_unbooked(self):
        """Override: what a reversed payment has in the books is not booked again.

        Whoever begins to book payouts later, from an earlier day on, has both.
        """
        return (
            super()
            ._get_unbooked()
            .filtered(lambda row: not row.dispute_id._is_reversed())
        )

    def _is_reversed(self):
        """Whether the payment that the bank took back was reversed as a whole."""
        return self.state == "owed" and bool(self.decision_move_id.reversed_entry_id)

    def _book_return(self, reason):
        if self.company_id.billing_fee_account_id:
            if self.problem or not self._get_held_amount():
                raise UserError(
                    self.problem
                    or self.env._(
                        "What %(dispute)s moved is not in the books yet.",
                        dispute=self.reference,
                    )
                )
            move = self._owe_again(reason)
        else:
            move = self._reverse_booked(reason)
        self.write(
            {
                "state": "owed",
                "decision_move_id": move.id,
                "decided_by_id": self.env.uid,
                "decision_note": reason,
            }
        )
        self._match_held()

    def _reverse_booked(self, reason):
        """Take back what the debit is booked as, where payouts are booked by hand.

        :return: the `account.move` that reverses it, of today.
        :raise UserError: if the bank took a part: a person looks at it.
        """
        booked = self._find_payment()
        digits = self.currency_id.rounding
        if float_compare(self.amount, booked.amount, precision_rounding=digits):
            raise UserError(
                self.env._(
                    "%(dispute)s is of another amount than the payment. Book it by a"
                    " journal entry, and decide then that it was booked by hand.",
                    dispute=self.reference,
                )
            )
        today = fields.Date.context_today(self)
        self.company_id._billing_check_open(today, booked.journal_id)
        invoices = booked._billing_find_paid()
        reversal = booked._billing_reverse(reason, today)
        trust(booked).write(
            {"billing_undo_reason": reason, "billing_undo_move_id": reversal.id}
        )
        invoices._billing_update_payment_reference()
        booked._billing_note_undone(reason)
        return reversal
