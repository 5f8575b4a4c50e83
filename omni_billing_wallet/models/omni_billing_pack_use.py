from odoo import api, fields, models

#: The database counts what is left: whoever adds a row changes the pack, so two at once
#: never draw the same unit, and no door goes around it.
COUNT = """
    CREATE OR REPLACE FUNCTION omni_billing_pack_count() RETURNS trigger AS $$
    BEGIN
        IF TG_OP != 'INSERT' AND OLD.pack_id IS NOT NULL THEN
            UPDATE omni_billing_pack SET units_left = units_left + OLD.units
             WHERE id = OLD.pack_id;
        END IF;
        IF TG_OP != 'DELETE' AND NEW.pack_id IS NOT NULL THEN
            UPDATE omni_billing_pack SET units_left = units_left - NEW.units
             WHERE id = NEW.pack_id;
        END IF;
        RETURN NULL;
    END $$ LANGUAGE plpgsql;
    DROP TRIGGER IF EXISTS omni_billing_pack_count ON omni_billing_pack_use;
    CREATE TRIGGER omni_billing_pack_count
        AFTER INSERT OR DELETE OR UPDATE OF units, pack_id ON omni_billing_pack_use
        FOR EACH ROW EXECUTE FUNCTION omni_billing_pack_count();
"""
KINDS = [
    ("use", "Use"),
    ("back", "Taken Back"),
    ("refund", "Refunded"),
    ("expired", "Expired"),
    ("closed", "Closed"),
    # What rounding and rates leave when the last units are refunded: nothing closed.
    ("difference", "Difference"),
]


class OmniBillingPackUse(models.Model):
    """What was taken of a pack, by whom and what for (W42).

    Rows are added and never changed: a use that is taken back has a further row. The
    first row of a use has its reference, by which a program that asks twice is known.
    """

    _name = "omni.billing.pack.use"
    _inherit = "omni.billing.server.mixin"
    _description = "Use of a Pack"
    _order = "date desc, id desc"
    _rec_name = "product_id"

    pack_id = fields.Many2one(
        "omni.billing.pack",
        readonly=True,
        ondelete="restrict",
        help="Empty: no pack covered it, and it was charged.",
    )
    company_id = fields.Many2one("res.company", required=True, readonly=True)
    partner_id = fields.Many2one(
        "res.partner",
        string="Customer",
        required=True,
        readonly=True,
        index=True,
        ondelete="restrict",
    )
    commercial_partner_id = fields.Many2one(
        "res.partner",
        string="Main Customer",
        required=True,
        readonly=True,
        index=True,
        ondelete="restrict",
    )
    product_id = fields.Many2one(
        "product.product",
        string="What for",
        required=True,
        readonly=True,
        index=True,
        ondelete="restrict",
    )
    uom_id = fields.Many2one(related="product_id.uom_id")
    kind = fields.Selection(KINDS, required=True, readonly=True, default="use")
    date = fields.Date(required=True, readonly=True)
    units = fields.Float(
        digits="Product Unit",
        readonly=True,
        help="Less than zero: they came back to the pack.",
    )
    amount = fields.Monetary(
        readonly=True,
        currency_field="currency_id",
        groups="base.group_user",
        help="Its share of what the pack was sold for, without taxes: what is income.",
    )
    currency_id = fields.Many2one(related="company_id.currency_id")
    note = fields.Char(string="Details", readonly=True)
    ref = fields.Char(
        string="Reference",
        readonly=True,
        groups="base.group_user",
        help="That of the program or the appointment. One of each for a customer.",
    )
    ref_key = fields.Char(
        readonly=True,
        groups="base.group_system",
        help="The reference with the customer that it was first of: a customer who is"
        " merged with another may have one of the same.",
    )
    user_id = fields.Many2one(
        "res.users",
        string="By",
        readonly=True,
        index=True,
        ondelete="restrict",
        default=lambda self: self.env.uid,
        groups="base.group_user",
    )
    reverses_id = fields.Many2one(
        "omni.billing.pack.use",
        string="Takes Back",
        readonly=True,
        ondelete="restrict",
        groups="base.group_user",
    )
    taken_back_ids = fields.One2many(
        "omni.billing.pack.use",
        "reverses_id",
        string="Taken Back by",
        readonly=True,
        groups="base.group_user",
    )
    is_taken_back = fields.Boolean(
        string="Was Taken Back", compute="_compute_is_taken_back", compute_sudo=True
    )
    is_booked = fields.Boolean(
        string="Booked",
        readonly=True,
        groups="base.group_user",
        help="Its share is income in the books.",
    )
    move_id = fields.Many2one(
        "account.move",
        string="Entry",
        readonly=True,
        index="btree_not_null",
        ondelete="restrict",
        groups="base.group_user",
    )
    transaction_id = fields.Many2one(
        "omni.billing.transaction",
        readonly=True,
        index="btree_not_null",
        ondelete="restrict",
        groups="base.group_user",
        help="The charge of what no pack covered, or the credit of what was refunded.",
    )

    _ref_once = models.UniqueIndex(
        "(company_id, ref_key) WHERE ref_key IS NOT NULL",
        "This use is recorded already.",
    )
    _back_once = models.UniqueIndex(
        "(reverses_id) WHERE reverses_id IS NOT NULL",
        "This use was taken back already.",
    )
    _pack_idx = models.Index("(pack_id, date, id)")
    _customer_ref_idx = models.Index(
        "(commercial_partner_id, company_id, ref) WHERE ref IS NOT NULL"
    )
    _customer_date_idx = models.Index(
        "(commercial_partner_id, company_id, date DESC, id DESC)"
    )
    # What the job books.
    _due_idx = models.Index(
        "(company_id, date, id) WHERE NOT is_booked AND pack_id IS NOT NULL"
        " AND kind != 'refund'"
    )

    @api.private
    def init(self):
        """Have the database count what is left of packs."""
        result = super().init()
        self.env.cr.execute(COUNT)
        return result

    @api.depends("taken_back_ids")
    def _compute_is_taken_back(self):
        for use in self:
            use.is_taken_back = bool(use.taken_back_ids)

    @api.model
    def _add(self, vals_list):
        """Add rows; what is not said of one is said by its pack.

        :raise ValidationError: if more is taken of a pack than is left.
        """
        if not vals_list:
            return self
        # sudo: only business methods add rows.
        Use, packs = self.sudo(), self.env["omni.billing.pack"].sudo()
        completed = []
        for vals in vals_list:
            pack = packs.browse(vals.get("pack_id"))
            packs |= pack
            completed.append(
                {
                    "company_id": pack.company_id.id,
                    "partner_id": pack.partner_id.id,
                    "commercial_partner_id": pack.commercial_partner_id.id,
                    "product_id": pack.product_id.id,
                    "date": fields.Date.context_today(pack),
                    "is_booked": False,
                }
                | vals
            )
        rows = Use.create(completed)
        # Now: the database counts, and says whether there was enough.
        Use.flush_model()
        packs.invalidate_recordset(
            ["units_left", "units_usable", "state", "value_left"]
        )
        return rows
