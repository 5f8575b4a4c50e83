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

    def _make_months(self, moments):
        """Have a table for each month of some moments.

        Who makes one keeps others from making any until its transaction ends, and
        nobody from reading, from taking in what is of months that are there, nor from
        writing services.

        What another transaction made since this one began is in no table of
        PostgreSQL's that this one reads; its functions and commands know it.

        :return: the months, by year and number, that are closed: somebody detached
            their tables, with their events.
        :rtype: set[tuple[int, int]]
        """
        months = {(moment.year, moment.month) for moment in moments}
        names = {_name_month(*month): month for month in sorted(months)}
        missing = self.env.execute_query(
            SQL(
                "SELECT name FROM unnest(%s::text[]) AS name"
                " WHERE pg_partition_root(to_regclass(name)) IS NULL ORDER BY name",
                list(names),
            )
        )
        if missing:
            be_first(self.env, USAGE_SPACE, ALL_MONTHS)
        return {
            names[name] for [name] in missing if not self._make_month(name, names[name])
        }

    def _make_month(self, name, month):
        """Make the table of a month, unless somebody has just made it.

        :return: whether events can be taken in there.
        """
        table = SQL.identifier(name)
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
        begin = date(*month, 1)
        self.env.cr.execute(
            SQL(
                "ALTER TABLE omni_billing_usage_event ATTACH PARTITION %s"
                " FOR VALUES FROM (%s) TO (%s)",
                table,
                begin,
                begin + relativedelta(months=1),
            )
        )
        return True


def _name_month(year, month):
    return f"omni_billing_usage_event_{year:04}_{month:02}"
