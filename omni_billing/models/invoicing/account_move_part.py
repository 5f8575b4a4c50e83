from odoo import Command, models

from .account_move_booked import get_tax_key, group_by_tax


class AccountMove(models.Model):
    """A part of an invoice, over an amount: its taxes in proportion, to the cent."""

    _inherit = "account.move"

    def _billing_prepare_part(self, base_lines, amount, name):
        """Return the values of lines over a part of others, taxes in proportion.

        There is a line for each kind of taxes, account, site and analytic distribution.
        They come to the amount exactly; each tax is within a cent of its share.

        :param list base_lines: of `_billing_get_base_lines`; it is a part of these.
        :param float amount: what the lines come to, with taxes; may be negative.
        """
        groups = self._billing_group_by_kind(base_lines)
        cells = [
            cell for group in groups for cell in group["tax_details"]["taxes_data"]
        ]
        whole = sum(group["tax_details"]["total_excluded_currency"] for group in groups)
        whole += sum(cell["tax_amount_currency"] for cell in cells)
        share = amount / whole if whole else 0.0
        for column in group_by_tax(cells).values():
            self._billing_take_share(column, "tax_amount_currency", share)
            self._billing_take_share(column, "base_amount_currency", share)
        # A reverse charge comes to nothing, also if the rounding of cash is in it.
        reversed_taxes = {cell["tax"] for cell in cells if cell["is_reverse_charge"]}
        taxes = sum(
            cell["tax_amount_currency"]
            for cell in cells
            if cell["tax"] not in reversed_taxes
        )
        self._billing_take_share(
            [group["tax_details"] for group in groups],
            "total_excluded_currency",
            share,
            self.currency_id.round(amount - taxes),
        )
        return [
            self._billing_prepare_part_line(group, name)
            for group in groups
            if not self._billing_is_nothing(group)
        ]

    def _billing_group_by_kind(self, base_lines):
        """Add up the base lines that are booked in the same way."""
        groups = {}
        for base_line in base_lines:
            details, line = base_line["tax_details"], base_line["record"]
            key = (
                *(base_line["tax_ids"], base_line["account_id"], line.billing_site_id),
                frozenset((line.analytic_distribution or {}).items()),
            )
            taxes = [get_tax_key(tax_data) for tax_data in details["taxes_data"]]
            group = groups.setdefault(
                (*key, *taxes), {**base_line, "tax_details": None}
            )
            if group["tax_details"] is None:
                group["tax_details"] = {
                    "total_excluded_currency": details["total_excluded_currency"],
                    "taxes_data": [dict(cell) for cell in details["taxes_data"]],
                }
                continue
            of_group = group["tax_details"]
            of_group["total_excluded_currency"] += details["total_excluded_currency"]
            for cell, other in zip(
                of_group["taxes_data"], details["taxes_data"], strict=True
            ):
                for field in ("tax_amount_currency", "base_amount_currency"):
                    cell[field] += other[field]
        return list(groups.values())

    def _billing_take_share(self, cells, field, share, target=None):
        """Have cells come to their share, or to a target, each nearly to its own."""
        currency = self.currency_id
        whole = sum(cell[field] for cell in cells)
        target = currency.round(whole * share) if target is None else target
        parts = [currency.round(cell[field] * share) for cell in cells]
        deltas = self.env["account.tax"]._distribute_delta_amount_smoothly(
            currency.decimal_places,
            target - sum(parts),
            [{"factor": cell[field]} for cell in cells],
        )
        for cell, part, delta in zip(cells, parts, deltas, strict=True):
            cell[field] = currency.round(part + delta)

    def _billing_is_nothing(self, group):
        details, currency = group["tax_details"], self.currency_id
        return currency.is_zero(details["total_excluded_currency"]) and all(
            currency.is_zero(cell["tax_amount_currency"])
            for cell in details["taxes_data"]
        )

    def _billing_prepare_part_line(self, group, name):
        details = group["tax_details"]
        rate = self._billing_get_rate_of_today()
        company_currency = self.company_id.currency_id
        # At the rate of today; see `_billing_fix_taxes`.
        group["rate"] = rate
        for amounts, names in (
            (details, ("total_excluded",)),
            *((cell, ("tax_amount", "base_amount")) for cell in details["taxes_data"]),
        ):
            for field in names:
                amounts[field] = company_currency.round(
                    amounts[f"{field}_currency"] / rate
                )
        price = details["total_excluded_currency"] + sum(
            cell["tax_amount_currency"]
            for cell in details["taxes_data"]
            if cell["price_include"]
        )
        price = self.currency_id.round(price)
        return {
            "name": name,
            "quantity": 1.0,
            "price_unit": price,
            "tax_ids": [Command.set(group["tax_ids"].ids)],
            "account_id": group["account_id"].id,
            "billing_site_id": group["record"].billing_site_id.id,
            "analytic_distribution": group["record"].analytic_distribution or False,
            "extra_tax_data": self._billing_fix_taxes(group, price)
            if details["taxes_data"]
            else False,
        }
