import operator as operators

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.fields import Domain
from odoo.tools import SQL

from ...tools.values import is_number

GROUP = "omni_billing.omni_billing_group_user"
#: The columns of a balance, by the fields that show them.
COLUMNS = {
    "billing_balance": "balance",
    "billing_due_amount": "due",
    "billing_overdue_amount": "overdue",
    "billing_unbilled_amount": "unbilled",
    "billing_oldest_due": "oldest_due",
}
#: Who pays as agreed is not late.
NOT_PLANNED = "l.move_id NOT IN (SELECT id FROM account_move WHERE billing_is_planned)"
#: What is summed up of the open journal items of a contact, and of a main customer.
OPEN_COLUMNS = {
    "balance": ("SUM(l.amount_residual)", "SUM(balance)"),
    "due": (
        "SUM(l.amount_residual) FILTER (WHERE l.balance > 0)",
        "COALESCE(SUM(due), 0)",
    ),
    # Less credit, whose residual is negative.
    "overdue": (
        "SUM(l.amount_residual) FILTER (WHERE l.balance < 0"
        f" OR COALESCE(l.date_maturity, l.date) < %(today)s AND {NOT_PLANNED})",
        "GREATEST(SUM(overdue), 0)",
    ),
    "oldest_due": (
        "MIN(COALESCE(l.date_maturity, l.date))"
        f" FILTER (WHERE l.balance > 0 AND {NOT_PLANNED})",
        "MIN(oldest_due)",
    ),
}
COMPARISONS = {
    "=": operators.eq,
    "!=": operators.ne,
    ">": operators.gt,
    ">=": operators.ge,
    "<": operators.lt,
    "<=": operators.le,
}


