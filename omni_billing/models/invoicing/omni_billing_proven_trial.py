"""The trial of fast billing: some customers of a company, billed in both ways."""

from collections import defaultdict

from odoo import api, fields, models

from ...tools.copy_rows import is_same
from ...tools.database import savepoint
from .omni_billing_proven_check import TRIAL, Trial
from .omni_billing_proven_rows import LOOSE, RELATIONS, TABLES

#: How many customers are billed in a trial.
CUSTOMERS = 50
#: Where Odoo keeps whom it counts as customers once more after the commit.
RANKS = "account.res.partner.increase_rank.customer_rank"
#: What is read of a trial, by model: what leads to its rows.
READ = {
    "account.move": "id",
    "account.move.line": "move_id",
    "omni.billing.transaction": "invoice_id",
    "omni.billing.activity.log": "move_id",
    "res.partner": "id",
}


class _UndoneError(Exception):
    """Ends a trial: nothing of it stays."""


class OmniBillingProven(models.AbstractModel):
    """Bills the same customers both ways, and compares all that was written."""

    _inherit = "omni.billing.proven"

    @api.model
    def _try_both(self, company, limit=CUSTOMERS):
        """Bill customers by Odoo and fast, undo both, and say what differs.

        :return: ``customers``, ``fast`` (how many were written fast), ``reasons`` (why
            others were not: texts and how many), ``tables``, ``columns``, ``rows``,
            ``differences`` (texts).
        """
        batches = self._choose_for_trial(company, limit)
        report = {
            "customers": len(batches),
            "fast": 0,
            "reasons": {},
            "differences": [],
        }
        if not batches:
            return report | {"tables": 0, "columns": 0, "rows": 0}
        notes = self._get_notes()
        before = len(notes["written"]), notes["reasons"].copy()
        slow = self._photograph(batches, False)
        fast = self._photograph(batches, True)
        report["fast"] = len(notes["written"]) - before[0]
        report["reasons"] = dict(notes["reasons"] - before[1])
        report["tables"] = len(slow["rows"])
        report["columns"] = sum(len(rows[0]) for rows in slow["rows"].values() if rows)
        report["rows"] = sum(map(len, slow["rows"].values()))
        report["differences"] = self._find_differences(slow, fast)
        return report

    @api.model
    def _describe_trial(self, report):
        """Return what a trial compared, and whom Odoo billed alone, for people."""
        lines = [
            self.env._(
                "%(customers)s customers were billed both ways, %(fast)s of them fast."
                " Compared: %(rows)s rows of %(tables)s tables, with %(columns)s"
                " columns in all. Differences: %(count)s.",
                **report,
                count=len(report["differences"]),
            )
        ]
        lines += [
            self.env._(
                "By Odoo alone: %(count)s, %(reason)s",
                count=count,
                reason=self._describe_reason(reason),
            )
            for reason, count in report["reasons"].items()
            if count
        ]
        return "\n".join(lines)

    @api.model
    def _describe_reason(self, reason):
        """Return why Odoo makes an invoice, for people."""
        return {
            "account": self.env._("an account that is reconciled or of a special kind"),
            "analytic": self.env._("an analytic distribution"),
            "cash_basis": self.env._("a tax that is due on payment"),
            "company": self.env._("something of another company"),
            "country": self.env._("a tax of another country"),
            "credit_note": self.env._("a credit note"),
            "currency": self.env._("another currency"),
            "database": self.env._("the database does not take its rows"),
            "few": self.env._("hardly any other customer is like that"),
            "hash": self.env._("the journal is inalterable"),
            "line": self.env._("something extraordinary on a line"),
            "nothing": self.env._("nothing to pay"),
            "rounding": self.env._("the total is rounded to coins"),
            "self_billing": self.env._("customers bill themselves"),
            "uncounted": self.env._("the database does not count what is written"),
            "quick": self.env._("invoices are entered by their total"),
            "storno": self.env._("corrections are entered as negative amounts"),
            "term": self.env._("a payment term in parts, or with a discount"),
            "text": self.env._("a title or period that is not allowed"),
        }.get(reason, reason)

    def _choose_for_trial(self, company, limit):
        """Return who has something to bill, as `_create_invoices` takes it."""
        # sudo: whoever may switch it on may try it with everybody.
        Transaction = self.env["omni.billing.transaction"].sudo().with_company(company)
        today = fields.Date.context_today(self)
        groups = Transaction._read_group(
            Transaction._get_billable_domain(company),
            ["commercial_partner_id", "currency_id"],
            ["id:recordset"],
            limit=limit,
        )
        return [
            (
                transactions,
                partner,
                {
                    "title": self.env._("Trial"),
                    "invoice_date": today,
                    "payment_term": partner.property_payment_term_id,
                },
            )
            for partner, _currency, transactions in groups
            if partner.active
        ]

    def _photograph(self, batches, is_fast):
        """Bill, read all that was written, and undo it."""
        cr = self.env.cr
        ranks = dict(cr.postcommit.data.get(RANKS, {}))
        photo = {}
        try:
            with savepoint(self.env):
                lot = batches[0][0].browse().with_context(**{TRIAL: Trial(is_fast)})
                before = self._count_writes()
                invoices = lot._create_invoices(batches)
                self.env.flush_all()
                now = self._count_writes()
                photo["counts"] = {
                    name: count - before.get(name, 0)
                    for name, count in now.items()
                    if name not in TABLES and count != before.get(name, 0)
                }
                photo["rows"] = self._read_trial(invoices)
                raise _UndoneError
        except _UndoneError:
            photo["is_undone"] = True
        finally:
            data = cr.postcommit.data.get(RANKS)
            if data is not None:
                data.clear()
                data.update(ranks)
        return photo

    def _read_trial(self, invoices):
        """Return the rows of invoices by table, without what tells both ways apart."""
        names = {f"{invoice.id}": f"#{n}" for n, invoice in enumerate(invoices)}
        numbers = [(invoice.name, f"#{n}") for n, invoice in enumerate(invoices)]
        # The number of a credit note may end like that of an invoice.
        numbers.sort(key=lambda pair: -len(pair[0]))
        people = invoices.partner_id | invoices.commercial_partner_id
        found, order = {}, {}
        for model, column in READ.items():
            table = self.env[model]._table
            ids = people.ids if model == "res.partner" else invoices.ids
            rows = self._read_rows(table, column, ids)
            if model == "account.move.line":
                order = self._order_lines(rows, names)
            links = {
                name
                for name, field in self.env[model]._fields.items()
                if field.type == "many2one" and field.comodel_name == "account.move"
            }
            found[table] = [
                self._make_anonymous(row, model, links, names, order, numbers)
                for row in rows.values()
            ]
            found[table].sort(key=lambda row: row["id"])
        for name in RELATIONS:
            relation = self._read_relation(name, list(map(int, order)))
            table = self.env["account.move.line"]._fields[name].relation
            found[table] = [
                {"id": order[str(line_id)], "others": str(sorted(others))}
                for line_id, others in sorted(
                    relation.items(), key=lambda item: order[str(item[0])]
                )
            ]
        # sudo: whoever bills; what the database counted of both ways is the same, too.
        total = self.env["omni.billing.total"].sudo()
        found[total._table] = total._read_sums()
        return found

    def _order_lines(self, rows, names):
        """Return what each line is called: which one of which invoice."""
        order, seen = {}, defaultdict(int)
        for line_id, row in rows.items():
            name = names[row["move_id"]]
            seen[name] += 1
            order[str(line_id)] = f"{name}.{seen[name]:04}"
        return order

    def _make_anonymous(self, row, model, links, names, order, numbers):
        """Return a row with invoices by their place, instead of their id and number."""
        row = dict(row)
        mine = {"account.move": names, "account.move.line": order}.get(model, {})
        if model == "omni.billing.activity.log":
            row["id"] = names[row["move_id"]]
        row["id"] = mine.get(row["id"], row["id"])
        row.pop("sequence_number", None)
        for name, value in row.items():
            if name in links:
                row[name] = names.get(value, value)
            elif value and name in ("name", "move_name", "payment_reference"):
                for number, place in numbers:
                    if value.endswith(number):
                        row[name] = value.removesuffix(number) + place
                        break
        return row

    def _find_differences(self, slow, fast):
        found = [
            f"{table}: {slow['counts'].get(table, 0)} ≠ {fast['counts'].get(table, 0)}"
            for table in sorted(slow["counts"].keys() | fast["counts"].keys())
            if slow["counts"].get(table) != fast["counts"].get(table)
        ]
        models_ = {self.env[name]._table: self.env[name] for name in READ}
        for table, rows in slow["rows"].items():
            others = fast["rows"][table]
            if len(rows) != len(others):
                found.append(f"{table}: {len(rows)} ≠ {len(others)}")
                continue
            loose = (
                {
                    name
                    for name, field in models_[table]._fields.items()
                    if field.type in LOOSE
                }
                if table in models_
                else set()
            )
            for one, other in zip(rows, others, strict=True):
                found += [
                    f"{table}.{name}: {one[name]} ≠ {other[name]}"
                    for name in one
                    if one[name] != other[name]
                    and not (name in loose and is_same(one[name], other[name]))
                ]
        return found
