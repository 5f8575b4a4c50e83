from decimal import Decimal

from odoo import api, fields, models
from odoo.tools import SQL, format_date, format_datetime

from odoo.addons.omni_billing.tools.numbers import format_amount, format_number
from odoo.addons.omni_billing.tools.periods import format_period

from ..tools.caps import Spent

#: Services that the panel of a customer shows; those that cost most.
MAX_SERVICES = 20
#: From which percent on a bar warns.
WARNS, FULL = 80, 100


class OmniBillingService(models.Model):
    """The period that runs: what was used, what it costs, what is left (W41).

    It reads what the rater wrote, and no event: so it is quick, whatever was used.
    """

    _inherit = "omni.billing.service"

    usage_now = fields.Html(
        compute="_compute_usage_now",
        sanitize=False,
        compute_sudo=True,
        groups="base.group_user",
        string="Usage of This Period",
    )

    def _compute_usage_now(self):
        found = self._billing_read_usage_now()
        for service in self:
            service.usage_now = service._render_usage_now(found.get(service.id))

    def _render_usage_now(self, usage):
        if not usage:
            return False
        return self.env["ir.qweb"]._render(
            "omni_billing_usage.usage_now", {"usage_list": [usage]}
        )

    # === BUSINESS METHODS === #

    def _billing_find_spent(self, now=None):
        """Return how far the caps of these are, in the period that runs."""
        # sudo: of services that one may read.
        rows = self.env["omni.billing.usage.spent"].sudo()
        return rows._find_running(self, now or fields.Datetime.now())

    def _billing_read_usage_now(self):
        """Return what the usage of these comes to by now, of the period that runs.

        It costs the same number of statements for one service and for many.

        :return: by service; of those that have a rate plan alone. Texts are in the
            language of the environment.
        :rtype: dict[int, dict]
        """
        now = fields.Datetime.now()
        services = self._origin.filtered("usage_plan_ids")
        running = {}
        for service in services:
            plan, period = service._billing_find_running(now)
            if plan:
                running[service] = plan, period
        if not running:
            return {}
        services = self.browse().concat(*running)
        ratings = self._read_running_ratings(services, now)
        spent = services._billing_find_spent(now).grouped(
            lambda row: (row.service_id, row.name or "")
        )
        agreed = self.env["omni.billing.usage.cap"]._find_agreed(
            services, max(period.end for _plan, period in running.values())
        )
        by_service = agreed.grouped("service_id")
        left = self._read_left(services, now)
        waiting = self._read_waiting(services)
        return {
            service.id: service._write_usage_now(
                plan,
                period,
                ratings.get(service, ()),
                self.env["omni.billing.usage.cap"]
                ._find_caps(plan, period, service, by_service.get(service, agreed[:0]))
                .get(service.id, []),
                spent,
                left.get(service.id, []),
                waiting.get(service.id, now),
            )
            for service, (plan, period) in running.items()
        }

    def _write_usage_now(self, plan, period, ratings, caps, spent, left, rated_at):
        currency, env = plan.currency_id, self.env
        # sudo: of a service that one may read.
        total = sum(rating.amount for rating in ratings)
        first, last = (format_date(env, day) for day in (period.first, period.last))
        return {
            "id": self.id,
            "name": self.name,
            "period": format_period(
                period.first, period.last, lambda day: format_date(env, day)
            ),
            "first": first,
            "last": last,
            "total": format_amount(env, total, currency),
            "amount": total,
            "currency": currency,
            "plus_tax": not plan.tax_included,
            "meters": [
                {
                    "name": rating.meter_id.name,
                    "events": format_number(env, rating.events),
                    "amount": format_amount(env, rating.amount, currency),
                }
                for rating in ratings
                if rating.events or rating.amount
            ],
            "allowances": left,
            "caps": [
                self._write_cap(cap, spent.get((self, cap.key)), currency)
                for cap in caps
                if cap.last.amount is not None or spent.get((self, cap.key))
            ],
            "rated_at": format_datetime(env, rated_at, tz=plan.zone, dt_format="short"),
        }

    def _write_cap(self, cap, row, currency):
        """Return what pages say of a cap, and of what it comes to."""
        env, limit = self.env, cap.last.amount
        exact = f".{currency.decimal_places}f"
        amount = row.amount if row else 0.0
        spent = Spent(cap, Decimal(str(amount)), Decimal(0))
        percent = spent.percent
        percent = None if percent is None else min(FULL, int(percent))
        is_reached = spent.is_reached
        return {
            "key": cap.key,
            "name": cap.name or env._("Spending cap"),
            "amount": format_amount(env, amount, currency),
            "limit": None
            if limit is None
            else format_amount(env, float(limit), currency),
            # As a form has them: what holds now, and twice as much.
            "written": "" if limit is None else f"{limit:{exact}}",
            "proposed": "" if limit is None else f"{2 * limit or 10:{exact}}",
            "percent": percent,
            "colour": _get_colour(percent),
            "is_stop": cap.last.is_stop,
            "is_own": bool(cap.last.source),
            "is_reached": is_reached,
            "must_agree": is_reached and cap.last.is_stop,
            "held": row and row.held and format_amount(env, row.held, currency),
        }

    # === HELPERS === #

    @api.model
    def _read_running_ratings(self, services, now):
        """Return the parts of the period that runs, by service."""
        # sudo: of services that one may read.
        ratings = self.env["omni.billing.usage.rating"].sudo()
        found = ratings.search(
            [
                ("service_id", "in", services.ids),
                ("state", "=", "running"),
                ("begin", "<=", now),
                ("end", ">", now),
            ],
            order="id",
        )
        return found.grouped("service_id")

    @api.model
    def _read_left(self, services, now):
        """Return what is left to draw from, as pages say it, by service."""
        # sudo: of services that one may read.
        Rating = self.env["omni.billing.usage.rating"].sudo()
        found = {}
        for company in services.company_id:
            mine = services.filtered(
                lambda one, company=company: one.company_id == company
            )
            # sudo: of services that one may read.
            for left in _add_up(Rating._billing_find_left(mine.sudo())):
                said = self._write_left(left)
                for service in left.services & mine:
                    found.setdefault(service.id, []).append(said)
        return found

    @api.model
    def _write_left(self, left):
        meter = left.meter.with_env(self.env)
        percent = min(FULL, int(left.used * 100 / left.units)) if left.units else FULL
        return {
            "name": left.name,
            "left": meter._billing_format_units(left.left),
            "units": meter._billing_format_units(left.units),
            "percent": percent,
            "colour": _get_colour(percent),
            "is_shared": left.is_shared,
        }

    @api.model
    def _read_waiting(self, services):
        """Return since when something is not rated yet, by service.

        What came before is in what pages show.
        """
        return dict(
            self.env.execute_query(
                SQL(
                    "SELECT service_id, MIN(since) FROM omni_billing_usage_mark"
                    " WHERE service_id = ANY(%s) GROUP BY service_id",
                    services.ids,
                )
            )
        )


