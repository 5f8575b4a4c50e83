from itertools import islice

from markupsafe import Markup

from odoo import api, fields, models
from odoo.tools import format_date

from ...tools.numbers import format_amount
from ...tools.periods import format_period
from ...tools.recurrence import compute_amount

#: Periods within a suspension that are looked behind for the next charge.
MAX_SKIPPED = 400


class OmniBillingService(models.Model):
    """What a service will charge next: for its customer, and as a table for staff."""

    _inherit = "omni.billing.service"

    preview_count = fields.Integer(
        string="Periods", default=6, store=False, groups="base.group_user"
    )
    preview = fields.Html(
        compute="_compute_preview",
        sanitize=False,
        string="Next Charges",
        groups="base.group_user",
    )

    # === COMPUTE METHODS === #

    @api.depends(
        "preview_count",
        "next_date",
        "price_unit",
        "quantity",
        "change_ids.date",
        "change_ids.price_unit",
        "change_ids.quantity",
    )
    @api.depends_context("lang")
    def _compute_preview(self):
        for service in self:
            service.preview = service._render_preview()

    # === BUSINESS METHODS === #

    def _billing_list_next(self, count=1):
        """Return the next charges, by their days; see `_describe_charges`.

        :rtype: list[dict]
        """
        coming = sorted(self._prepare_next_charges(count), key=lambda one: one["date"])
        return self._describe_charges(coming[:count])

    def _prepare_next_charges(self, count):
        """Return the values of the charges of the next periods, and of the set-up fee.

        :param int count: of periods.
        :rtype: list[dict]
        """
        self.ensure_one()
        coming = islice(self._iterate_periods(), MAX_SKIPPED)
        used = (period for period in coming if period.used)
        periods = list(islice(used, count))
        return self._prepare_setup_charges() + self._prepare_period_values(periods)

    @api.model
    def _describe_charges(self, vals_list):
        """Return what people read of charges that are not written.

        :return: of each its day, name, note, and amount, taxes included, below zero for
            a credit.
        :rtype: list[dict]
        """
        Transaction = self.env["omni.billing.transaction"]
        charges = [Transaction.new(vals | {"state": "unbilled"}) for vals in vals_list]
        return [
            {
                "date": charge.date,
                "name": charge.name,
                "note": charge.description or "",
                "amount": charge.amount_total,
            }
            for charge in charges
        ]

    # === HELPERS === #

    def _render_preview(self):
        """Write the next charges as a table, for the form."""
        self.ensure_one()
        count = min(max(self.preview_count or 6, 1), 60)
        periods = list(islice(self._iterate_periods(), count))
        if not periods:
            return False
        prices = self._get_prices()
        in_advance = self.timing == "advance"
        rows = Markup().join(
            Markup(
                "<tr><td>{date}</td><td>{span}</td><td>{days}</td>"
                '<td class="text-end">{amount}</td></tr>'
            ).format(
                date=format_date(self.env, period.get_due_date(in_advance))
                if period.used
                else "–",
                span=format_period(
                    period.span.first,
                    period.span.last,
                    lambda day: format_date(self.env, day),
                ),
                days=self._describe_days(period),
                amount=self._describe_amount(period, prices),
            )
            for period in periods
        )
        heads = (
            self.env._("Charged on"),
            self.env._("Period"),
            self.env._("Days"),
            self.env._("Amount before Tax")
            if self.tax_ids and not self.tax_included
            else self.env._("Amount"),
        )
        return Markup(
            '<table class="table table-sm mb-0"><thead><tr><th>%s</th><th>%s</th>'
            '<th>%s</th><th class="text-end">%s</th></tr></thead>'
            "<tbody>%s</tbody></table>"
        ) % (*heads, rows)

    def _describe_days(self, period):
        used = sum(part.days for part in period.used)
        if used == period.whole.days:
            return str(used)
        return self.env._("%(used)s of %(days)s", used=used, days=period.whole.days)

    def _describe_amount(self, period, prices):
        amount = compute_amount(period, prices, self.currency_id.decimal_places)
        if not period.used:
            return self.env._("Suspended")
        return format_amount(self.env, float(amount), self.currency_id)
