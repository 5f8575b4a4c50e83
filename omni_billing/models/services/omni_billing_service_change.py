from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.tools import format_date

from ...tools.write_guard import is_trusted


class OmniBillingServiceChange(models.Model):
    """From a day on, a service has another price or quantity (F192)."""

    _name = "omni.billing.service.change"
    _inherit = ["omni.billing.service.row.mixin"]
    _description = "Change of a Billing Service"
    _order = "service_id, date"
    _rec_name = "date"

    service_id = fields.Many2one(
        "omni.billing.service", required=True, index=True, ondelete="cascade"
    )
    currency_id = fields.Many2one(related="service_id.currency_id")
    date = fields.Date(
        string="From",
        required=True,
        help="The first day of the new price: the period is charged in parts.",
    )
    quantity = fields.Float(
        required=True, default=1.0, min_display_digits="Product Unit"
    )
    price_unit = fields.Float(
        string="Price", required=True, min_display_digits="Product Price"
    )

    _date_unique = models.Constraint(
        "UNIQUE(service_id, date)", "A service changes once a day at most."
    )
    _not_negative = models.Constraint(
        "CHECK(quantity >= 0 AND price_unit >= 0)",
        "Price and quantity cannot be negative.",
    )

    # === CRUD METHODS === #

    @api.model_create_multi
    def create(self, vals_list):
        usual = self.env.context.get("default_service_id")
        ids = [values.get("service_id", usual) for values in vals_list]
        services = self.env["omni.billing.service"].browse(filter(None, ids))
        before = self._read_agreed(services)
        changes = super().create(vals_list)
        changes._wait_for_charges()
        self._check_plans(before)
        return changes

    def write(self, vals):
        self._wait_for_charges()
        before = self._read_agreed(self.service_id)
        result = super().write(vals)
        self._check_plans(before)
        return result

    def unlink(self):
        self._wait_for_charges()
        before = self._read_agreed(self.service_id)
        result = super().unlink()
        self._check_plans(before)
        return result

    # === HELPERS === #

    @api.model
    def _read_agreed(self, services):
        """Return what services say of the days of the plans that follow them.

        :rtype: dict
        """
        if is_trusted(self.env):
            return {}
        found = {}
        for service in services:
            # sudo: a plan that follows may be of another team.
            if plan := service.sudo().replaced_by_ids[:1]:
                found[service] = service._find_agreed_for(plan)
        return found

    @api.model
    def _check_plans(self, before):
        """Refuse what would be of a plan that follows, and is not entered there.

        :param dict before: as `_read_agreed` returns it.
        """
        for service, agreed in before.items():
            # sudo: as above.
            plan = service.sudo().replaced_by_ids[:1]
            if service._find_agreed_for(plan) != agreed:
                raise UserError(
                    self.env._(
                        "%(service)s has another plan from %(date)s on. Enter what"
                        " holds from then on there, or take that change back first, on"
                        " the service. Nothing was changed.",
                        service=service.name,
                        date=format_date(self.env, plan.date_start),
                    )
                )