class OmniBillingUsageRating(models.Model):
    """What usage of many services costs by now (W41)."""

    _inherit = "omni.billing.usage.rating"

    @api.model
    def _sum_running(self, services):
        """Return what usage of the periods that run costs by now, in each currency.

        :param services: a query of their ids.
        :rtype: list[str]
        """
        now = fields.Datetime.now()
        domain = [
            ("service_id", "in", services),
            ("state", "=", "running"),
            ("begin", "<=", now),
            ("end", ">", now),
        ]
        groups = self._read_group(domain, ["currency_id"], ["amount:sum"])
        return [format_amount(self.env, total, currency) for currency, total in groups]


class ResPartner(models.Model):
    """What the services of a customer used by now, on its billing tab (W41)."""

    _inherit = "res.partner"

    billing_usage_now = fields.Html(
        compute="_compute_billing_usage_now",
        sanitize=False,
        groups="omni_billing.omni_billing_group_user",
        string="Usage of This Period",
    )

    def _compute_billing_usage_now(self):
        for partner in self:
            partner.billing_usage_now = partner._billing_render_usage()

    def _billing_render_usage(self):
        """Return the panel of a customer; False if no service of it has a rate plan."""
        self.ensure_one()
        Service = self.env["omni.billing.service"]
        mine = [
            ("commercial_partner_id", "=", self._origin.commercial_partner_id.id),
            ("usage_plan_ids", "!=", False),
            ("company_id", "in", self.env.companies.ids),
        ]
        count = Service.search_count(mine) if self._origin else 0
        if not count:
            return False
        services = Service.search(mine, limit=MAX_SERVICES)
        if count > MAX_SERVICES:
            services = self._billing_find_dearest(mine) or services
        # sudo: of services that one may read.
        found = services.sudo()._billing_read_usage_now()
        rows = [found[service.id] for service in services if service.id in found]
        if not rows:
            return False
        return self.env["ir.qweb"]._render(
            "omni_billing_usage.usage_now",
            {
                "usage_list": rows,
                "has_names": True,
                "more": count - len(services),
            },
        )

    def _billing_find_dearest(self, domain):
        """Return the services whose usage costs most in the period that runs."""
        Service = self.env["omni.billing.service"]
        domain = [
            ("service_id", "in", Service._search(domain)),
            ("state", "=", "running"),
            ("end", ">", fields.Datetime.now()),
        ]
        # sudo: of services that one may read, as the domain asks first.
        Rating = self.env["omni.billing.usage.rating"].sudo()
        groups = Rating._read_group(
            domain, ["service_id"], order="amount:sum desc", limit=MAX_SERVICES
        )
        ids = [service.id for [service] in groups]
        return Service.browse(ids)

    def action_billing_usage(self):
        """Open what usage of the customer costs."""
        self.ensure_one()
        action = self.env["ir.actions.act_window"]._for_xml_id(
            "omni_billing_usage.omni_billing_usage_rating_action"
        )
        customer = self.commercial_partner_id
        domain = [("service_id.commercial_partner_id", "=", customer.id)]
        return action | {"domain": domain, "context": {"search_default_running": 1}}


def _add_up(found):
    """Return supplies; what rolled over is of the same as what is of the period."""
    by_source = {}
    for left in found:
        key = left.source, left.services
        if before := by_source.get(key):
            left = left._replace(
                units=before.units + left.units,
                used=before.used + left.used,
                left=before.left + left.left,
            )
        by_source[key] = left
    return by_source.values()


def _get_colour(percent):
    """Return the class of a bar."""
    if percent is None or percent < WARNS:
        return "bg-success"
    return "bg-danger" if percent >= FULL else "bg-warning"
