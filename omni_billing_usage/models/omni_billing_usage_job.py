import logging

from odoo import api, fields, models
from odoo.service.model import PG_CONCURRENCY_EXCEPTIONS_TO_RETRY
from odoo.tools import SQL, split_every

from odoo.addons.omni_billing.tools.database import (
    commit_progress,
    retry,
    rollback,
    savepoint,
)
from odoo.addons.omni_billing.tools.explain import explain
from odoo.addons.omni_billing.tools.lock import take_turns, wait_for

_logger = logging.getLogger(__name__)

#: Services whose usage is rated in one database transaction.
CHUNK = 100


class OmniBillingUsageRating(models.Model):
    """Rating: who has usage that is new, or is due anyway (W41, W45)."""

    _inherit = "omni.billing.usage.rating"

    # === THE JOB === #

    @api.model
    def _cron_rate(self):
        """Rate what came; a job."""
        now = fields.Datetime.now()
        self._forget_gone()
        self._mark_over(now)
        commit_progress(self.env, remaining=self._count_marked())
        self._rate_all(now)
        self.env["omni.billing.usage.spent"]._note_all_unused(now)
        self.env["omni.billing.usage.alert"]._tell_customers(now)

    @api.model
    def _rate_all(self, now, company=None, is_run=False):
        """Rate all that is new, of one company or all; commits after each chunk.

        Who waits for longest comes first, and who comes meanwhile comes next time.

        :param is_run: whether a run waits for it: then only what may be billed by now
            is rated, and who others are at is waited for.
        :return: whether there was time for all of it.
        """
        Service = self.env["omni.billing.service"].with_context(active_test=False)
        ids, busy = self._list_marked(company, now if is_run else None), []
        for chunk in split_every(CHUNK, ids):
            services = Service.browse(chunk)
            busy += self._rate_chunk(services, now).ids
            if not commit_progress(self.env, len(services)):
                return False
        for chunk in split_every(CHUNK, busy if is_run else ()):
            services = Service.browse(chunk)
            retry(self.env, lambda s=services: self._try_rate(s, now, is_waiting=True))
            if not commit_progress(self.env):
                return False
        return True

    def _rate_chunk(self, services, now):
        """Return the services that were left to others, who were at them too often."""
        try:
            return retry(self.env, lambda: self._try_rate(services, now))
        except PG_CONCURRENCY_EXCEPTIONS_TO_RETRY as error:
            rollback(self.env)
            _logger.info("Usage of %s is left for later: %s", services, error)
            return services

    @api.model
    def _mark_over(self, now, services=None):
        """Have rated what is over, from then on it is charged; and what costs anyway.

        :param services: of these alone.
        """
        self.env.flush_all()
        self.env.cr.execute(
            SQL(
                """
                INSERT INTO omni_billing_usage_mark (service_id, begin, until)
                SELECT rating.service_id, MIN(rating.begin), MAX(rating.begin)
                  FROM omni_billing_usage_rating rating
                 WHERE rating.state = 'running' AND rating."end" <= %s AND %s
                   AND NOT EXISTS (SELECT FROM omni_billing_usage_mark mark
                                    WHERE mark.service_id = rating.service_id
                                      AND rating.begin BETWEEN mark.begin
                                                           AND mark.until)
              GROUP BY rating.service_id
                """,
                now,
                # A person may ask when events are there again; the job does not.
                SQL("rating.service_id = ANY(%s)", services.ids)
                if services
                else SQL("rating.is_closed IS NOT TRUE"),
            )
        )
        self._mark_unused(now, services)

    @api.model
    def _mark_unused(self, now, services=None):
        """Have rated who has a plan that costs without any usage, and is not rated yet.

        Until the period that runs, or that it ended in. It is found by plans, not by
        what was rated before: there may be none, or it may have ended meanwhile.
        """
        domain = [("service_id", "in", services.ids)] if services else []
        plans = self._list_given(domain)
        plans = plans.filtered(lambda plan: plan.rate_ids and plan._charges_unused())
        if not plans:
            return
        periods = [plan._make_calendar().find(now) for plan in plans]
        self.env.cr.execute(
            SQL(
                """
                INSERT INTO omni_billing_usage_mark (service_id, begin, until)
                SELECT found.service_id, found.since, %(now)s
                  FROM (
                SELECT service.id AS service_id, due.begin,
                       LEAST(%(now)s, CASE
                           -- It was not there for a while: that costs nothing.
                           WHEN rated.until >= given.date_from THEN day
                           ELSE GREATEST(given.date_from, service.date_start)
                       END) AS since
                  FROM unnest(%(plans)s::int[], %(firsts)s::date[], %(lasts)s::date[],
                              %(begins)s::timestamp[])
                       AS due (plan_id, first, last, begin)
                  JOIN omni_billing_usage_plan given ON given.plan_id = due.plan_id
                  JOIN omni_billing_service service ON service.id = given.service_id
            CROSS JOIN LATERAL LEAST(due.first, service.date_end) AS day
            CROSS JOIN LATERAL (
                       SELECT MAX(rating.date_to) AS until
                         FROM omni_billing_usage_rating rating
                        WHERE rating.service_id = service.id
                          AND rating.plan_id IS NOT NULL) AS rated
                 WHERE service.active AND %(these)s
                   AND given.date_from <= day
                   AND COALESCE(service.date_start, due.last) <= due.last
                   AND COALESCE(rated.until < day, TRUE)
                   AND NOT EXISTS (
                       SELECT FROM omni_billing_usage_plan later
                        WHERE later.service_id = given.service_id
                          AND later.date_from > given.date_from
                          AND later.date_from <= day)) AS found
                 WHERE NOT EXISTS (SELECT FROM omni_billing_usage_mark mark
                                    WHERE mark.service_id = found.service_id
                                      AND mark.begin <= found.since
                                      AND mark.until >= found.begin)
                """,
                now=now,
                plans=plans.ids,
                firsts=[period.first for period in periods],
                lasts=[period.last for period in periods],
                begins=[period.begin for period in periods],
                these=SQL("service.id = ANY(%s)", services.ids)
                if services
                else SQL("TRUE"),
            )
        )

    @api.model
    def _list_given(self, domain):
        """Return the plans that services have, of rows in a domain."""
        groups = self.env["omni.billing.usage.plan"]._read_group(domain, ["plan_id"])
        return self.env["omni.billing.rate.plan"].union(*(plan for [plan] in groups))

    @api.model
    def _count_marked(self):
        query = "SELECT COUNT(DISTINCT service_id) FROM omni_billing_usage_mark"
        [[number]] = self.env.execute_query(SQL(query))
        return number

    @api.model
    def _forget_gone(self):
        """Delete the marks of services that were deleted."""
        self.env.cr.execute(
            SQL(
                """
                DELETE FROM omni_billing_usage_mark mark
                 WHERE NOT EXISTS (SELECT FROM omni_billing_service service
                                    WHERE service.id = mark.service_id)
                """
            )
        )

    def _forget_marks(self, services, period):
        """Delete marks of a period that was rated: whom they are of comes with others.

        Who shares something is rated with all who do, and not once for each.
        """
        self.env.cr.execute(
            SQL(
                "DELETE FROM omni_billing_usage_mark"
                " WHERE service_id = ANY(%s) AND begin >= %s AND until < %s",
                services.ids,
                period.begin,
                period.end,
            )
        )

    @api.model
    def _list_marked(self, company=None, over=None):
        """Return who has usage to be rated: those that failed last, the oldest first.

        :param company: of it alone.
        :param datetime over: only who has some of a period that is over by then.
        :return: services' ids.
        """
        wanted = []
        if company:
            wanted.append(
                SQL(
                    "service_id IN (SELECT id FROM omni_billing_service"
                    " WHERE company_id = %s)",
                    company.id,
                )
            )
        if over:
            domain = [("company_id", "=", company.id)] if company else []
            plans = self._list_given(domain)
            wanted.append(
                SQL(
                    """
                    EXISTS (SELECT
                              FROM omni_billing_usage_plan given
                              JOIN unnest(%s::int[], %s::timestamp[])
                                   AS running (plan_id, begin) USING (plan_id)
                             WHERE given.service_id = mark.service_id
                               AND mark.begin < running.begin)
                    """,
                    plans.ids,
                    [plan._make_calendar().find(over).begin for plan in plans],
                )
            )
        rows = self.env.execute_query(
            SQL(
                "SELECT service_id FROM omni_billing_usage_mark mark WHERE %s"
                " GROUP BY service_id ORDER BY bool_or(problem IS NOT NULL), MIN(id)",
                SQL(" AND ").join(wanted) if wanted else SQL("TRUE"),
            )
        )
        return [id_ for [id_] in rows]

    def _try_rate(self, services, now, is_waiting=False):
        """Rate services; what is wrong with one stays with it.

        :return: those whose customers others are at.
        """
        free = self._take_customers(services, is_waiting)
        busy = services - free
        if not free:
            return busy
        try:
            with savepoint(self.env):
                self._rate(free, now)
        except PG_CONCURRENCY_EXCEPTIONS_TO_RETRY:
            raise
        except Exception as error:
            self.env.invalidate_all()
            if len(free) == 1:
                _logger.warning("Usage of %s is not rated: %s", free, error)
                self._note_problem(free, explain(self.env, error))
                return busy
            half = len(free) // 2
            self._try_rate(free[:half], now)
            self._try_rate(free[half:], now)
        return busy

    @api.model
    def _take_customers(self, services, is_waiting=False):
        """Return the services whose customers nobody else is at; others come later.

        Services of a customer may share allowances. So one row stands for all of them:
        that of the oldest service. Who comes second begins again (`take_turns`).

        :param is_waiting: whether to wait until nobody else is.
        """
        Service = self.env["omni.billing.service"].with_context(active_test=False)
        services = Service.browse(services.ids).exists()
        first = self._map_leaders(services)
        leaders = self._find_leaders(services)
        if is_waiting:
            wait_for(leaders)
            taken = leaders
        else:
            taken = leaders.try_lock_for_update(allow_referencing=True)
        if taken:
            take_turns(taken)
        ids = set(taken.ids)
        return services.filtered(lambda service: first[service] in ids)

    @api.model
    def _find_leaders(self, services):
        """Return the services whose rows stand for all of their customers, in order."""
        Service = self.env["omni.billing.service"].with_context(active_test=False)
        return Service.browse(sorted(set(self._map_leaders(services).values())))

    @api.model
    def _map_leaders(self, services):
        """Return by service the id of the oldest one of its customer and company."""
        self.env.flush_all()
        rows = self.env.execute_query(
            SQL(
                """
                SELECT company_id, commercial_partner_id, MIN(id)
                  FROM omni_billing_service
                 WHERE commercial_partner_id = ANY(%s)
              GROUP BY company_id, commercial_partner_id
                """,
                services.commercial_partner_id.ids,
            )
        )
        first = {(company, partner): id_ for company, partner, id_ in rows}
        return {
            service: first[service.company_id.id, service.commercial_partner_id.id]
            for service in services
        }

    def _note_problem(self, service, problem):
        """Keep why usage of a service is not rated; it is tried again."""
        self.env.cr.execute(
            SQL(
                "UPDATE omni_billing_usage_mark SET problem = %s WHERE service_id = %s",
                problem,
                service.id,
            )
        )
