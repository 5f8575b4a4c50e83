from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.tools import SQL, drop_view_if_exists

#: All that the database has for usage, beside the models: see the class below.
TABLES = """
    CREATE TABLE IF NOT EXISTS omni_billing_usage_key (
        source_id integer NOT NULL,
        ref text COLLATE "C" NOT NULL,
        digest bytea NOT NULL,
        moment timestamp NOT NULL,
        PRIMARY KEY (source_id, ref)
    );
    CREATE TABLE IF NOT EXISTS omni_billing_usage_event (
        id bigserial NOT NULL,
        company_id integer NOT NULL,
        source_id integer NOT NULL,
        batch_id integer NOT NULL,
        meter_id integer NOT NULL,
        -- No foreign key: a new month would lock the table of services for it. What
        -- was used is kept by a trigger there.
        service_id integer NOT NULL,
        identifier varchar,
        ref text COLLATE "C" NOT NULL,
        moment timestamp NOT NULL,
        zone varchar NOT NULL,
        quantity numeric NOT NULL CHECK (quantity >= 0),
        dimensions jsonb NOT NULL
    ) PARTITION BY RANGE (moment);
    -- What of a service a meter counts in a period.
    CREATE INDEX IF NOT EXISTS omni_billing_usage_event_service
        ON omni_billing_usage_event (service_id, meter_id, moment);
    -- What a number used, and all that begin so.
    CREATE INDEX IF NOT EXISTS omni_billing_usage_event_identifier
        ON omni_billing_usage_event (identifier varchar_pattern_ops, moment);
    -- The list, newest first.
    CREATE INDEX IF NOT EXISTS omni_billing_usage_event_moment
        ON omni_billing_usage_event (moment, id);
    CREATE INDEX IF NOT EXISTS omni_billing_usage_event_ident
        ON omni_billing_usage_event (id);
    -- Events of an intake lie side by side.
    CREATE INDEX IF NOT EXISTS omni_billing_usage_event_batch
        ON omni_billing_usage_event USING brin (batch_id);
"""


class OmniBillingUsage(models.Model):
    """An event: what was used, by which service, when (W41).

    Events lie in one table for each month of their time, `omni_billing_usage_event`
    with the month behind it: an old month goes as a whole. A unique key of such tables
    would have to have the time in it, and one reference could come with two times. So
    what was taken in is known by a table of keys, which is one: source and reference,
    and a digest of what was said, written together with the event.

    Odoo takes a table with partitions for none, and is given a view of it. It is read;
    the intake alone writes.
    """

    _name = "omni.billing.usage"
    _description = "Usage"
    _auto = False
    _rec_name = "ref"
    _order = "moment desc, id desc"

    company_id = fields.Many2one("res.company", readonly=True)
    source_id = fields.Many2one("omni.billing.usage.source", readonly=True)
    batch_id = fields.Many2one(
        "omni.billing.usage.batch", string="Intake", readonly=True
    )
    meter_id = fields.Many2one("omni.billing.meter", readonly=True)
    service_id = fields.Many2one("omni.billing.service", readonly=True)
    partner_id = fields.Many2one(
        related="service_id.commercial_partner_id", string="Customer"
    )
    identifier = fields.Char(readonly=True)
    ref = fields.Char(string="Reference", readonly=True)
    moment = fields.Datetime(string="Time", readonly=True)
    zone = fields.Char(
        string="Time Zone", readonly=True, help="That its time came with."
    )
    quantity = fields.Float(readonly=True, min_display_digits="Product Unit")
    uom_id = fields.Many2one(related="meter_id.uom_id")
    dimensions = fields.Json(string="Dimension Values", readonly=True)
    dimension_text = fields.Char(string="Dimensions", compute="_compute_dimension_text")

    def init(self):
        """Override of the ORM: make the tables, and the view that Odoo reads."""
        self.env.cr.execute(TABLES)
        drop_view_if_exists(self.env.cr, self._table)
        self.env.cr.execute(
            SQL(
                "CREATE VIEW %s AS SELECT * FROM omni_billing_usage_event",
                SQL.identifier(self._table),
            )
        )

    @api.depends("dimensions")
    def _compute_dimension_text(self):
        for usage in self:
            said = (usage.dimensions or {}).items()
            usage.dimension_text = ", ".join(f"{name}: {text}" for name, text in said)

    # === CRUD METHODS === #

    @api.model_create_multi
    def create(self, vals_list):
        """Override of the ORM: nobody enters usage by hand.

        :raise UserError: always.
        """
        self._raise_read_only()
        return super().create(vals_list)

    def write(self, vals):
        """Override of the ORM: usage is as it came.

        :raise UserError: always.
        """
        self._raise_read_only()
        return super().write(vals)

    @api.ondelete(at_uninstall=False)
    def _unlink_never(self):
        self._raise_read_only()

    def _raise_read_only(self):
        raise UserError(
            self.env._(
                "Usage is as it came: it is taken in by take_in or from a file, and"
                " then neither changed nor deleted. Nothing was done."
            )
        )

    @api.model
    def _open(self, domain, context=None):
        """Return the action of the list, limited to some."""
        action = self.env["ir.actions.act_window"]._for_xml_id(
            "omni_billing_usage.omni_billing_usage_action"
        )
        return action | {"domain": domain, "context": context or {}}
