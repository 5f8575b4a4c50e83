from odoo import api, models
from odoo.exceptions import UserError
from odoo.tools import format_date

from ...tools.discount import find_raised
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

    @api.model
    def _check_free(self, before):
        """Refuse to take back what made days free that nothing charges any more.

        :param dict before: as `_get_free_prices` returns it.
        """
        if is_trusted(self.env):
            return
        for service, (prices, spans) in before.items():
            now = service._get_prices()
            if any(find_raised(prices, now, span) for span in spans):
                raise UserError(
                    self.env._(
                        "%(service)s was free until %(date)s, and those days would not"
                        " be charged any more. Leave them free, and enter what holds"
                        " from the next day on; if they are to be paid, enter a charge"
                        " for them. Nothing was changed.",
                        service=service.name,
                        date=format_date(self.env, spans[-1].last),
                    )
                )
