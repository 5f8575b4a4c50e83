from datetime import timedelta

from odoo import models
from odoo.exceptions import UserError
from odoo.tools import format_date

from ...tools.lock import lock_or_tell
from ...tools.numbers import format_amount

#: Of which the days of pauses are counted.
YEAR = timedelta(days=365)
#: Characters of what a customer says of an end.
MAX_NOTE = 500


class OmniBillingService(models.Model):
    """What customers do with their services themselves, as far as they may (W37).

    Nothing of it gives back what is charged already: a pause begins, and a service
    ends, after the last day that was charged. Staff can do otherwise, and adjust.
    """

    _inherit = "omni.billing.service"

    # === WHAT A CUSTOMER MAY === #

    def _billing_get_first_pause(self):
        """Return the first day on which a pause may begin; None if none may.

        :rtype: datetime.date | None
        """
        self.ensure_one()
        # sudo: settings are not the customer's to read; what follows of them is shown.
        company, today = self.company_id.sudo(), self._get_today()
        is_going_on = self.state in ("running", "upcoming") and not (
            # sudo: which plan follows is not the customer's to read.
            self.suspension or self.sudo().replaced_by_ids
        )
        if not company.billing_pause_days or not is_going_on:
            return None
        first = max(today + timedelta(days=1), self._billing_get_day_after_charged())
        return None if self.date_end and first > self.date_end else first

    def _billing_get_last_day(self):
        """Return the last day of use if the customer ended it today; None if not.

        :rtype: datetime.date | None
        """
        self.ensure_one()
        # sudo: as above.
        company = self.company_id.sudo()
        is_going_on = self.state in ("running", "upcoming", "suspended") and not (
            # sudo: as above. Who ends what is to follow takes that back first.
            self.sudo().replaced_by_ids
        )
        if not company.billing_lets_end or not is_going_on:
            return None
        last, _with_fee = self._billing_find_ends()
        return None if self.date_end and self.date_end <= last else last

    def _billing_get_last_day_with_fee(self):
        """Return the last day of use if the customer ended it today, for a fee.

        :return: None if it ends no sooner by that, or there is no such choice.
        :rtype: datetime.date | None
        """
        self.ensure_one()
        if not self._billing_get_last_day():
            return None
        return self._billing_find_ends()[1]

    def _billing_get_pause_days_left(self, first):
        """Return for how many days it may be paused, from a day on.

        :param datetime.date first: of the pause.
        """
        self.ensure_one()
        # sudo: as above.
        left = self.company_id.sudo().billing_pause_days
        for begin, end in self._billing_find_pauses():
            begin = max(begin, first - YEAR)
            left -= max((min(end, first) - begin).days + 1, 0)
        return max(left, 0)

    def _billing_find_pauses(self):
        """Return what the customer paused, each as its first and last day.

        In the plans before as well: another plan gives no days anew.
        """
        # sudo: days are staff's to read; how many are left is shown.
        today, found, service = self._get_today(), [], self.sudo()
        while service:
            over = service.date_end if service.id != self.id else None
            for row in service.suspension_ids:
                last = row.date_to or max(row.date_from, today)
                last = min(last, over or last)
                if row.reason == "customer" and row.date_from <= last:
                    found.append((row.date_from, last))
            service = service.replaces_id
        return found

    def _billing_get_day_after_charged(self):
        if not self.charged_until:
            return self.date_start
        return self.charged_until + timedelta(days=1)

    # === WHAT A CUSTOMER DOES === #

    def _billing_pause(self, first, last):
        """Suspend it for some days, as its customer wishes.

        :param datetime.date first: of the pause.
        :param datetime.date last: of the pause; it is charged again from the next day.
        :raise UserError: if the company does not let customers, or not then.
        """
        self.ensure_one()
        lock_or_tell(self)
        earliest = self._billing_get_first_pause()
        if not earliest:
            raise UserError(
                self.env._(
                    "%(service)s cannot be paused here now. Please ask us.",
                    service=self.name,
                )
            )
        if first < earliest or last < first:
            raise UserError(
                self.env._(
                    "A pause of %(service)s can begin on %(date)s at the earliest, and"
                    " its last day is not before its first. Nothing was changed.",
                    service=self.name,
                    date=format_date(self.env, earliest),
                )
            )
        days = self._billing_get_pause_days_left(first)
        if (last - first).days + 1 > days:
            raise UserError(
                self.env._(
                    "%(service)s can be paused for %(days)s days at most, within twelve"
                    " months. Choose fewer days. Nothing was changed.",
                    service=self.name,
                    days=days,
                )
            )
        values = {"service_id": self.id, "date_from": first, "date_to": last}
        self.suspension_ids.create(values | {"reason": "customer"})
        self._billing_log_own("service_paused", self.suspension)
        self._billing_tell_pause(first, last)

    def _billing_unpause(self):
        """Take a pause back, or end it today; the customer's own pauses alone.

        :raise UserError: if the company does not let customers pause.
        """
        self.ensure_one()
        lock_or_tell(self)
        if not self._billing_may_resume():
            raise UserError(
                self.env._(
                    "%(service)s cannot be resumed here. Please ask us.",
                    service=self.name,
                )
            )
        plans = self | self.replaced_by_ids
        even = plans.filtered(lambda plan: not plan.adjustment)
        pause = self._get_coming_suspension()
        was_paused = pause._holds(self._get_today())
        # What staff have planned beside it stays.
        self._end_suspensions(pause)
        # A period that was charged in part is used further: that is charged at once.
        # What was to be settled before stays for staff.
        for plan in even.filtered("adjustment"):
            plan.action_adjust()
        self._billing_log_own("service_resumed")
        self._billing_tell_resumed(was_paused)

    def _billing_may_resume(self):
        """Whether its customer may end the suspension that is, or will be.

        What staff suspended they have their own reasons for.
        """
        self.ensure_one()
        # sudo: as above.
        lets_pause = self.company_id.sudo().billing_pause_days
        return bool(lets_pause and self.suspension and self._billing_is_paused())

    def _billing_is_paused(self):
        """Whether the suspension that is, or will be, is one of its customer's own."""
        return self._get_coming_suspension().reason == "customer"

    def _billing_get_own_reasons(self):
        """Return why a customer may say that it ends: `omni.billing.closing.reason`."""
        self.ensure_one()
        # sudo: a list that is shown.
        Reason = self.env["omni.billing.closing.reason"].sudo()
        companies = (False, self.company_id.id)
        return Reason.search([("is_own", "=", True), ("company_id", "in", companies)])

    def _billing_end(self, day, reason_id="", note="", seen_fee=""):
        """End it as its customer wishes: with notice, and after what is charged.

        :param datetime.date day: that was chosen of those that were shown.
        :param str reason_id: of a reason; needed if there is one that customers choose.
        :param str seen_fee: the fee that was shown for the day, in words.
        :return: the last day of use.
        :raise UserError: if the company does not let customers, it ends sooner, or
            something else was shown.
        """
        self.ensure_one()
        lock_or_tell(self)
        free = self._billing_get_last_day()
        if not free:
            raise UserError(
                self.env._(
                    "%(service)s cannot be ended here, or ends already. Please ask us.",
                    service=self.name,
                )
            )
        is_shown = day and day in (free, self._billing_get_last_day_with_fee())
        fee = self._billing_describe_exit_fee(day) if is_shown else ""
        if not is_shown or fee != seen_fee:
            raise UserError(
                self.env._(
                    "What was shown does not hold any more. Look at it again. Nothing"
                    " was changed."
                )
            )
        reasons = self._billing_get_own_reasons()
        reason = reasons.filtered(lambda one: str(one.id) == reason_id)
        if reasons and not reason:
            raise UserError(
                self.env._("Say why you end it: choose a reason. Nothing was changed.")
            )
        self._billing_close(day, reason, note[:MAX_NOTE])
        self._billing_log_own(
            "service_to_end", self.env._("Until %s", format_date(self.env, day))
        )
        self._billing_tell_end(fee)
        return day

    def _billing_log_own(self, action, note=""):
        self.env["omni.billing.activity.log"]._log(
            [
                {
                    "action": action,
                    "company": self.company_id,
                    "customer": self.commercial_partner_id,
                    "name": f"{self.name}: {note}" if note else self.name,
                }
            ]
        )

    # === WHAT A CUSTOMER READS === #

    def _billing_describe_price(self):
        """Return what it costs, in words: “€30.00 a month”, as it was agreed."""
        self.ensure_one()
        price = self._get_full_price(self._get_today())
        return self._billing_describe_period(
            format_amount(self.env, float(price), self.currency_id)
        )

    def _billing_describe_period(self, amount):
        env, values = self.env, {"amount": amount, "count": self.interval}
        if self.interval == 1:
            return {
                "day": env._("%(amount)s a day", **values),
                "week": env._("%(amount)s a week", **values),
                "month": env._("%(amount)s a month", **values),
                "year": env._("%(amount)s a year", **values),
            }[self.unit]
        return {
            "day": env._("%(amount)s every %(count)s days", **values),
            "week": env._("%(amount)s every %(count)s weeks", **values),
            "month": env._("%(amount)s every %(count)s months", **values),
            "year": env._("%(amount)s every %(count)s years", **values),
        }[self.unit]
