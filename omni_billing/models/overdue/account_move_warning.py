from datetime import timedelta

from markupsafe import Markup

from odoo import fields, models
from odoo.fields import Domain
from odoo.tools import format_date


class AccountMove(models.Model):
    """What a customer is told before its services are suspended (W35).

    A level that suspends is come to anew if no notice of it stands: since what the
    customer owed was too little then, or was paid since, and the payment came back.
    """

    _inherit = "account.move"

    # === WHO IS TO BE TOLD === #

    def _billing_find_warned(self, levels):
        """Return which customers of these invoices a level suspends services of.

        They owe enough, have services, and are not left alone. What has its notice of
        another level, or gets it, counts for that one, as in `Account.take_level`.

        :param levels: `omni.billing.reminder.level`.
        :return: with what they owe for it, in the company's currency, with taxes.
        :rtype: dict[tuple[res.partner, omni.billing.reminder.level], float]
        """
        levels = levels.filtered(lambda level: level._is_in_force())
        warned = {}
        for company, moves in self.grouped("company_id").items() if levels else ():
            able = self.env["omni.billing.overdue"]._find_suspendable(
                company, moves.commercial_partner_id
            )
            taken = self.browse()
            # An invoice has its notice of the highest level that gives one.
            for level in levels.sorted("days", reverse=True) if able else ():
                late = (moves._billing_find_late(able, level) - taken).filtered(
                    lambda move, level=level: move._billing_counts_for(level)
                )
                own = late.grouped("commercial_partner_id")
                for customer, amount in late._billing_sum_late(level).items():
                    if level._is_enough(amount, company.currency_id):
                        warned[customer, level] = amount
                        taken |= own[customer]
        return warned

    def _billing_counts_for(self, level):
        """Whether it has, or may get, a notice of a level."""
        self.ensure_one()
        # sudo: levels alone.
        known = self.sudo().billing_reminder_ids
        standing = known.filtered(lambda one: one._is_standing()).level_id
        if standing:
            return level in standing
        return not any(one.is_waived and one.level_id == level for one in known)

    def _billing_find_late(self, customers, level):
        """Return the invoices of customers that have come to a level."""
        today = fields.Date.context_today(self)
        return self.search(
            self._billing_get_remindable_domain(self.company_id)
            & self._billing_get_due_domain(today - timedelta(days=level.days))
            & Domain("commercial_partner_id", "in", customers.ids)
        )

    def _billing_sum_late(self, level):
        """Return what is late enough for a level, by customer.

        :return: in the currency of the company, with taxes.
        :rtype: dict[res.partner, float]
        """
        late = self._billing_get_owed_for(level.days)
        return {
            customer: moves._billing_convert_late(late)
            for customer, moves in self.grouped("commercial_partner_id").items()
        }

    def _billing_convert_late(self, late):
        """Return the sum of amounts of these invoices of a company, in its currency.

        :param late: in the currency of each invoice, by its id.
        """
        today = fields.Date.context_today(self)
        currency = self.company_id.currency_id
        total = sum(
            move.currency_id._convert(
                late.get(move.id, 0.0),
                move.company_id.currency_id,
                move.company_id,
                today,
            )
            for move in self
        )
        return currency.round(total) if self else 0.0

    def _billing_get_owed_for(self, days):
        """Return what of these invoices is late by so many days.

        Not what a bank is collecting: as long as that may work, it counts as paid.

        :rtype: dict[int, float]
        """
        today = fields.Date.context_today(self)
        late = self._billing_get_amounts_late(today - timedelta(days=days))
        return {
            move.id: late.get(move.id, 0.0)
            for move in self
            if not move.billing_collecting
        }

    def _billing_is_being_paid(self):
        """Whether somebody pays it right now, or has, and it is not booked yet."""
        self.ensure_one()
        awaited = self.env["payment.transaction"]._billing_get_awaited_domain()
        # sudo: attempts are internal.
        payments = self.sudo().transaction_ids
        return bool(self.billing_attempt_id or payments.filtered_domain(awaited))

    def _billing_find_levels(self, levels):
        """Override: who was not warned yet comes to a level that suspends again."""
        found = super()._billing_find_levels(levels)
        suspending = levels.filtered(lambda level: level._is_in_force())
        if not suspending or not self:
            return found
        warned = self._billing_find_warned(suspending)
        today = fields.Date.context_today(self)
        for level in suspending.sorted("days") if warned else ():
            late = self._billing_get_amounts_late(today - timedelta(days=level.days))
            for move in self:
                amount = warned.get((move.commercial_partner_id, level))
                if not amount or not late.get(move.id):
                    continue
                # sudo: levels alone.
                known = move.sudo().billing_reminder_ids
                if any(one._is_held_back(level, amount) for one in known):
                    continue
                told, passed = found[move]
                if told.days > level.days:
                    found[move] = (told, passed | level)
                else:
                    found[move] = (level, passed - level)
        return found

    def _billing_remind_by_hand(self):
        """Override: it is the notice of what an earlier message should have told."""
        mails = super()._billing_remind_by_hand()
        mails._take_lost_notices()
        return mails

    # === THE MESSAGE === #

    def _billing_prepare_reminder(self):
        """Override: ``warning``, which says when services are suspended, and why."""
        return super()._billing_prepare_reminder() | {
            "warning": self._billing_get_warning()
        }

    def _billing_get_warning(self):
        """Return what a reminder says of a suspension, in the customer's language."""
        self.ensure_one()
        # sudo: whoever sends it tells what stands.
        reminded = self._billing_get_reminded().sudo()
        customer = self.commercial_partner_id
        today = customer._billing_get_today(self.company_id)
        days = [
            one.suspend_on
            for one in reminded.billing_reminder_ids
            # A day that is over is no threat any more.
            if one._is_standing()
            and one.level_id._is_in_force()
            and one.suspend_on > today
        ]
        if not days:
            return ""
        env = self.with_context(lang=customer.lang or self.env.lang).env
        accounts = self.env["omni.billing.overdue"]._assess(self.company_id, customer)
        amount = accounts[customer].write_amount(env)
        if not amount or accounts[customer].is_kept:
            return ""
        day = format_date(env, min(days))
        return env._(
            "If %(amount)s is not paid before %(date)s, your services are suspended"
            " from that day on. They go on when it is paid.",
            amount=amount,
            date=day,
        )

    def _billing_render_mail(self, template, kind):
        """Override: the warning is in the message, whatever its template says."""
        rendered = super()._billing_render_mail(template, kind)
        is_told = "_billing_render_reminder" in (template.body_html or "")
        is_listed = len(self._billing_get_reminded()) > 1
        if kind == "reminder" and not is_told and not is_listed:
            if warning := self._billing_get_warning():
                rendered["body_html"] += Markup("<p><strong>%s</strong></p>") % warning
        return rendered

    def _billing_get_mailjet_template(self, kind, level=None):
        """Override: what warns is Odoo's text, whose warning is seen to be in it."""
        name = super()._billing_get_mailjet_template(kind, level)
        is_warning = (
            name
            and kind == "reminder"
            and "billing_reminded_ids" in self.env.context
            and self._billing_get_warning()
        )
        return "" if is_warning else name
