import re
from datetime import date, datetime, time, timedelta
from functools import partial

from dateutil.relativedelta import relativedelta
from psycopg2.errors import LockNotAvailable

from odoo import api, fields, models
from odoo.fields import Domain
from odoo.tools import SQL

from odoo.addons.omni_billing.tools.database import commit_progress, retry, rollback
from odoo.addons.omni_billing.tools.lock import USAGE_SPACE, be_first, take_turns

from .omni_billing_usage_months import ALL_MONTHS, name_month

#: Events that go at once.
BATCH = 10_000
#: Who was taking in events as a month was closed has ended by then.
GRACE = timedelta(days=1)
#: Who reads usage is waited for as long as this, and then until the next time: whoever
#: wants to read it meanwhile, or to take some in, waits as well.
LOCK_SECONDS = 0.2
#: A table that we detached, and not somebody by hand, who keeps what is in it.
MARK = "Omni Billing: to be dropped"
MONTH = re.compile(r"omni_billing_usage_event_(\d{4,})_(\d\d)")


class OmniBillingUsage(models.Model):
    """How usage goes: whole months of a company, closed before (W41).

    A month is closed first: its events are not taken in any more, so none is billed
    twice whose key has gone. A day later its events go with their keys, in batches that
    each last. Companies share the tables of months: the last one to go drops it.
    """

    _inherit = "omni.billing.usage"

    # === HOOKS === #

    @api.model
    def _get_settled_until(self, company):
        """Return before which moment no usage of a company is still to be billed. Hook.

        It is asked again before each batch of events goes, in the same transaction, so
        it may go back, as when an invoice was voided: what has not gone by then stays.

        :return: in UTC, or none, and then no usage goes: nothing was rated, so nothing
            is known of what is billed of it.
        :rtype: datetime.datetime | None
        """
        self.env.flush_all()
        [[is_rated, *opened]] = self.env.execute_query(
            SQL(
                """
                SELECT EXISTS (SELECT FROM omni_billing_usage_rating
                                WHERE company_id = %(company)s),
                       (SELECT MIN(begin) FROM omni_billing_usage_rating
                         WHERE company_id = %(company)s
                           AND (state = 'running' OR unrated > 0)
                           AND is_closed IS NOT TRUE),
                       (SELECT MIN(rating.begin)
                          FROM omni_billing_transaction charge
                          JOIN omni_billing_usage_rating rating
                            ON rating.transaction_id = charge.id
                         WHERE charge.company_id = %(company)s
                           AND charge.state = 'unbilled'),
                       (SELECT MIN(mark.begin)
                          FROM omni_billing_usage_mark mark
                          JOIN omni_billing_service service
                            ON service.id = mark.service_id
                         WHERE service.company_id = %(company)s)
                """,
                company=company.id,
            )
        )
        if not is_rated:
            return None
        return min(filter(None, opened), default=fields.Datetime.now())

    # === CRON === #

    @api.model
    def _cron_drop_old(self):
        """Close months, and have go what was closed a day ago; commits."""
        some = Domain("billing_usage_keep_months", ">", 0)
        some |= Domain("billing_usage_kept_from", "!=", False)
        # sudo: of each company that keeps less than all.
        companies = self.env["res.company"].sudo().search(some)
        for company in companies:
            retry(self.env, lambda company=company: self._close_months(company))
            commit_progress(self.env)
        closed = Domain("gone_date", "=", False)
        closed &= Domain("closed_date", "<=", fields.Datetime.now() - GRACE)
        closings = self.env["omni.billing.usage.closing"].search(closed, order="id")
        commit_progress(self.env, remaining=len(closings))
        for closing in closings:
            if not self._drop_events(closing) or not commit_progress(self.env, 1):
                return
        for company in companies.filtered("billing_usage_kept_from"):
            if not self._drop_refused(company):
                return
        self._drop_tables()

    # === WHAT IS OLD === #

    @api.model
    def _get_kept_from(self, company, months):
        """Return from which day on a company would keep usage, the first of a month.

        :param int months: for which it is kept; 0: for ever.
        :return: or none, if it would keep all that is there.
        :rtype: datetime.date | None
        """
        until = self._get_settled_until(company) if months else None
        if not until:
            return None
        today = fields.Datetime.now().date()
        return min(today - relativedelta(months=months), until.date()).replace(day=1)

    @api.model
    def _find_months(self, company, until):
        """Return the months before a day in which a company has usage.

        :rtype: list[datetime.date]
        """
        return [
            month
            for month in self._list_months()
            if month < until and self._has_rows(month, company)
        ]

    @api.model
    def _list_months(self):
        """Return the months that have a table, the oldest first.

        :rtype: list[datetime.date]
        """
        rows = self.env.execute_query(
            SQL(
                "SELECT child.relname FROM pg_inherits"
                " JOIN pg_class child ON child.oid = inhrelid"
                " WHERE inhparent = to_regclass('omni_billing_usage_event')"
            )
        )
        found = (MONTH.fullmatch(name) for [name] in rows)
        return sorted(date(int(one[1]), int(one[2]), 1) for one in found if one)

    def _has_rows(self, month, company=None):
        """Whether a month has events, or some of a company."""
        return bool(
            self.env.execute_query(
                SQL(
                    "SELECT 1 FROM %s WHERE %s LIMIT 1",
                    _get_table(month),
                    SQL("company_id = %s", company.id) if company else SQL("TRUE"),
                )
            )
        )

    # === HOW IT GOES === #

    def _close_months(self, company):
        """Take nothing in any more of what is older than a company keeps.

        Of what it keeps for longer by now, months are opened of which nothing has gone.
        """
        kept_from = self._get_kept_from(company, company.billing_usage_keep_months)
        closings = self.env["omni.billing.usage.closing"].search(
            [("company_id", "=", company.id)]
        )
        untouched = closings.filtered(lambda one: not (one.gone_date or one.count_gone))
        kept = untouched.filtered(lambda one: not kept_from or one.month >= kept_from)
        kept.unlink()
        closings -= kept
        # Keys of these have gone: sent again, nobody would know them.
        ends = [one.month + relativedelta(months=1) for one in closings - untouched]
        closed_until = max([kept_from, *ends] if kept_from else ends, default=False)
        if closed_until == company.billing_usage_kept_from:
            return
        old = self._find_months(company, kept_from) if kept_from else []
        now, known = fields.Datetime.now(), closings.mapped("month")
        closings.create(
            [
                {"company_id": company.id, "month": month, "closed_date": now}
                for month in old
                if month not in known
            ]
        )
        company.billing_usage_kept_from = closed_until

    def _drop_events(self, closing):
        """Have the events of a closed month go, with their keys; commits.

        :return: whether there is time for more.
        """
        last = 0
        while True:
            count, last = retry(
                self.env, lambda last=last: self._drop_batch(closing, last)
            )
            if count is None:
                # It is kept for longer by now.
                return True
            if not count:
                closing.gone_date = fields.Datetime.now()
                return True
            if not commit_progress(self.env):
                return False

    def _drop_batch(self, closing, last):
        """Have some events go, with their keys, if their company still wants it.

        Who says just now how long they are kept comes before, or after.

        :param int last: the id behind which to begin.
        :return: how many went, and the last of them; none, if they stay.
        :rtype: tuple[int | None, int | None]
        """
        company = closing.company_id
        take_turns(company)
        kept_from = self._get_kept_from(company, company.billing_usage_keep_months)
        if not kept_from or closing.month >= kept_from:
            return None, None
        [[is_there]] = self.env.execute_query(
            SQL("SELECT to_regclass(%s) IS NOT NULL", _get_name(closing.month))
        )
        if not is_there:
            return 0, last
        [[count, last_id]] = self.env.execute_query(
            SQL(
                """
                WITH old AS (
                    SELECT id FROM %(table)s
                     WHERE company_id = %(company)s AND id > %(last)s
                  ORDER BY id LIMIT %(limit)s
                ), gone AS (
                    DELETE FROM %(table)s event USING old WHERE event.id = old.id
                    RETURNING event.id, event.source_id, event.ref
                ), keys AS (
                    DELETE FROM omni_billing_usage_key key USING gone
                     WHERE key.source_id = gone.source_id AND key.ref = gone.ref
                )
                SELECT COUNT(*), MAX(id) FROM gone
                """,
                table=_get_table(closing.month),
                company=closing.company_id.id,
                last=last,
                limit=BATCH,
            )
        )
        closing.count_gone += count
        return count, last_id

    def _drop_refused(self, company):
        """Have what was refused and is settled go as well, as it came; commits.

        :return: whether there is time for more.
        """
        # What came around midnight may be of the day after.
        until = datetime.combine(company.billing_usage_kept_from, time()) - GRACE
        Refused = self.env["omni.billing.usage.refused"]
        old = Domain("company_id", "=", company.id) & Domain("state", "!=", "open")
        old &= Domain("create_date", "<", until)
        while refused := Refused.search(old, limit=BATCH, order="create_date, id"):
            refused.unlink()
            if not commit_progress(self.env):
                return False
        return True

    def _drop_tables(self):
        """Drop the tables of months that have gone, unless others need them; commits.

        It takes two steps, each of which lasts. In the first nobody can take in any
        more; so in the second nothing comes while it is seen that nothing is there.
        """
        for month in self._find_gone_tables():
            for step in (self._detach_month, self._drop_month):
                if not retry(self.env, partial(self._is_done, step, month)):
                    return
                commit_progress(self.env)

    def _find_gone_tables(self):
        """Return the months that have gone, of somebody at least, and have a table."""
        gone = self.env["omni.billing.usage.closing"].search(
            [("gone_date", "!=", False)], order="month"
        )
        months = {_get_name(month): month for month in gone.mapped("month")}
        rows = self.env.execute_query(
            SQL(
                "SELECT name FROM unnest(%s::text[]) AS name"
                " WHERE to_regclass(name) IS NOT NULL ORDER BY name",
                list(months),
            )
        )
        return [months[name] for [name] in rows]

    def _is_done(self, step, month):
        """Whether nobody was in the way of a step."""
        try:
            step(month)
        except LockNotAvailable:
            # Somebody reads usage, for longer: the next time.
            rollback(self.env)
            return False
        return True

    def _detach_month(self, month):
        """Detach the table of a month that is empty."""
        if month not in self._list_months() or self._has_rows(month):
            return
        self._limit_wait()
        be_first(self.env, USAGE_SPACE, ALL_MONTHS)
        self.env.cr.execute(
            SQL(
                "ALTER TABLE omni_billing_usage_event DETACH PARTITION %s;"
                " COMMENT ON TABLE %s IS %s",
                _get_table(month),
                _get_table(month),
                MARK,
            ),
            log_exceptions=False,
        )

    def _drop_month(self, month):
        """Drop the table of a month that was detached for it, if it is empty.

        Events may have come just before that: then it is attached again.
        """
        self._limit_wait()
        be_first(self.env, USAGE_SPACE, ALL_MONTHS)
        [[is_apart]] = self.env.execute_query(
            SQL(
                "SELECT pg_partition_root(to_regclass(%(name)s)) IS NULL"
                " AND obj_description(to_regclass(%(name)s), 'pg_class') = %(mark)s",
                name=_get_name(month),
                mark=MARK,
            )
        )
        if not is_apart:
            return
        if self._has_rows(month):
            self._attach_month(_get_name(month), (month.year, month.month))
        else:
            self.env.cr.execute(SQL("DROP TABLE %s", _get_table(month)))

    def _limit_wait(self):
        milliseconds = f"{LOCK_SECONDS * 1000:.0f}ms"
        self.env.cr.execute(SQL("SET LOCAL lock_timeout = %s", milliseconds))


def _get_name(month):
    return name_month(month.year, month.month)


def _get_table(month):
    return SQL.identifier(_get_name(month))
