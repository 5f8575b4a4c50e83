"""Fast billing: invoices that are written as rows, after patterns that Odoo made.

Odoo makes the first and the last ordinary invoice of a group: numbers are locked, lock
dates, rights and hooks are looked at. The rows of both are then made again here, from
what the tax engine computed before and what is the same in the first one. Only if all
columns of both are equal are the others of the group written like that, in the same
database transaction. What is not ordinary, and what is not proved, Odoo makes.

It is used where a company has proved it on its own customers
(`omni_billing_proven_check.py`), and only as long as no code is involved that was not
there then.
"""

import logging
from collections import Counter, defaultdict
from weakref import WeakKeyDictionary

from psycopg2 import (
    DataError,
    IntegrityError,
    InternalError,
    NotSupportedError,
    ProgrammingError,
)

from odoo import api, models
from odoo.tools import SQL

from ...const import MAX_TITLE_LENGTH
from ...tools.copy_rows import copy_rows, escape, take_ids
from ...tools.database import savepoint
from .omni_billing_proven_rows import (
    AMOUNT_FIELDS,
    LINE_COLUMNS,
    MOVE_COLUMNS,
    RELATIONS,
    UnprovenError,
)

_logger = logging.getLogger(__name__)

#: A group is worth it from this size: two are the patterns.
LEAST = 4
#: What the database does not take; conflicts and lost connections are not among it.
REFUSED = (
    DataError,
    IntegrityError,
    InternalError,
    NotSupportedError,
    ProgrammingError,
)
#: What became of invoices, by cursor; ids are never given twice.
_notes = WeakKeyDictionary()
#: Values of an invoice that may differ within a group; all others are in its key.
OWN_VALUES = {
    "billing_date_end",
    "billing_date_start",
    "billing_title",
    "invoice_date_due",
    "invoice_line_ids",
    "partner_id",
    "ref",
}
#: What the values of a line may say; a line that says more is not ordinary.
LINE_VALUES = {
    "account_id",
    "amount_currency",
    "analytic_distribution",
    "balance",
    "billing_date",
    "billing_participant",
    "billing_reference",
    "billing_site_id",
    "billing_transaction_id",
    "extra_tax_data",
    "name",
    "price_unit",
    "product_id",
    "product_uom_id",
    "quantity",
    "sequence",
    "tax_ids",
    "tax_tag_ids",
}
#: What Odoo reads of a customer to make an invoice, and keeps in another form:
#: customers that differ in it are of different groups.
PARTNER_KEY = (
    "country_id",
    "invoice_edi_format",
    "lang",
    "property_account_position_id",
    "property_account_receivable_id",
    "property_inbound_payment_method_line_id",
    "property_payment_term_id",
    "user_id",
)
#: What Odoo reads of it besides: written of each customer anew, or only asked for what
#: is in the key, as its tax number for the fiscal position.
PARTNER_OWN = {
    "bank_ids",
    "billing_pending_email",
    "child_ids",
    "commercial_company_name",
    "commercial_partner_id",
    "company_id",
    "company_name",
    "customer_rank",
    "display_name",
    "id",
    "is_company",
    "name",
    "parent_id",
    "type",
    "tz",
    "user_ids",
    "vat",
}


