import re
from datetime import date, time

from odoo import api, fields, models
from odoo.exceptions import ValidationError

from odoo.addons.omni_billing.tools.rating.durations import WEEK, Band

#: Days of the week, as Python counts them: 0 is Monday.
WEEKDAYS = {
    "all": WEEK,
    "work": frozenset(range(5)),
    "weekend": frozenset({5, 6}),
    "saturday": frozenset({5}),
    "sunday": frozenset({6}),
}


class OmniBillingRateBand(models.Model):
    """Hours of the week, or certain days, in which prices differ (W41)."""

    _name = "omni.billing.rate.band"
    _inherit = ["omni.billing.rate.part.mixin"]
    _description = "Hours of a Rate Plan"
    _order = "sequence, id"

    plan_id = fields.Many2one(
        "omni.billing.rate.plan", required=True, index=True, ondelete="cascade"
    )
    sequence = fields.Integer(default=10)
    name = fields.Char(required=True)
    clock_from = fields.Float(
        string="From", help="On the clock of the plan's time zone."
    )
    clock_to = fields.Float(
        string="To", help="0:00 is midnight, at the end of the day."
    )
    weekdays = fields.Selection(
        [
            ("all", "Every Day"),
            ("work", "Monday to Friday"),
            ("weekend", "Saturday and Sunday"),
            ("saturday", "Saturday"),
            ("sunday", "Sunday"),
        ],
        required=True,
        default="all",
    )
    days = fields.Char(
        string="Only on",
        help="Dates, as 2026-12-25, with a comma between two: holidays. Of two that"
        " fit the upper one counts.",
    )

    _clock_valid = models.Constraint(
        "CHECK(clock_from >= 0 AND clock_from < 24 AND clock_to BETWEEN 0 AND 24)",
        "Hours are from 0:00 to 24:00.",
    )

    @api.constrains("days", "clock_from", "clock_to")
    def _check_band(self):
        for band in self:
            end = band.clock_to % 24
            if end and end <= band.clock_from:
                raise ValidationError(
                    self.env._(
                        "%(name)s ends before it begins. Make two hours around"
                        " midnight: until 0:00, and from 0:00 on.",
                        name=band.name,
                    )
                )
            try:
                band._make()
            except ValueError as error:
                raise ValidationError(
                    self.env._(
                        "%(name)s: write days as 2026-12-25, 2027-01-01. “%(days)s” is"
                        " none of them.",
                        name=band.name,
                        days=band.days or "",
                    )
                ) from error

    def _names_price(self, vals):
        """Override: of two that fit, the first counts."""
        return bool(vals)

    def _make(self):
        """Return it as rating knows it.

        :raise ValueError: if its days or hours are none.
        """
        self.ensure_one()
        days = re.split(r"[\s,;]+", (self.days or "").strip())
        return Band(
            self.name,
            _read_clock(self.clock_from),
            _read_clock(self.clock_to % 24) if self.clock_to % 24 else None,
            WEEKDAYS[self.weekdays],
            frozenset(date.fromisoformat(day) for day in days if day),
        )


def _read_clock(hours):
    minutes = round(hours * 60)
    return time(minutes // 60 % 24, minutes % 60)
