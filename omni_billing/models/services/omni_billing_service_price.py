from odoo import models


class OmniBillingService(models.Model):
    """Which price holds when."""

    _inherit = "omni.billing.service"

    def _find_price_on(self, day):
        """Return price and quantity that hold on a day, and from when others may.

        :param datetime.date day: on which a new price is wanted.
        :return: the price of a period, the quantity, and the first day from then on
            that is not charged.
        :rtype: tuple[float, float, datetime.date]
        """
        self.ensure_one()
        day = max(day, self._billing_get_day_after_charged(), self.date_start)
        price, quantity = self.price_unit, self.quantity
        for change in self.change_ids.sorted("date"):
            if change.date <= day:
                price, quantity = change.price_unit, change.quantity
        return price, quantity, day
