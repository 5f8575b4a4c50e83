from odoo import fields, models

from ...const import BILLING_MOVE_TYPES


class AccountMove(models.Model):
    """Numbers like INV-2025-000001, where the company wants them (F62)."""

    _inherit = "account.move"

    def _get_starting_sequence(self):
        """Override of `account`: INV-2025-000001 where the company wants it (F62)."""
        self.ensure_one()
        if not self._billing_has_dashed_number():
            return super()._get_starting_sequence()
        prefix = self._billing_get_dashed_prefix()
        year = (self.date or self.invoice_date or fields.Date.context_today(self)).year
        return f"{prefix}{year}-000000"

    def _get_last_sequence_domain(self, relaxed=False):
        """Override of `account`: the dashed numbers are a series of their own."""
        where, params = super()._get_last_sequence_domain(relaxed)
        if self._billing_has_dashed_number() and where != "WHERE FALSE":
            where += " AND name LIKE %(billing_prefix)s "
            params["billing_prefix"] = f"{self._billing_get_dashed_prefix()}____-%"
        return where, params

    def _billing_has_dashed_number(self):
        return (
            self.company_id.billing_number_dashed
            and self.move_type in BILLING_MOVE_TYPES
            and self.journal_id.type == "sale"
        )

    def _billing_get_dashed_prefix(self):
        is_own_series = (
            self.move_type == "out_refund" and self.journal_id.refund_sequence
        )
        return f"{'R' if is_own_series else ''}{self.journal_id.code}-"
