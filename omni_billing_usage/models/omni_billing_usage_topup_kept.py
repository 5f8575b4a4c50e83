from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.fields import Domain
from odoo.tools import format_list


class OmniBillingUsageTopup(models.Model):
    """What nothing draws from, though it was paid for, is seen (W41)."""

    _inherit = "omni.billing.usage.topup"

    warning = fields.Char(
        compute="_compute_warning",
        compute_sudo=True,
        help="Which of the rates that it is for its service has not by now.",
    )

    @api.depends("service_id", "meter_id", "rate_names", "valid_from", "state")
    def _compute_warning(self):
        now = fields.Datetime.now()
        for topup in self:
            unknown = set()
            if topup.service_id and topup.state in ("coming", "there"):
                names = topup._get_rate_names()
                known = topup._list_known_rates(max(now, topup.valid_from))
                # Any of its meter will do, if it names none.
                unknown = names - known if names or known else {topup.meter_id.name}
            topup.warning = bool(unknown) and self.env._(
                "The rate plan of %(service)s has no rate %(rates)s by now: nothing of"
                " that draws from this top-up.",
                service=topup.service_id.name,
                rates=format_list(self.env, sorted(unknown)),
            )

    def _list_known_rates(self, moment):
        """Return names of rates for its meter, of the plan that its service has then.

        :rtype: set[str]
        """
        self.ensure_one()
        service = self.service_id
        plan = service._get_usage_plan(service._find_usage_period(moment).first)
        rates = plan.rate_ids.filtered(lambda rate: rate.meter_id == self.meter_id)
        return set(rates.mapped("name"))


class OmniBillingRate(models.Model):
    """A rate that top-ups are for keeps its name (W41)."""

    _inherit = "omni.billing.rate"

    def write(self, vals):
        """Override of the ORM.

        :raise UserError: if nothing would draw from a top-up any more.
        """
        if not vals.keys() & {"name", "meter_id", "plan_id"}:
            return super().write(vals)
        before = self._list_names()
        result = super().write(vals)
        self._check_topups(before)
        return result

    def unlink(self):
        """Override of the ORM: as above."""
        before = self._list_names()
        result = super().unlink()
        self.browse()._check_topups(before)
        return result

    def _list_names(self):
        """Return plans, meters and names of these."""
        return {(rate.plan_id, rate.meter_id, rate.name) for rate in self}

    def _check_topups(self, before):
        """Check that nothing lost its name that something is left for.

        :param before: what `_list_names` said of these.
        """
        lost = before - self._list_names()
        if not lost:
            return
        plans = self.plan_id.union(*(plan for plan, _meter, _name in lost)).exists()
        # Other versions may have it.
        lost -= set(
            self._read_group(
                [
                    ("plan_id", "in", plans.ids),
                    ("name", "in", list({name for _plan, _meter, name in lost})),
                ],
                ["plan_id", "meter_id", "name"],
            )
        )
        if not lost:
            return
        # The last rate of a meter is one that any of its top-ups is for.
        last = {(plan, meter): name for plan, meter, name in lost}
        meters = self.env["omni.billing.meter"].union(*(meter for _plan, meter in last))
        for pair in self._read_group(
            [("plan_id", "in", plans.ids), ("meter_id", "in", meters.ids)],
            ["plan_id", "meter_id"],
        ):
            last.pop(pair, None)
        now = fields.Datetime.now()
        domain = Domain("meter_id", "in", meters.ids) & Domain(
            "service_id.usage_plan_ids.plan_id", "in", plans.ids
        )
        domain &= Domain("valid_until", "=", False) | Domain("valid_until", ">", now)
        if not last:
            domain &= Domain("rate_names", "!=", False)
        # sudo: what was bought is good, whoever may read of it.
        for topup in self.env["omni.billing.usage.topup"].sudo().search(domain):
            service, meter = topup.service_id, topup.meter_id
            period = service._find_usage_period(max(now, topup.valid_from))
            plan = service._get_usage_plan(period.first)
            names = topup._get_rate_names()
            gone = sorted(name for name in names if (plan, meter, name) in lost)
            if not names and (plan, meter) in last:
                gone = [last[plan, meter]]
            if gone and topup.left > 0:
                raise UserError(
                    self.env._(
                        "“%(topup)s” of %(service)s is for the rate %(rate)s, and"
                        " something is left of it. End that top-up first, or leave"
                        " the rate its name. Nothing was changed.",
                        topup=topup.name,
                        service=service.name,
                        rate=gone[0],
                    )
                )


class OmniBillingUsagePlan(models.Model):
    """The rate plan of a service with top-ups (W41)."""

    _inherit = "omni.billing.usage.plan"

    @api.ondelete(at_uninstall=False)
    def _unlink_except_topped_up(self):
        """Refuse it where nothing would draw any more from what was paid for."""
        services = self.service_id.filtered(lambda one: not one.usage_plan_ids - self)
        # sudo: what was bought is good, whoever may read of it.
        topups = self.env["omni.billing.usage.topup"].sudo()
        for topup in topups.search([("service_id", "in", services.ids)]):
            if topup.state in ("coming", "there"):
                raise UserError(
                    self.env._(
                        "Something is left of “%(topup)s” of %(service)s. Choose"
                        " another plan in this row instead of removing it, or end that"
                        " top-up first. Nothing was changed.",
                        topup=topup.name,
                        service=topup.service_id.name,
                    )
                )


class OmniBillingService(models.Model):
    """A service with top-ups (W41)."""

    _inherit = "omni.billing.service"

    @api.ondelete(at_uninstall=False)
    def _unlink_except_topped_up(self):
        """Say what to do; the database refuses it as well, whoever asks."""
        # sudo: what was added is nobody's to delete, also who may not read it.
        topup = self.env["omni.billing.usage.topup"].sudo()
        topup = topup.search([("service_id", "in", self.ids)], limit=1)
        if topup:
            raise UserError(
                self.env._(
                    "%(service)s has a top-up, which stays: end the service, or archive"
                    " it. Nothing was changed.",
                    service=topup.service_id.name,
                )
            )
