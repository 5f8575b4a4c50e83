from odoo import models
from odoo.exceptions import UserError

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
