from datetime import date
from typing import NamedTuple

from odoo import api, models
from odoo.exceptions import ValidationError
from odoo.models import fix_import_export_id_paths
from odoo.tools import SQL

from ...tools.memo import remembering
from ...tools.numbers import format_amount
from ...tools.values import is_number, is_text

#: What a row says that is billed: it cannot say something else the second time.
BILLED_COLUMNS = {
    *("transaction_type", "retail_cost", "currency_id", "partner_id", "payer_id"),
}
#: What says the retail cost in a row without it.
PRICE_COLUMNS = {"quantity", "price_unit"}


class Known(NamedTuple):
    """Where a reference was seen before: in the database, or in an earlier row."""

    transaction_id: int | None
    row: int | None


class OmniBillingTransaction(models.Model):
    """Rows of other systems, which may come again: files, and programs."""

    _inherit = "omni.billing.transaction"

    @api.model
    def get_import_templates(self):
        """Return the file that Odoo's import offers as a sample.

        :rtype: list[dict]
        """
        return [
            {
                "label": self.env._("Sample of Charges and Credits"),
                "template": "/omni_billing/static/csv/transactions.csv",
            }
        ]

    @api.model
    def load(self, fields, data):
        """Override of `base` to skip the rows that were imported before.

        A row is known by its external reference, within its company. The second row
        of a file with the same reference is skipped too. How many were skipped is
        told in a message, with the last batch.

        A known row that says another amount, customer or kind is a fault: nothing is
        created, and the message names the row and the transaction.

        :raise ValidationError: if there is no such column, or that is no table.
        """
        self.check_access("create")
        data = self._check_table(fields, data)
        kept, known = list(range(len(data))), {}
        if "external_ref" in fields and not {"id", ".id"} & set(fields):
            kept, known = self._find_new_rows(fields, data)
        with remembering(self) as loader:
            if faults := loader._find_changed_rows(fields, data, known):
                return {"ids": False, "messages": faults, "nextrow": 0}
            result = super(OmniBillingTransaction, loader).load(
                fields, [data[index] for index in kept]
            )
        # The caller counts in the rows that it gave.
        if result.get("nextrow"):
            kept.append(len(data))
            result["nextrow"] = kept[result["nextrow"]]
        for message in result["messages"]:
            if "record" in message:
                message["record"] = kept[message["record"]]
            if "rows" in message:
                message["rows"] = {
                    end: kept[row] for end, row in message["rows"].items()
                }
        skipped = len(data) - len(set(kept) - {len(data)})
        # Odoo's dialog does not go on with the next batch when there is a message.
        if skipped and not result.get("nextrow"):
            result["messages"].append(
                {
                    "type": "warning",
                    "message": self.env._(
                        "Rows skipped, because their external reference is known"
                        " already: %(count)s",
                        count=skipped,
                    ),
                }
            )
        return result

    # === WHAT IS A TABLE === #

    @api.model
    def _check_table(self, names, data):
        """Return the rows as texts, as they are in a file.

        :raise ValidationError: if these are no columns, or no rows of them.
        """
        if not isinstance(names, list | tuple) or not isinstance(data, list | tuple):
            raise ValidationError(
                self.env._(
                    "Send a list of columns, and a list of rows. Nothing was created."
                )
            )
        for name in names:
            if not self._is_column(name):
                raise ValidationError(
                    self.env._(
                        "“%(column)s” is no column of a billing transaction. Nothing"
                        " was created.",
                        column=str(name)[:80],
                    )
                )
        return [
            self._check_row(names, number, row) for number, row in enumerate(data, 1)
        ]

    def _is_column(self, name):
        if not is_text(name):
            return False
        Model = self
        for part in fix_import_export_id_paths(name):
            if part in ("id", ".id"):
                return True
            field = Model._fields.get(part) if Model is not None else None
            if field is None:
                return False
            Model = self.env[field.comodel_name] if field.relational else None
        return True

    def _check_row(self, names, number, row):
        if not isinstance(row, list | tuple) or len(row) != len(names):
            raise ValidationError(
                self.env._(
                    "Row %(number)s is no list of %(count)s cells, one for each column."
                    " Nothing was created.",
                    number=number,
                    count=len(names),
                )
            )
        return [
            self._check_cell(name, number, cell)
            for name, cell in zip(names, row, strict=True)
        ]

    def _check_cell(self, name, number, cell):
        if cell is None or cell is False:
            return ""
        if cell is True:
            return "1"
        if isinstance(cell, int | float) and is_number(cell):
            return f"{cell:.15g}" if isinstance(cell, float) else str(cell)
        if isinstance(cell, date):
            # As Odoo reads a workbook.
            return str(cell)
        field = self._fields.get(name)
        is_amount = field is not None and field.type in ("float", "monetary")
        if is_text(cell) and not (is_amount and _is_no_amount(cell)):
            return cell
        raise ValidationError(
            self.env._(
                "Row %(number)s, column “%(column)s”: %(value)s cannot be kept, neither"
                " as a text nor as a number. Nothing was created.",
                number=number,
                column=name,
                value=ascii(cell)[:40] if not isinstance(cell, list | dict) else "…",
            )
        )

    # === WHAT IS KNOWN === #

    @api.model
    def _find_new_rows(self, names, data):
        """Return the indexes of the rows that were not imported before, and the others.

        :rtype: tuple[list[int], dict[int, Known]]
        """
        ref_index = names.index("external_ref")
        companies = self._find_imported_companies(names, data)
        if not self.env.su:
            # What another company has is not told; its rows are refused later.
            own = set(self.env.user.company_ids.ids)
            companies = [company if company in own else 0 for company in companies]
        self.flush_model(["company_id", "external_ref"])
        # A plain query, as the unique index sees all rows too; only what the user's own
        # companies have leaves this method.
        seen = {
            (company_id, external_ref): Known(transaction_id, None)
            for company_id, external_ref, transaction_id in self.env.execute_query(
                SQL(
                    "SELECT company_id, external_ref, id FROM omni_billing_transaction"
                    " WHERE company_id IN %s AND external_ref = ANY(%s)",
                    tuple(set(companies) | {0}),
                    [row[ref_index] for row in data if row[ref_index]],
                )
            )
        }
        kept, known = [], {}
        for index, (row, company_id) in enumerate(zip(data, companies, strict=True)):
            key = company_id, row[ref_index]
            if row[ref_index] and key in seen:
                known[index] = seen[key]
                continue
            seen[key] = Known(None, index)
            kept.append(index)
        return kept, known

    @api.model
    def _find_imported_companies(self, names, data):
        """Return the company id of each row; 0 when it cannot be found."""
        for index, name in enumerate(names):
            path = fix_import_export_id_paths(name)
            if path[0] != "company_id":
                continue
            values = {row[index] for row in data}
            if path[-1] == ".id":
                ids = {value: int(value) for value in values if value.isdecimal()}
            elif path[-1] == "id":
                Data = self.env["ir.model.data"]
                ids = {
                    value: Data._xmlid_to_res_id(value) or 0
                    for value in values
                    if value.count(".") == 1
                }
            else:
                companies = self.env["res.company"].search([("name", "in", [*values])])
                ids = {company.name: company.id for company in companies}
            return [
                ids.get(row[index], 0) if row[index] else self.env.company.id
                for row in data
            ]
        return [self.env.company.id] * len(data)

    # === WHAT COMES AGAIN, AND IS ANOTHER === #

    def _find_changed_rows(self, names, data, known):
        """Return a message for each known row that says something else than before.

        :param dict known: by index of the row, see `_find_new_rows`.
        :rtype: list[dict]
        """
        wanted = [
            index
            for index, name in enumerate(names)
            if fix_import_export_id_paths(name)[0] in BILLED_COLUMNS | PRICE_COLUMNS
        ]
        if not known or not wanted:
            return []
        earlier = {seen.row for seen in known.values() if seen.row is not None}
        indexes = sorted(known.keys() | earlier)
        rows = self._read_rows(
            [names[index] for index in wanted],
            [[data[row][index] for index in wanted] for row in indexes],
        )
        said = dict(zip(indexes, rows, strict=True))
        # sudo: of the user's own companies, see `_find_new_rows`; in one query.
        stored = self.sudo().browse(
            seen.transaction_id for seen in known.values() if seen.transaction_id
        )
        before = {
            transaction.id: {
                "transaction_type": transaction.transaction_type,
                "retail_cost": transaction.retail_cost,
                "currency_id": transaction.currency_id.id,
                "partner_id": transaction.partner_id.id,
                "payer_id": transaction.payer_id.id,
            }
            for transaction in stored
        }
        faults = []
        for index, seen in known.items():
            old = before[seen.transaction_id] if seen.transaction_id else said[seen.row]
            if self._is_changed(said[index], old):
                faults.append(self._describe_change(index, seen, said[index], old))
        return faults

    def _read_rows(self, names, rows):
        """Read rows as Odoo reads them; what cannot be read is left out.

        :rtype: list[dict]
        """
        paths = [fix_import_export_id_paths(name) for name in names]
        # Nothing is created, so there is no savepoint to go back to.
        reader = self.with_context(name_create_enabled_fields={})
        extracted = reader._extract_records(paths, rows)
        return [
            self._add_retail_cost({n: value for n, value in values.items() if value})
            for _id, _xid, values, _info in reader._convert_records(
                extracted, savepoint=None
            )
        ]

    def _add_retail_cost(self, row):
        """Return a row with what its quantity and unit price come to."""
        if price := row.get("price_unit"):
            currency = self._get_row_currency(row)
            cost = currency.round(row.get("quantity", 1.0) * price)
            return {"retail_cost": cost} | row
        return row

    def _is_changed(self, new, old):
        for name in BILLED_COLUMNS & new.keys() & old.keys():
            if name == "retail_cost":
                currency = self._get_row_currency(old)
                if currency.compare_amounts(new[name], old[name]):
                    return True
            elif name in ("partner_id", "payer_id"):
                if not old[name]:
                    return True
                partners = self.env["res.partner"].browse([new[name], old[name]])
                # sudo: contacts of other people's; which customer it is, is told.
                if len(partners.sudo().commercial_partner_id) > 1:
                    return True
            elif new[name] != old[name]:
                return True
        return False

    def _describe_change(self, index, seen, new, old):
        """Return the message of a row that says something else than before."""
        values = {
            "row": index + 1,
            "known": self._describe_row(old),
            "sent": self._describe_row(old | new),
        }
        if seen.transaction_id:
            message = self.env._(
                "Row %(row)s: its external reference is that of transaction"
                " %(id)s, %(known)s; the row says %(sent)s. Nothing was created: take"
                " the row out, or give it a reference of its own.",
                id=seen.transaction_id,
                **values,
            )
        else:
            message = self.env._(
                "Row %(row)s: its external reference is that of row %(earlier)s,"
                " %(known)s; this one says %(sent)s. Nothing was created: take one out,"
                " or give it a reference of its own.",
                earlier=seen.row + 1,
                **values,
            )
        return {
            "type": "error",
            "record": index,
            "rows": {"from": index, "to": index},
            "field": "external_ref",
            "message": message,
            "transaction_id": seen.transaction_id or False,
            "amount_known": old.get("retail_cost"),
            "amount_sent": new.get("retail_cost"),
        }

    def _describe_row(self, values):
        kinds = dict(self._fields["transaction_type"]._description_selection(self.env))
        told = {
            "kind": kinds[values.get("transaction_type") or "charge"],
            "amount": format_amount(
                self.env, values.get("retail_cost", 0.0), self._get_row_currency(values)
            ),
            "customer": self._get_row_name(values.get("partner_id")),
        }
        if payer := values.get("payer_id"):
            return self.env._(
                "%(kind)s of %(amount)s for %(customer)s, paid by %(payer)s",
                payer=self._get_row_name(payer),
                **told,
            )
        return self.env._("%(kind)s of %(amount)s for %(customer)s", **told)

    def _get_row_name(self, partner_id):
        """Return a name, of who may be read: the row may say any id."""
        partner = self.env["res.partner"].browse(partner_id)
        partner = partner.exists()._filtered_access("read")
        return partner.name or partner.commercial_partner_id.name or "?"

    def _get_row_currency(self, values):
        currency = self.env["res.currency"].browse(values.get("currency_id"))
        return currency or self.env.company.currency_id


def _is_no_amount(text):
    """Whether Python reads it as a number that is none to compute with: nan, 1e400."""
    try:
        float(text)
    except ValueError:
        # Odoo tells what is wrong with it, and in which row.
        return False
    return not is_number(text)
