from odoo import api, models
from odoo.exceptions import UserError
from odoo.tools import format_date

# No client can send this very Python object, or one of `Later`.
_LATER = object()
_KEY = "omni_billing_rate_checked_later"


class Later:
    """What changed of plans, until who writes it has it checked, all together."""

    def __init__(self):
        self.plan_ids = set()
        self.names = set()
        self.is_all = False

    def note(self, plans, names):
        """Keep that plans changed: rates of these names, or anything (`None`)."""
        self.plan_ids.update(plans.ids)
        self.names.update(names or ())
        self.is_all = self.is_all or names is None


def check_later(records, later=_LATER):
    """Return records whose parts are checked together, by who writes them.

    :param Later later: that notes what changed; without, nobody asks.
    """
    return records.with_context(**{_KEY: later})


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
        parts._after_change(parts._get_plan(), parts._get_changed())
        return parts

    def write(self, vals):
        """Override of the ORM: as above, before and after it."""
        if self._names_price(vals):
            self._check_not_charged()
        plans, names = self._get_plan(), self._get_changed()
        result = super().write(vals)
        if self._names_price(vals):
            self._check_not_charged()
            self._after_change(plans | self._get_plan(), names, self._get_changed())
        return result

    def unlink(self):
        """Override of the ORM: as above."""
        self._check_not_charged()
        plans, names = self._get_plan(), self._get_changed()
        result = super().unlink()
        self.browse()._after_change(plans.exists(), names)
        return result

    def _load_records(self, data_list, update=False):
        """Override of the ORM: what is imported is checked once, and not by line."""
        later = Later()
        parts = super(OmniBillingRatePartMixin, check_later(self, later))._load_records(
            data_list, update
        )
        # Also those that lost a part to another plan.
        plans = self.env["omni.billing.rate.plan"].browse(sorted(later.plan_ids))
        self._after_change(plans, None if later.is_all else later.names)
        return parts.with_env(self.env)

    # === HOOKS === #

    def _get_plan(self):
        """Return the plans that these are parts of."""
        return self.plan_id

    def _get_changed(self):
        """Return the names of rates whose prices these make; none: any of the plan.

        :rtype: set[str] | None
        """
        return None

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
        for plan, parts in self.grouped(lambda part: part._get_plan()).items():
            until = plan._get_charged_until()
            begins = [part._get_begin() for part in parts] if until else ()
            if any(not begin or begin <= until for begin in begins):
                self._raise_charged(plan, until)

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

    def _after_change(self, plans, *changes):
        """Check plans, and have rated anew what they are of.

        :param changes: names of rates, before and after; of one without, all.
        """
        names = None if None in changes else set().union(*changes)
        later = self.env.context.get(_KEY)
        if isinstance(later, Later):
            later.note(plans, names)
        elif later is not _LATER:
            plans._check_prices(names)
            plans._rate_again()