class ResPartner(models.Model):
    """Who owes: balances in the list of customers, sorted and searched.

    Nothing is stored on the contact: it is what the journal items say at that moment,
    of main customers in one company, in its currency.
    """

    _inherit = "res.partner"

    billing_balance = fields.Monetary(
        string="Balance",
        currency_field="billing_currency_id",
        compute="_compute_billing_balance",
        search="_search_billing_balance",
        groups=GROUP,
        help="What is owed on invoices, less credit that is not used yet. Negative: the"
        " customer has credit.",
    )
    billing_overdue_amount = fields.Monetary(
        string="Overdue",
        currency_field="billing_currency_id",
        compute="_compute_billing_balance",
        search="_search_billing_overdue_amount",
        groups=GROUP,
        help="What was due before today, less credit that is not used yet. What is paid"
        " on other days, as planned, is not overdue.",
    )
    billing_oldest_due = fields.Date(
        string="Due Since",
        compute="_compute_billing_balance",
        search="_search_billing_oldest_due",
        groups=GROUP,
        help="The day on which the oldest amount that is open was due, or will be; what"
        " is paid as planned left aside.",
    )
    billing_due_amount = fields.Monetary(search="_search_billing_due_amount")
    billing_unbilled_amount = fields.Monetary(search="_search_billing_unbilled_amount")

    # === COMPUTE METHODS === #

    @api.depends_context("company")
    def _compute_billing_balance(self):
        customers = self.commercial_partner_id
        rows = {
            row[0]: row[1:]
            for row in self.env.execute_query(
                SQL(
                    "SELECT id, balance, overdue, oldest_due FROM (%s) AS open",
                    self._billing_get_open_query(
                        ["balance", "overdue", "oldest_due"], customers
                    ),
                )
            )
        }
        for partner in self:
            balance, overdue, oldest_due = rows.get(
                partner.commercial_partner_id.id, (0.0, 0.0, False)
            )
            partner.billing_balance = balance
            partner.billing_overdue_amount = overdue
            partner.billing_oldest_due = oldest_due

    # === SEARCH METHODS === #

    def _search_billing_balance(self, operator, value):
        return self._billing_search_balance("billing_balance", operator, value)

    def _search_billing_due_amount(self, operator, value):
        return self._billing_search_balance("billing_due_amount", operator, value)

    def _search_billing_overdue_amount(self, operator, value):
        return self._billing_search_balance("billing_overdue_amount", operator, value)

    def _search_billing_unbilled_amount(self, operator, value):
        return self._billing_search_balance("billing_unbilled_amount", operator, value)

    def _search_billing_oldest_due(self, operator, value):
        return self._billing_search_balance("billing_oldest_due", operator, value)

    def _billing_search_balance(self, name, operator, value):
        """Return who has such a balance; who has none has 0, or no day."""
        # Odoo asks who may read a column, not who may search what has none.
        self._check_field_access(self._fields[name], "read")
        compare = COMPARISONS.get(operator)
        if compare is None:
            return NotImplemented
        is_day, column = self._fields[name].type == "date", COLUMNS[name]
        if is_day and not value:
            has_any = self._billing_find_by_balance(
                SQL("%s IS NOT NULL", SQL.identifier("open", column)), column
            )
            return ~has_any if operator == "=" else has_any
        if is_day and operator == "!=":
            # Who has no day has another one, as for the fields of Odoo.
            return ~self._billing_search_balance(name, "=", value)
        is_amount = isinstance(value, int | float) and is_number(value)
        if not is_day and value and not is_amount:
            raise UserError(self.env._("An amount is compared with a number."))
        amount = value if is_day else float(value or 0.0)
        # Who has no row is found by what no row says.
        is_of_none = not is_day and compare(0.0, amount)
        condition = SQL(
            "%s %s %s", SQL.identifier("open", column), SQL(operator), amount
        )
        if is_of_none:
            condition = SQL("NOT (%s)", condition)
        found = self._billing_find_by_balance(condition, column)
        return ~found if is_of_none else found

    def _billing_find_by_balance(self, condition, column):
        return Domain(
            "commercial_partner_id",
            "in",
            SQL(
                "(SELECT open.id FROM (%s) AS open WHERE %s)",
                self._billing_get_balance_query(column),
                condition,
            ),
        )

    def _order_field_to_sql(self, alias, field_name, direction, nulls, query):
        """Override of the ORM: lists are sorted by balances, which no column has."""
        column = COLUMNS.get(field_name)
        if column is None:
            return super()._order_field_to_sql(
                alias, field_name, direction, nulls, query
            )
        self._check_field_access(self._fields[field_name], "read")
        balance = query.make_alias(alias, f"billing_{column}")
        query.add_join(
            "LEFT JOIN",
            balance,
            SQL("(%s)", self._billing_get_balance_query(column)),
            SQL(
                "%s = %s",
                SQL.identifier(balance, "id"),
                SQL.identifier(alias, "commercial_partner_id"),
            ),
        )
        amount = SQL.identifier(balance, column)
        if column != "oldest_due":
            amount = SQL("COALESCE(%s, 0)", amount)
        elif not nulls.code:
            nulls = SQL("NULLS LAST")
        return SQL("%s %s %s", amount, direction, nulls)

    # === HELPERS === #

    def _billing_get_balance_query(self, column):
        if column == "unbilled":
            return self._billing_get_unbilled_query()
        return self._billing_get_open_query([column])

    def _billing_get_open_query(self, columns, customers=None):
        """Return SQL: what is open of main customers in the books of this company.

        :param columns: of `OPEN_COLUMNS`; each takes its time where many customers are
            sorted.
        :param customers: main customers; everybody without.
        """
        self.env["account.move.line"].flush_model()
        self.env["account.move"].flush_model(["billing_is_planned"])
        self.flush_model(["commercial_partner_id"])
        chosen, today = SQL(), fields.Date.context_today(self)
        if customers is not None:
            contacts = customers._billing_list_contact_ids()
            chosen = SQL("AND l.partner_id = ANY(%s)", contacts)
        # First by contact, as journal items are in an index; and once, where PostgreSQL
        # would have each of its workers do all of it.
        inner, outer = [], []
        for name in columns:
            of_contact, of_customer = OPEN_COLUMNS[name]
            alias = SQL.identifier(name)
            inner.append(SQL("%s AS %s", SQL(of_contact, today=today), alias))
            outer.append(SQL("%s AS %s", SQL(of_customer), alias))
        return SQL(
            """
            WITH item AS MATERIALIZED (
                    SELECT l.partner_id, %(inner)s
                      FROM account_move_line l
                     WHERE l.account_id = ANY(%(accounts)s)
                       AND l.reconciled IS NOT TRUE AND l.parent_state = 'posted'
                       AND l.company_id = %(company)s %(chosen)s
                  GROUP BY l.partner_id
                   )
            SELECT p.commercial_partner_id AS id, %(outer)s
              FROM item
              JOIN res_partner p ON p.id = item.partner_id
          GROUP BY p.commercial_partner_id
            """,
            outer=SQL(", ").join(outer),
            inner=SQL(", ").join(inner),
            accounts=self._billing_list_receivable_ids(),
            company=self.env.company.id,
            chosen=chosen,
        )

    def _billing_get_unbilled_query(self):
        """Return SQL: what is on no invoice yet, at the rate of today."""
        self.env["omni.billing.transaction"].flush_model()
        # What is archived by now may be owed in still; there are not many.
        Currency = self.env["res.currency"].with_context(active_test=False)
        rates = [
            SQL("(%s, %s)", currency.id, currency.inverse_rate)
            for currency in Currency.search([])  # pylint: disable=no-search-all
        ]
        return SQL(
            """
            SELECT t.commercial_partner_id AS id,
                   SUM(t.amount_total * r.rate) AS unbilled
              FROM omni_billing_transaction t
              JOIN (VALUES %(rates)s) AS r(currency_id, rate)
                ON r.currency_id = t.currency_id
             WHERE t.state = 'unbilled' AND t.company_id = %(company)s
          GROUP BY t.commercial_partner_id
            """,
            rates=SQL(", ").join(rates),
            company=self.env.company.id,
        )
