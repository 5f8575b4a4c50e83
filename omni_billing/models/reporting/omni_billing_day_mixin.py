from odoo import fields, models


class OmniBillingDayMixin(models.AbstractModel):
    """A report as of a day: ``billing_as_of`` in the context, or today.

    Rows of two days may have the same ids: who reads both in one transaction empties
    the cache between them.
    """

    _name = "omni.billing.day.mixin"
    _description = "Report as of a Day"

    def _billing_get_day(self):
        """Return the day that the report is of."""
        day = fields.Date.to_date(self.env.context.get("billing_as_of"))
        return day or fields.Date.context_today(self)
