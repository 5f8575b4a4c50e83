from odoo import api, fields, models
from odoo.exceptions import UserError, ValidationError
from odoo.tools import format_list

from odoo.addons.omni_billing.tools.database import savepoint

from ..tools.events import NAME, is_text

#: What can be counted, and how it is called; but for the last one, see
#: `omni_billing.tools.rating.meters`.
KINDS = [
    ("sum", "Sum"),
    ("count", "Number of Events"),
    ("maximum", "Maximum"),
    ("last", "Last Value"),
    ("unique", "Different Values"),
    ("duration", "Duration"),
]
#: Of these an event is one, whatever else it says.
COUNTING = ("count", "unique")
#: What events that are there were counted by.
COUNTED_FIELDS = {
    *("code", "company_id", "kind", "uom_id", "unique_dimension"),
    *("step_first", "step_then"),
}


class OmniBillingMeter(models.Model):
    """What of usage is counted, and how (W41)."""

    _name = "omni.billing.meter"
    _description = "Meter"
    _order = "name, id"
    _check_company_auto = True

    name = fields.Char(required=True)
    code = fields.Char(
        required=True,
        copy=False,
        help="By which programs and files name it.",
    )
    active = fields.Boolean(default=True)
    company_id = fields.Many2one(
        "res.company",
        required=True,
        index=True,
        default=lambda self: self.env.company,
    )
    kind = fields.Selection(KINDS, string="Counts", required=True, default="sum")
    uom_id = fields.Many2one(
        "uom.uom",
        string="Unit",
        help="What one of the quantity is. A duration comes in seconds.",
    )
    dimensions = fields.Char(
        help="Names of what its price may go by, as country, direction. An event may"
        " say each of them, and nothing else.",
    )
    unique_dimension = fields.Char(
        string="Different Values of",
        help="The dimension whose values are counted.",
    )
    step_first = fields.Integer(
        string="First Step",
        default=1,
        help="Seconds that are charged of whatever lasts at all; 60/1 is a minute, then"
        " each second.",
    )
    step_then = fields.Integer(
        string="Further Steps",
        default=1,
        help="Seconds of each further step, rounded up.",
    )
    is_used = fields.Boolean(
        string="Has Usage",
        readonly=True,
        copy=False,
        help="What it counts stays: archive it, and make another.",
    )

    # One that is archived leaves its code to the next.
    _code_unique = models.UniqueIndex(
        "(company_id, code) WHERE active", "There is a meter with this code already."
    )
    _steps_valid = models.Constraint(
        "CHECK(step_first >= 0 AND step_then > 0)", "Steps are of one second or more."
    )

    # === CONSTRAINT METHODS === #

    @api.constrains("code")
    def _check_code(self):
        for meter in self:
            if not is_text(meter.code):
                raise ValidationError(
                    self.env._(
                        "The code of a meter is a text of up to 128 characters, without"
                        " spaces around it."
                    )
                )

    @api.constrains("dimensions", "unique_dimension", "kind")
    def _check_dimensions(self):
        for meter in self:
            names = meter._get_dimensions()
            wrong = [name for name in names if not NAME.fullmatch(name)]
            if wrong:
                raise ValidationError(
                    self.env._(
                        "Dimensions of %(meter)s: %(names)s. Each is a name of small"
                        " letters, digits and _, with a comma between two.",
                        meter=meter.display_name,
                        names=format_list(self.env, wrong),
                    )
                )
            if meter.kind == "unique" and meter.unique_dimension not in names:
                raise ValidationError(
                    self.env._(
                        "%(meter)s counts different values: say of which of its"
                        " dimensions.",
                        meter=meter.display_name,
                    )
                )

    # === CRUD METHODS === #

    @api.model_create_multi
    def create(self, vals_list):
        """Override of the ORM: that it has usage is written by the intake alone."""
        return super().create(
            [
                {name: value for name, value in vals.items() if name != "is_used"}
                for vals in vals_list
            ]
        )

    def write(self, vals):
        """Override of the ORM: what usage was counted by stays.

        :raise UserError: if something of that changes; nothing is written.
        """
        vals = {name: value for name, value in vals.items() if name != "is_used"}
        used = self.filtered("is_used")
        if not used:
            return super().write(vals)
        before = {
            meter: (meter._get_counted(), set(meter._get_dimensions()))
            for meter in used
        }
        with savepoint(self.env):
            result = super().write(vals)
            for meter, (counted, names) in before.items():
                lost = names - set(meter._get_dimensions())
                if lost or meter._get_counted() != counted:
                    meter._raise_used()
        return result

    def copy_data(self, default=None):
        """Override of the ORM: a code is of one meter."""
        return [
            {"code": f"{meter.code}-copy", **vals}
            for meter, vals in zip(self, super().copy_data(default), strict=True)
        ]

    @api.ondelete(at_uninstall=False)
    def _unlink_except_used(self):
        for meter in self:
            if meter.is_used:
                raise UserError(
                    self.env._(
                        "%(meter)s has usage. Archive it instead.",
                        meter=meter.display_name,
                    )
                )

    # === HELPERS === #

    def _get_dimensions(self):
        """Return the names of its dimensions.

        :rtype: list[str]
        """
        self.ensure_one()
        return [name.strip() for name in (self.dimensions or "").split(",") if name]

    def _raise_used(self):
        raise UserError(
            self.env._(
                "%(meter)s has usage: what it counts, its code and company stay, and no"
                " dimension goes. Archive it, and make another meter; it may have the"
                " same code.",
                meter=self.display_name,
            )
        )

    def _get_counted(self):
        """Return what events are counted by, to compare."""
        self.ensure_one()
        return {name: self[name] for name in COUNTED_FIELDS}
