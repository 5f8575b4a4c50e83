import logging
from decimal import Decimal

from odoo import api, fields, models
from odoo.fields import Domain
from odoo.service.model import PG_CONCURRENCY_EXCEPTIONS_TO_RETRY
from odoo.tools import SQL, format_date

from odoo.addons.omni_billing.tools.database import commit_progress, savepoint
from odoo.addons.omni_billing.tools.numbers import format_amount
from odoo.addons.omni_billing.tools.periods import format_period
from odoo.addons.omni_billing.tools.rating.allowances import find_crossed
from odoo.addons.omni_billing.tools.rating.exact import ZERO, to_exact

from ..tools.items import write_quantity

_logger = logging.getLogger(__name__)

#: E-mails that are made in one database transaction.
CHUNK = 100
#: Of what an alert is, in the order of the statement that writes it.
COLUMNS = (
    *("service_id", "company_id", "owner_number", "kind", "name", "meter_id"),
    *("currency_id", "date_from", "date_to", "end", "percent", "step_number"),
    *("used", "granted", "is_stop", "state"),
)


class OmniBillingUsageAlert(models.Model):
    """What customers were told of their usage: of each period and percent once (W41).

    The row is there once in the database, whoever rates: what is rated anew, less or
    more, tells nobody twice. Of what came together the most is told.
    """

    _name = "omni.billing.usage.alert"
    _inherit = "omni.billing.server.mixin"
    _description = "Alert of Usage"
    _order = "id desc"

    service_id = fields.Many2one(
        "omni.billing.service",
        required=True,
        readonly=True,
        index=True,
        ondelete="cascade",
    )
    partner_id = fields.Many2one(
        related="service_id.commercial_partner_id", string="Customer"
    )
    company_id = fields.Many2one("res.company", required=True, readonly=True)
    owner_number = fields.Integer(
        readonly=True, help="Of which customer, where its services share an allowance."
    )
    kind = fields.Selection(
        [("allowance", "Allowance"), ("cap", "Spending Cap")],
        required=True,
        readonly=True,
    )
    name = fields.Char(
        string="Of",
        readonly=True,
        help="Empty: the spending cap of all usage, however its plan calls it.",
    )
    meter_id = fields.Many2one(
        "omni.billing.meter", readonly=True, index="btree_not_null"
    )
    currency_id = fields.Many2one("res.currency", readonly=True)
    date_from = fields.Date(string="From", required=True, readonly=True)
    date_to = fields.Date(string="To", required=True, readonly=True)
    end = fields.Datetime(required=True, readonly=True)
    percent = fields.Integer(required=True, readonly=True, aggregator=None)
    step_number = fields.Integer(
        readonly=True,
        aggregator=None,
        help="Which agreement or top-up it is of; 0: the rate plan. Of another one it"
        " is told again.",
    )
    used = fields.Float(readonly=True, aggregator=None)
    granted = fields.Float(string="Of in All", readonly=True, aggregator=None)
    name_text = fields.Char(string="Of", compute="_compute_texts", compute_sudo=True)
    used_text = fields.Char(string="Used", compute="_compute_texts", compute_sudo=True)
    granted_text = fields.Char(
        string="Of in All", compute="_compute_texts", compute_sudo=True
    )
    is_stop = fields.Boolean(string="Stops", readonly=True)
    state = fields.Selection(
        [
            ("todo", "To Be Told"),
            ("told", "Told"),
            ("higher", "Told with a Higher One"),
            ("unreachable", "No E-Mail Address"),
            ("late", "The Period Was Over"),
        ],
        string="Status",
        required=True,
        readonly=True,
        default="todo",
        help="Told: the e-mail is in Odoo's outbox.",
    )

    _once = models.UniqueIndex(
        "(company_id, owner_number,"
        " (CASE WHEN owner_number > 0 THEN 0 ELSE service_id END), date_from, kind,"
        " COALESCE(name, ''), COALESCE(meter_id, 0), percent, step_number)",
        "The customer was told of it already.",
    )
    _todo_idx = models.Index("(id) WHERE state = 'todo'")
    _company_idx = models.Index("(company_id, id DESC)")

    @api.depends("kind", "name", "percent", "service_id")
    def _compute_display_name(self):
        # sudo: who may read it reads of what it is.
        for alert in self.sudo():
            alert.display_name = (
                f"{alert.service_id.name}, {alert._describe()}, {alert.percent} %"
            )

    @api.depends("kind", "name", "used", "granted", "meter_id", "currency_id")
    @api.depends_context("lang")
    def _compute_texts(self):
        for alert in self:
            alert.name_text = alert._describe()
            alert.used_text = alert._write_used()
            alert.granted_text = alert._write_granted()

    # === WHAT IS REACHED === #

    @api.model
    def _note(self, results, now):
        """Write down what is reached in the period that runs, and tell programs of it.

        Customers are told by the job, after that: what goes wrong with an e-mail keeps
        nobody from being rated. Periods that are over are told of to nobody.

        :param list[Rated] results: what usage comes to.
        """
        running = [
            one
            for one in results
            if one.plan and one.period.begin <= now < one.period.end
        ]
        levels = self._list_caps(running) + self._list_drawn(running)
        rows = []
        for values, used, granted, crossed in levels:
            rows += [
                values
                | {
                    "used": float(used),
                    "granted": float(granted),
                    "percent": percent,
                    "state": "todo" if percent == crossed[-1] else "higher",
                }
                for percent in crossed
            ]
        new = self._write_new(rows)
        self.env["omni.billing.webhook.delivery"]._tell(
            "usage.alert", new.filtered(lambda alert: alert.state == "todo")
        )

    @api.model
    def _list_caps(self, results):
        """Return caps: values, spent, of what, and the percents that are reached."""
        rated = {(one.service, one.period.first): one for one in results}
        levels = []
        for result in rated.values():
            percents = result.plan._get_alert_percents()
            for spent in result.spent:
                step, crossed = spent.cap.last, spent.find_crossed(percents)
                if not crossed:
                    continue
                values = self._prepare(result, result.service) | {
                    "kind": "cap",
                    "name": spent.cap.key or None,
                    "currency_id": result.plan.currency_id.id,
                    "step_number": step.source,
                    "is_stop": step.is_stop,
                }
                levels.append((values, spent.amount, step.amount, crossed))
        return levels

    @api.model
    def _list_drawn(self, results):
        """Return what services draw from, as above: what rolled over is of the same."""
        levels = []
        groups = {id(one.drawn): one for one in results if one.drawn}
        for result in groups.values():
            percents = result.plan._get_alert_percents()
            found = {}
            for supply, used in result.drawn if percents else ():
                key, before = (supply.source, supply.services), ZERO
                units = supply.units
                if supply.is_topup:
                    # It carries on: what was used of it in months before counts.
                    units = to_exact(supply.source.units)
                    before = units - supply.units
                _s, first, last, whole = found.get(key, (supply, 0, 0, 0))
                found[key] = supply, first + before, last + before + used, whole + units
            for supply, before, used, units in found.values():
                service = supply.services[0]
                if supply.is_topup:
                    service = supply.source.service_id
                values = self._prepare(result, service) | {
                    "kind": "allowance",
                    "name": supply.source.name,
                    "owner_number": supply.owner,
                    "meter_id": supply.source.meter_id.id,
                    # One bought again is told of as well.
                    "step_number": supply.source.id if supply.is_topup else 0,
                }
                crossed = find_crossed(before, used, units, percents)
                levels.append((values, used, units, crossed))
        return levels

    @api.model
    def _prepare(self, result, service):
        return {
            "service_id": service.id,
            "company_id": service.company_id.id,
            "owner_number": 0,
            "meter_id": None,
            "currency_id": None,
            "date_from": result.period.first,
            "date_to": result.period.last,
            "end": result.period.end,
            "step_number": 0,
            "is_stop": False,
        }

    @api.model
    def _write_new(self, rows):
        """Write those that are not there yet, and return them."""
        if not rows:
            return self
        self.env.flush_all()
        now, user = fields.Datetime.now(), self.env.uid
        found = self.env.execute_query(
            SQL(
                "INSERT INTO omni_billing_usage_alert (%s, create_date, write_date,"
                " create_uid, write_uid) VALUES %s ON CONFLICT DO NOTHING RETURNING id",
                SQL(", ").join(map(SQL.identifier, COLUMNS)),
                SQL(", ").join(
                    SQL(
                        "(%s)",
                        SQL(", ").join(
                            [*(row[name] for name in COLUMNS), now, now, user, user]
                        ),
                    )
                    for row in rows
                ),
            )
        )
        return self.browse(sorted(id_ for [id_] in found))

    # === WHO IS TOLD === #

    @api.model
    def _tell_customers(self, now):
        """Send what nobody was told of yet; commits. What goes wrong stays with one."""
        last = 0
        while alerts := self.search(
            Domain("state", "=", "todo") & Domain("id", ">", last),
            order="id",
            limit=CHUNK,
        ):
            last = alerts[-1].id
            alerts.try_lock_for_update(allow_referencing=True)._tell_all(now)
            if not commit_progress(self.env, len(alerts)):
                return

    def _tell_all(self, now):
        """Tell of these, which are locked, but for those that others told of."""
        self.invalidate_recordset()
        for alert in self.filtered(lambda one: one.state == "todo"):
            alert._tell_customer(now)

    def _tell_customer(self, now):
        """Leave an e-mail to Odoo's outbox, and write down what came of it."""
        self.ensure_one()
        template = self.env.ref("omni_billing_usage.mail_template_usage_alert", False)
        contact = self._get_contact()
        if self.end <= now:
            self.state = "late"
        elif not template or not contact.email_normalized:
            self.state = "unreachable"
        else:
            try:
                with savepoint(self.env):
                    template.send_mail(self.id)
            except PG_CONCURRENCY_EXCEPTIONS_TO_RETRY:
                raise
            except Exception as error:
                # A template that a company wrote; others are told, and this one once
                # it is mended.
                _logger.warning("Nobody is told of %s: %s", self, error)
            else:
                self.state = "told"

    # === WORDS === #

    def _get_contact(self):
        """Return who is told: who is billed for it."""
        self.ensure_one()
        return self.service_id._get_billed_contact()

    def _describe(self):
        """Return of what it is, as people read it."""
        self.ensure_one()
        if self.name:
            return self.name
        # Its name may change while a period runs: nobody is told again for that.
        plan = self.service_id._get_usage_plan(self.date_from)
        cap = plan and plan._find_caps(self.date_from).get("")
        return cap.name if cap else self.env._("Spending cap")

    def _write_used(self):
        return self._write_units(self.used)

    def _write_granted(self):
        return self._write_units(self.granted)

    def _write_units(self, units):
        self.ensure_one()
        if self.kind == "cap":
            return format_amount(self.env, units, self.currency_id)
        return self.meter_id._billing_format_units(units)

    def _write_exact(self, number):
        if self.kind == "cap":
            return f"{number:.{self.currency_id.decimal_places}f}"
        return write_quantity(Decimal(str(number)))

    def _write_period(self):
        self.ensure_one()
        return format_period(
            self.date_from, self.date_to, lambda day: format_date(self.env, day)
        )

    def _get_link(self):
        """Return the address at which the customer sees it."""
        self.ensure_one()
        path = f"/my/billing/services/{self.service_id.id}/usage"
        return self.service_id.get_base_url() + path

    def _billing_prepare_webhook_data(self):
        """Return what other programs are told of an alert. Hook.

        :return: plain values, numbers as text; neither names nor numbers of people.
        :rtype: dict
        """
        self.ensure_one()
        service = self.service_id
        return {
            "id": self.id,
            "of": self.kind,
            "name": self.name or None,
            "meter": self.meter_id.code or None,
            "percent": self.percent,
            "used": self._write_exact(self.used),
            "granted": self._write_exact(self.granted),
            "currency": self.currency_id.name or None,
            "stops": self.is_stop,
            "service": {
                "id": service.id,
                "product": service.product_id.default_code or None,
                "reference": service.customer_reference or None,
            },
            "customer": {
                "id": service.commercial_partner_id.id,
                "reference": service.commercial_partner_id.ref or None,
            },
            "date_from": fields.Date.to_string(self.date_from),
            "date_to": fields.Date.to_string(self.date_to),
            "until": f"{self.end.isoformat()}+00:00",
        }
