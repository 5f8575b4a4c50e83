"""The rows of an invoice as they are written by fast billing, and their proof."""

from collections import defaultdict, namedtuple

from odoo import api, models
from odoo.tools import SQL

from ...tools.copy_rows import as_amount, as_json, as_text, is_same

#: Tables in which an ordinary invoice leaves rows; `res_partner` by Odoo's own method.
TABLES = (
    "account_move",
    "account_move_line",
    "account_move_line_account_tax_rel",
    "account_account_tag_account_move_line_rel",
    "omni_billing_transaction",
    # Written by triggers, whoever writes the others: compared by what it comes to.
    "omni_billing_total",
    # Written by triggers, too: the same is told of both.
    "omni_billing_webhook_delivery",
    "res_partner",
)
#: The columns that are told of each invoice, and of each line by its kind. All others
#: are as in the first pattern.
MOVE_COLUMNS = (
    *("id", "name", "sequence_number", "payment_reference", "partner_id"),
    *("commercial_partner_id", "partner_shipping_id", "invoice_partner_display_name"),
    *("ref", "billing_title", "billing_date_start", "billing_date_end"),
    *("invoice_date_due", "amount_untaxed", "amount_untaxed_signed"),
    *("amount_untaxed_in_currency_signed", "amount_tax", "amount_tax_signed"),
    *("amount_total", "amount_total_signed", "amount_total_in_currency_signed"),
    *("amount_residual", "amount_residual_signed"),
)
COMMON = (
    *("id", "move_id", "move_name", "ref", "partner_id", "name"),
    *("balance", "amount_currency", "debit", "credit"),
)
LINE_COLUMNS = {
    "product": (
        *COMMON,
        *("account_id", "product_id", "product_uom_id", "quantity", "price_unit"),
        *("price_subtotal", "price_total", "sequence", "extra_tax_data"),
        *("billing_transaction_id", "billing_date", "billing_site_id"),
        *("billing_reference", "billing_participant"),
    ),
    "tax": (
        *COMMON,
        *("account_id", "tax_base_amount", "tax_line_id", "tax_group_id"),
        *("group_tax_id", "tax_repartition_line_id"),
    ),
    "payment_term": (
        *COMMON,
        *("amount_residual", "amount_residual_currency", "date_maturity"),
    ),
}
#: Columns whose texts may differ and be the same value: 1.50 and 1.5.
LOOSE = ("float", "json", "monetary")
#: What an invoice says of its transactions.
AMOUNT_FIELDS = ("amount_untaxed", "tax_amount", "amount_total")
RELATIONS = ("tax_ids", "tax_tag_ids")
#: A line as it is written: its kind, columns after :data:`COMMON`, taxes and tags.
Line = namedtuple("Line", ["kind", "name", "balance", "columns", "taxes", "tags"])
#: What was there before the patterns were made.
Before = namedtuple("Before", ["counts", "transactions"])


class UnprovenError(Exception):
    """What Odoo made is not what would be written: Odoo makes the others, too."""


