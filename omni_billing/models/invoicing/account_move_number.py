from odoo import fields, models

from ...const import BILLING_MOVE_TYPES
from ...tools.lock import wait_for_series

#: In the context of invoices that are made by the hundred.
IN_LOT = "billing_in_lot"


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

    def _locked_increment(self, format_string, format_values):
        """Override of `account`: a run goes on after what others have given meanwhile.

        A transaction sees the numbers that there were when it began. Those that a job
        beside it has given since, Odoo would try one by one, each with a savepoint and
        an error in the log of the database: 300 for each chunk of a run.
        """
        if self.env.context.get(IN_LOT):
            values = {key: one for key, one in format_values.items() if key != "seq"}
            key = format_string.format(**values, seq=0), self.journal_id
            if key not in self._get_sequence_cache():
                prefix = format_string.partition("{seq")[0].format(**values)
                last = self._billing_read_last_number(prefix)
                format_values["seq"] = max(format_values["seq"], last)
        return super()._locked_increment(format_string, format_values)

    def _billing_read_last_number(self, prefix):
        """Return the last number of a series, once nobody else of a run gives any."""
        wait_for_series(self.env, self.journal_id, prefix)
        with self.env.registry.cursor() as cr:
            cr.execute(
                "SELECT coalesce(max(sequence_number), 0) FROM account_move"
                " WHERE journal_id = %s AND sequence_prefix = %s",
                [self.journal_id.id, prefix],
            )
            return cr.fetchone()[0]

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
