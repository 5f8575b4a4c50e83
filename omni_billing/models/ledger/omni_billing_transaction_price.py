from odoo import api, fields, models
from odoo.exceptions import ValidationError

from ...const import BILLED_TYPES, MAX_AMOUNT
from ...tools.money import has_excess_decimals
from ...tools.numbers import format_amount, format_number, format_price, format_quantity
from ...tools.unit_price import (
    PRICE_DECIMALS,
    find_unit_price,
    shorten_price,
    takes_more_decimals,
)
from ...tools.write_guard import is_trusted

#: Quantity and unit price come to the retail cost.
PRICE_FIELDS = ("quantity", "price_unit", "retail_cost")
#: Decimals of a quantity.
MAX_DECIMALS = 6


class OmniBillingTransaction(models.Model):
    """What a transaction costs: how many of something, and what one does.

    The retail cost is what counts: quantity and unit price always come to it, rounded
    as the currency is. Who enters the retail cost alone enters one of that price.
    """

    _inherit = "omni.billing.transaction"

    price_unit = fields.Float(
        string="Unit Price",
        compute="_compute_price_unit",
        store=True,
        readonly=False,
        precompute=True,
        aggregator=None,
        min_display_digits="Product Price",
        help="What one costs, in the currency of the transaction, with up to 8"
        " decimals; with taxes where the retail cost is with them. Quantity and unit"
        " price make the retail cost.",
    )
    retail_cost = fields.Monetary(
        compute="_compute_retail_cost",
        store=True,
        readonly=False,
        precompute=True,
        required=True,
        help="Always positive: the type says whether it is charged or credited.",
    )

    _quantity_positive = models.Constraint(
        "CHECK(quantity > 0 AND price_unit > 0)",
        "Quantity and unit price must be more than zero.",
    )

    # === COMPUTE METHODS === #

    @api.depends("product_id")
    def _compute_price_unit(self):
        for transaction in self:
            product = transaction.product_id
            if transaction.price_unit or not product:
                continue
            company = transaction.company_id
            price = product.with_company(company)._get_tax_included_unit_price(
                company,
                transaction.currency_id,
                transaction.date or fields.Date.context_today(self),
                "sale",
                product_price_unit=product.lst_price,
                product_currency=product.currency_id,
                fiscal_position=transaction._get_fiscal_position(),
            )
            # Without a tax that was in it, or in another currency, it has no end.
            transaction.price_unit = round(price, PRICE_DECIMALS)

    @api.depends("quantity", "price_unit")
    def _compute_retail_cost(self):
        for transaction in self:
            # Nothing was told of the price: what was entered stays.
            if transaction.price_unit and transaction.state in (False, "unbilled"):
                transaction.retail_cost = transaction._multiply_price()

    @api.onchange("retail_cost")
    def _onchange_retail_cost(self):
        """Take one of the price that is entered as a whole."""
        if self.retail_cost and not self._is_priced():
            self.update({"quantity": 1.0, "price_unit": self.retail_cost})

    # === CONSTRAINT METHODS === #

    @api.constrains("retail_cost", "currency_id", "quantity", "price_unit", "tax_ids")
    def _check_retail_cost(self):
        for transaction in self:
            # Money that was received is a fact, whatever its size.
            if transaction.transaction_type not in BILLED_TYPES:
                continue
            if transaction.retail_cost >= MAX_AMOUNT:
                raise ValidationError(
                    self.env._(
                        "“%(title)s”: the retail cost must be below %(maximum)s.",
                        title=transaction.name,
                        maximum=format_amount(
                            self.env, MAX_AMOUNT, transaction.currency_id
                        ),
                    )
                )
            transaction._check_priced()

    def _check_priced(self):
        """Check that quantity and unit price make the retail cost, and can be kept."""
        self.ensure_one()
        maximum = self._get_quantity_decimals(self.tax_ids)
        if has_excess_decimals(self.quantity, maximum):
            raise ValidationError(
                self.env._(
                    "“%(title)s”: the quantity %(quantity)s has more than %(maximum)s"
                    " decimals.",
                    title=self.name,
                    quantity=format_number(self.env, self.quantity),
                    maximum=maximum,
                )
            )
        if not self._is_priced():
            currency = self.currency_id
            raise ValidationError(
                self.env._(
                    "“%(title)s”: %(quantity)s × %(price)s is %(product)s, not"
                    " %(amount)s. Enter quantity and unit price, or the retail cost"
                    " alone.",
                    title=self.name,
                    quantity=format_number(self.env, self.quantity),
                    price=format_price(self.env, self.price_unit, currency),
                    product=format_amount(self.env, self._multiply_price(), currency),
                    amount=format_amount(self.env, self.retail_cost, currency),
                )
            )

    def _check_written_amounts(self, vals):
        """Check what these would cost once the values are written."""
        kept = {"name", "quantity", "price_unit", "retail_cost"}
        if {"quantity", "price_unit"} & vals.keys():
            # It is computed from them, or must be what they come to.
            kept.remove("retail_cost")
        vals_list = [
            # Another currency may have fewer decimals.
            {name: t[name] for name in kept} | {"currency_id": t.currency_id.id} | vals
            for t in self
        ]
        self._check_amounts(vals_list)
        if "price_unit" in vals and not is_trusted(self.env):
            self._check_entered_prices(vals_list)

    def _check_amounts(self, vals_list):
        """Refuse what the database would refuse with fewer words, or round away."""
        for vals in vals_list:
            title, currency = vals.get("name") or "", self._find_currency(vals)
            for name in PRICE_FIELDS:
                if name in vals and float(vals[name] or 0) <= 0:
                    raise ValidationError(
                        self.env._(
                            "“%(title)s”: %(field)s must be more than zero. To lower"
                            " what the customer owes, enter a positive credit.",
                            title=title,
                            field=self._fields[name]._description_string(self.env),
                        )
                    )
            amount = vals.get("retail_cost")
            if amount is None and vals.get("price_unit"):
                amount = currency.round(
                    float(vals.get("quantity", 1.0)) * float(vals["price_unit"])
                )
                if not amount:
                    raise ValidationError(
                        self.env._(
                            "“%(title)s” comes to nothing: %(price)s is less than"
                            " %(currency)s has.",
                            title=title,
                            price=format_price(
                                self.env, float(vals["price_unit"]), currency
                            ),
                            currency=currency.name,
                        )
                    )
            if has_excess_decimals(float(amount or 0), currency.decimal_places):
                raise ValidationError(
                    self.env._(
                        "“%(title)s”: %(amount)s has more decimals than %(currency)s"
                        " allows (%(decimals)s).",
                        title=title,
                        amount=amount,
                        currency=currency.name,
                        decimals=currency.decimal_places,
                    )
                )

    def _check_entered_prices(self, vals_list):
        """Refuse a price of more decimals than somebody enters.

        Beside a retail cost it may have more if it takes them to come to that, as what
        is copied, where it was found.
        """
        for vals in vals_list:
            price, quantity = (
                float(vals.get(name) or 0) for name in ("price_unit", "quantity")
            )
            if not has_excess_decimals(price, PRICE_DECIMALS):
                continue
            currency, cost = self._find_currency(vals), vals.get("retail_cost")
            if cost and quantity > 0:
                if takes_more_decimals(float(cost), quantity, currency.round):
                    continue
            raise ValidationError(
                self.env._(
                    "“%(title)s”: the unit price %(price)s has more than %(maximum)s"
                    " decimals.",
                    title=vals.get("name") or "",
                    price=format_price(self.env, price, currency),
                    maximum=PRICE_DECIMALS,
                )
            )

    def _find_currency(self, vals):
        """Return the currency that values to create or write are in."""
        if currency := self.env["res.currency"].browse(vals.get("currency_id")):
            return currency
        company = self.env["res.company"].browse(vals.get("company_id"))
        return (company or self.env.company).currency_id

    # === HELPERS === #

    def _describe_price(self):
        """Return how many were used at which price; nothing of a single one."""
        self.ensure_one()
        if self.quantity == 1:
            return ""
        # sudo: customers may not read units.
        unit, currency = self.sudo().uom_id, self.currency_id
        price = shorten_price(self.price_unit, self.quantity, currency.round)
        return format_quantity(self.env, self.quantity, unit, price, currency)

    def _multiply_price(self):
        """Return what quantity and unit price come to, rounded as the currency is."""
        self.ensure_one()
        currency = self.currency_id or self.company_id.currency_id
        return currency.round(self.quantity * self.price_unit)

    def _is_priced(self):
        """Whether quantity and unit price come to the retail cost."""
        self.ensure_one()
        currency = self.currency_id or self.company_id.currency_id
        return not currency.compare_amounts(self._multiply_price(), self.retail_cost)

    def _get_quantity_and_price(self):
        """Return how many are put on an invoice, and at what unit price.

        They come to the retail cost there, to the cent. If they could not, it is one of
        that price: of a form that is not complete, or where Odoo's tax engine would
        carry on with what rounding takes away (4 × 0.251). What is taxed by the piece
        keeps its quantity, at the price that comes to the retail cost.
        """
        self.ensure_one()
        if self.quantity > 0 and self._is_priced() and self._is_kept_in_books():
            if self._is_priced_in_books():
                return self.quantity, self.price_unit
            if self.tax_ids._billing_is_by_piece():
                return self.quantity, self.retail_cost / self.quantity
        return 1.0, self.retail_cost

    def _is_kept_in_books(self):
        """Whether a line of an invoice has as many decimals as the quantity."""
        return not has_excess_decimals(self.quantity, self._get_books_decimals())

    def _is_priced_in_books(self):
        """Whether a line of an invoice with quantity and price has the retail cost."""
        cost = self.quantity * self.price_unit
        if abs(cost - self.retail_cost) < 1e-9 * max(1.0, cost):
            return True
        if self.tax_included and self.tax_ids:
            return True
        taxes = self.tax_ids.flatten_taxes_hierarchy()
        rounds_lines = self.company_id.tax_calculation_rounding_method
        return rounds_lines == "round_per_line" and not any(
            tax.price_include for tax in taxes
        )

    @api.model
    def _get_quantity_decimals(self, taxes):
        """Return how many decimals a quantity may have, with these taxes."""
        is_by_piece = taxes._billing_is_by_piece()
        return self._get_books_decimals() if is_by_piece else MAX_DECIMALS

    @api.model
    def _get_books_decimals(self):
        """Return how many decimals of a quantity the books keep."""
        return self.env["decimal.precision"].precision_get("Product Unit")

    @api.model
    def _prepare_pieces(self, amount, line):
        """Return quantity, unit and price of a line that costs an amount in all.

        It is of no use but to a tax by the piece, which is computed again from it.

        :param line: the `account.move.line`.
        """
        if line.quantity <= 0 or not line.tax_ids._billing_is_by_piece():
            return {}
        currency = line.currency_id
        return {
            "quantity": line.quantity,
            "price_unit": self._find_unit_price(amount, line.quantity, currency),
            "uom_id": line.product_uom_id.id,
        }

    @api.model
    def _find_unit_price(self, amount, quantity, currency):
        """Return a unit price that comes to an amount; of few decimals, if one does."""
        return find_unit_price(amount, quantity, currency.round)

    def copy_data(self, default=None):
        """Override of `base`: what is given of the price replaces what goes with it."""
        vals_list = super().copy_data(default=default)
        given = set(PRICE_FIELDS) & (default or {}).keys()
        if not given:
            # A price that was found has more decimals than are taken from somebody. It
            # is found again, of the same cost.
            return [
                _leave_out(vals, {"price_unit"})
                if has_excess_decimals(vals.get("price_unit") or 0, PRICE_DECIMALS)
                else vals
                for vals in vals_list
            ]
        # Quantity and price remain beside each other, but not beside another cost.
        replaced = set(PRICE_FIELDS) if "retail_cost" in given else {"retail_cost"}
        return [_leave_out(vals, replaced - given) for vals in vals_list]

    def _add_price_defaults(self, vals):
        """Return values to create with what the context proposes of the price.

        Odoo would fill it in later, and leave out what belongs to it. What is empty is
        not given.
        """
        vals = _leave_out(
            vals, {name for name in PRICE_FIELDS if _is_empty(vals.get(name))}
        )
        proposed = {
            name: self.env.context[f"default_{name}"]
            for name in PRICE_FIELDS
            if f"default_{name}" in self.env.context
        }
        return proposed | vals if proposed else vals

    def _complete_price(self, vals):
        """Return values to create or write, with quantity and price of a retail cost.

        :param dict vals: of `create`, or of `write` on these transactions.
        """
        amount = vals.get("retail_cost")
        given = {"quantity", "price_unit"} & vals.keys()
        if not amount or "price_unit" in given:
            return vals
        if not given:
            return vals | {"quantity": 1.0, "price_unit": amount}
        # How many, and what they cost together.
        quantity = float(vals["quantity"] or 0.0)
        if quantity <= 0 or all(t._costs(amount, quantity) for t in self) and self:
            return vals
        has_own = self and not vals.get("currency_id")
        currency = self[0].currency_id if has_own else self._find_currency(vals)
        price = self._find_unit_price(float(amount), quantity, currency)
        return vals | {"price_unit": price}

    def _costs(self, amount, quantity):
        """Whether so many cost this amount at the price that it has."""
        self.ensure_one()
        cost = self.currency_id.round(quantity * self.price_unit)
        return not self.currency_id.compare_amounts(cost, float(amount))


def _is_empty(value):
    """Whether it is no number, as an empty cell: 0 is one."""
    return value is None or value is False


def _leave_out(vals, names):
    return {name: value for name, value in vals.items() if name not in names}
