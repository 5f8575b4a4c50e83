from odoo import api, models
from odoo.exceptions import AccessError
from odoo.tools import format_list

from ...tools.write_guard import is_trusted, without_defaults


class OmniBillingGuardMixin(models.AbstractModel):
    """Fields that say where a record stands: business methods alone write them.

    Whoever inherits this calls it where records are created and written, beside the
    checks of its own.
    """

    _name = "omni.billing.guard.mixin"
    _description = "Guard of Protected Fields"

    @api.model
    def _billing_get_state_fields(self):
        """Return the names of the fields that nobody writes by hand. Hook.

        Rooms above, and other addons, add their own.

        :rtype: set[str]
        """
        return set()

    def _billing_guard_create(self, vals_list):
        """Return the model and the values that records are created with.

        A client chooses its context: no default is about a protected field. A value
        that a new record has anyway is left out, and Odoo computes or fills it in.

        :raise UserError: if a value says where a record stands; see
            :meth:`_billing_raise_state_fields`.
        """
        names = self._billing_get_state_fields()
        model = without_defaults(self, names)
        if is_trusted(self.env):
            return model, vals_list
        kept = []
        for vals in vals_list:
            given = names & vals.keys()
            forged = {n for n in given if not model._billing_is_start(n, vals[n])}
            if forged:
                self._billing_raise_state_fields(forged)
            kept.append({n: v for n, v in vals.items() if n not in given})
        return model, kept

    def _billing_guard_write(self, vals):
        """Check that the values to write say nothing about where records stand.

        :raise UserError: if they do; see :meth:`_billing_raise_state_fields`.
        """
        names = self._billing_get_state_fields() & vals.keys()
        if names and not is_trusted(self.env):
            self._billing_raise_state_fields(names)

    def _billing_is_start(self, name, value):
        """Whether this is what a new record has in a protected field."""
        default = self._fields[name].default
        return not value or bool(default and default(self) == value)

    def _billing_raise_state_fields(self, names):
        """Say that these fields are not for people, and what to do instead. Hook."""
        raise AccessError(
            self.env._(
                "%(fields)s cannot be set by hand: bill, void or pay instead.",
                fields=self._billing_list_labels(names),
            )
        )

    def _billing_list_labels(self, names):
        """Return the labels of fields, as a list in a sentence."""
        return format_list(
            self.env,
            [
                self._fields[name]._description_string(self.env)
                for name in sorted(names)
            ],
        )
