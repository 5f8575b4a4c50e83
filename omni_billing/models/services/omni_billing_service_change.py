from odoo import api, fields, models


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
        before = self._read_agreed(self._find_services(vals_list))
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
    def _find_agreed(self, service, plan):
        """Override: whatever is entered here for these days, or taken away."""
        return {service._find_agreed_for(plan)}
