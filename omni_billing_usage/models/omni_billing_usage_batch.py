from odoo import api, fields, models
from odoo.exceptions import UserError

#: What becomes of an event, and how that is called.
COUNTS = {
    "taken": "Taken In",
    "double": "Doubles",
    "conflict": "Conflicts",
    "unknown": "Unknown",
    "late": "Late",
    "broken": "Broken",
}


class OmniBillingUsageBatch(models.Model):
    """One intake: who brought events, when, and what became of each (W41)."""

    _name = "omni.billing.usage.batch"
    _inherit = "omni.billing.server.mixin"
    _description = "Intake of Usage"
    _order = "id desc"

    source_id = fields.Many2one(
        "omni.billing.usage.source",
        required=True,
        readonly=True,
        index=True,
        ondelete="restrict",
    )
    company_id = fields.Many2one(
        "res.company", required=True, readonly=True, index=True
    )
    origin = fields.Selection(
        [
            ("api", "Program"),
            ("file", "File"),
            ("fetch", "Fetched File"),
            ("again", "Tried Again"),
        ],
        required=True,
        readonly=True,
    )
    file_name = fields.Char(string="File", readonly=True)
    arrival_id = fields.Many2one(
        "omni.billing.usage.arrival",
        string="Fetched File",
        readonly=True,
        index="btree_not_null",
    )
    count_total = fields.Integer(
        string="Events", readonly=True, required=True, default=0
    )
    count_taken = fields.Integer(
        string="Taken In", readonly=True, required=True, default=0
    )
    count_double = fields.Integer(
        string="Doubles",
        readonly=True,
        required=True,
        default=0,
        help="That were known already, and said the same.",
    )
    count_conflict = fields.Integer(
        string="Conflicts",
        readonly=True,
        required=True,
        default=0,
        help="Whose reference is known, and says something else.",
    )
    count_unknown = fields.Integer(
        string="Unknown",
        readonly=True,
        required=True,
        default=0,
        help="Of no service, or no meter, that is known.",
    )
    count_late = fields.Integer(string="Late", readonly=True, required=True, default=0)
    count_broken = fields.Integer(
        string="Broken",
        readonly=True,
        required=True,
        default=0,
        help="That cannot be read, or may mean two things.",
    )

    # Nothing is lost: whatever came has become one of these.
    _counts_add_up = models.Constraint(
        f"CHECK(count_total = {' + '.join(f'count_{name}' for name in COUNTS)})",
        "What became of events comes to all of them.",
    )

    @api.depends("source_id", "create_date", "file_name")
    def _compute_display_name(self):
        for batch in self:
            batch.display_name = batch.file_name or self.env._(
                "%(name)s, %(number)s", name=batch.source_id.name, number=batch.id
            )

    @api.ondelete(at_uninstall=False)
    def _unlink_never(self):
        raise UserError(self.env._("Intakes are kept: usage refers to them."))

    @api.model
    def _open(self):
        return self.env["ir.actions.act_window"]._for_xml_id(
            "omni_billing_usage.omni_billing_usage_batch_action"
        )

    def action_open_usage(self):
        """Open what was taken in."""
        self.ensure_one()
        return self.env["omni.billing.usage"]._open([("batch_id", "=", self.id)])
