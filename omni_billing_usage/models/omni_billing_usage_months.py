from collections import defaultdict
from datetime import date

from dateutil.relativedelta import relativedelta

from odoo import models
from odoo.tools import SQL

from odoo.addons.omni_billing.tools.lock import USAGE_SPACE, be_first

#: All months have one lock: who needs two waits for nobody who has the other.
ALL_MONTHS = 0


class OmniBillingUsage(models.Model):
    """Tables of months, made when their first events come (W41)."""

    _inherit = "omni.billing.usage"

    def _make_months(self, source, events):
        """Have a table for each month of some events, if somebody there had one.

        Who makes one keeps others from making any until its transaction ends, and
        nobody from reading, from taking in what is of months that are there, nor from
        writing services.

        What another transaction made since this one began is in no table of
        PostgreSQL's that this one reads; its functions and commands know it.

        :param dict[int, Event] events: by their number. What is of no service makes no
            table: whatever is sent would make one.
        :return: the numbers of those whose month is closed: somebody detached its
            table, with its events.
        :rtype: set[int]
        """
        by_month = defaultdict(set)
        for number, event in events.items():
            by_month[event.moment.year, event.moment.month].add(number)
        names = {name_month(*month): month for month in sorted(by_month)}
        missing = self.env.execute_query(
            SQL(
                "SELECT name FROM unnest(%s::text[]) AS name"
                " WHERE pg_partition_root(to_regclass(name)) IS NULL ORDER BY name",
                list(names),
            )
        )
        if not missing:
            return set()
        wanted = {names[name] for [name] in missing}
        asked = [number for month in wanted for number in by_month[month]]
        known = self._find_known(source, {number: events[number] for number in asked})
        be_first(self.env, USAGE_SPACE, ALL_MONTHS)
        closed = set()
        for [name] in missing:
            numbers = by_month[names[name]]
            if not self._make_month(name, names[name], bool(numbers & known)):
                closed |= numbers
        return closed

    def _find_known(self, source, events):
        """Return the numbers of those that are of a service that is known.

        :rtype: set[int]
        """
        columns = [
            (number, event.service, event.identifier, event.moment)
            for number, event in events.items()
        ]
        rows = self.env.execute_query(
            SQL(
                """
                SELECT number
                  FROM unnest(%s::int[], %s::int[], %s::varchar[], %s::timestamp[])
                       AS incoming(number, service, identifier, moment)
                 WHERE %s IS NOT NULL
                """,
                *(list(column) for column in zip(*columns, strict=True)),
                self._get_owner_sql(source.company_id, "incoming"),
            )
        )
        return {number for [number] in rows}

    def _make_month(self, name, month, is_needed):
        """Make the table of a month, unless somebody has just made it.

        :return: whether events can be taken in there, if it is needed.
        """
        table = SQL.identifier(name)
        if not is_needed and not self.env.execute_query(
            SQL("SELECT 1 WHERE to_regclass(%s) IS NOT NULL", name)
        ):
            return True
        # First of all, for it has PostgreSQL look again at what tables there are.
        self.env.cr.execute(
            SQL(
                "CREATE TABLE IF NOT EXISTS %s"
                " (LIKE omni_billing_usage_event INCLUDING ALL)",
                table,
            )
        )
        [[is_part]] = self.env.execute_query(
            SQL("SELECT pg_partition_root(to_regclass(%s)) IS NOT NULL", name)
        )
        if is_part:
            return True
        if self.env.execute_query(SQL("SELECT 1 FROM %s LIMIT 1", table)):
            return False
        self._attach_month(name, month)
        return True

    def _attach_month(self, name, month):
        """Have events of a month be taken in, or found, in its table."""
        begin = date(*month, 1)
        self.env.cr.execute(
            SQL(
                "ALTER TABLE omni_billing_usage_event ATTACH PARTITION %s"
                " FOR VALUES FROM (%s) TO (%s); COMMENT ON TABLE %s IS NULL",
                SQL.identifier(name),
                begin,
                begin + relativedelta(months=1),
                SQL.identifier(name),
            )
        )


def name_month(year, month):
    """Return the name of the table of a month."""
    return f"omni_billing_usage_event_{year:04}_{month:02}"
