from odoo import api, fields, models

from odoo.addons.omni_billing.tools.rating.exact import to_exact

#: What a service may draw from before it is charged, in no order.
KINDS = [
    ("allowance", "Allowance"),
    ("rolled", "Rolled Over"),
    ("topup", "Top-Up"),
]


class OmniBillingUsageLeft(models.Model):
    """What there was to draw from in a period, what was used of it, what is left (W41).

    Rating alone writes it, with the ratings of the period that it is of; the period
    after reads it. Of what was not used there is no row.
    """

    _name = "omni.billing.usage.left"
    _inherit = "omni.billing.server.mixin"
    _description = "Allowance of a Period"
    _order = "date_from desc, service_id, id"

    service_id = fields.Many2one(
        "omni.billing.service",
        required=True,
        readonly=True,
        ondelete="cascade",
        help="Who used it; of what is shared, one of those who did.",
    )
    company_id = fields.Many2one(
        "res.company", required=True, readonly=True, index=True
    )
    kind = fields.Selection(KINDS, required=True, readonly=True)
    allowance_id = fields.Many2one(
        "omni.billing.allowance",
        readonly=True,
        index="btree_not_null",
        ondelete="cascade",
    )
    topup_id = fields.Many2one(
        "omni.billing.usage.topup",
        readonly=True,
        index="btree_not_null",
        ondelete="cascade",
    )
    is_shared = fields.Boolean(readonly=True)
    owner_number = fields.Integer(
        readonly=True,
        help="By which customer's services it is shared: a number alone, as this stays"
        " where a service or customer is of another.",
    )
    date_from = fields.Date(string="From", required=True, readonly=True)
    units = fields.Float(
        readonly=True,
        min_display_digits="Product Unit",
        help="That there were when the period began, or when it was added in it.",
    )
    used = fields.Float(readonly=True, min_display_digits="Product Unit")
    left = fields.Float(
        compute="_compute_left", min_display_digits="Product Unit", help="By now."
    )

    # By which rating looks for it.
    _service_idx = models.Index("(service_id, date_from)")
    _owner_idx = models.Index("(owner_number, date_from)")
    _own_unique = models.UniqueIndex(
        "(allowance_id, service_id, date_from, kind)"
        " WHERE allowance_id IS NOT NULL AND is_shared IS NOT TRUE",
        "What is left of this allowance is there already.",
    )
    _shared_unique = models.UniqueIndex(
        "(allowance_id, owner_number, date_from, kind)"
        " WHERE allowance_id IS NOT NULL AND is_shared",
        "What is left of this shared allowance is there already.",
    )
    _topup_unique = models.UniqueIndex(
        "(topup_id, date_from) WHERE topup_id IS NOT NULL",
        "What is left of this top-up is there already.",
    )
    _used_valid = models.Constraint(
        "CHECK(used >= 0 AND used <= units)",
        "No more is used of an allowance than there is.",
    )

    @api.depends("units", "used")
    def _compute_left(self):
        for row in self:
            row.left = row._get_left()

    def _get_left(self):
        """Return the units that are left, exactly as both are written.

        :rtype: float
        """
        self.ensure_one()
        return float(to_exact(self.units) - to_exact(self.used))

    # === HELPERS === #

    def _get_key(self):
        """Return by which rating knows it, as `Supply.key`."""
        self.ensure_one()
        if self.topup_id:
            return self.kind, self.topup_id, None
        return self.kind, self.allowance_id, self.owner_number or self.service_id

    def _differs(self, values):
        self.ensure_one()
        return any(
            self._fields[name].convert_to_write(self[name], self) != value
            for name, value in values.items()
        )

    def _is_replaced(self, plan, period, services, customer):
        """Whether it is of what was rated just now, and nothing of it is left to say.

        What others share, in another plan or by another customer, stays.

        :param services: `omni.billing.service`, of which all was rated.
        :param int customer: whose services share.
        """
        self.ensure_one()
        if not self.owner_number:
            return self.service_id in services
        plan_given = self.allowance_id.plan_id
        if self.topup_id:
            plan_given = self.topup_id.service_id._get_usage_plan(period.first)
        return self.owner_number == customer and plan_given == plan
