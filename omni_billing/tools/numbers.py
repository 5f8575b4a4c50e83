"""Write numbers out in full, as the language does."""

from decimal import Decimal

from odoo.tools import format_amount as format_as_odoo
from odoo.tools import formatLang

#: Of what is below zero, before all else; as Odoo's, it does not part from the number.
SIGN = "-\N{ZERO WIDTH NO-BREAK SPACE}"


def format_amount(env, amount, currency):
    """Write an amount as Odoo does, its sign first: $ 10.00, -$ 10.00, -10,00 €.

    Everything that people read has its amounts from here, or from the widget
    `omni_billing_amount` of pages and screens, which writes the same.

    :param currency: a `res.currency`, to whose cents it is rounded.
    """
    written = format_as_odoo(env, abs(amount), currency)
    return SIGN + written if currency.compare_amounts(amount, 0) < 0 else written


def count_decimals(value):
    """Return how many decimals a person would write: 3 of 0.125, 0 of 1e6."""
    # What a person typed is the shortest number that the float stands for.
    exponent = Decimal(str(value)).normalize().as_tuple().exponent
    return max(0, -exponent)


def format_number(env, value):
    """Write a number with all its decimals, and no exponent: 1,234,567.5."""
    return formatLang(env, value, digits=count_decimals(value))


def format_quantity(env, quantity, unit, price, currency):
    """Write how many cost what each: 3 Hours × $ 10.00.

    :param unit: a `uom.uom` that may be read, or none; that of pieces is not named.
    """
    number, amount = format_number(env, quantity), format_price(env, price, currency)
    if not unit or unit == env.ref("uom.product_uom_unit"):
        return f"{number} × {amount}"
    return f"{number} {unit.name} × {amount}"


def format_price(env, price, currency):
    """Write a price, which may have more decimals than the currency: $ 0.0375."""
    if count_decimals(price) <= currency.decimal_places:
        return format_amount(env, price, currency)
    parts = [currency.symbol or currency.name, format_number(env, abs(price))]
    if currency.position == "after":
        parts.reverse()
    return SIGN * (price < 0) + "\N{NO-BREAK SPACE}".join(parts)
