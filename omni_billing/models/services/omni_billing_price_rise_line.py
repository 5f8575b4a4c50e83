from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.fields import Domain

from ...tools.numbers import format_amount
from ...tools.recurrence import to_price
from ...tools.write_guard import trust


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
    discount = fields.Char(
        related="service_id.discount", help="Off the old price, and off the new one."
    )
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

    def _find_in_use(self):
        """Return those whose new price is charged, or goes on in a later change."""
        # Of another rise that began from here.
        later = self.search(
            Domain("service_id", "in", self.service_id.ids)
            & Domain("change_id", "!=", False)
            & Domain("rise_id", "not in", self.rise_id.ids)
        ).grouped("service_id")

        def is_in_use(line):
            service, change = line.service_id, line.change_id
            if service.charged_until and service.charged_until >= change.date:
                return True
            after = service.change_ids.filtered(lambda one: one.date > change.date)
            rises = later.get(service, line.browse())
            before = rises.filtered(lambda one: one.change_id in after)
            return line.price_new in (
                after.mapped("price_unit") + before.mapped("price_old")
            )

        return self.filtered(is_in_use)

    def _take_back(self):
        """Have the old prices again; a quantity that was entered since stays."""
        same = self.filtered(lambda line: line.change_id.quantity == line.quantity)
        for line in self - same:
            trust(line.change_id).price_unit = line.price_old
        trust(same.change_id).unlink()
