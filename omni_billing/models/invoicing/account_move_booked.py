from collections import defaultdict

from odoo import models


class AccountMove(models.Model):
    """What each line was invoiced at, whatever became of its taxes since.

    Odoo's engine computes a posted invoice with the taxes of today, and then corrects
    the sum of each tax. The journal does not change; nor do our transactions, which
    have the tax of their line. So what the engine says is held to both. What is read
    of an invoice begins here: its lines, its page, and what is credited of it.
    """

    _inherit = "account.move"

    # === BUSINESS METHODS === #

    def _billing_get_base_lines(self):
        """Return the base lines of the tax engine, with the amounts that were booked.

        Of an early payment discount that is always granted, each line has its share.

        :rtype: list[dict]
        """
        self.ensure_one()
        base_lines, tax_lines = self._get_rounded_base_and_tax_lines()
        if isinstance(self.id, int):
            self._billing_restore_booked(base_lines, tax_lines)
        return base_lines

    def _billing_get_cash_rounding(self):
        """Return what the rounding of cash added to the total, by a line of its own.

        In the currency of the invoice; what was added to a tax is in that tax.
        """
        self.ensure_one()
        rounding = self.line_ids.filtered(
            lambda line: line.display_type == "rounding" and not line.tax_line_id
        )
        return self.direction_sign * sum(rounding.mapped("amount_currency"))

    def _billing_get_product_lines(self, base_lines):
        """Return the base lines that are of what was sold."""
        return [
            base_line
            for base_line in base_lines
            if not base_line["special_type"]
            and base_line["record"].display_type == "product"
        ]

    def _billing_restore_booked(self, base_lines, tax_lines):
        """Give the base lines what the journal, and our transactions, say of them."""
        products = self._billing_get_product_lines(base_lines)
        self._billing_restore_taxes(base_lines, products, tax_lines, "_currency")
        self._billing_restore_rows(products)
        if self.currency_id != self.company_id.currency_id:
            self._billing_restore_taxes(base_lines, products, tax_lines, "")
        for base_line in products:
            line, details = base_line["record"], base_line["tax_details"]
            for suffix, booked in (
                ("_currency", line.amount_currency),
                ("", line.balance),
            ):
                name = f"total_excluded{suffix}"
                wanted = base_line["sign"] * booked
                moved = wanted - details[name] - details[f"delta_{name}"]
                details[name], details[f"delta_{name}"] = wanted, 0.0
                for tax_data in details["taxes_data"]:
                    tax_data[f"base_amount{suffix}"] += moved
        if self.currency_id == self.company_id.currency_id:
            for tax_data in _list_taxes(base_lines):
                tax_data["tax_amount"] = tax_data["tax_amount_currency"]

    def _billing_restore_taxes(self, base_lines, products, tax_lines, suffix):
        """Have the taxes of the products come to what was booked of each tax."""
        field = f"tax_amount{suffix}"
        amount = "amount_currency" if suffix else "balance"
        currency = self.currency_id if suffix else self.company_id.currency_id
        booked = defaultdict(float)
        for tax_line in tax_lines:
            share = tax_line["tax_repartition_line_id"]
            key = share.tax_id.id, share.factor < 0
            booked[key] += tax_line["sign"] * tax_line[amount]
        if suffix:
            cells = self._billing_restore_given(products, booked)
        else:
            cells = group_by_tax(_list_taxes(products))
        for key, column in cells.items():
            # In the company's currency in the proportions of the other one.
            weights = [tax_data["tax_amount_currency"] for tax_data in column]
            if currency.is_zero(sum(weights)):
                # It was another tax then, and is none now.
                weights = [tax_data[f"base_amount{suffix}"] for tax_data in column]
            parts = self._billing_split(booked[key], weights, currency)
            for tax_data, part in zip(column, parts, strict=True):
                tax_data[field] = part
        kept = {id(base_line) for base_line in products}
        others = (line for line in base_lines if id(line) not in kept)
        for tax_data in _list_taxes(others):
            tax_data[field] = 0.0

    def _billing_restore_given(self, products, booked):
        """Set the taxes that lines were given when they were invoiced.

        :param dict booked: of each tax; what remains of it for other lines afterwards.
        :return: by tax, those that are still to be found: the rest, or all of a tax
            that each line was given, and where cents may be off.
        :rtype: dict
        """
        open_cells, given_cells = [], []
        for base_line in products:
            given = base_line["manual_tax_amounts"] or {}
            for tax_data in base_line["tax_details"]["taxes_data"]:
                amounts = given.get(str(tax_data["tax"].id), {})
                if "tax_amount_currency" not in amounts:
                    open_cells.append(tax_data)
                    continue
                sign = -1 if tax_data["is_reverse_charge"] else 1
                amount = self.currency_id.round(sign * amounts["tax_amount_currency"])
                tax_data["tax_amount_currency"] = amount
                given_cells.append(tax_data)
        cells = group_by_tax(open_cells)
        for key, column in group_by_tax(given_cells).items():
            if key in cells:
                booked[key] -= sum(cell["tax_amount_currency"] for cell in column)
            else:
                cells[key] = column
        return cells

    def _billing_restore_rows(self, products):
        """Have each line come to the tax that its transaction has."""
        currency = self.currency_id
        wanted = self._billing_read_transaction_taxes(products)
        rows = [_list_own(base_line) for base_line in products]
        surplus = defaultdict(float)
        for base_line, own, tax in zip(products, rows, wanted, strict=False):
            taxes = base_line["tax_details"]["taxes_data"]
            found = sum(tax_data["tax_amount_currency"] for tax_data in taxes)
            if not own or not currency.compare_amounts(tax, found):
                continue
            main = max(own, key=lambda key: abs(own[key]["tax_amount_currency"]))
            own[main]["tax_amount_currency"] += tax - found
            surplus[main] += tax - found
        self._billing_even_out(rows, surplus)

    def _billing_even_out(self, rows, surplus):
        """Move cents between the taxes of lines until each tax is as booked again.

        A cent of each line at first. More is left if a tax was edited since; where no
        line has both taxes it goes by way of a third one.

        :param list rows: of each line its taxes, by their key.
        :param dict surplus: what each tax has too much, by its key.
        """
        currency = self.currency_id
        for row in rows:
            over = [key for key in row if currency.compare_amounts(surplus[key], 0) > 0]
            under = [
                key for key in row if currency.compare_amounts(surplus[key], 0) < 0
            ]
            for source, target in zip(over, under, strict=False):
                most = min(currency.rounding, surplus[source], -surplus[target])
                self._billing_move_tax([(row, source, target)], surplus, most)
        while way := self._billing_find_way(rows, surplus):
            most = min(surplus[way[0][1]], -surplus[way[-1][2]])
            self._billing_move_tax(way, surplus, most)

    def _billing_find_way(self, rows, surplus):
        """Return the shortest way from a tax with too much to one with too little.

        :return: the steps: the taxes of a line, and the keys of two of them.
        :rtype: list[tuple]
        """
        currency = self.currency_id
        steps = {
            key: None
            for key, amount in surplus.items()
            if currency.compare_amounts(amount, 0) > 0
        }
        # It grows meanwhile, by what is one line further away.
        queue = list(steps)
        for key in queue:
            if currency.compare_amounts(surplus[key], 0) < 0:
                way = []
                while step := steps[key]:
                    way.insert(0, step)
                    key = step[1]
                return way
            for row in rows:
                for other in row if key in row else ():
                    if other not in steps:
                        steps[other] = (row, key, other)
                        queue.append(other)
        return []

    def _billing_move_tax(self, way, surplus, amount):
        for row, source, target in way:
            for key, moved in ((source, -amount), (target, amount)):
                now = row[key]["tax_amount_currency"] + moved
                row[key]["tax_amount_currency"] = self.currency_id.round(now)
                surplus[key] += moved

    def _billing_read_transaction_taxes(self, products):
        """Return the tax that was invoiced on each line, if our transactions say it.

        What was billed with a discount that is always granted, before each line had its
        share of it, they do not say.
        """
        lines = self.env["account.move.line"].union(
            *(base_line["record"] for base_line in products)
        )
        # sudo: who works on the invoice need not see transactions.
        transactions = lines.sudo().billing_transaction_id
        transactions.fetch(["invoice_id", "tax_amount", "tax_percentage"])
        if len(transactions) < len(products) or transactions.invoice_id != self:
            return []
        sign = -1 if self.move_type == "out_refund" else 1
        # In the order of the base lines, which is that of the lines.
        taxes = [sign * transaction.tax_amount for transaction in transactions]
        is_all = not self.currency_id.compare_amounts(sum(taxes), self.amount_tax)
        return taxes if is_all else []

    def _billing_find_percentages(self, base_lines):
        """Return the tax of each line in percent, as it was when it was invoiced.

        :param list base_lines: of :meth:`_billing_get_base_lines`.
        :return: by line; those are left out whose taxes are what they were.
        :rtype: dict
        """
        Transaction = self.env["omni.billing.transaction"]
        # A discount that is always granted lowers the tax, and not its rate.
        has_discount = "epd" in self.line_ids.mapped("display_type")
        found, sums = {}, defaultdict(lambda: [0.0, 0.0, 0])
        for base_line in base_lines:
            line = base_line["record"]
            # sudo: who works on the invoice need not see transactions.
            transaction = line.sudo().billing_transaction_id
            if transaction and transaction.invoice_id == line.move_id:
                found[line] = transaction.tax_percentage
                continue
            amounts = Transaction._read_base_line_amounts(base_line)
            of_taxes = sums[line.tax_ids]
            of_taxes[0] += amounts["amount_untaxed"]
            of_taxes[1] += amounts["tax_amount"]
            of_taxes[2] += 1
        for base_line in base_lines:
            line = base_line["record"]
            untaxed, tax, count = sums.get(line.tax_ids, (0.0, 0.0, 0))
            if line in found or not untaxed or has_discount:
                continue
            amounts = Transaction._read_base_line_amounts(base_line)
            percentage = 100 * tax / untaxed
            # As much as rounding may have made of it.
            blur = 100 * count * self.currency_id.rounding / abs(untaxed)
            if abs(percentage - amounts["tax_percentage"]) > blur:
                found[line] = round(percentage, 2)
        return found

    # === HELPERS === #

    def _billing_split(self, amount, weights, currency):
        """Split an amount in proportion to weights, to the cent, as Odoo does.

        :param list weights: rounded; if they add up to the amount they are the parts.
        """
        whole = sum(weights)
        if not currency.compare_amounts(whole, amount):
            return weights
        parts = [
            currency.round(amount * weight / whole) if whole else 0.0
            for weight in weights
        ]
        deltas = self.env["account.tax"]._distribute_delta_amount_smoothly(
            currency.decimal_places,
            amount - sum(parts),
            [{"factor": weight} for weight in weights],
        )
        return [
            currency.round(part + delta)
            for part, delta in zip(parts, deltas, strict=True)
        ]


def _list_taxes(base_lines):
    return [
        tax_data
        for base_line in base_lines
        for tax_data in base_line["tax_details"]["taxes_data"]
    ]


def get_tax_key(tax_data):
    """Return what tells a tax from others, and the two sides of a reverse charge."""
    return tax_data["tax"].id, tax_data["is_reverse_charge"]


def group_by_tax(taxes_data):
    """Return what base lines have of each tax, by its key."""
    columns = defaultdict(list)
    for tax_data in taxes_data:
        columns[get_tax_key(tax_data)].append(tax_data)
    return columns


def _list_own(base_line):
    """Return the taxes of a line by their key; a reverse charge comes to nothing."""
    taxes = base_line["tax_details"]["taxes_data"]
    charged_back = {
        tax_data["tax"]
        for tax_data in taxes
        if tax_data["is_reverse_charge"] and tax_data["tax_amount_currency"]
    }
    return {
        get_tax_key(tax_data): tax_data
        for tax_data in taxes
        if not tax_data["is_reverse_charge"] and tax_data["tax"] not in charged_back
    }
