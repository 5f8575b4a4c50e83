from odoo import models
from odoo.tools import format_date

from ...tools.recurrence import DAY


class OmniBillingService(models.Model):
    """From when on a service can have another plan, or why it cannot (W36)."""

    _inherit = "omni.billing.service"

    def _billing_find_plan_day(self, when):
        """Return the first day of another plan; None if there can be none.

        :param str when: ``now`` or ``period``, for the next one. What has not begun has
            another plan from its start on, whichever it is.
        :rtype: datetime.date | None
        """
        self.ensure_one()
        return None if self._explain_no_plan(when) else self._compute_plan_day(when)

    def _compute_plan_day(self, when):
        today = self._get_today()
        if self.state == "upcoming":
            return self.date_start
        if when == "now":
            # Each plan has a day at least.
            return max(today, self.date_start + DAY)
        recurrence = self._get_recurrence()
        last = max(today, self.charged_until or today)
        return recurrence.get_whole(recurrence.get_number(last)).last + DAY

    def _explain_no_plan(self, when):
        """Return why it can have no other plan then, and what to do; empty if it can.

        :param str when: as `_billing_find_plan_day`.
        :rtype: str
        """
        # sudo: customers change their plans without reading how they follow.
        if self.sudo().replaced_by_ids:
            return self._explain_other_plan()
        if not self.active or self.state in ("none", "ended"):
            return self.env._(
                "%(service)s is over, or is not charged by itself: add a new service"
                " instead.",
                service=self.name,
            )
        if self.state == "suspended" and when == "now":
            # Days that were charged, and are suspended, are not settled by it.
            return self.env._(
                "%(service)s is suspended: change it from the next period on, or resume"
                " it first.",
                service=self.name,
            )
        if self.state == "upcoming" and (self.charged_until or self.is_setup_charged):
            return self.env._(
                "%(service)s is charged already, and begins on %(date)s: change its"
                " plan then.",
                service=self.name,
                date=format_date(self.env, self.date_start),
            )
        if self.date_end and self._compute_plan_day(when) > self.date_end:
            return self.env._(
                "%(service)s ends on %(date)s, before another plan would begin: change"
                " its end first.",
                service=self.name,
                date=format_date(self.env, self.date_end),
            )
        return ""
