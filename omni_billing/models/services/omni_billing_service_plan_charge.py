from datetime import timedelta

from odoo import models
from odoo.fields import Domain
from odoo.tools import format_date

from ...tools.recurrence import DAY, compute_amount, iterate_periods
from .omni_billing_service_charge import SETUP_PART, STANDS

#: Charges to come that a preview lists, of the new plan.
NEXT_CHARGES = 3


class OmniBillingService(models.Model):
    """What a change of plan comes to, in charges and credits (W36)."""

    _inherit = "omni.billing.service"

    # === DAYS CHARGED ELSEWHERE === #

    def _find_elsewhere(self, day):
        """Return until when others were paid, if that is the day of a change or later.

        The new plan is not charged for those days, and the one before not credited.

        :rtype: datetime.date | bool
        """
        until = self.charged_elsewhere
        return until and until >= day and until

    def _is_charged_after(self, last):
        """Return whether days after one are charged, and not elsewhere."""
        self.ensure_one()
        last = max(last, self.charged_elsewhere or last)
        return bool(self.charged_until and self.charged_until > last)

    def _list_plan_notes(self, product, day, values):
        """Override: that days which others were paid for cost nothing."""
        notes = super()._list_plan_notes(product, day, values)
        if until := self._find_elsewhere(day):
            said = self.env._(
                "The days until %s were charged elsewhere: the change costs nothing for"
                " them, and nothing of them is credited.",
                format_date(self.env, until),
            )
            notes = [said, *notes]
        return notes

    # === WHAT IT COMES TO === #

    def _prepare_plan_parts(self, plan, day):
        """Return the values of what a change comes to, by part. Hook.

        :param plan: as `_draft_plan` returns it.
        """
        return (
            ("before", self._prepare_until(day - DAY)),
            ("unused", self._prepare_unused(day - DAY)),
            ("after", plan._prepare_next_charges(NEXT_CHARGES)),
        )

    def _prepare_until(self, last):
        """Return the values of what is still to be charged until a day, its last."""
        periods = iterate_periods(
            self._get_recurrence(),
            self.charged_until or None,
            last,
            self._get_free_days(),
        )
        values = self._prepare_setup_charges()
        return values + self._prepare_period_values(list(periods))

    def _prepare_unused(self, last):
        """Return the values of the credits for charged days after one."""
        return self._prepare_adjustments(self._find_unused(last), last)

    def _find_unused(self, last):
        """Return what is charged for days after one, as adjustments.

        It is the share of those days, and never more than what still stands of the
        charge: what was given away, voided or canceled is not given back again. Nor is
        what was charged elsewhere.

        :param datetime.date last: of use.
        :return: as `_find_adjustments`.
        """
        self.ensure_one()
        if not self.charged_until or self.charged_until <= last:
            return []
        recurrence, free = self._get_recurrence(), self._get_free_days()
        whole = recurrence.get_whole(recurrence.get_number(last + DAY))
        after = max(whole.first, self.date_start) - timedelta(days=1)
        after = max(after, self.charged_elsewhere or after)
        prices, decimals = self._get_prices(), self.currency_id.decimal_places
        standing, found = self._read_standing(after), []
        for period in iterate_periods(recurrence, after, self.charged_until, free):
            span, used = period.span, period.shorten(last)
            planned = period.shorten(self.date_end or None)
            kept = float(compute_amount(used, prices, decimals))
            unused = float(compute_amount(planned, prices, decimals)) - kept
            stands = sum(
                amount
                for first, amount in standing.items()
                if span.first <= first <= span.last
            )
            amount = self.currency_id.round(max(min(unused, stands - kept), 0.0))
            if amount:
                is_all = not self.currency_id.compare_amounts(amount, unused)
                pieces = self._count_pieces(used) - self._count_pieces(planned)
                found.append((period, -amount, pieces if is_all else 0.0))
        return found

    def _read_standing(self, after=None):
        """Return what stands of what was charged, by the first day of its period."""
        later = Domain("period_start", ">", after) if after else Domain.TRUE
        Transaction = self.env["omni.billing.transaction"]
        standing = {}
        for first, kind, amount in Transaction._read_group(
            Domain("service_id", "=", self.id)
            & Domain("period_start", "!=", False)
            & later
            & Domain("service_part", "!=", SETUP_PART)
            & STANDS,
            ["period_start:day", "transaction_type"],
            ["retail_cost:sum"],
        ):
            sign = -1 if kind == "credit" else 1
            standing[first] = standing.get(first, 0.0) + sign * amount
        return standing
