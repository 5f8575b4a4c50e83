from contextlib import ExitStack
from datetime import date, timedelta

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.fields import Domain
from odoo.tools import format_date

from ...const import EXIT_FEES, MAX_TITLE_LENGTH
from ...tools.action import open_dialog
from ...tools.numbers import format_amount
from ...tools.recurrence import DAY, compute_amount, iterate_periods
from ...tools.term import find_bound, find_term_end
from ...tools.write_guard import is_trusted, trust
from .omni_billing_service_charge import STANDS

#: The part of a service that is the fee for its end before the term.
EXIT_PART = -2
#: From what of a service the first days are proposed.
PROPOSED_FROM = {
    *("product_id", "date_start", "unit", "interval"),
    *("anchor_day", "anchor_month", "anchor_weekday"),
}
#: What a product proposes for a service that begins.
FIRST_DAYS = ("trial_end", "term_end")


class OmniBillingService(models.Model):
    """For how long it was agreed: free days, minimum term, notice, renewal (W36)."""

    _inherit = "omni.billing.service"

    trial_end = fields.Date(
        string="Free Until",
        compute="_compute_trial_end",
        store=True,
        readonly=False,
        precompute=True,
        copy=False,
        help="The last day that is free: it is charged from the next day on.",
    )
    trial = fields.Char(
        compute="_compute_trial", help="Until when it is free; nothing once it is over."
    )
    term_end = fields.Date(
        string="Agreed Until",
        compute="_compute_term_end",
        store=True,
        readonly=False,
        precompute=True,
        copy=False,
        help="The last day of the first term. Empty: notice is enough to end it.",
    )
    notice_days = fields.Integer(
        string="Notice",
        compute="_compute_terms",
        store=True,
        readonly=False,
        precompute=True,
        help="Days between the customer's notice and the last day, at least. 0: as the"
        " company's settings say.",
    )
    renewal_months = fields.Integer(
        string="Renewed for",
        compute="_compute_terms",
        store=True,
        readonly=False,
        precompute=True,
        help="Months by which the term is renewed, if nobody ends it in time. 0: it"
        " goes on, and can be ended with notice.",
    )
    exit_fee_kind = fields.Selection(
        EXIT_FEES,
        string="Exit Fee",
        compute="_compute_terms",
        store=True,
        readonly=False,
        precompute=True,
        help="Charged if it ends before the term. Empty: nobody ends it before.",
    )
    exit_fee = fields.Float(
        string="Fee",
        compute="_compute_terms",
        store=True,
        readonly=False,
        precompute=True,
        min_display_digits="Product Price",
        help="An amount, or percents of what the rest of the term would cost.",
    )
    exit_fee_id = fields.Many2one(
        "omni.billing.transaction",
        string="Exit Fee Charged",
        readonly=True,
        copy=False,
        index="btree_not_null",
        ondelete="set null",
        groups="base.group_user",
    )
    closing_reason_id = fields.Many2one(
        "omni.billing.closing.reason",
        string="Reason for Ending",
        copy=False,
        index="btree_not_null",
        ondelete="restrict",
        groups="base.group_user",
    )
    closing_note = fields.Char(copy=False, groups="base.group_user")

    _terms_valid = models.Constraint(
        "CHECK(notice_days BETWEEN 0 AND 366 AND renewal_months BETWEEN 0 AND 120"
        " AND exit_fee >= 0 AND (exit_fee_kind != 'rest' OR exit_fee <= 100))",
        "Notice is from 0 to 366 days, a renewal from 0 to 120 months, an exit fee not"
        " less than zero, and not more than 100 percent of the rest.",
    )

    # === COMPUTE METHODS === #

    # One by one: of what was entered the one is kept, and the other follows.
    @api.depends(*sorted(PROPOSED_FROM))
    def _compute_trial_end(self):
        """Propose the free days that the product says; others stay."""
        for service in self:
            service.trial_end = service._find_first_day("trial_end")

    @api.depends(*sorted(PROPOSED_FROM))
    def _compute_term_end(self):
        """Propose the term that the product says, after the free days; others stay."""
        for service in self:
            service.term_end = service._find_first_day("term_end")

    def _find_first_day(self, name):
        # Another plan has what was agreed before.
        if self.charged_until or self.replaces_id:
            return self[name]
        # Of what is written, those that stay are protected: see `write`.
        if not self.id and self._origin._is_agreed(name):
            return self[name]
        return self._propose_day(name) or self[name]

    def _propose_day(self, name):
        """Return the day that the product says; None if it says none."""
        product, start = self.product_id, self.date_start
        if not start or not self.unit:
            return None
        if name == "trial_end":
            return self._find_trial_end(product)
        if not product.billing_term_months:
            return None
        first = self.trial_end + DAY if self.trial_end else start
        return find_term_end(first, product.billing_term_months)

    def _is_agreed(self, name):
        """Whether somebody entered a day: the product says another."""
        return bool(self[name]) and self[name] != self._propose_day(name)

    def _find_trial_end(self, product):
        count = product.billing_trial
        if not count:
            return None
        if product.billing_trial_unit == "period":
            if not 0 <= self.anchor_day <= 31 or self.interval < 1:
                return None
            return self._get_recurrence().get_whole(count - 1).last
        return self.date_start + timedelta(days=count - 1)

    @api.depends("trial_end", "partner_id")
    @api.depends_context("lang")
    def _compute_trial(self):
        now = fields.Datetime.now()
        for service in self:
            is_free = service._billing_is_in_trial(service._get_today(now))
            service.trial = is_free and self.env._(
                "Free until %s", format_date(self.env, service.trial_end)
            )

    @api.depends("trial_end")
    def _compute_next_date(self):
        """Override: what is free is charged later."""
        return super()._compute_next_date()

    @api.depends("trial_end")
    def _compute_adjustment(self):
        """Override: as the next charge."""
        return super()._compute_adjustment()

    @api.depends("product_id")
    def _compute_terms(self):
        """Propose what the product says; what was entered stays."""
        for service in self:
            product = service.product_id
            fee = service._convert_price(product.billing_exit_fee)
            if product.billing_exit_fee_kind == "rest":
                fee = product.billing_exit_fee
            has_fee = service.exit_fee_kind
            service.notice_days = service.notice_days or product.billing_notice_days
            service.renewal_months = (
                service.renewal_months or product.billing_renewal_months
            )
            service.exit_fee_kind = has_fee or product.billing_exit_fee_kind
            service.exit_fee = service.exit_fee if has_fee else fee

    # === CRUD METHODS === #

    @api.model
    def _billing_get_state_fields(self):
        """Override: what was charged because it ended."""
        return super()._billing_get_state_fields() | {"exit_fee_id"}

    def write(self, vals):
        if not is_trusted(self.env):
            self._check_end(vals)
        kept = [
            (self._fields[name], self.filtered(lambda one, n=name: one._is_agreed(n)))
            for name in FIRST_DAYS
            if vals.keys() & PROPOSED_FROM and name not in vals
        ]
        end = fields.Date.to_date(vals.get("date_end")) or False
        moved = self.filtered(lambda one: "date_end" in vals and one.date_end != end)
        with ExitStack() as stack:
            for field, services in kept:
                stack.enter_context(self.env.protecting([field], services))
            result = super().write(vals)
        if "date_end" in vals:
            if not vals["date_end"]:
                left = self.filtered("closing_reason_id")
                left.write({"closing_reason_id": False, "closing_note": False})
        for service in moved.filtered("exit_fee_kind"):
            service._lower_exit_fee()
        return result

    def _check_end(self, vals):
        """Refuse an end that costs a fee, and by that none that is shown."""
        if not {"date_end", "active"} & vals.keys():
            return
        for service in self.filtered("exit_fee_kind"):
            last = end = service.date_end or date.max
            if "date_end" in vals:
                last = fields.Date.to_date(vals["date_end"]) or date.max
            if service.active and not vals.get("active", True):
                last = min(last, service._get_today())
            if last == end:
                continue
            unbilled, _billed = service._sum_exit_fees()
            if service._billing_compute_fee_left(last) > unbilled:
                raise UserError(
                    service.env._(
                        "%(service)s would end before what is agreed, for an exit fee"
                        " of %(fee)s. Use “End the Service” on it: the fee is shown"
                        " there, and can be waived. Nothing was changed.",
                        service=service.name,
                        fee=service._billing_describe_exit_fee(last),
                    )
                )

    # === ACTION METHODS === #

    def action_end(self):
        """Open the dialog that shows when it can end, and what that costs."""
        self.ensure_one()
        self.check_access("write")
        return open_dialog(
            "omni.billing.end.wizard",
            self.env._("End the Service"),
            {"default_service_id": self.id},
        )

    # === BUSINESS METHODS === #

    def _get_free_days(self):
        """Override: the days of a trial are not charged either."""
        return tuple(
            sorted(
                (*super()._get_free_days(), *self._get_trial()),
                key=lambda days: days[0],
            )
        )

    def _get_trial(self):
        if not self.trial_end or not self.date_start:
            return ()
        has_days = self.trial_end >= self.date_start
        return ((self.date_start, self.trial_end),) if has_days else ()

    def _get_notice(self):
        """Return the days of notice: its own, or the company's."""
        self.ensure_one()
        # sudo: settings are not the customer's to read; what follows of them is shown.
        return self.notice_days or self.company_id.sudo().billing_notice_days

    def _billing_is_in_trial(self, day):
        return bool(self.trial_end and day <= self.trial_end)

    def _billing_find_bound(self, today):
        """Return the last day of the term that it is bound to by now; None if none.

        In its free days nothing binds yet.
        """
        self.ensure_one()
        if self._billing_is_in_trial(today):
            return None
        return find_bound(
            today, self._get_notice(), self.term_end or None, self.renewal_months
        )

    def _billing_find_term(self):
        """Return the last day of the term that it is in; None if it is in none."""
        self.ensure_one()
        term, renewal = self.term_end or None, self.renewal_months
        return find_bound(self._get_today(), 0, term, renewal)

    def _billing_find_ends(self):
        """Return the first last day without an exit fee, and with one.

        What is charged is used in any case. The second is None where there is no such
        fee, or it makes no difference.

        :rtype: tuple[datetime.date, datetime.date | None]
        """
        self.ensure_one()
        today = self._get_today()
        first = max(self.charged_until or self.date_start, self.date_start)
        if self._billing_is_in_trial(today):
            return max(first, self.trial_end), None
        earliest = max(first, today + timedelta(days=self._get_notice()))
        bound = self._billing_find_bound(today)
        free = max(earliest, bound) if bound else earliest
        has_choice = self.exit_fee_kind and earliest < free
        return free, earliest if has_choice else None

    def _billing_compute_exit_fee(self, last):
        """Return the fee for an end on a day, before taxes or with them as its price.

        :param datetime.date last: of use.
        :rtype: float
        """
        self.ensure_one()
        bound = self._billing_find_bound(self._get_today())
        if not bound or last >= bound or not self.exit_fee_kind:
            return 0.0
        if self.exit_fee_kind == "fixed":
            return self.currency_id.round(self.exit_fee)
        prices, decimals = self._get_prices(), self.currency_id.decimal_places
        rest = sum(
            compute_amount(period, prices, decimals)
            for period in iterate_periods(
                self._get_recurrence(), last, bound, self._get_free_days()
            )
        )
        return self.currency_id.round(float(rest) * self.exit_fee / 100)

    def _billing_close(self, last, reason, note="", is_waived=False):
        """End a service on a day, and charge the exit fee if there is one.

        :param datetime.date last: of use.
        :param reason: `omni.billing.closing.reason`.
        :param bool is_waived: whether the fee is not charged; the note says why.
        :raise UserError: if it has another plan to come, or ends before it starts.
        """
        self.ensure_one()
        if last < self.date_start:
            raise UserError(
                self.env._(
                    "%(service)s cannot end before it starts, on %(date)s.",
                    service=self.name,
                    date=format_date(self.env, self.date_start),
                )
            )
        self._check_plan({"date_end": last})
        left = self._billing_compute_fee_left(last)
        trust(self).write(
            {
                "date_end": last,
                "closing_reason_id": reason.id,
                "closing_note": note or False,
            }
        )
        # What is waived is not charged; what was charged too much comes back.
        self._settle_exit_fee(min(left, 0.0) if is_waived else left)

    def _billing_find_exit_fees(self):
        """Return the exit fees that stand, of the plans before as well.

        What was voided, or canceled on its invoice, does not.
        """
        self.ensure_one()
        # sudo: a fee that stands is not charged twice, whoever sees it.
        plans = service = self.sudo()
        while service := service.replaces_id:
            plans |= service
        return plans.env["omni.billing.transaction"].search(
            Domain("service_id", "in", plans.ids)
            & Domain("service_part", "=", EXIT_PART)
            & STANDS
        )

    def _billing_compute_fee_left(self, last):
        """Return what is to be charged for an end on a day, below zero for a credit.

        It is the fee without what is billed of one already; what is not billed yet
        gives way to it.

        :param datetime.date last: of use.
        :rtype: float
        """
        self.ensure_one()
        unbilled, billed = self._sum_exit_fees()
        if last == self.date_end and self.closing_reason_id:
            # It ends then already, whatever term has begun since.
            return unbilled
        if self._has_left_early() and last < self.term_end:
            # Another end before the term that binds no more: its fee is what it was.
            return unbilled
        fee = self._billing_compute_exit_fee(last)
        return self.currency_id.round(fee - billed)

    def _sum_exit_fees(self):
        """Return what stands of exit fees: unbilled, and billed."""
        sums = {True: 0.0, False: 0.0}
        for one in self._billing_find_exit_fees():
            sums[one.state == "unbilled"] += one._get_sign() * one.retail_cost
        return self.currency_id.round(sums[True]), self.currency_id.round(sums[False])

    def _lower_exit_fee(self):
        """Have no more of an exit fee stand than the end comes to.

        An end that costs more is refused before, or was told to staff.
        """
        self.ensure_one()
        # sudo: as above. The plan that goes on has the end, and its fee.
        if self.sudo().replaced_by_ids or self._has_left_early():
            return
        unbilled, billed = self._sum_exit_fees()
        if unbilled or billed:
            end = self.date_end
            fee = self._billing_compute_exit_fee(end) if end else 0.0
            self._settle_exit_fee(self.currency_id.round(min(fee - billed, unbilled)))

    def _has_left_early(self):
        """Whether it ends before a term that binds no more: its fee is what it was."""
        today = self._get_today()
        if not self.date_end or self._billing_is_in_trial(today):
            return False
        is_early = bool(self.term_end) and self.date_end < self.term_end
        return is_early and not self._billing_find_bound(today)

    def _settle_exit_fee(self, left):
        """Have this amount of an exit fee unbilled; another one gives way to it."""
        unbilled = self._billing_find_exit_fees().filtered(
            lambda one: one.state == "unbilled"
        )
        if not self.currency_id.compare_amounts(left, self._sum_exit_fees()[0]):
            return
        if unbilled:
            unbilled.action_void(self.env._("The end was changed."))
        if left:
            Transaction = trust(self.env["omni.billing.transaction"])
            trust(self).exit_fee_id = Transaction.create(self._prepare_exit_fee(left))

    def _prepare_exit_fee(self, amount):
        """Return the values of the charge for an end before the term. Hook.

        :param float amount: below zero for a credit, of what was billed too much.
        """
        env = self.with_context(lang=self.partner_id.lang or self.env.lang).env
        name = env._("%(service)s, exit fee", service=self.name)
        bound = self._billing_find_bound(self._get_today())
        values = (
            self._prepare_common_values(abs(amount))
            | self._prepare_adjustment_price(amount, 0.0)
            | {
                "name": name[:MAX_TITLE_LENGTH],
                "description": bound
                and env._("It was agreed until %s.", format_date(env, bound)),
                "date": self._get_today(),
                "service_part": EXIT_PART,
            }
        )
        if amount < 0:
            kind = self.env.ref("omni_billing.credit_type_correction")
            values |= {"transaction_type": "credit", "credit_type_id": kind.id}
        return values

    def _billing_describe_exit_fee(self, last):
        """Return what an end on a day costs, taxes included; nothing if nothing.

        Without what is billed of a fee already.

        :rtype: str
        """
        self.ensure_one()
        left = self._billing_compute_fee_left(last)
        if not left:
            return ""
        values = self._prepare_exit_fee(left) | {"state": "unbilled"}
        charge = self.env["omni.billing.transaction"].new(values)
        return format_amount(self.env, charge.amount_total, self.currency_id)
