from odoo import api, models
from odoo.exceptions import LockError, UserError
from odoo.fields import Domain
from odoo.tools import format_date, format_list

from odoo.addons.omni_billing.const import BILLING_MOVE_TYPES
from odoo.addons.omni_billing.tools.write_guard import is_trusted

UNDER_WAY = Domain("billing_is_under_way", "=", True)


class AccountMove(models.Model):
    """What a debit order collects is paid by nothing else (W34)."""

    _inherit = "account.move"

    def _billing_find_sepa_lines(self):
        """Return what is being collected of these invoices by file, in sudo."""
        # sudo: debit orders are their managers'; whose invoice it is may know of it.
        return self.sudo().line_ids.payment_line_ids.filtered("billing_is_under_way")

    # === OVERRIDES OF OMNI_BILLING === #

    @api.depends(
        "line_ids.payment_line_ids.billing_is_under_way",
        "line_ids.payment_line_ids.date",
    )
    def _compute_billing_collecting(self):
        """Override: what it depends on."""
        return super()._compute_billing_collecting()

    def _search_billing_collecting(self, operator, value):
        """Override: or a file for the bank has it."""
        domain = super()._search_billing_collecting(operator, value)
        left = self._billing_get_not_collected_domain()
        return domain & left if operator == "in" else domain | ~left

    def _billing_explain_collecting(self):
        """Override: a file for the bank has it."""
        lines = self._billing_find_sepa_lines()
        if not lines:
            return super()._billing_explain_collecting()
        values = {
            "amount": self.currency_id._billing_format(
                sum(lines.mapped("amount_currency"))
            ),
            "account": lines.mandate_id[:1].display_name or "SEPA",
        }
        if days := [line.date for line in lines if line.date]:
            return self.env._(
                "%(amount)s are being collected by SEPA direct debit %(account)s, on"
                " %(date)s. Nothing else is charged meanwhile.",
                date=format_date(self.env, min(days)),
                **values,
            )
        return self.env._(
            "%(amount)s are going to be collected by SEPA direct debit %(account)s."
            " Nothing else is charged meanwhile.",
            **values,
        )

    def _billing_check_not_collected(self):
        """Override: nor by file."""
        super()._billing_check_not_collected()
        lines = self._billing_find_sepa_lines()
        if not lines:
            return
        waiting = self & lines.move_line_id.move_id.with_env(self.env)
        why = waiting[:1]._billing_explain_collecting()
        if self.env.user._is_internal():
            why = self.env._(
                "%(invoices)s: %(why)s If it has to be paid otherwise, take it out of"
                " the debit order %(order)s first, or cancel that.",
                invoices=format_list(self.env, waiting.mapped("display_name")),
                why=why,
                order=format_list(self.env, lines.order_id.mapped("name")),
            )
        # It passes: a job looks again.
        raise UserError(why) from LockError(why)

    def _billing_get_chargeable_amount(self, but=None):
        """Override: less what is being collected by file."""
        left = super()._billing_get_chargeable_amount(but)
        lines = self._billing_find_sepa_lines()
        if not lines:
            return left
        left -= sum(lines.mapped("amount_currency"))
        return self.currency_id.round(max(0.0, left))

    def _billing_check_voidable(self):
        """Override: nothing is void that the bank is being asked for."""
        self._billing_check_not_collected()
        return super()._billing_check_voidable()

    def _billing_before_undone(self, is_deleted=False):
        """Override: nor does Accounting credit, open again or cancel it meanwhile."""
        if not is_trusted(self.env):
            invoices = self.filtered(lambda move: move.move_type in BILLING_MOVE_TYPES)
            invoices._billing_check_not_collected()
        return super()._billing_before_undone(is_deleted=is_deleted)

    @api.model
    def _billing_get_remindable_domain(self, company):
        """Override: nobody is reminded of, nor pays a fee for, what is collected."""
        return (
            super()._billing_get_remindable_domain(company)
            & self._billing_get_not_collected_domain()
        )

    @api.model
    def _billing_get_crediting_domain(self):
        """Override: credit goes to what is not being collected."""
        return (
            super()._billing_get_crediting_domain()
            & self._billing_get_not_collected_domain()
        )

    @api.model
    def _billing_get_not_collected_domain(self):
        """Return the invoices that no debit order is at."""
        under_way = Domain("payment_line_ids", "any!", UNDER_WAY)
        return Domain("line_ids", "not any!", under_way)

    def _billing_get_reminder_obstacle(self):
        """Override: by hand, too."""
        if self._billing_find_sepa_lines():
            return self._billing_explain_collecting()
        return super()._billing_get_reminder_obstacle()

    # === OVERRIDES OF ACCOUNT === #

    def _reconcile_reversed_moves(self, reverse_moves, move_reverse_cancel):
        """Override of `account`: many debits that came back, at once.

        Odoo sets one entry after the other against what reverses it, with a hundred
        statements each.
        """
        if not self.env.context.get("billing_sepa_at_once"):
            return super()._reconcile_reversed_moves(reverse_moves, move_reverse_cancel)
        plan = []
        for move, reversal in zip(self, reverse_moves, strict=True):
            lines = (move.line_ids + reversal.line_ids).filtered(
                lambda line: line.account_id.reconcile and not line.reconciled
            )
            pairs = lines.grouped(lambda line: (line.account_id, line.currency_id))
            plan += [pair for pair in pairs.values() if len(pair) > 1]
        self.env["account.move.line"].with_context(
            move_reverse_cancel=move_reverse_cancel
        )._reconcile_plan(plan)
        return reverse_moves
