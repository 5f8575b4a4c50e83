import logging

from odoo import api, fields, models
from odoo.exceptions import LockError, UserError
from odoo.fields import Domain
from odoo.tools import split_every

from odoo.addons.omni_billing.tools.database import commit_progress, savepoint
from odoo.addons.omni_billing.tools.write_guard import is_trusted, trust, trusting

from ..tools.target_days import add_business_days

_logger = logging.getLogger(__name__)

#: A bank of the customer sends back what it cannot pay within five business days of
#: the debit (EPC016, SEPA Direct Debit Core rulebook, 4.3); our own bank tells of it on
#: the next.
RETURN_DAYS = 6
BATCH = 50


class AccountPayment(models.Model):
    """Money of a debit order: booked when the bank has paid, or nothing came back."""

    _inherit = "account.payment"

    # OCA has no index on these: each order asks for its payments. It has them copied,
    # and the copy would be debited, too.
    payment_order_id = fields.Many2one(index="btree_not_null", copy=False)
    payment_lot_id = fields.Many2one(index="btree_not_null", copy=False)
    payment_line_ids = fields.Many2many(copy=False)
    billing_sepa_waiting = fields.Boolean(
        string="At the Bank",
        readonly=True,
        copy=False,
        help="Its file was brought to the bank, and it is neither booked nor back.",
    )
    billing_notice_partner_ids = fields.Many2many(
        "res.partner", compute="_compute_billing_notice"
    )
    billing_mandate_id = fields.Many2one(
        "account.banking.mandate", compute="_compute_billing_notice"
    )

    _billing_reference_idx = models.Index("(memo) WHERE payment_order_id IS NOT NULL")
    _billing_waiting_idx = models.Index("(date) WHERE billing_sepa_waiting")

    @api.depends("payment_line_ids.mandate_id", "invoice_ids")
    def _compute_billing_notice(self):
        for payment in self:
            to = payment.partner_id.browse().union(
                *(move._billing_get_recipients() for move in payment.invoice_ids)
            )
            payment.billing_notice_partner_ids = to.filtered("email_normalized")
            payment.billing_mandate_id = payment.payment_line_ids.mandate_id[:1]

    # === OVERRIDES OF ACCOUNT === #

    def action_post(self):
        """Override of `account`: not because its file is at the bank.

        Who posts one by hand after that says that the bank has paid it.

        :raise UserError: if its file is not at the bank, or its day is to come.
        """
        waiting = self.env.context.get("billing_sepa_wait") or ()
        # sudo: who keeps the books need not manage debit orders.
        posted = self.filtered(
            lambda payment: payment.sudo().payment_order_id.id not in waiting
        )
        by_hand = self.browse()
        if not is_trusted(self.env):
            by_hand = posted.filtered(
                lambda payment: (
                    payment.state == "draft" and payment._billing_is_in_order()
                )
            )
            by_hand._billing_check_due()
        result = super(AccountPayment, posted - by_hand).action_post()
        if by_hand:
            by_hand._billing_book_sepa()
        return result

    # === BUSINESS METHODS === #

    @api.model
    def _cron_billing_book_sepa(self):
        """Book what did not come back within the days that banks have for it."""
        today = fields.Date.context_today(self)
        waiting = self.search(
            Domain("billing_sepa_waiting", "=", True)
            & Domain("state", "=", "draft")
            & Domain("date", "<", today)
            & Domain("payment_order_id.state", "=", "uploaded")
            & Domain("company_id.billing_sepa_line_id", "!=", False),
            order="id",
        )
        due = waiting.filtered(
            lambda payment: add_business_days(payment.date, RETURN_DAYS) <= today
        )
        commit_progress(self.env, remaining=len(due))
        for ids in split_every(BATCH, due.ids):
            payments = self.browse(ids).try_lock_for_update(allow_referencing=True)
            payments._billing_book_or_tell()
            if not commit_progress(self.env, len(ids)):
                return

    def _billing_book_or_tell(self):
        """Book these; what cannot be booked is told, and holds up no other."""
        try:
            with savepoint(self.env):
                self._billing_book_sepa()
        except UserError as error:
            if len(self) > 1:
                for payment in self:
                    payment._billing_book_or_tell()
                return
            if isinstance(error.__cause__, LockError):
                # Somebody works on the invoice: the next turn books it.
                return
            _logger.warning("%s is not booked: %s", self.memo, error)
            for invoice in self.invoice_ids[:1]:
                invoice._billing_tell_staff(
                    self.env._(
                        "The debit %(reference)s cannot be booked: %(why)s",
                        reference=self.memo,
                        why=error,
                    )
                )

    def _billing_book_sepa(self):
        """Book what the bank has paid, on the day of the debit, and pay the invoices.

        :raise UserError: if the period is closed.
        """
        self.invoice_ids._billing_lock()
        payments = self.filtered(lambda payment: payment.state == "draft")
        for payment in payments:
            company = payment.company_id
            company._billing_check_open(payment.date, payment.journal_id)
            if not payment.outstanding_account_id:
                account = payment._billing_get_outstanding_account()
                payment.outstanding_account_id = account
        with trusting(self.env):
            payments.action_post()
        lines = self.env["account.move.line"]
        lines._reconcile_plan([payment._billing_pair() for payment in payments])
        # sudo: lines of runs are their job's.
        self.env["omni.billing.run.line"].sudo()._learn_outcomes(payments.invoice_ids)

    def _billing_pair(self):
        """Return the items of the invoices and of the money that pays them."""
        owed = self.payment_line_ids.move_line_id
        both = owed + self.move_id._billing_get_receivable_lines()
        return both.filtered(
            lambda line: (
                not line.reconciled and line.account_id == self.destination_account_id
            )
        )

    def _billing_is_back(self):
        """Whether what it collected is owed again, by whatever door that was entered"""
        self.ensure_one()
        return self.state == "canceled" or bool(self._billing_find_reversal())

    def _billing_send_back(self, reasons):
        """Have these be owed again: the bank did not pay, or took the money back.

        What is booked is reversed by an entry of today, so that no past day changes.

        :param reasons: why, by payment.
        :raise UserError: if the books are closed today.
        """
        waiting = self.filtered(lambda payment: payment.state == "draft")
        with trusting(self.env):
            waiting.action_cancel()
        booked = (self - waiting).filtered(
            lambda payment: payment.state in ("in_process", "paid")
        )
        today = fields.Date.context_today(self)
        for journal in booked.journal_id:
            journal.company_id._billing_check_open(today, journal)
        matched = booked.filtered(lambda payment: payment._billing_is_matched())
        for part in (matched, booked - matched):
            part._billing_reverse_all(reasons, today, part == matched)
        self._message_log_batch(
            bodies={payment.id: reasons[payment] for payment in self}
        )

    def _billing_reverse_all(self, reasons, today, is_matched):
        """Do what `_billing_reverse` does, for many at once.

        :param bool is_matched: whether they are on a bank statement, which stays so.
        """
        if not self:
            return
        receipts = self._billing_find_receipts()
        trust(receipts).partial_id = False
        trust(receipts).create(
            [
                receipt._prepare_undo_values(today, reasons[receipt.payment_id])
                for receipt in receipts
            ]
        )
        invoices = self._billing_find_paid()
        self._billing_unreconcile()
        moves = self.move_id.with_context(billing_sepa_at_once=True)
        reversals = moves._reverse_moves(
            [
                {"date": today, "ref": f"{payment.name}: {reasons[payment]}"}
                for payment in self
            ],
            cancel=not is_matched,
        )
        if is_matched:
            reversals.action_post()
        trust(self).state = "canceled"
        for payment in self:
            trust(payment).write(
                {
                    "billing_undo_reason": reasons[payment],
                    "billing_undo_move_id": payment.move_id.reversal_move_ids[-1:].id,
                }
            )
        invoices._billing_update_payment_reference()
