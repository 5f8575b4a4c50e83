from odoo import api, models
from odoo.exceptions import UserError
from odoo.tools import format_date

from ...tools.lock import lock_or_tell, take_turns
from ...tools.write_guard import is_trusted


class OmniBillingServiceRowMixin(models.AbstractModel):
    """What is agreed for one service stays with it."""

    _name = "omni.billing.service.row.mixin"
    _description = "Row of a Billing Service"

    def write(self, vals):
        """Override of the ORM: it goes to no service that one may not write, either."""
        if "service_id" in vals:
            for row in self:
                if row.service_id.id != vals["service_id"]:
                    raise UserError(
                        self.env._(
                            "This belongs to %(service)s. Delete it there, and enter it"
                            " for the other service. Nothing was changed.",
                            service=row.service_id.name,
                        )
                    )
        return super().write(vals)

    def _wait_for_charges(self):
        """Have the services charged before this is changed, or by what it says then.

        A row of theirs alone tells nobody who began to charge them before.

        :raise UserError: if somebody else is working on one of them.
        """
        services = self.service_id
        if services and not is_trusted(self.env):
            lock_or_tell(services)
            take_turns(services)

    # === PLANS THAT FOLLOW === #

    @api.model
    def _find_services(self, vals_list):
        """Return the services that rows are created for."""
        usual = self.env.context.get("default_service_id")
        ids = [values.get("service_id", usual) for values in vals_list]
        return self.env["omni.billing.service"].browse(filter(None, ids))

    @api.model
    def _read_agreed(self, services):
        """Return what services say of the days of the plans that follow them.

        :return: by service, as `_find_agreed`.
        """
        if is_trusted(self.env):
            return {}
        # sudo: a plan that follows may be of another team.
        plans = {one: one.sudo().replaced_by_ids[:1] for one in services}
        return {
            service: self._find_agreed(service, plan)
            for service, plan in plans.items()
            if plan
        }

    @api.model
    def _find_agreed(self, service, plan):
        """Return what is said here of the days of a plan that follows. Hook.

        :return: a set, or a `Counter`; what would be new in it is refused.
        """
        return set()

    @api.model
    def _check_plans(self, before):
        """Refuse what would be of a plan that follows, and is not entered there.

        :param dict before: as `_read_agreed` returns it.
        """
        now = self._read_agreed(self.env["omni.billing.service"].union(*before))
        for service, agreed in now.items():
            if agreed - before[service]:
                # sudo: as above.
                plan = service.sudo().replaced_by_ids[:1]
                raise UserError(
                    self.env._(
                        "%(service)s has another plan from %(date)s on. Enter what"
                        " holds from then on there, or take that change back first, on"
                        " the service. Nothing was changed.",
                        service=service.name,
                        date=format_date(self.env, plan.date_start),
                    )
                )
