from odoo import models
from odoo.fields import Command

from ...const import PLAN_FIELDS
from ...tools.write_guard import trust
from .omni_billing_service_plan_charge import NEXT_CHARGES

#: What was agreed of a service that has not begun, whatever its plan.
STAYS = ("setup_price", "anchor_day", "anchor_weekday", "anchor_month")


class OmniBillingService(models.Model):
    """Another plan of a service that has not begun: it is of it from its start (W36).

    Nothing of it is charged. So it stays the service that it is, nothing ends, and
    nothing is credited.
    """

    _inherit = "omni.billing.service"

    def _prepare_plan(self, product, day, agreed):
        """Override: with its set-up fee still to come, and its days of periods."""
        values = super()._prepare_plan(product, day, agreed)
        if day == self.date_start:
            values |= {name: self[name] for name in STAYS}
        return values

    def _prepare_plan_parts(self, plan, day):
        """Override: all that is charged is of the new plan."""
        if day != self.date_start:
            return super()._prepare_plan_parts(plan, day)
        return (("after", plan._prepare_next_charges(NEXT_CHARGES)),)

    def _list_plan_notes(self, product, day, values):
        """Override: that it is another one from its start on."""
        notes = super()._list_plan_notes(product, day, values)
        if day != self.date_start:
            return notes
        return [
            self.env._(
                "It has not begun, and nothing of it is charged: it is of the new plan"
                " from its start on."
            ),
            *notes,
        ]

    def _take_plan(self, product, preview):
        """Be of another plan, as it was shown, from its start on. Hook.

        :return: the service itself.
        """
        plan, values = preview["plan"], preview["values"]
        self._billing_log_plan("service_plan", plan)
        # What a product proposes for what begins is not agreed anew.
        names = (*PLAN_FIELDS, *STAYS, *self._keep_terms(self.date_start))
        trust(self).write(
            {
                "product_id": product.id,
                **{name: values.get(name, plan[name]) for name in names},
                # Of two plans, the customer takes back what the customer changed last.
                "replaced_for": bool(self.replaces_id) and "staff",
                "change_ids": [Command.clear(), *values["change_ids"]],
            }
        )
        return self
