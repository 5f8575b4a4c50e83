from odoo import fields, models
from odoo.fields import Domain
from odoo.tools import SQL
from odoo.tools.sql import escape_psql

#: What a search box asks, and programs; all of them find what begins so.
OPERATORS = ("in", "like", "ilike", "=like", "=ilike")
#: Most references that are found at once.
MAX_REFS = 1000


class OmniBillingUsage(models.Model):
    """What is looked for among all months (W45): by an index, from its beginning."""

    _inherit = "omni.billing.usage"

    identifier_start = fields.Char(
        string="Identifier (Beginning)",
        compute="_compute_starts",
        search="_search_identifier_start",
        help="As it is written, from its beginning.",
    )
    ref_start = fields.Char(
        string="Reference (Beginning)",
        compute="_compute_starts",
        search="_search_ref_start",
        help="As it is written, from its beginning.",
    )

    def _compute_starts(self):
        for usage in self:
            usage.identifier_start = usage.identifier
            usage.ref_start = usage.ref

    def _search_identifier_start(self, operator, value):
        if operator not in OPERATORS:
            return NotImplemented
        return Domain.OR(
            Domain("identifier", "=like", f"{start}%") for start in _get_starts(value)
        )

    def _search_ref_start(self, operator, value):
        """Find the times of references by their keys, which are of all months."""
        if operator not in OPERATORS:
            return NotImplemented
        rows = self.env.execute_query(
            SQL(
                """
                SELECT ref, moment FROM omni_billing_usage_key
                 WHERE source_id IN (SELECT id FROM omni_billing_usage_source
                                      WHERE company_id = ANY(%s))
                   AND (%s)
                 LIMIT %s
                """,
                self.env.companies.ids,
                SQL(" OR ").join(
                    SQL("ref LIKE %s", f"{start}%") for start in _get_starts(value)
                ),
                MAX_REFS,
            )
        )
        refs, moments = zip(*rows, strict=True) if rows else ((), ())
        return Domain.custom(
            to_sql=lambda model, alias, query: SQL(
                "(%s = ANY(%s) AND %s = ANY(%s))",
                SQL.identifier(alias, "moment"),
                list(set(moments)),
                SQL.identifier(alias, "ref"),
                list(refs),
            )
        )


def _get_starts(value):
    """Return the beginnings that are asked for, as patterns."""
    values = [value] if isinstance(value, str) else value or []
    return [escape_psql(one) for one in values if isinstance(one, str)] or [""]
