from odoo import api, models
from odoo.exceptions import UserError
from odoo.tools import format_date

from ...tools.write_guard import is_trusted, trust

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

    _name = "omni.billing.service"
    _inherit = ["omni.billing.service", "omni.billing.guard.mixin"]

    # === CRUD METHODS === #

    @api.model_create_multi
    def create(self, vals_list):
        model, vals_list = self._billing_guard_create(vals_list)
        services = super(OmniBillingService, model).create(vals_list)
        services._note_charged_elsewhere()
        return services

    def write(self, vals):
        self._billing_guard_write(vals)
        if is_trusted(self.env):
            return super().write(vals)
        self._check_not_charged(vals)
        fresh = self.filtered(lambda service: not service.charged_until)
        result = super().write(vals)
        fresh._note_charged_elsewhere()
        return result

    def _note_charged_elsewhere(self):
        """Note until when others charged it: that is entered, the job counts itself."""
        for day, services in self.grouped("charged_until").items():
            if day:
                trust(services).charged_elsewhere = day

    @api.model
    def _billing_get_state_fields(self):
        """Override: where a service stands with its charges."""
        return super()._billing_get_state_fields() | {
            "charged_elsewhere",
            "commercial_partner_id",
            "is_setup_charged",
            "problem",
        }

    def _billing_raise_state_fields(self, names):
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
                        fields=self._billing_list_labels(changed),
                    )
                )

    def _will_change(self, name, value):
        field = self._fields[name]
        return field.convert_to_cache(value, self) != field.convert_to_cache(
            self[name], self
        )
