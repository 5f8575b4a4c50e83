from odoo import api, fields, models
from odoo.exceptions import UserError

from ...tools.numbers import format_amount
from ...tools.recurrence import to_price


class OmniBillingPriceRiseLine(models.Model):
    """What one service costs before and after."""

    _name = "omni.billing.price.rise.line"
    _inherit = ["omni.billing.guard.mixin"]
    _description = "New Price of a Service"
    _order = "rise_id, id"

    rise_id = fields.Many2one(
        "omni.billing.price.rise", required=True, index=True, ondelete="cascade"
    )
    state = fields.Selection(related="rise_id.state")
    currency_id = fields.Many2one(related="rise_id.currency_id")
    service_id = fields.Many2one(
        "omni.billing.service", required=True, index=True, ondelete="cascade"
    )
    partner_id = fields.Many2one(related="service_id.partner_id", string="Customer")
    date = fields.Date(string="From", required=True, readonly=True)
    quantity = fields.Float(readonly=True, min_display_digits="Product Unit")
    price_old = fields.Float(
        string="Price Now", readonly=True, min_display_digits="Product Price"
    )
    price_new = fields.Float(string="New Price", min_display_digits="Product Price")
    is_included = fields.Boolean(string="Included", default=True)
    included_number = fields.Integer(
        compute="_compute_included_number", store=True, export_string_translation=False
    )
    change_id = fields.Many2one(
        "omni.billing.service.change",
        readonly=True,
        index="btree_not_null",
        ondelete="set null",
    )

    _service_unique = models.Constraint(
        "UNIQUE(rise_id, service_id)", "A service is in a price rise once."
    )
    _price_not_negative = models.Constraint(
        "CHECK(price_new >= 0)", "A price is not less than zero."
    )

    @api.depends("is_included")
    def _compute_included_number(self):
        for line in self:
            line.included_number = int(line.is_included)

    # === CRUD METHODS === #

    @api.model_create_multi
    def create(self, vals_list):
        model, vals_list = self._billing_guard_create(vals_list)
        lines = super(OmniBillingPriceRiseLine, model).create(vals_list)
        lines.rise_id._check_draft()
        return lines

    def write(self, vals):
        self._billing_guard_write(vals)
        if vals.keys() - {"change_id", "included_number"}:
            self.rise_id._check_draft()
        return super().write(vals)

    @api.ondelete(at_uninstall=False)
    def _unlink_if_draft(self):
        self.rise_id._check_draft()

    @api.model
    def _billing_get_state_fields(self):
        """Override: what became of it."""
        return super()._billing_get_state_fields() | {"change_id"}

    # === HELPERS === #

    def _describe_price(self, price):
        """Return a price of the service in words: of a period, for its quantity.

        :param float price: of one in a whole period.
        """
        self.ensure_one()
        amount = to_price(price, self.quantity, self.currency_id.decimal_places)
        return self.service_id._billing_describe_period(
            format_amount(self.env, float(amount), self.currency_id)
        )

    def _check_as_seen(self):
        """Check that each service still costs what was shown.

        :raise UserError: if one does not, or is charged further.
        """
        for line in self:
            service = line.service_id
            if service.company_id != line.rise_id.company_id or (
                service._find_price_on(line.rise_id.date)
                != (line.price_old, line.quantity, line.date)
            ):
                raise UserError(
                    self.env._(
                        "%(service)s of %(customer)s changed since you looked. Look"
                        " for services anew. Nothing was changed.",
                        service=service.name,
                        customer=service.partner_id.display_name,
                    )
                )

    def _prepare_change(self):
        """Return the values of the change of a service's price."""
        return {
            "service_id": self.service_id.id,
            "date": self.date,
            "quantity": self.quantity,
            "price_unit": self.price_new,
        }

    def _is_in_use(self):
        """Whether some of the new price is charged, or a later change repeats it."""
        until, change = self.service_id.charged_until, self.change_id
        if until and until >= change.date:
            return True
        later = self.service_id.change_ids.filtered(lambda one: one.date > change.date)
        return self.price_new in later.mapped("price_unit")

    def _take_back(self):
        """Have the old price again; a quantity that was entered since stays."""
        if self.change_id.quantity == self.quantity:
            self.change_id.unlink()
        else:
            self.change_id.price_unit = self.price_old
