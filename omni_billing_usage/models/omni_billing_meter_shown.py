from odoo import api, fields, models

from odoo.addons.omni_billing.tools.numbers import format_number


class OmniBillingMeter(models.Model):
    """Quantities of a meter as people read them (W41)."""

    _inherit = "omni.billing.meter"

    unit_name = fields.Char(string="Counted in", compute="_compute_unit_name")

    @api.depends("kind", "uom_id")
    @api.depends_context("lang")
    def _compute_unit_name(self):
        for meter in self:
            # sudo: who may read of the meter reads its unit.
            unit = meter.sudo().uom_id.name
            is_time = meter.kind == "duration"
            meter.unit_name = self.env._("seconds") if is_time else unit

    def _billing_format_units(self, units):
        """Write a quantity of the meter: minutes of a duration, or with its unit."""
        self.ensure_one()
        if self.kind == "duration":
            minutes, seconds = divmod(round(units), 60)
            return self.env._(
                "%(minutes)s:%(seconds)s min",
                minutes=format_number(self.env, minutes),
                seconds=f"{seconds:02}",
            )
        number = format_number(self.env, round(units, 6))
        return f"{number} {self.unit_name}" if self.unit_name else number

    def _billing_format_sizes(self, count, size):
        """Write how often there is what a price is for: 341:00 min, 5 × 10 GB."""
        self.ensure_one()
        if size == 1 or self._get_clock_unit(size):
            return self._billing_format_units(count * size)
        number = format_number(self.env, round(count, 6))
        return f"{number} × {self._billing_format_units(size)}"

    def _billing_format_price(self, price, size):
        """Write what a price is for: $ 0.10 / min, $ 2.00 / 10 GB.

        :param str price: as it is written.
        """
        self.ensure_one()
        unit = self._get_clock_unit(size)
        if not unit:
            unit = self.unit_name if size == 1 else self._billing_format_units(size)
        return f"{price} / {unit}" if unit else price

    def _get_clock_unit(self, size):
        """Return how people call a second, minute or hour, if it is one."""
        if self.kind != "duration":
            return None
        names = {1: self.env._("s"), 60: self.env._("min"), 3600: self.env._("h")}
        return names.get(size)

    def _billing_get_uom(self, size):
        """Return the unit in which an invoice counts what a price is for.

        Without one of its own it is of pieces, which are not named: else Odoo would
        take the unit of the product.
        """
        self.ensure_one()
        if self.kind != "duration":
            has_unit = size == 1 and self.uom_id
            return self.uom_id if has_unit else self._billing_get_pieces()
        name = {60: "uom.product_uom_minute", 3600: "uom.product_uom_hour"}.get(size)
        # Who deleted hours, before this addon came, has no minutes either.
        if not name or not self._find_uom("uom.product_uom_hour"):
            return self._billing_get_pieces()
        return self._find_uom(name)

    @api.model
    def _billing_get_pieces(self):
        """Return the unit of what is counted in none."""
        return self._find_uom("uom.product_uom_unit")

    @api.model
    def _find_uom(self, name):
        # By a cached number: `ref` asks the database each time.
        find = self.env["ir.model.data"]._xmlid_to_res_id
        return self.env["uom.uom"].browse(find(name, raise_if_not_found=False) or ())
