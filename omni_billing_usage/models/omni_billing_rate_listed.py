from datetime import timedelta, timezone

from odoo import api, fields, models
from odoo.exceptions import ValidationError
from odoo.tools import SQL, float_round

from odoo.addons.omni_billing.tools.unit_price import PRICE_DECIMALS

from ..tools.listed import iterate_prices

#: Price models whose price may be that of a product.
LISTED = ("unit", "package", "plan")


class OmniBillingRate(models.Model):
    """A price that is in the customer's pricelist (W41)."""

    _inherit = "omni.billing.rate"

    product_id = fields.Many2one(
        "product.product",
        string="Price of",
        index="btree_not_null",
        ondelete="restrict",
        domain="[('sale_ok', '=', True), ('company_id', 'in', (False, company_id))]",
        help="What this product costs by the customer's pricelist, for one, is the"
        " price. Empty: the price here.",
    )

    # === CONSTRAINT METHODS === #

    @api.constrains("product_id", "charge", "price", "plan_id")
    def _check_product(self):
        for rate in self.filtered("product_id"):
            if rate.charge not in LISTED or rate.price:
                raise ValidationError(
                    self.env._(
                        "%(rate)s: with a product the price is that of the pricelist."
                        " Enter no price beside it, and choose a price per unit, per"
                        " package, or a fee with units included.",
                        rate=rate.name,
                    )
                )
            if rate.product_id.company_id not in (
                self.env["res.company"],
                rate.plan_id.company_id,
            ):
                raise ValidationError(
                    self.env._(
                        "%(rate)s: %(product)s is of another company than the plan.",
                        rate=rate.name,
                        product=rate.product_id.display_name,
                    )
                )

    @api.onchange("product_id")
    def _onchange_product_id(self):
        """Leave the price, which is the product's."""
        if self.product_id:
            self.price = 0

    @api.onchange("charge")
    def _onchange_charge(self):
        """Override: a product is for some models alone."""
        if self.charge not in LISTED:
            self.product_id = False
        return super()._onchange_charge()

    # === BUSINESS METHODS === #

    def _iterate_prices(self, begin, end, listed):
        """Yield from when this version costs what.

        :param begin: with its zone, since when it holds, and `end`, that it is before.
        :param listed: as `_find_listed` returns it; where a plan is checked it is
            empty, and a product costs what it is sold at.
        """
        self.ensure_one()
        if not self.product_id:
            yield begin, self.price
            return
        prices = [
            (fields.Datetime.to_datetime(since).replace(tzinfo=timezone.utc), price)
            for since, price in dict(listed).get(self.product_id.id, ())
        ]
        default = [(begin, self.product_id.lst_price)]
        yield from iterate_prices(prices or default, begin, end)


class OmniBillingRatePlan(models.Model):
    """A plan some of whose prices are in pricelists (W41)."""

    _inherit = "omni.billing.rate.plan"

    def _find_listed(self, period, services, list_prices):
        """Return what products of the plan cost services in a period.

        By the pricelist of each one's customer, from moments on: those at which a rule
        of a pricelist begins or ends.

        :param list_prices: `_list_prices`, or what knows its answers of before: where
            something is shared, each customer is asked for by itself.
        :return: by service, in one form for all who pay the same: of each product its
            id, and pairs of a moment and a price, in the plan's currency.
        :rtype: dict[omni.billing.service, tuple]
        """
        self.ensure_one()
        products = self.rate_ids.product_id
        if not products:
            return dict.fromkeys(services, ())
        Pricelist = self.env["product.pricelist"].with_company(self.company_id)
        partners = services.partner_id
        # Not the country of who looks at a shop.
        Pricelist = Pricelist.with_context(country_code=False)
        lists = Pricelist._get_partner_pricelist_multi(partners.ids)
        listed = {
            pricelist: list_prices(self, pricelist, period)
            for pricelist in {lists[partner.id] for partner in partners}
        }
        return {one: listed[lists[one.partner_id.id]] for one in services}

    def _find_listed_moments(self, period):
        """Return when prices of pricelists may change in a period, its begin first."""
        self.env["product.pricelist.item"].flush_model(["date_start", "date_end"])
        rows = self.env.execute_query(
            SQL(
                """
                SELECT date_start FROM product_pricelist_item
                 WHERE date_start > %(begin)s AND date_start < %(end)s
                 UNION
                SELECT date_end + %(after)s FROM product_pricelist_item
                 WHERE date_end >= %(begin)s AND date_end + %(after)s < %(end)s
                """,
                begin=period.begin,
                end=period.end,
                # A rule holds at the moment at which it ends.
                after=timedelta(seconds=1),
            )
        )
        return [period.begin, *sorted(moment for [moment] in rows)]

    def _list_prices(self, pricelist, period):
        """Return what products of the plan cost by a pricelist; see `_find_listed`."""
        products = self.rate_ids.product_id
        prices = {product: [] for product in products}
        for moment in self._find_listed_moments(period):
            found = pricelist._get_products_price(
                products, 1.0, currency=self.currency_id, date=moment
            )
            for product, listed in prices.items():
                price = float_round(found[product.id], PRICE_DECIMALS)
                if not listed or listed[-1][1] != price:
                    listed.append((fields.Datetime.to_string(moment), price))
        return tuple((one.id, tuple(listed)) for one, listed in prices.items())
