from odoo import api, models
from odoo.exceptions import UserError
from odoo.tools import format_date, format_list

from ...tools.trust import is_trusted, without_defaults

#: Where a service stands with its charges: written by business methods alone.
STATE_FIELDS = {"is_setup_charged", "problem"}
#: What periods were cut and priced with; once charged, a new service takes over.
BASIC_FIELDS = {
    "company_id",
    "partner_id",
    "currency_id",
    "unit",
    "interval",
    "anchor_day",
    "anchor_weekday",
    "anchor_month",
    "date_start",
    "quantity",
    "price_unit",
    "charged_until",
}


class OmniBillingService(models.Model):
    """What stays as it is once periods were charged."""

    _inherit = "omni.billing.service"

    # === CRUD METHODS === #

    @api.model_create_multi
    def create(self, vals_list):
        if not is_trusted(self.env):
            self = without_defaults(self, STATE_FIELDS)  # noqa: PLW0642
            for vals in vals_list:
                self._check_no_state_fields(vals)
        return super().create(vals_list)

    def write(self, vals):
        if not is_trusted(self.env):
            self._check_no_state_fields(vals)
            self._check_not_charged(vals)
        return super().write(vals)

    def _check_no_state_fields(self, vals):
        if any(vals.get(name) for name in STATE_FIELDS):
            raise UserError(
                self.env._("What was charged cannot be set by hand: it is counted.")
            )

    def _check_not_charged(self, vals):
        """Refuse what would change the meaning of the periods that were charged."""
        for service in self.filtered("charged_until"):
            changed = [
                name
                for name in sorted(BASIC_FIELDS & vals.keys())
                if service._will_change(name, vals[name])
            ]
            if changed:
                raise UserError(
                    self.env._(
                        "%(service)s is charged until %(date)s, so its %(fields)s"
                        " cannot be edited. Enter a change for a new price or"
                        " quantity; otherwise end it, and add a new service.",
                        service=service.name,
                        date=format_date(self.env, service.charged_until),
                        fields=format_list(
                            self.env,
                            [
                                self._fields[name]._description_string(self.env)
                                for name in changed
                            ],
                        ),
                    )
                )

    def _will_change(self, name, value):
        field = self._fields[name]
        return field.convert_to_cache(value, self) != field.convert_to_cache(
            self[name], self
        )
