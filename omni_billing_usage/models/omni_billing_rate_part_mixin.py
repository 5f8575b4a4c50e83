from odoo import api, models
from odoo.exceptions import UserError
from odoo.tools import format_date

# No client can send this very Python object.
_LATER = object()
_KEY = "omni_billing_rate_checked_later"


def check_later(records):
    """Return records whose parts are checked together, by who writes them."""
    return records.with_context(**{_KEY: _LATER})


class OmniBillingRatePartMixin(models.AbstractModel):
    """A part of a rate plan: what it makes prices of is checked whenever it changes."""

    _name = "omni.billing.rate.part.mixin"
    _description = "Part of a Rate Plan"

    # === CRUD METHODS === #

    @api.model_create_multi
    def create(self, vals_list):
        """Override of the ORM: what was charged already stays as it was.

        :raise UserError: if it would change that.
        :raise ValidationError: if the plan makes no prices with it.
        """
        parts = super().create(vals_list)
        parts._check_may_be_added()
        parts._after_change(parts._get_plan())
        return parts

    def write(self, vals):
        """Override of the ORM: as above, before and after it."""
        if self._names_price(vals):
            self._check_not_charged()
        plans = self._get_plan()
        result = super().write(vals)
        if self._names_price(vals):
            self._check_not_charged()
            self._after_change(plans | self._get_plan())
        return result

    def unlink(self):
        """Override of the ORM: as above."""
        self._check_not_charged()
        plans = self._get_plan()
        result = super().unlink()
        self.browse()._after_change(plans.exists())
        return result

    # === HOOKS === #

    def _get_plan(self):
        """Return the plans that these are parts of."""
        return self.plan_id

    def _get_begin(self):
        """Return the first day that this counts on; none: since ever."""
        return None

    def _names_price(self, vals):
        """Whether values say something that a price is made of."""
        return bool(vals.keys() - {"sequence"})

    def _check_may_be_added(self):
        """Check that what is new changes nothing that was charged."""
        self._check_not_charged()

    # === HELPERS === #

    def _check_not_charged(self):
        for part in self:
            until = part._get_plan()._get_charged_until()
            begin = part._get_begin()
            if until and (not begin or begin <= until):
                self._raise_charged(part._get_plan(), until)

    def _raise_charged(self, plan, until):
        raise UserError(
            self.env._(
                "%(plan)s was charged by until %(date)s, and what was charged stays as"
                " it was. Add a rate of the same name from a later day on; for all else"
                " duplicate the plan, and give services the new one. Nothing was"
                " changed.",
                plan=plan.name,
                date=format_date(self.env, until),
            )
        )

    def _is_checked_later(self):
        return self.env.context.get(_KEY) is _LATER

    def _after_change(self, plans):
        if self._is_checked_later():
            return
        plans._check_prices()
        plans._rate_again()
