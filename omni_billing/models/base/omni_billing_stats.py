import operator

from dateutil.relativedelta import relativedelta

from odoo import api, fields, models
from odoo.fields import Domain
from odoo.tools import SQL

from ...const import MAX_ID
from ...tools.numbers import format_amount
from ...tools.trends import compute_trend
from ...tools.triggers import count_rows

#: Conditions of a list's search that its cards follow: whose, and of what.
FOLLOWED_FIELDS = {
    *("partner_id", "commercial_partner_id", "participant_id"),
    *("service_id", "billing_run_line_ids"),
}

#: Name, filter of the search view, and what it is compared with, of each card.
CARDS = (
    ("total", None, None),
    ("open", None, None),
    ("this_month", "this_month", "last_month"),
    ("last_month", "last_month", "month_before"),
)

#: What is summed up: the cards, and what the last one is compared with.
SUMMED = ("total", "open", "this_month", "last_month", "month_before")


class OmniBillingStats(models.AbstractModel):
    """Cards above a list: all, open, this month and last month (F18, F69-F71).

    A model that inherits says what its cards sum up. All of them come from one grouped
    query, under the access rules of the user.
    """

    _name = "omni.billing.stats"
    _description = "Statistics above a Billing List"

    #: The filter of the search view that a click on the second card applies.
    _billing_open_filter = None
    #: The field that says "void" of what counts for nothing.
    _billing_void_field = "state"

    billing_find_id = fields.Char(
        string="ID as Text",
        compute="_compute_billing_find_id",
        search="_search_billing_find_id",
        help="What is typed into the search finds the record with this id, too.",
    )

    def _compute_billing_find_id(self):
        for record in self:
            record.billing_find_id = str(record._origin.id or "")

    @api.model
    def _search_billing_find_id(self, operator, value):
        if operator != "in":
            return NotImplemented
        # What is no id, or none that the database could hold, is nobody's.
        ids = [
            int(text)
            for text in map(str, value)
            if text.strip().isdecimal() and int(text) <= MAX_ID
        ]
        return Domain("id", "in", ids)

    @api.model
    @api.readonly
    def billing_retrieve_stats(self, domain=None):
        """Return the cards for the customer, service or run that a list is about.

        :param list domain: the domain of the list; conditions on these count, those on
            state, date or text do not.
        :return: ``currency_id``, ``note`` and ``cards``; each card has ``name``,
            ``label``, ``filter`` (of the search view, or none), ``amount`` in the
            currency of the company, ``exact`` (the amount, formatted), ``count`` and
            ``trend`` (see :func:`~..tools.trends.compute_trend`).
        """
        self.browse().check_access("read")
        company = self.env.company
        first = fields.Date.context_today(self).replace(day=1)
        months = [first + relativedelta(months=offset) for offset in (1, 0, -1, -2)]
        sums, foreign = self._billing_read_stats(
            company, self._billing_keep_customer(domain), months
        )
        labels = self._billing_get_card_labels()
        cards = [
            {
                "name": name,
                "label": labels[name],
                "filter": self._billing_open_filter if name == "open" else filter_name,
                "amount": sums[name][0],
                "exact": format_amount(self.env, sums[name][0], company.currency_id),
                "count": sums[name][1],
                "trend": before and compute_trend(sums[name][0], sums[before][0]),
            }
            for name, filter_name, before in CARDS
        ]
        note = (
            self.env._(
                "Amounts in %(currency)s, at today's rate where they were in another"
                " currency.",
                currency=company.currency_id.name,
            )
            if foreign
            else ""
        )
        return {"currency_id": company.currency_id.id, "note": note, "cards": cards}

    @api.model
    @api.readonly
    def web_read_group(self, domain, groupby, aggregates=(), *args, **kwargs):
        """Override: void records are in no sum of a billing list, unless all are void.

        :return: as Odoo's, and ``billing_void``: how many were left out.
        """
        result = super().web_read_group(domain, groupby, aggregates, *args, **kwargs)
        if not self.env.context.get("billing_sums"):
            return result
        domain = Domain(domain)
        valid = domain & Domain(self._billing_void_field, "!=", "void")
        void = domain & Domain(self._billing_void_field, "=", "void")
        count = self.search_count(void) if self.search_count(valid, limit=1) else 0
        if count:
            sums = [name for name in aggregates if ":sum" in name]
            self._billing_sum_valid(result["groups"], valid, groupby, sums)
        return {**result, "billing_void": count}

    # === HOOKS === #

    def _billing_get_stats_domain(self):
        """Return which records count at all."""
        raise NotImplementedError

    def _billing_get_stats_columns(self):
        """Return SQL: the amount, the open amount, what is open, date and currency."""
        raise NotImplementedError

    def _billing_get_counted_condition(self):
        """Return SQL: which rows are in the totals, by their own columns alone."""
        raise NotImplementedError

    def _billing_get_uncounted_domain(self):
        """Return what is in the totals, but does not count: see the domain above."""
        return Domain.FALSE

    def _billing_get_card_labels(self):
        """Return the label of each card by its name."""
        return {
            "total": self.env._("Total"),
            "open": self.env._("Open"),
            "this_month": self.env._("This Month"),
            "last_month": self.env._("Last Month"),
        }

    # === HELPERS === #

    @api.model
    def _billing_sum_valid(self, groups, valid, groupby, sums):
        """Put the sums of valid records in place of those of all, in groups too."""
        rows = {
            str(row[groupby[0]]): row
            for row in self.formatted_read_group(valid, groupby[:1], sums)
        }
        for group in groups:
            row = rows.get(str(group[groupby[0]]), {})
            group.update({name: row.get(name, False) for name in sums})
            if inner := group.get("__groups"):
                within = valid & Domain(group["__extra_domain"])
                self._billing_sum_valid(inner["groups"], within, groupby[1:], sums)

    @api.model
    def _billing_keep_customer(self, domain):
        domain = Domain(domain or Domain.TRUE).optimize(self)
        parts = getattr(domain, "children", [domain])
        if getattr(domain, "OPERATOR", "&") != "&":
            parts = [domain]
        return Domain.AND(
            part
            for part in parts
            if (names := {c.field_expr.split(".")[0] for c in part.iter_conditions()})
            and names <= FOLLOWED_FIELDS
        )

    def _billing_get_counted(self):
        """Return the table, the model, and what of it the totals count, and how."""
        return (
            self._table,
            self._name,
            self._billing_get_counted_condition(),
            self._billing_get_stats_columns(),
        )

    def _billing_count_rows(self):
        """Have the database count the rows of this model, once its table is there."""
        counted = count_rows(*self._billing_get_counted())
        self.env.registry.post_init(self.env.cr.execute, counted)

    @api.model
    def _billing_read_stats(self, company, customer, months):
        """Return amount and count by card, and whether other currencies are in them.

        Of a whole company they come from its totals, if the user sees all of it.

        :param customer: the domain of whom it is about, if it is not about all.
        """
        if customer.is_true() and self._billing_sees_whole(company):
            # sudo: sums of what the user may read, as just asked.
            Total = self.env["omni.billing.total"].sudo()
            rows = Total._sum_up(self._name, company, months)
            less = self._billing_get_uncounted_domain()
        else:
            domain = customer & self._billing_get_stats_domain()
            rows = self._billing_sum_rows(company, domain, months)
            less = Domain.FALSE
        if not less.is_false():
            rows = self._billing_subtract(
                rows, self._billing_sum_rows(company, less, months)
            )
        own = company.currency_id
        sums = {name: [0.0, 0] for name in SUMMED}
        for currency_id, *values in rows:
            unit = self.env["res.currency"].browse(currency_id) or own
            for index, name in enumerate(SUMMED):
                amount = float(values[2 * index])
                sums[name][0] += unit._convert(amount, own, company)
                sums[name][1] += values[2 * index + 1]
        foreign = any(currency_id not in (own.id, None) for currency_id, *_v in rows)
        return sums, foreign

    @api.model
    def _billing_subtract(self, rows, others):
        """Return the rows less those of others in the same currency."""
        less = {currency_id: values for currency_id, *values in others}
        return [
            (currency_id, *map(operator.sub, values, less[currency_id]))
            if currency_id in less
            else (currency_id, *values)
            for currency_id, *values in rows
        ]

    @api.model
    def _billing_sees_whole(self, company):
        """Whether access rules let the user read all of this model in a company."""
        rules = self.env["ir.rule"]._compute_domain(self._name, "read")
        return _lets_read(rules, company)

    @api.model
    def _billing_sum_rows(self, company, domain, months):
        """Return a row for each currency: its id, amount and count of each card."""
        amount, open_amount, is_open, date, currency = self._billing_get_stats_columns()
        after, this, last, before = months
        conditions = {
            "total": SQL("TRUE"),
            "open": is_open,
            "this_month": SQL("%s >= %s AND %s < %s", date, this, date, after),
            "last_month": SQL("%s >= %s AND %s < %s", date, last, date, this),
            "month_before": SQL("%s >= %s AND %s < %s", date, before, date, last),
        }
        columns = []
        for name, condition in conditions.items():
            value = open_amount if name == "open" else amount
            columns += [
                SQL("COALESCE(SUM(%s) FILTER (WHERE %s), 0)", value, condition),
                SQL("COUNT(*) FILTER (WHERE %s)", condition),
            ]
        query = self._search(Domain("company_id", "=", company.id) & domain)
        query.groupby = currency
        return self.env.execute_query(query.select(currency, *columns))


def _lets_read(rules, company):
    """Whether the domain of access rules is true of all that a company has."""
    if rules.is_true():
        return True
    parts = getattr(rules, "children", ())
    if parts and rules.OPERATOR == "&":
        return all(_lets_read(part, company) for part in parts)
    if parts and rules.OPERATOR == "|":
        return any(_lets_read(part, company) for part in parts)
    return (
        getattr(rules, "field_expr", "") == "company_id"
        and rules.operator == "in"
        and company.id in rules.value
    )
