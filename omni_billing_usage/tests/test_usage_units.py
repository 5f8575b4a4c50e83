from pathlib import Path

from odoo.exceptions import UserError
from odoo.fields import Command
from odoo.modules.module import load_script
from odoo.tests import tagged

from .rating_common import OVER, RatingCommon


@tagged("post_install", "-at_install")
class TestUnits(RatingCommon):
    """W41: quantities and prices have the unit that people count in."""

    def _charge(self, meter=None):
        """Rate what was used; return the charge and its lines as people read them."""
        self._rate(OVER)
        [part] = self._parts(meter=meter)
        lines = [
            (line.quantity_text, line.price_text, line.tier or "")
            for line in part.line_ids
        ]
        return part.transaction_id, lines

    def _set_rate(self, **values):
        self.data.uom_id = self.env.ref("uom.product_uom_kgm")
        self.plan.rate_ids.filtered(lambda r: r.meter_id == self.data).write(values)
        self._give()

    def test_seconds_of_calls_are_minutes(self):
        """W41: 341 min × $ 0.10 on the invoice; 100:00 min of them were included."""
        self.plan.allowance_ids = [
            Command.create({"name": "100", "meter_id": self.calls.id, "units": 6000})
        ]
        self._give()
        self._call("a", 26_430)
        charge, lines = self._charge(self.calls)
        self.assertEqual((charge.quantity, charge.price_unit), (340.5, 0.1))
        self.assertEqual(charge.uom_id, self.env.ref("uom.product_uom_minute"))
        self.assertEqual(
            charge.description,
            "Mobiles: 440:30 min, of these 100:00 min included:"
            " $\N{NO-BREAK SPACE}34.05",
        )
        self.assertEqual(
            lines,
            [
                ("100:00 min", "", ""),
                ("340:30 min", "$\N{NO-BREAK SPACE}0.10 / min", ""),
            ],
        )
        self.assertEqual(self.plan.allowance_ids.unit_name, "seconds")

    def test_packages_are_of_so_many_units(self):
        """W41: five packages of ten are no five units."""
        kilo = self.env.ref("uom.product_uom_kgm")
        self.data.product_id = self.env["product.product"].create(
            {"name": "Sand", "uom_id": kilo.id}
        )
        self._set_rate(charge="package", price=2, size=10)
        self._use("a", 45)
        charge, lines = self._charge()
        self.assertEqual((charge.quantity, charge.price_unit), (5, 2))
        pieces = self.env.ref("uom.product_uom_unit")
        self.assertEqual(charge.uom_id, pieces)
        # Nor are they five of the product that the meter is sold as.
        line = self._bill(charge).invoice_line_ids
        self.assertEqual((line.quantity, line.product_uom_id), (5, pieces))
        self.assertEqual(lines, [("5 × 10 kg", "$\N{NO-BREAK SPACE}2.00 / 10 kg", "")])

    def test_tiers_and_shares(self):
        """W41: bounds of tiers have a unit; a share is a percentage."""
        tiers = [(10, 3), (0, 2)]
        self._set_rate(
            charge="graduated",
            price=0,
            tier_ids=[
                Command.create({"until": until, "is_last": not until, "price": price})
                for until, price in tiers
            ],
        )
        self._use("a", 12)
        charge, lines = self._charge()
        # The whole at one price: it is of no unit.
        self.assertEqual((charge.quantity, charge.price_unit), (1, 34))
        self.assertEqual(charge.uom_id, self.env.ref("uom.product_uom_unit"))
        price = "$\N{NO-BREAK SPACE}3.00 / kg", "$\N{NO-BREAK SPACE}2.00 / kg"
        self.assertEqual(
            lines,
            [("10 kg", price[0], "up to 10 kg"), ("2 kg", price[1], "over 10 kg")],
        )
        plan = self._add_plan(
            rates=[
                {
                    "name": "Data",
                    "meter_id": self.data.id,
                    "charge": "percentage",
                    "price": 2.5,
                }
            ]
        )
        self._give(self.other_line, plan)
        self._use("b", 200, service=self.other_line.id)
        self._rate()
        line = self._parts(service=self.other_line).line_ids
        self.assertEqual(
            (line.kind, line.quantity_text, line.price_text),
            ("share", "200 kg", "2.5 %"),
        )
        self.assertEqual(line.rating_id.amount, 5)

    def test_minutes_beyond_those_of_a_plan(self):
        """W41: then 0.10 a minute; also where Hours, and so Minutes, were deleted."""
        with self.assertRaisesRegex(UserError, "cannot be deleted"):
            self.env.ref("uom.product_uom_hour").unlink()
        # As who did so before the addon came.
        gone = [("module", "=", "uom"), ("name", "=", "product_uom_hour")]
        self.env["ir.model.data"].sudo().search(gone).unlink()
        self._set_rate(
            meter_id=self.calls.id, charge="plan", flat=10, included=60_000, size=60
        )
        self.plan.rate_ids.filtered(lambda r: r.name == "Data").price = 0.1
        self._call("a", 67_200, called="+331")
        charge, lines = self._charge(self.calls)
        self.assertEqual(charge.amount_untaxed, 22)
        self.assertEqual(charge.uom_id, self.env.ref("uom.product_uom_unit"))
        self.assertIn(("120:00 min", "$\N{NO-BREAK SPACE}0.10 / min", ""), lines)
        self.assertIn(("1,000:00 min", "", ""), lines)

    def test_lines_of_a_former_version(self):
        """W41: an update has them say it, as far as their rates do."""
        self._set_rate(charge="package", price=2, size=10)
        self._use("a", 45)
        self._call("b", 60)
        self._rate(OVER)
        [data] = self._parts()
        [calls] = self._parts(meter=self.calls)
        (data | calls).line_ids.size = 1
        calls.line_ids.name = "Gone"
        self.env.flush_all()
        folder = Path(__file__).resolve().parents[1] / "migrations/19.0.1.3.0"
        script = load_script(str(folder / "post-sizes.py"), "post_sizes")
        script.migrate(self.env.cr, "19.0.1.2.0")
        self.env.invalidate_all()
        self.assertEqual((data.line_ids.size, calls.line_ids.size), (10, 0))
        self.assertEqual(data.line_ids.quantity_text, "5 × 10 kg")
        self.assertEqual(calls.line_ids.quantity_text, "1")