class OmniBillingProven(models.AbstractModel):
    """What the rows of an invoice say, and whether Odoo's own say the same."""

    _name = "omni.billing.proven"
    _description = "Fast Billing"

    # === WHAT IS WRITTEN === #

    def _find_tax_lines(self, one):
        """Return the tax lines, as Odoo's own tax engine prepares them; once."""
        if "tax_lines" not in one.found:
            Tax, company = self.env["account.tax"], one.transactions.company_id
            accounts = {
                line["billing_transaction_id"]: line["account_id"]
                for _command, _id, line in one.values["invoice_line_ids"]
            }
            partner = self._get_partner(one.values).commercial_partner_id
            Account = self.env["account.account"]
            for base_line in one.computed.base_lines:
                base_line |= {
                    "account_id": Account.browse(accounts[base_line["transaction"].id]),
                    "partner_id": partner,
                    "sign": -1,
                }
            Tax._add_accounting_data_in_base_lines_tax_details(
                one.computed.base_lines, company
            )
            result = Tax._prepare_tax_lines(one.computed.base_lines, company)
            one.found["tax_lines"] = result["tax_lines_to_add"]
        return one.found["tax_lines"]

    def _prepare_lines(self, one, due):
        """Return the lines of an invoice in the order in which Odoo makes them."""
        details = {
            base_line["transaction"].id: base_line
            for base_line in one.computed.base_lines
        }
        lines = [
            self._prepare_product_line(
                values, details[values["billing_transaction_id"]]
            )
            for _command, _id, values in one.values["invoice_line_ids"]
        ]
        lines += map(self._prepare_tax_line, self._find_tax_lines(one))
        total = one.transactions.currency_id.round(-sum(line.balance for line in lines))
        amount = as_amount(total)
        columns = (amount, amount, as_text(due))
        lines.append(Line("payment_term", None, total, columns, (), ()))
        return lines

    def _prepare_product_line(self, values, base_line):
        details, round_ = base_line["tax_details"], base_line["currency_id"].round
        product = self.env["product.product"].browse(values["product_id"] or [])
        columns = (
            str(values["account_id"]),
            as_text(values["product_id"]),
            # Odoo takes the product's where none is given.
            as_text(values.get("product_uom_id") or product.uom_id.id),
            as_amount(values["quantity"]),
            as_amount(values["price_unit"]),
            as_amount(round_(details["total_excluded_currency"])),
            as_amount(round_(details["total_included_currency"])),
            str(values["sequence"]),
            as_json(values["extra_tax_data"]),
            str(values["billing_transaction_id"]),
            as_text(values["billing_date"]),
            as_text(values["billing_site_id"]),
            as_text(values["billing_reference"]),
            as_text(values["billing_participant"]),
        )
        return Line(
            "product",
            values["name"],
            round_(values["balance"]),
            columns,
            values["tax_ids"][0][2],
            base_line["tax_tag_ids"].ids,
        )

    def _prepare_tax_line(self, values):
        Rep = self.env["account.tax.repartition.line"]
        tax = Rep.browse(values["tax_repartition_line_id"]).tax_id
        round_ = self.env["res.currency"].browse(values["currency_id"]).round
        columns = (
            str(values["account_id"]),
            as_amount(round_(values["tax_base_amount"])),
            str(tax.id),
            as_text(tax.tax_group_id.id),
            as_text(values["group_tax_id"]),
            str(values["tax_repartition_line_id"]),
        )
        return Line(
            "tax",
            values["name"],
            round_(values["balance"]),
            columns,
            values["tax_ids"][0][2],
            values["tax_tag_ids"][0][2],
        )

    def _fill_move(self, one, lines, move_id, number, due):
        """Return the columns of :data:`MOVE_COLUMNS` as texts."""
        partner, values = self._get_partner(one.values), one.values
        round_ = one.transactions.currency_id.round
        tax = -sum(line.balance for line in lines if line.kind == "tax")
        total = lines[-1].balance
        name, sequence = number
        return (
            *(str(move_id), name, str(sequence), name),
            *(str(partner.id), str(partner.commercial_partner_id.id)),
            as_text(self._get_delivery(one, partner)),
            partner.display_name,
            as_text(values["ref"]),
            as_text(values["billing_title"]),
            as_text(values["billing_date_start"]),
            as_text(values["billing_date_end"]),
            as_text(due),
            *[as_amount(round_(total - tax))] * 3,
            *[as_amount(round_(tax))] * 2,
            *[as_amount(total)] * 5,
        )

    def _get_delivery(self, one, partner):
        if "delivery" not in one.found:
            one.found["delivery"] = partner.address_get(["delivery"])["delivery"]
        return one.found["delivery"]

    def _fill_line(self, line, line_id, move):
        """Return the columns of :data:`LINE_COLUMNS` as texts."""
        balance, number, ref = as_amount(line.balance), move["name"], move["ref"]
        name = line.name
        if line.kind == "payment_term":
            name = f"{ref} - {number}" if ref and ref != number else number
        return (
            *(line_id, move["id"], number, ref, move["commercial_partner_id"], name),
            *(balance, balance),
            as_amount(max(line.balance, 0.0)),
            as_amount(max(-line.balance, 0.0)),
            *line.columns,
        )

    # === PROOF === #

    @api.model
    def _look_before(self, groups):
        """Remember what is there before the patterns are made."""
        self.env.flush_all()
        transactions = self.env["omni.billing.transaction"].union(
            *(one.transactions for group in groups for one in (group[0], group[-1]))
        )
        return Before(
            self._count_writes(),
            self._read_rows("omni_billing_transaction", "id", transactions.ids),
        )

    def _count_writes(self):
        """Return how many rows of each table this transaction has written."""
        query = SQL(
            "SELECT relname, n_tup_ins + n_tup_upd + n_tup_del"
            " FROM pg_stat_xact_user_tables"
            " WHERE n_tup_ins + n_tup_upd + n_tup_del > 0"
        )
        return dict(self.env.execute_query(query))

    def _read_rows(self, table, column, ids):
        """Return rows by their id, each column as text."""
        query = SQL(
            "SELECT attname FROM pg_attribute WHERE attrelid = %s::regclass"
            " AND attnum > 0 AND NOT attisdropped",
            table,
        )
        names = [name for [name] in self.env.execute_query(query)]
        columns = SQL(", ").join(SQL("%s::text", SQL.identifier(n)) for n in names)
        query = SQL(
            "SELECT %s FROM %s WHERE %s = ANY(%s) ORDER BY %s",
            columns,
            SQL.identifier(table),
            SQL.identifier(column),
            list(ids),
            # Not the text of that name.
            SQL.identifier(table, "id"),
        )
        rows = (
            dict(zip(names, row, strict=True)) for row in self.env.execute_query(query)
        )
        return {int(row["id"]): row for row in rows}

    def _check_touched(self, before):
        """Check that the patterns left rows in no table that is not known."""
        now = self._count_writes()
        touched = {name for name in now if now[name] != before.counts.get(name)}
        if "account_move" not in touched:
            # The database does not count what is written.
            raise UnprovenError("uncounted")
        if unknown := touched - set(TABLES):
            raise UnprovenError(f"table:{min(unknown)}")

    def _prove(self, group, ids, before):
        """Make both patterns again, and compare them with what Odoo made.

        :return: the constants, by ``move`` and by the kinds of lines.
        :raise UnprovenError: if a column of any row differs.
        """
        patterns = [(one, ids[one.index]) for one in (group[0], group[-1])]
        moves = self._read_rows("account_move", "id", [id_ for _one, id_ in patterns])
        lines = self._read_rows("account_move_line", "move_id", list(moves))
        marked = self._read_rows("omni_billing_transaction", "invoice_id", list(moves))
        relations = {name: self._read_relation(name, list(lines)) for name in RELATIONS}
        constants = {"move": moves[patterns[0][1]]}
        if constants["move"]["invoice_cash_rounding_id"]:
            # It has a line, or none, by what the invoice comes to.
            raise UnprovenError("rounding")
        for line in lines.values():
            constants.setdefault(line["display_type"], line)
        for one, move_id in patterns:
            real = moves[move_id]
            due = self._find_due(one, constants["move"])
            planned = self._prepare_lines(one, due)
            number = real["name"], int(real["sequence_number"])
            filled = self._fill_move(one, planned, move_id, number, due)
            self._compare("account_move", real, MOVE_COLUMNS, filled, constants["move"])
            mine = [line for line in lines.values() if int(line["move_id"]) == move_id]
            self._prove_lines(planned, mine, real, constants, relations)
            self._prove_marks(one, real, marked, before)
        return constants

    def _find_due(self, one, pattern):
        """Return when an invoice is due: of one payment term and date all are alike."""
        due = one.values.get("invoice_date_due")
        return str(due) if due else pattern["invoice_date_due"]

    def _prove_lines(self, planned, mine, move, constants, relations):
        kinds = [line.kind for line in planned]
        if kinds != [line["display_type"] for line in mine]:
            raise UnprovenError("lines")
        for line, real in zip(planned, mine, strict=True):
            filled = self._fill_line(line, real["id"], move)
            columns, pattern = LINE_COLUMNS[line.kind], constants[line.kind]
            self._compare("account_move_line", real, columns, filled, pattern)
            for name, wanted in zip(RELATIONS, (line.taxes, line.tags), strict=True):
                if relations[name].get(int(real["id"]), set()) != set(wanted):
                    raise UnprovenError(f"account_move_line.{name}")

    def _prove_marks(self, one, move, marked, before):
        """Check that Odoo marked the transactions as they are marked here."""
        for transaction in one.transactions:
            real, pattern = (
                marked.get(transaction.id),
                before.transactions[transaction.id],
            )
            if not real:
                raise UnprovenError("omni_billing_transaction.invoice_id")
            columns = ("state", "invoice_id", "write_uid", "write_date")
            filled = "invoiced", move["id"], move["write_uid"], move["write_date"]
            amounts = one.computed.amounts[transaction]
            columns += AMOUNT_FIELDS
            filled += tuple(as_amount(amounts[name]) for name in AMOUNT_FIELDS)
            self._compare("omni_billing_transaction", real, columns, filled, pattern)

    def _compare(self, table, real, columns, filled, pattern):
        made = pattern | dict(zip(columns, filled, strict=True))
        fields = self.env[table.replace("_", ".")]._fields
        for name, value in real.items():
            is_loose = name in fields and fields[name].type in LOOSE
            if value != made[name] and not (is_loose and is_same(value, made[name])):
                raise UnprovenError(f"{table}.{name}")

    def _read_relation(self, name, line_ids):
        field = self.env["account.move.line"]._fields[name]
        query = SQL(
            "SELECT %(mine)s, %(other)s FROM %(table)s WHERE %(mine)s = ANY(%(ids)s)",
            mine=SQL.identifier(field.column1),
            other=SQL.identifier(field.column2),
            table=SQL.identifier(field.relation),
            ids=line_ids,
        )
        found = defaultdict(set)
        for line_id, other in self.env.execute_query(query):
            found[line_id].add(other)
        return found
