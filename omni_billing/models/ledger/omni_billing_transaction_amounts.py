from collections import defaultdict

from odoo import api, models

from ...const import LOWERING_TYPES
from ...tools.memo import remember


class OmniBillingTransaction(models.Model):
    """The amounts of a transaction, by the tax engine of Odoo."""

    _inherit = "omni.billing.transaction"

    @api.depends(
        "transaction_type",
        "is_refund",
        "retail_cost",
        "quantity",
        "price_unit",
        "tax_included",
        "tax_ids",
        "product_id",
        "currency_id",
        "company_id",
        "state",
    )
    def _compute_amounts(self):
        """Compute the amounts of a transaction alone.

        Once it is on an invoice it keeps the amounts of its line there: the company
        may round taxes over the whole invoice, and then the cents of one line depend
        on the others.
        """
        # Services and imports bring many of the same price: the engine is asked once.
        known = {}
        for transaction in self:
            if transaction.state == "invoiced" and transaction._origin:
                for name in (
                    "tax_percentage",
                    "amount_untaxed",
                    "tax_amount",
                    "amount_total",
                ):
                    transaction[name] = transaction[name]
                continue
            key = transaction._get_amounts_key()
            if key not in known:
                known[key] = transaction._get_rounded_amounts()[0]
            transaction._set_amounts(known[key])

    @api.depends("transaction_type", "amount_total", "state")
    def _compute_ledger_columns(self):
        for transaction in self:
            amount = 0.0 if transaction.state == "void" else transaction.amount_total
            is_receipt = transaction.transaction_type == "payment"
            transaction._set_amounts(
                {
                    "amount_revenue": 0.0 if is_receipt else amount,
                    "amount_receipt": amount if is_receipt else 0.0,
                }
            )

    def _set_amounts(self, amounts):
        """Set amounts, also if it is only the currency that changed.

        Odoo leaves an amount that rounds to the new one: 14.64 yen for 15.
        """
        for name, amount in amounts.items():
            if self[name] != amount:
                self[name] = 0.0
                self[name] = amount

    # === BUSINESS METHODS === #

    def _get_amounts_key(self):
        """Return all that the amounts depend on: the same key, the same amounts. Hook.

        It names the fields that `_compute_amounts` depends on, but for the state.
        """
        self.ensure_one()
        return (
            self._get_sign(),
            self.retail_cost,
            *self._get_quantity_and_price(),
            self.tax_included,
            self.tax_ids,
            self.product_id,
            self.currency_id,
            self.company_id,
        )

    def _get_sign(self):
        self.ensure_one()
        lowers = self.transaction_type in LOWERING_TYPES
        return -1 if lowers != self.is_refund else 1

    def _prepare_base_lines(self, sign=1, rate=1.0):
        """Return what Odoo's tax engine computes with: a line for each transaction.

        The amounts of a transaction, the preview and the invoice lines all come from
        here, which is why they agree. When the retail cost includes taxes that Odoo
        would add on top, the engine finds the amount before tax, and the tax that
        makes the total exact is given to the line, in the way that Odoo does for down
        payments (`extra_tax_data`).
        """
        Tax = self.env["account.tax"]
        base_lines = []
        for transaction in self:
            quantity, price = transaction._get_quantity_and_price()
            values = {
                "price_unit": sign * transaction._get_sign() * price,
                "quantity": quantity,
                # Of one that is only computed, as in a form: the taxes themselves.
                "tax_ids": transaction.tax_ids._origin,
                "product_id": transaction.product_id,
                "product_uom_id": transaction.uom_id,
                "currency_id": transaction.currency_id,
                "rate": rate,
                "is_refund": sign < 0,
            }
            if transaction.tax_included and transaction.tax_ids:
                values |= transaction._prepare_tax_included_values(values)
            base_line = Tax._prepare_base_line_for_taxes_computation(
                {"id": transaction.id}, **values
            )
            base_line["transaction"] = transaction
            base_lines.append(base_line)
        return base_lines

    def _prepare_tax_included_values(self, values):
        """Return the price and the tax amounts that make the total the retail cost."""
        Tax = self.env["account.tax"]
        base_line = Tax._prepare_base_line_for_taxes_computation(
            {}, **values, special_mode="total_included"
        )
        Tax._add_tax_details_in_base_line(
            base_line, self.company_id, rounding_method="round_per_line"
        )
        Tax._round_base_lines_tax_details([base_line], self.company_id)
        details = base_line["tax_details"]
        # A reverse charge has two entries of one tax that cancel out.
        taxes = {
            str(tax_data["tax"].id): {
                "tax_amount_currency": tax_data["tax_amount_currency"],
                "base_amount_currency": tax_data["base_amount_currency"],
            }
            for tax_data in details["taxes_data"]
            if not tax_data["is_reverse_charge"]
        }
        quantity = values["quantity"]
        total = self.currency_id.round(quantity * values["price_unit"])
        untaxed = total - sum(
            tax_data["tax_amount_currency"] for tax_data in details["taxes_data"]
        )
        untaxed = self.currency_id.round(untaxed)
        data = {
            "currency_id": self.currency_id.id,
            "price_unit": untaxed / quantity,
            "discount": 0.0,
            "quantity": quantity,
            "manual_total_excluded_currency": untaxed,
            "manual_tax_amounts": taxes,
        }
        return {"price_unit": data["price_unit"], "extra_tax_data": data}

    def _compute_rounded_base_lines(self, sign=1, rate=1.0):
        """Return the base lines of the transactions on one invoice, rounded as there"""
        company = self.company_id[:1]
        Tax = self.env["account.tax"]
        base_lines = self._prepare_base_lines(sign, rate)
        Tax._add_tax_details_in_base_lines(base_lines, company)
        Tax._round_base_lines_tax_details(base_lines, company)
        return base_lines

    def _get_rounded_amounts(self):
        """Return the signed amounts of each transaction, as on one invoice together"""
        return [
            self._read_base_line_amounts(base_line)
            for base_line in self._compute_rounded_base_lines()
        ]

    @api.model
    def _read_base_line_amounts(self, base_line):
        """Read the amounts of a base line that the engine has rounded.

        :return: amount before tax, tax, total, in the currency of the line; percentage.
        """
        currency = base_line["currency_id"]
        details = base_line["tax_details"]
        untaxed = currency.round(
            details["total_excluded_currency"]
            + details["delta_total_excluded_currency"]
        )
        tax = currency.round(
            sum(tax_data["tax_amount_currency"] for tax_data in details["taxes_data"])
        )
        taxes = base_line["tax_ids"]
        percentage = remember(
            self.env,
            ("percentage", taxes._ids),
            lambda: self._find_percentage(taxes.flatten_taxes_hierarchy()),
        )
        if percentage is None:
            percentage = round(100 * tax / untaxed, 2) if untaxed else 0.0
        return {
            "amount_untaxed": untaxed,
            "tax_amount": tax,
            "amount_total": currency.round(untaxed + tax),
            "tax_percentage": percentage,
        }

    @api.model
    def _find_percentage(self, taxes):
        """Return what the taxes add up to, unless it depends on the amount."""
        if all(
            tax.amount_type == "percent" and not tax.has_negative_factor
            for tax in taxes
        ):
            return sum(taxes.mapped("amount"))
        return None

    def _get_totals(self):
        """Return what an invoice of these transactions would total, signed.

        :return: ``amount_untaxed``, ``tax_amount``, ``amount_total``, ``count``.
        :rtype: dict
        """
        totals = defaultdict(float, count=len(self))
        for amounts in self._get_rounded_amounts():
            for name in ("amount_untaxed", "tax_amount", "amount_total"):
                totals[name] += amounts[name]
        currency = self.currency_id[:1]
        return {
            "count": len(self),
            **{
                name: currency.round(totals[name]) if currency else 0.0
                for name in ("amount_untaxed", "tax_amount", "amount_total")
            },
        }
