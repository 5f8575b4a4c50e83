from odoo import Command, api, fields, models
from odoo.exceptions import AccessError, UserError
from odoo.fields import Domain

from ...const import BILLING_MOVE_TYPES
from ...tools.action import open_dialog
from ...tools.values import check_text
from ...tools.write_guard import is_trusted, trust, trusting


class AccountMove(models.Model):
    """Voiding: the transactions of an invoice can be billed again (F159-F168)."""

    _inherit = "account.move"

    billing_released_ids = fields.Many2many(
        "omni.billing.transaction",
        "omni_billing_released_rel",
        "move_id",
        "transaction_id",
        string="Released Transactions",
        readonly=True,
        copy=False,
        groups="omni_billing.omni_billing_group_user",
        help="What was on the invoice before it was void.",
    )

    # === COMPUTE METHODS === #

    def _compute_show_reset_to_draft_button(self):
        """Override of `account`: the button would only be refused."""
        result = super()._compute_show_reset_to_draft_button()
        for move in self.filtered("show_reset_to_draft_button"):
            move.show_reset_to_draft_button = not (
                move.move_type in BILLING_MOVE_TYPES
                and (
                    move.billing_is_void
                    or move._billing_has_transactions()
                    or move._billing_balances_a_void()
                )
            )
        return result

    # === ACTION METHODS === #

    def action_billing_void(self, reason=None, by_credit_note=False):
        """Void unpaid invoices: their transactions can be billed again (F159-F168).

        The numbered invoice stays, its number is never used again. Where it cannot be
        cancelled any more (inalterable journal, closed period, earlier month) or the
        company wants so, a credit note of today balances it.

        :param str reason: why, shown in the customer's file.
        :param bool by_credit_note: balance it, also where it could be cancelled.
        :raise UserError: if one is paid, partly paid, void already, or just being paid.
        """
        check_text(self.env, reason)
        if len(self) > 1 and not self.env.user.has_group(
            "omni_billing.omni_billing_group_manager"
        ):
            raise AccessError(
                self.env._("Only billing managers can void several invoices at once.")
            )
        self._billing_lock()
        for move in self:
            move._billing_check_voidable()
            move._billing_before_void()
            transactions = move.billing_transaction_ids
            voided = move.with_context(billing_void_reason=reason)
            is_note = by_credit_note and move.state == "posted"
            if is_note or move._billing_needs_credit_note():
                voided._billing_void_by_credit_note(reason)
            else:
                with trusting(self.env):
                    voided.button_cancel()
            move._message_log(
                body=self.env._(
                    "Void: %(reason)s. Transactions that are unbilled again: %(count)s",
                    reason=reason or self.env._("no reason given"),
                    count=len(transactions),
                )
            )
        return True

    def action_billing_duplicate(self):
        """Bill the items of an invoice once more, under a new number (F168, F182).

        Those of a void invoice are unbilled again, and are billed as they are; of
        another one, copies of today are made.

        :return: the action that opens the preview, with nothing else in it.
        :raise UserError: if nothing of the invoice can be billed.
        """
        self.ensure_one()
        self.check_access("read")
        self.env["omni.billing.transaction"].check_access("create")
        if self.billing_is_void:
            items = self.billing_released_ids.filtered(
                lambda transaction: transaction.state == "unbilled"
            )
        else:
            today = fields.Date.context_today(self)
            items = self.billing_transaction_ids.copy({"date": today})
        prefix = self._billing_translate(lambda env: env._("Void: %(title)s", title=""))
        title = (self.billing_title or "").removeprefix(prefix)
        if not items:
            raise UserError(
                self.env._(
                    "Nothing of %(invoice)s is unbilled. Look for its items in the"
                    " transactions of the customer.",
                    invoice=self.display_name,
                )
            )
        return items._open_proforma_of_these(title)

    def action_billing_open_void(self):
        is_one = len(self) == 1
        title = self.env._("Void Invoice") if is_one else self.env._("Void Invoices")
        context = {"default_invoice_ids": self.ids}
        return open_dialog("omni.billing.void.wizard", title, context)

    def button_draft(self):
        """Override of `account`: nothing edits a numbered invoice (promise 3)."""
        if not is_trusted(self.env):
            self.check_access("write")
            for move in self.filtered(
                lambda move: move.move_type in BILLING_MOVE_TYPES
            ):
                if move.billing_is_void:
                    raise UserError(
                        self.env._(
                            "%(invoice)s is void and cannot be opened again. Bill its"
                            " transactions on a new invoice.",
                            invoice=move.display_name,
                        )
                    )
                if move._billing_has_transactions():
                    move._billing_raise_numbered()
                if move._billing_balances_a_void():
                    raise UserError(
                        self.env._(
                            "%(note)s balances the void invoice %(invoice)s and stays"
                            " as it is.",
                            note=move.display_name,
                            invoice=move.reversed_entry_id.display_name,
                        )
                    )
        with trusting(self.env):
            return super().button_draft()

    def button_cancel(self):
        """Override of `account` to release the transactions, whoever cancels."""
        ours = self.filtered(lambda move: move._billing_is_ours())
        posted = ours.filtered(lambda move: move.state == "posted")
        # Of none nothing is asked: who sells cancels an order without any invoice.
        if posted and not is_trusted(self.env):
            posted.button_draft()
        with trusting(self.env):
            # On the way it is a draft, whose taxes Odoo would compute as of today.
            frozen = ours.with_context(skip_invoice_sync=True)
            result = super(AccountMove, frozen).button_cancel() if ours else None
            if others := self - ours:
                result = super(AccountMove, others).button_cancel()
        ours._billing_set_void()
        return result

    def _get_chain_info(self, *args, **kwargs):
        """Override of `account`: the number of a void invoice is no gap.

        A journal may be set to seal its entries after an invoice was cancelled; Odoo
        would post nothing there any more. The number is there, and stays.
        """
        info = super()._get_chain_info(*args, **kwargs)
        if isinstance(info, dict) and "gap" in info.get("warnings", ()):
            if self._billing_is_gapless(info["last_move_hashed"], info["moves"]):
                info["warnings"].discard("gap")
        return info

    @api.model
    def _billing_is_gapless(self, sealed, moves):
        """Whether void invoices have all numbers that a chain of entries lacks.

        :param sealed: the last entry of the chain that is sealed, if any.
        :param moves: those that are about to be.
        """
        chain = (sealed + moves).sorted("sequence_number")
        first, last = chain[0].sequence_number, chain[-1].sequence_number
        void = self.sudo().search_count(  # sudo: whoever posts need not see them.
            Domain("journal_id", "=", chain.journal_id.id)
            & Domain("sequence_prefix", "=", chain[0].sequence_prefix)
            & Domain("sequence_number", ">", first)
            & Domain("sequence_number", "<", last)
            & Domain("state", "=", "cancel")
            & Domain("billing_is_void", "=", True)
        )
        return len(chain) + void == last - first + 1

    def _billing_has_transactions(self):
        self.ensure_one()
        # sudo: who works on the invoice need not see transactions.
        return bool(self.sudo().billing_transaction_ids)

    def _billing_held_transactions(self):
        """Whether transactions are on it, or were before it was void."""
        self.ensure_one()
        if self._billing_has_transactions():
            return True
        # What was released may be deleted by now; the day of the charge stays.
        return self.billing_is_void and any(
            self.invoice_line_ids.mapped("billing_date")
        )

    def _billing_balances_a_void(self):
        self.ensure_one()
        # A void credit note is balanced by an invoice.
        return self.reversed_entry_id.billing_is_void

    # === BUSINESS METHODS === #

    def _reverse_moves(self, default_values_list=None, cancel=False):
        """Override of `account`: its dialog waits for money that is on its way."""
        invoices = self.filtered(lambda move: move.move_type in BILLING_MOVE_TYPES)
        if invoices and not is_trusted(self.env):
            invoices._billing_before_reversed()
        return super()._reverse_moves(default_values_list, cancel=cancel)

    def _billing_before_reversed(self):
        """Give up what would pay more than is owed once these are credited. Hook.

        :raise UserError: if that is not possible, and no credit note can be made.
        """

    def _billing_before_void(self):
        """Give up what would still pay the invoice. Hook.

        :raise UserError: if that is not possible, and the invoice cannot be void.
        """

    def _billing_has_money_under_way(self):
        """Whether money of the customer is, or may be, on its way. Hook."""
        self.ensure_one()
        return False

    def _billing_check_voidable(self):
        self.ensure_one()
        if self.billing_state == "void":
            raise UserError(
                self.env._("%(invoice)s is void already.", invoice=self.display_name)
            )
        if self.move_type not in BILLING_MOVE_TYPES:
            raise UserError(
                self.env._(
                    "%(entry)s is not a customer invoice.", entry=self.display_name
                )
            )
        is_zero = self.currency_id.is_zero(self.amount_total)
        if self._billing_has_money_under_way() or (
            self.state == "posted"
            and not is_zero
            and (
                self.payment_state != "not_paid"
                or self.currency_id.compare_amounts(
                    self.amount_residual, self.amount_total
                )
            )
        ):
            raise UserError(
                self.env._(
                    "%(invoice)s cannot be voided, because money was received or a"
                    " credit was used for it. Refund the online payment, cancel the"
                    " manual payment first, or add a credit for the wrong amount.",
                    invoice=self.display_name,
                )
            )

    def _billing_needs_credit_note(self):
        """Whether cancelling is impossible, or not the company's way."""
        self.ensure_one()
        if self.state == "draft":
            return False
        today = fields.Date.context_today(self)
        return bool(
            self.company_id.billing_void_method == "credit_note"
            # What was earned in a month stays what it was told to be.
            or self.date < today.replace(day=1)
            or self.inalterable_hash
            or self.journal_id.restrict_mode_hash_table
            or self.need_cancel_request
            or self._get_violated_lock_dates(self.date, self._affect_tax_report())
        )

    def _billing_void_by_credit_note(self, reason):
        self.ensure_one()
        today = fields.Date.context_today(self)
        self.company_id._billing_check_open(today, self.journal_id)
        title = self._billing_translate(
            lambda env: env._("Void of %(invoice)s", invoice=self.name)
        )
        self._billing_reverse_all(
            title,
            reason or self.env._("no reason given"),
            cancel=True,
            billing_date_start=self.billing_date_start,
            billing_date_end=self.billing_date_end,
        )
        self._billing_set_void()

    def _billing_set_void(self):
        for move in self:
            self.env["omni.billing.activity.log"]._log_moves(
                "invoice_voided", move, note=self.env.context.get("billing_void_reason")
            )
            # sudo: whoever may cancel the invoice frees its transactions.
            released = move.sudo().billing_transaction_ids
            released._release()
            title = move.billing_title or move.name or ""
            # sudo: what was released is for staff of billing to see.
            trust(move).sudo().write(
                {
                    "billing_is_void": True,
                    "billing_released_ids": [Command.set(released.ids)],
                    "billing_title": move._billing_translate(
                        lambda env, title=title: env._("Void: %(title)s", title=title)
                    ),
                }
            )
