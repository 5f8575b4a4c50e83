from itertools import pairwise

from odoo import models
from odoo.fields import Command
from odoo.tools import format_date

from ...tools.numbers import format_number, format_price


class OmniBillingService(models.Model):
    """What is agreed for days after a change of plan (W36).

    Another quantity is wanted of whatever plan, and goes on with the new one, at its
    price. Another price was that of the plan before.
    """

    _inherit = "omni.billing.service"

    def _find_later(self, day, name):
        """Return the changes after a day that change this: quantity, or price.

        :rtype: list
        """
        later = self.change_ids.filtered(lambda change: change.date > day)
        steps = [self._find_change_on(day), *later.sorted("date")]
        return [now for before, now in pairwise(steps) if now[name] != before[name]]

    def _prepare_later(self, day, price):
        """Return the commands for the changes of quantity that a plan goes on with.

        :param float price: of the plan.
        """
        return [
            Command.create(
                {"date": one.date, "quantity": one.quantity, "price_unit": price}
            )
            for one in self._find_later(day, "quantity")
        ]

    def _find_agreed_for(self, plan):
        """Return what is entered here for the days of a plan that follows.

        The plan went on with it when it was made. Of one that is in force, what was
        before is corrected here.

        :rtype: tuple
        """
        first = plan.date_start
        is_to_come = first > self._get_today()
        rows = self.change_ids.filtered(lambda change: change.date >= first)
        return (
            is_to_come and self._find_quantity_on(first),
            frozenset((row.date, row.quantity, row.price_unit) for row in rows),
        )

    def _list_plan_notes(self, product, day, values):
        """Override: the quantities that go on."""
        notes = super()._list_plan_notes(product, day, values)
        quantities = [
            self.env._(
                "%(quantity)s from %(date)s on",
                quantity=format_number(self.env, one.quantity),
                date=format_date(self.env, one.date),
            )
            for one in self._find_later(day, "quantity")
        ]
        if not quantities:
            return notes
        said = self.env._(
            "As agreed, the quantity is %(quantities)s.",
            quantities="; ".join(quantities),
        )
        return [said, *notes]

    def _list_plan_over(self, product, day, values):
        """Override: the prices that were agreed for later."""
        return super()._list_plan_over(product, day, values) + [
            self.env._(
                "the price of %(price)s from %(date)s on",
                price=format_price(self.env, one.price_unit, self.currency_id),
                date=format_date(self.env, one.date),
            )
            for one in self._find_later(day, "price_unit")
        ]

    def _billing_has_new_terms(self):
        """Override: also another price or quantity, or one that was taken back."""
        before = self.replaces_id._find_later(self.date_start, "quantity")
        went_on = {(one.date, one.quantity, self.price_unit) for one in before}
        now = {(one.date, one.quantity, one.price_unit) for one in self.change_ids}
        return super()._billing_has_new_terms() or now != went_on