class OmniBillingProven(models.AbstractModel):
    """Writes the ordinary invoices of a batch after two that Odoo made."""

    _inherit = "omni.billing.proven"

    # === WHICH INVOICES === #

    @api.model
    def _plan(self, company, prepared):
        """Return the groups of invoices that can be written after their patterns.

        :param list prepared: `Prepared` of omni_billing_transaction.py.
        :return: lists of them; the first and the last of each are its patterns.
        """
        if len(prepared) < LEAST or not self._is_on(company):
            return []
        groups = defaultdict(list)
        reasons = self._get_notes()["reasons"]
        problem = self._find_problem_of_books(company, prepared[0])
        for one in prepared:
            reason = problem or self._find_peculiarity(company, one)
            if reason:
                reasons[reason] += 1
            else:
                groups[self._get_key(one)].append(one)
        for group in groups.values():
            reasons["few"] += len(group) if len(group) < LEAST else 0
        return [group for group in groups.values() if len(group) >= LEAST]

    @api.model
    def _get_notes(self):
        """Return what became of invoices since the cursor was opened.

        ``written``: ids of those that were written here; ``reasons``: how often Odoo
        made one because of what.
        """
        new = {"written": set(), "reasons": Counter()}
        return _notes.setdefault(self.env.cr, new)

    @api.model
    def _is_fast(self, move):
        """Whether an invoice was just written here."""
        return move.id in self._get_notes()["written"]

    def _find_problem_of_books(self, company, one):
        """Return why no invoice of the company in this journal is ordinary. Hook."""
        journal = self.env["account.journal"].browse(one.values["journal_id"])
        if journal.restrict_mode_hash_table:
            return "hash"
        if company.account_storno:
            return "storno"
        if company.quick_edit_mode:
            return "quick"
        if journal.is_self_billing:
            return "self_billing"
        return None

    def _find_peculiarity(self, company, one):
        """Return what makes an invoice an extraordinary one, or nothing. Hook."""
        values = one.values
        lines = [line for _command, _id, line in values["invoice_line_ids"]]
        if values["move_type"] != "out_invoice":
            return "credit_note"
        if values["currency_id"] != company.currency_id.id:
            return "currency"
        if any(
            "balance" not in line or not line.keys() <= LINE_VALUES for line in lines
        ):
            return "line"
        if any(line.get("analytic_distribution", True) for line in lines):
            return "analytic"
        if values.get("invoice_payment_term_id") and not self._is_plain_term(values):
            return "term"
        return (
            self._find_peculiar_amounts(company, one)
            or self._find_peculiar_text(values)
            or self._find_peculiar_partner(company, one)
            or self._find_peculiar_records(company, one, lines)
        )

    def _is_plain_term(self, values):
        term = self.env["account.payment.term"].browse(
            values["invoice_payment_term_id"]
        )
        return len(term.line_ids) == 1 and not term.early_discount

    def _find_peculiar_amounts(self, company, one):
        total = sum(line["amount_total"] for line in one.computed.amounts.values())
        # Nothing to pay: Odoo marks it as paid.
        return None if company.currency_id.compare_amounts(total, 0) > 0 else "nothing"

    def _find_peculiar_text(self, values):
        """Leave to Odoo what a constraint of ours may refuse."""
        start, end = values["billing_date_start"], values["billing_date_end"]
        is_wrong = start and end and str(start) > str(end)
        is_long = len(values["billing_title"] or "") > MAX_TITLE_LENGTH
        return "text" if is_wrong or is_long else None

    def _find_peculiar_partner(self, company, one):
        partner = self._get_partner(one.values)
        delivery = partner.browse(self._get_delivery(one, partner))
        people = partner | partner.commercial_partner_id | delivery
        return "company" if people.company_id - company else None

    def _find_peculiar_records(self, company, one, lines):
        """Leave to Odoo what it would refuse, or book in more than one way."""
        accounts = self.env["account.account"].browse(
            dict.fromkeys(line["account_id"] for line in lines)
        )
        taxes = one.transactions.tax_ids.flatten_taxes_hierarchy()
        reps = taxes.invoice_repartition_line_ids
        if not all(map(self._is_plain_account, accounts | reps.account_id)):
            return "account"
        if any(tax.tax_exigibility != "on_invoice" for tax in taxes):
            return "cash_basis"
        records = (accounts | reps.account_id, taxes, one.transactions.product_id)
        if any(self._find_owners(found) - company for found in records):
            return "company"
        # Odoo compares the countries of all taxes with that of the invoice.
        return (
            "country" if taxes.country_id - company.account_fiscal_country_id else None
        )

    def _find_owners(self, records):
        """Return the companies that the records belong to."""
        # sudo: whether one is of another company.
        records = records.sudo()
        name = "company_ids" if "company_ids" in records._fields else "company_id"
        return records[name]

    def _is_plain_account(self, account):
        """Whether an item on the account has no residual, and nothing more is asked."""
        return (
            account.active
            and not account.reconcile
            and not account.currency_id
            and account.account_type not in ("asset_cash", "liability_credit_card")
            and account.internal_group in ("income", "liability")
        )

    def _get_key(self, one):
        """Return what is the same for all invoices of a group.

        All that the invoice is made with but :data:`OWN_VALUES`; what Odoo reads of its
        customer; and whether it has what the patterns need then, too: tax lines, a
        reference.
        """
        partner = self._get_partner(one.values)
        people = partner, partner.commercial_partner_id
        return (
            *(
                (name, one.values[name])
                for name in sorted(one.values.keys() - OWN_VALUES)
            ),
            *(person[name] for person in people for name in PARTNER_KEY),
            bool(self._find_tax_lines(one)),
            # These Odoo looks for, too, to see whether a closed tax period is touched.
            bool(one.transactions.tax_ids),
            any(line["tax_tag_ids"] for line in one.computed.base_lines),
            bool(one.values["ref"]),
        )

    def _get_partner(self, values):
        Partner = self.env["res.partner"].with_company(values["company_id"])
        return Partner.browse(values["partner_id"])

    # === WRITING === #

    @api.model
    def _write_others(self, groups, ids, before):
        """Write what is between the patterns of each group, if they prove it.

        :param dict ids: of the patterns that Odoo made, by their index.
        :param before: of :meth:`_look_before`.
        :return: ids of what was written, by index. What is not in it is left to Odoo.
        """
        self.env.flush_all()
        notes, written = self._get_notes(), {}
        for group in groups:
            try:
                self._check_touched(before)
                constants = self._prove(group, ids, before)
                with savepoint(self.env):
                    written |= self._write_group(group[1:-1], constants)
            except UnprovenError as error:
                notes["reasons"][str(error)] += len(group) - 2
            except REFUSED as error:
                _logger.warning("The database does not take rows as Odoo's: %s", error)
                notes["reasons"]["database"] += len(group) - 2
        notes["written"].update(written.values())
        return written

    def _write_group(self, group, constants):
        moves = self.env["account.move"].browse(
            take_ids(self.env.cr, "account_move", len(group))
        )
        self._check_may_write(group)
        pattern = constants["move"]
        numbers = self._take_numbers(moves.browse(int(pattern["id"])), len(group))
        filled, lines = [], []
        for one, move_id, number in zip(group, moves.ids, numbers, strict=True):
            due = self._find_due(one, pattern)
            mine = self._prepare_lines(one, due)
            filled.append(self._fill_move(one, mine, move_id, number, due))
            lines.append(mine)
        self._copy("account_move", MOVE_COLUMNS, filled, pattern)
        self._copy_lines(filled, lines, constants)
        self._mark(group, moves, pattern)
        self._check_written(group, moves)
        self.env.invalidate_all(flush=False)
        moves.check_access("create")
        moves.check_access("write")
        if not self.env.su:
            moves.line_ids.check_access("create")
        self._count_customers(filled)
        return {one.index: id_ for one, id_ in zip(group, moves.ids, strict=True)}

    def _check_may_write(self, group):
        """Check the rights that Odoo would check, before anything is written."""
        self.env["account.move"].check_access("create")
        self.env["account.move.line"].check_access("create")
        lot = self.env["omni.billing.transaction"]
        lot.union(*(one.transactions for one in group)).check_access("write")

    def _take_numbers(self, pattern, count):
        """Take the next numbers of the journal, which Odoo has locked for its last one.

        :return: names with their numbers.
        """
        text, values = pattern._get_sequence_format_param(pattern.name)
        del values["seq"]
        if text.format(**values, seq=pattern.sequence_number) != pattern.name:
            raise UnprovenError("numbers")
        query = SQL(
            "SELECT max(sequence_number) + 1 FROM account_move"
            " WHERE journal_id = %s AND sequence_prefix = %s",
            pattern.journal_id.id,
            pattern.sequence_prefix,
        )
        [[first]] = self.env.execute_query(query)
        # Odoo reads its last number again.
        pattern._get_sequence_cache().clear()
        return [(text.format(**values, seq=n), n) for n in range(first, first + count)]

    def _copy(self, table, columns, filled, pattern):
        """Write rows whose other columns are those of the pattern."""
        others = [name for name in pattern if name not in columns]
        constant = "\t".join(escape(pattern[name]) for name in others)
        rows = ["\t".join([*map(escape, values), constant]) for values in filled]
        copy_rows(self.env.cr, table, [*columns, *others], rows)

    def _copy_lines(self, moves, lines, constants):
        """Write the lines kind by kind, as Odoo does, and their taxes and tags."""
        heads = [dict(zip(MOVE_COLUMNS, move, strict=True)) for move in moves]
        ids = iter(take_ids(self.env.cr, "account_move_line", sum(map(len, lines))))
        relations = {name: [] for name in RELATIONS}
        for kind, columns in LINE_COLUMNS.items():
            rows = []
            for head, mine in zip(heads, lines, strict=True):
                for line in mine:
                    if line.kind == kind:
                        line_id = str(next(ids))
                        rows.append(self._fill_line(line, line_id, head))
                        for name, others in zip(
                            RELATIONS, (line.taxes, line.tags), strict=True
                        ):
                            relations[name] += [f"{line_id}\t{id_}" for id_ in others]
            if rows:
                self._copy("account_move_line", columns, rows, constants[kind])
        for name, rows in relations.items():
            field = self.env["account.move.line"]._fields[name]
            if rows:
                columns = field.column1, field.column2
                copy_rows(self.env.cr, field.relation, columns, rows)

    def _mark(self, group, moves, pattern):
        """Mark the transactions as invoiced, as the patterns' are marked."""
        marks = [
            (transaction.id, move_id, *(amounts[name] for name in AMOUNT_FIELDS))
            for one, move_id in zip(group, moves.ids, strict=True)
            for transaction, amounts in one.computed.amounts.items()
        ]
        columns = ("move_id", *AMOUNT_FIELDS)
        self.env.cr.execute(
            SQL(
                "UPDATE omni_billing_transaction SET state = 'invoiced',"
                " invoice_id = mark.move_id, %s, write_uid = %s, write_date = %s"
                " FROM unnest(%s) AS mark(id, %s)"
                " WHERE omni_billing_transaction.id = mark.id AND state = 'unbilled'",
                SQL(", ").join(
                    SQL("%s = %s", SQL.identifier(name), SQL.identifier("mark", name))
                    for name in AMOUNT_FIELDS
                ),
                int(pattern["write_uid"]),
                pattern["write_date"],
                SQL(", ").join(
                    SQL("%s", list(values)) for values in zip(*marks, strict=True)
                ),
                SQL(", ").join(map(SQL.identifier, columns)),
            )
        )
        if self.env.cr.rowcount != len(marks):
            raise UnprovenError("marks")

    def _check_written(self, group, moves):
        """Check in the database that what was written is what the engine computed."""
        wanted = [
            (
                move_id,
                sum(line["amount_untaxed"] for line in one.computed.amounts.values()),
                sum(line["tax_amount"] for line in one.computed.amounts.values()),
                len(one.transactions),
            )
            for one, move_id in zip(group, moves.ids, strict=True)
        ]
        digits = group[0].transactions.currency_id.decimal_places
        query = SQL(
            """
SELECT count(*) FROM unnest(%(ids)s, %(untaxed)s, %(tax)s, %(count)s)
    AS wanted(id, untaxed, tax, count)
JOIN account_move move ON move.id = wanted.id AND move.state = 'posted'
JOIN LATERAL (
    SELECT sum(balance) AS balance, sum(debit) - sum(credit) AS difference,
        -sum(balance) FILTER (WHERE display_type = 'product') AS untaxed,
        -coalesce(sum(balance) FILTER (WHERE display_type = 'tax'), 0) AS tax,
        sum(balance) FILTER (WHERE display_type = 'payment_term') AS total,
        count(billing_transaction_id) AS count
    FROM account_move_line WHERE move_id = move.id
) line ON line.balance = 0 AND line.difference = 0 AND line.count = wanted.count
    AND line.untaxed = round(wanted.untaxed::numeric, %(digits)s)
    AND line.tax = round(wanted.tax::numeric, %(digits)s)
    AND line.total = move.amount_total AND line.total = move.amount_residual
    AND line.untaxed = move.amount_untaxed AND line.tax = move.amount_tax
""",
            digits=digits,
            **dict(
                zip(
                    ("ids", "untaxed", "tax", "count"),
                    map(list, zip(*wanted, strict=True)),
                    strict=True,
                )
            ),
        )
        [[count]] = self.env.execute_query(query)
        if count != len(group):
            raise UnprovenError("sums")

    def _count_customers(self, filled):
        """Count them as customers, as Odoo does when it posts, and at once who is new.

        Odoo adds to the others after the commit.
        """
        place = MOVE_COLUMNS.index("partner_id")
        # Of a contact its customer, too; they are beside each other.
        people = [
            int(id_) for row in filled for id_ in dict.fromkeys(row[place : place + 2])
        ]
        Partner = self.env["res.partner"]
        # sudo: as in Odoo's method.
        everybody = Partner.sudo().browse(dict.fromkeys(people))
        new = everybody.filtered(lambda partner: not partner.customer_rank)
        new.customer_rank = 1
        again = Counter(people) - Counter(new.ids)
        for partner_id, count in again.items():
            Partner.browse(partner_id)._increase_rank("customer_rank", count)
