from odoo import api, models
from odoo.tools import SQL

from odoo.addons.omni_billing.tools.database import commit_progress, retry, step_alone

#: Services that are looked at in one database transaction.
CHUNK = 1_000


class OmniBillingUsageSpent(models.Model):
    """Caps of nothing: whoever has one is blocked before anything is used (W41).

    Nobody rates a service that used nothing, so the job looks for them: once for each
    period, and again where a plan says something else by now.
    """

    _inherit = "omni.billing.usage.spent"

    @api.model
    def _note_all_unused(self, now):
        """Have those known of whom nothing may be used; commits after each chunk."""
        last = 0
        while found := self._list_unused(now, last):
            last = found[-1][0]
            self._try_note_unused(found, now)
            if not commit_progress(self.env, len(found)):
                return

    def _try_note_unused(self, pairs, now):
        """Note some; who is rated meanwhile, or fails, comes the next time."""
        step_alone(
            self.env,
            lambda: retry(self.env, lambda: self._note_unused(pairs, now)),
            "caps of nothing",
        )

    @api.model
    def _list_unused(self, now, last):
        """Return services and caps to be looked at, the next ones by their ids.

        Those of nothing, of the plan or of the customer's own, that the period has no
        row of yet, or one of the plan that blocks nobody, since it said more before;
        and rows of nothing whose plan has no such cap any more.

        :param int last: the id after which they come.
        :rtype: list[tuple[int, str]]
        """
        plans = self.env["omni.billing.usage.rating"]._list_given([])
        running = {plan: plan._make_calendar().find(now) for plan in plans}
        caps = [
            (plan.id, key, cap.amount == 0 and cap.action == "stop")
            for plan, period in running.items()
            for key, cap in plan._find_caps(period.first).items()
        ]
        nothing = [(plan_id, key) for plan_id, key, is_nothing in caps if is_nothing]
        # That of all usage a customer may have without a plan's.
        named = [(plan_id, key) for plan_id, key, _is_nothing in caps if key]
        self.env.flush_all()
        return self.env.execute_query(
            SQL(
                """
                  WITH running AS (
                SELECT * FROM unnest(%(plans)s::int[], %(firsts)s::date[],
                                     %(lasts)s::date[])
                       AS running (plan_id, first, last)
                ), nothing AS (
                SELECT * FROM unnest(%(nothing_plans)s::int[], %(nothing)s::text[])
                       AS nothing (plan_id, name)
                ), named AS (
                SELECT * FROM unnest(%(named_plans)s::int[], %(named)s::text[])
                       AS named (plan_id, name)
                ), wanted AS (
                SELECT given.service_id, nothing.name, running.*
                  FROM nothing
                  JOIN running USING (plan_id)
                  JOIN omni_billing_usage_plan given USING (plan_id)
                 WHERE given.service_id > %(last)s
                 UNION
                SELECT given.service_id, COALESCE(agreed.name, ''), running.*
                  FROM omni_billing_usage_cap agreed
                  JOIN omni_billing_usage_plan given USING (service_id)
                  JOIN running USING (plan_id)
                 WHERE agreed.kind = 'own' AND agreed.amount = 0
                   AND agreed.is_unlimited IS NOT TRUE
                   AND agreed.service_id > %(last)s
                   AND (agreed.name IS NULL
                        OR (given.plan_id, agreed.name) IN (SELECT * FROM named))
                )
                SELECT wanted.service_id, wanted.name
                  FROM wanted
                  JOIN omni_billing_service service ON service.id = wanted.service_id
                 WHERE service.active
                   AND COALESCE(service.date_start, wanted.last) <= wanted.last
                   AND COALESCE(service.date_end, wanted.first) >= wanted.first
                   AND wanted.plan_id = %(plan_now)s
                   AND NOT EXISTS (
                       SELECT FROM omni_billing_usage_spent spent
                        WHERE spent.service_id = wanted.service_id
                          AND spent.date_from = wanted.first
                          AND COALESCE(spent.name, '') = wanted.name
                          AND (spent.is_blocked OR spent.step_number <> 0))
                 UNION
                SELECT spent.service_id, COALESCE(spent.name, '')
                  FROM omni_billing_usage_spent spent
                 WHERE spent.is_blocked AND spent.cap_limit = 0
                   AND spent.step_number = 0 AND spent.service_id > %(last)s
                   AND spent.begin <= %(now)s AND spent."end" > %(now)s
                   AND NOT EXISTS (
                       SELECT FROM wanted
                        WHERE wanted.service_id = spent.service_id
                          AND wanted.name = COALESCE(spent.name, '')
                          AND wanted.plan_id = %(plan_now)s)
              ORDER BY service_id LIMIT %(limit)s
                """,
                now=now,
                last=last,
                limit=CHUNK,
                plans=[plan.id for plan in running],
                firsts=[period.first for period in running.values()],
                lasts=[period.last for period in running.values()],
                nothing_plans=[plan_id for plan_id, _key in nothing],
                nothing=[key for _plan_id, key in nothing],
                named_plans=[plan_id for plan_id, _key in named],
                named=[key for _plan_id, key in named],
                plan_now=SQL(
                    "(SELECT later.plan_id FROM omni_billing_usage_plan later"
                    " WHERE later.service_id = wanted.service_id"
                    " AND later.date_from <= wanted.first"
                    " ORDER BY later.date_from DESC LIMIT 1)"
                ),
            )
        )

    @api.model
    def _note_unused(self, pairs, now):
        """Write what may be used of services of which nothing was, and tell of it.

        :param pairs: ids of services, and keys of caps.
        """
        Service = self.env["omni.billing.service"].with_context(active_test=False)
        services = Service.browse({service_id for service_id, _key in pairs})
        # Who is being rated by others has its row by then.
        services = self.env["omni.billing.usage.rating"]._take_customers(services)
        groups = {}
        for service in services:
            running = service._billing_find_running(now)
            groups[running] = groups.get(running, Service) | service
        found = {}
        for (plan, period), members in groups.items():
            if plan:
                Cap = self.env["omni.billing.usage.cap"]
                for id_, caps in Cap._find_caps(plan, period, members).items():
                    found |= {(id_, cap.key): (plan, period, cap) for cap in caps}
        rows = {
            (row.service_id.id, row.name or ""): row
            for row in self._find_running(services, now)
        }
        new, gone = [], self.browse()
        for service_id, key in pairs:
            service, row = Service.browse(service_id), rows.get((service_id, key))
            if service not in services:
                continue
            if (service_id, key) in found:
                plan, period, cap = found[service_id, key]
                if row:
                    row.write(self._prepare_limit(cap.last))
                else:
                    new.append(self._prepare_unused(service, plan, period, cap))
            elif row:
                gone |= row
        gone._let_go()
        self.create(new)
        self._tell_blocked(services, now)
