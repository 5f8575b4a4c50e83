from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.fields import Domain
from odoo.tools import format_list

from ...tools.database import check_can_commit
from ...tools.notice import notice, reload


class AccountMove(models.Model):
    """What is being collected by bank debit: it takes days (W33)."""

    _inherit = "account.move"

    billing_collecting = fields.Char(
        string="Being Collected",
        compute="_compute_billing_collecting",
        search="_search_billing_collecting",
        help="A bank debit is under way.",
    )

    @api.depends("billing_attempt_id")
    @api.depends_context("lang")
    def _compute_billing_collecting(self):
        for move in self:
            move.billing_collecting = move._billing_explain_collecting()

    def _billing_explain_collecting(self):
        """Return what a bank is being asked for of one invoice, or nothing. Hook."""
        self.ensure_one()
        collecting = self._billing_find_collecting()
        return collecting._billing_explain_collecting() if collecting else False

    def _search_billing_collecting(self, operator, value):
        """Find what a bank debit is under way of: whether there is one, not its words.

        :raise UserError: if words are looked for.
        """
        if operator not in ("in", "not in") or set(value) != {False}:
            raise UserError(
                self.env._("It can be asked only whether an invoice is collected.")
            )
        # sudo: attempts are internal; those who see the invoice may know of it.
        attempts = self.env["payment.transaction"].sudo()
        pending = attempts.search(
            Domain("billing_is_open", "=", True)
            & Domain("state", "=", "pending")
            & Domain("operation", "!=", "refund")
        ).filtered(lambda tx: tx._billing_is_collecting())
        is_collected = operator == "not in"
        return Domain(
            "billing_attempt_id", "in" if is_collected else "not in", pending.ids
        )

    def _billing_find_collecting(self):
        """Return the bank debits that these invoices wait for, in sudo."""
        # sudo: attempts are internal; whose invoice it is may know of it.
        attempts = self.sudo().billing_attempt_id
        return attempts.filtered(lambda tx: tx._billing_is_collecting())

    def _billing_check_not_collected(self):
        """Check that no bank debit is under way.

        :raise UserError: if one is; the message says since when, and what can be done.
        """
        collecting = self._billing_find_collecting()
        if not collecting:
            return
        # sudo: as above.
        waiting = self.filtered(
            lambda move: move.sudo().billing_attempt_id in collecting
        )
        raise UserError(
            self.env._(
                "%(invoices)s: %(why)s If it has to be paid otherwise, try Stop the"
                " Debit on the invoice first.",
                invoices=format_list(self.env, waiting.mapped("display_name")),
                why=collecting[0]._billing_explain_collecting(),
            )
            if self.env.user._is_internal()
            else collecting[0]._billing_explain_collecting()
        )

    # === ACTION METHODS === #

    def action_billing_stop_debit(self):
        """Call a bank debit back, so that the invoice can be paid otherwise; commits.

        :raise UserError: if there is none, the bank is at it already, or it has just
            been paid or come back, which is booked then.
        """
        self.ensure_one()
        self.check_access("write")
        self.env["omni.billing.payment.wizard"].check_access("create")
        check_can_commit(self.env)
        collecting = self._billing_find_collecting()
        if not collecting:
            raise UserError(
                self.env._(
                    "No bank debit of %(invoice)s is under way any more.",
                    invoice=self.display_name,
                )
            )
        collecting._billing_stop_debit()
        if collecting.state != "cancel":
            self._billing_raise_look_again()
        return notice(
            self.env._("The debit was stopped: nothing is collected."), after=reload()
        )
