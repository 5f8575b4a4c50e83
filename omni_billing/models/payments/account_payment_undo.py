from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError
from odoo.fields import Domain
from odoo.tools import format_date

from ...tools.action import open_dialog
from ...tools.lock import lock_or_tell
from ...tools.numbers import format_amount
from ...tools.write_guard import is_trusted, trust

#: That a payment is undone is for `_billing_undo` to say.
UNDO_FIELDS = {"billing_undo_reason", "billing_undo_move_id"}


class AccountPayment(models.Model):
    """Undoing money that was recorded by hand: it is not edited (F150, F178)."""

    _inherit = "account.payment"

    billing_undo_reason = fields.Char(
        string="Why It Was Undone", readonly=True, copy=False
    )
    billing_undo_move_id = fields.Many2one(
        "account.move",
        string="Undone by",
        readonly=True,
        copy=False,
        index="btree_not_null",
        help="The entry of a later day that reverses it.",
    )

    # === CRUD METHODS === #

    @api.model_create_multi
    def create(self, vals_list):
        for vals in vals_list:
            self._billing_check_undo_fields(vals)
        return super().create(vals_list)

    def write(self, vals):
        """Override of `account`: what was undone stays so, and the entry says the same.

        :raise UserError: if it is undone already, or its period is closed.
        """
        self._billing_check_undo_fields(vals)
        if vals.get("state") and not is_trusted(self.env):
            for payment in self.filtered("billing_undo_move_id"):
                payment._billing_raise_undone()
        result = super().write(vals)
        if {"date", "memo"} & vals.keys():
            self._billing_tell_entry(vals)
        return result

    @api.model
    def _billing_check_undo_fields(self, vals):
        if any(vals.get(name) for name in UNDO_FIELDS) and not is_trusted(self.env):
            raise AccessError(
                self.env._("Use the button Undo: it books what follows from it.")
            )

    def _billing_tell_entry(self, vals):
        """Have entry and ledger tell the date and the memo of the payment, too.

        Odoo changes those of an entry that is not posted yet, and no other. Money of
        vendors is not in the ledger.
        """
        for payment in self.filtered(lambda one: one.partner_type == "customer"):
            entry = payment.move_id
            if entry.state != "posted":
                continue
            if "memo" in vals and (entry.ref or "") != (payment.memo or ""):
                trust(entry).ref = payment.memo
            if "date" in vals and entry.date != payment.date:
                payment._billing_tell_date(entry)

    def _billing_tell_date(self, entry):
        """Move an entry that is posted to the date of its payment.

        Odoo does so with a draft. Another month has another sequence: it says so.
        """
        self.company_id._billing_check_open(self.date, self.journal_id)
        trust(entry).with_context(skip_readonly_check=True).date = self.date
        trust(self._billing_find_receipts()).date = self.date

    # === ACTION METHODS === #

    def action_billing_undo(self):
        """Open the dialog that undoes a payment, or a refund, made by hand."""
        self.ensure_one()
        self._billing_check_undoable()
        title = self.env._("Undo a Refund")
        if self.payment_type == "inbound":
            title = self.env._("Undo a Payment")
        context = {"default_payment_id": self.id}
        return open_dialog("omni.billing.undo.wizard", title, context)

    def action_cancel(self):
        """Override of `account`: a number that an entry was given stays, canceled.

        Odoo deletes the entry of a payment that is reset to draft, and refuses that
        unless it is the last of its sequence.
        """
        numbered = self.filtered(
            lambda payment: (
                payment.partner_type == "customer"
                and payment.move_id.state == "draft"
                and payment.move_id.posted_before
            )
        )
        if numbered:
            numbered.state = "canceled"
            numbered.move_id.button_cancel()
        return super(AccountPayment, self - numbered).action_cancel()

    # === BUSINESS METHODS === #

    def _billing_undo(self, reason):
        """Undo money that was recorded by hand, received or given back (F150, F178).

        On its own day it is canceled. After that an entry of today reverses it, so that
        no day that was told already changes, in the books or in the ledger. What it
        paid is owed again, or is credit on file again, from now on.

        :param str reason: why, for those who look later.
        :return: the `account.move` that reverses it; none if it is canceled.
        :raise UserError: if it was not recorded by hand, is undone already, is on a
            bank statement, or the books are closed today.
        """
        self.ensure_one()
        self._billing_check_may_undo()
        reason = (reason or "").strip()
        if not reason:
            raise UserError(self.env._("Say why it is undone."))
        lock_or_tell(self)
        self._billing_check_undoable()
        today = fields.Date.context_today(self)
        self.company_id._billing_check_open(today, self.journal_id)
        invoices = self._billing_find_paid()
        if invoices:
            invoices._billing_lock()
        if self._billing_can_cancel(today):
            reversal = self._billing_cancel(reason)
        else:
            reversal = self._billing_reverse(reason, today)
        trust(self).write(
            {"billing_undo_reason": reason, "billing_undo_move_id": reversal.id}
        )
        invoices._billing_update_payment_reference()
        self._billing_note_undone(reason)
        return reversal

    def _billing_cancel(self, reason):
        """Cancel it with its entry, and void what the ledger says of it."""
        receipts = self._billing_find_receipts()
        receipts._set_void(reason=reason)
        trust(receipts).write({"partial_id": False, "invoice_id": False})
        self._billing_unreconcile()
        self.action_cancel()
        return self.env["account.move"]

    def _billing_reverse(self, reason, today):
        """Reverse its entry on a later day, and tell the ledger of it on that day."""
        receipts = self._billing_find_receipts()
        # What it paid was paid until today: the entries of it stay.
        trust(receipts).partial_id = False
        values = [receipt._prepare_undo_values(today, reason) for receipt in receipts]
        trust(receipts).create(values)
        self._billing_unreconcile()
        # Odoo would take it off the bank statement, too.
        is_matched = self._billing_is_matched()
        reversal = self.move_id._reverse_moves(
            [{"date": today, "ref": f"{self.name}: {reason}"}], cancel=not is_matched
        )
        if is_matched:
            # What is open of both is set against each other by that.
            reversal.action_post()
        trust(self).state = "canceled"
        return reversal

    def _billing_unreconcile(self):
        """Take it off what it paid."""
        self.move_id._billing_get_receivable_lines().remove_move_reconcile()

    def _billing_note_undone(self, reason):
        """Leave the reason where people look for it."""
        self.message_post(
            body=self.env._("Undone: %(reason)s", reason=reason),
            author_id=self.env.user.partner_id.id,
        )

    # === CHECKS === #

    def _billing_check_may_undo(self):
        """Check who asks: money that is received is staff's, a refund a manager's."""
        self.check_access("write")
        group = "omni_billing.omni_billing_group_" + (
            "user" if self.payment_type == "inbound" else "manager"
        )
        if not self.env.su and not self.env.user.has_group(group):
            raise AccessError(
                self.env._(
                    "Billing staff undo payments, and billing managers refunds. Ask"
                    " one of them."
                )
            )

    def _billing_check_undoable(self):
        """Check that this can be undone.

        :raise UserError: if not; the message says what to do instead.
        """
        self.ensure_one()
        # sudo: who undoes it need not read attempts.
        online = self.sudo().payment_transaction_id
        if online.provider_code == "stripe":
            self._billing_raise_taken()
        is_over = self.billing_undo_move_id or self.state in ("canceled", "rejected")
        if is_over or self._billing_find_reversal():
            self._billing_raise_undone()
        if self.partner_type != "customer" or self.move_id.state != "posted":
            raise UserError(
                self.env._(
                    "%(payment)s is not in the books as a customer's money: there is"
                    " nothing to undo.",
                    payment=self.display_name,
                )
            )
        self._billing_check_not_matched()

    def _billing_check_not_matched(self):
        """Check that no bank statement has it. Hook: the bank may have taken it back"""
        if self._billing_is_matched():
            raise UserError(
                self.env._(
                    "%(payment)s is matched with a bank statement: the money moved."
                    " Nothing was undone: if the match is wrong, undo it in Accounting"
                    " first.",
                    payment=self.display_name,
                )
            )

    def _billing_raise_undone(self):
        reversal = self.billing_undo_move_id or self._billing_find_reversal()
        raise UserError(
            self.env._(
                "%(payment)s of %(amount)s is undone already, since %(date)s. Enter the"
                " right one anew.",
                payment=self.display_name,
                amount=format_amount(self.env, self.amount, self.currency_id),
                date=format_date(self.env, reversal.date or self.date),
            )
        )

    # === HELPERS === #

    def _billing_can_cancel(self, today):
        """Whether it can be as if it had never been: nobody was told of it yet."""
        is_told = self.move_id.inalterable_hash or self._billing_is_matched()
        return self.date == today and not is_told

    def _billing_find_reversal(self):
        """Return the entry by which accounting took it back, if one did."""
        return self.move_id.reversal_move_ids.filtered(
            lambda move: (
                move.state == "posted"
                and not move.reversal_move_ids.filtered(lambda m: m.state == "posted")
            )
        )[:1]

    def _billing_is_matched(self):
        """Whether something is set against it on the side of the bank."""
        money = self.move_id.line_ids - self.move_id._billing_get_receivable_lines()
        return bool(money.matched_debit_ids or money.matched_credit_ids)

    def _billing_find_receipts(self):
        """Return what the ledger says of this money."""
        # sudo: who undoes it undoes its entries.
        return (
            self.env["omni.billing.transaction"]
            .sudo()  # sudo: as above
            .search(
                Domain("payment_id", "in", self.ids) & Domain("state", "!=", "void")
            )
        )

    def _billing_find_paid(self):
        """Return the invoices and credit notes that this money is set against."""
        lines = self.move_id._billing_get_receivable_lines()
        others = (
            lines.matched_debit_ids.debit_move_id
            + lines.matched_credit_ids.credit_move_id
        )
        return others.move_id.filtered(lambda move: move.is_invoice())
