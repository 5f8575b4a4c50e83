from odoo import api, fields, models
from odoo.exceptions import ValidationError

from ..tools.events import NAME


class OmniBillingUsageColumn(models.Model):
    """What of an event a column of a source's files says (W41)."""

    _name = "omni.billing.usage.column"
    _description = "Column of Usage Files"
    _order = "sequence, id"

    source_id = fields.Many2one(
        "omni.billing.usage.source", required=True, index=True, ondelete="cascade"
    )
    sequence = fields.Integer(default=10)
    target = fields.Selection(
        [
            ("ref", "Reference"),
            ("meter", "Meter (code)"),
            ("identifier", "Identifier"),
            ("service", "Service (id)"),
            ("time", "Time"),
            ("zone", "Time Zone"),
            ("quantity", "Quantity"),
            ("dimension", "Dimension"),
        ],
        string="Says",
        required=True,
        help="Two columns of one kind are joined, in their order: a day and a time.",
    )
    dimension = fields.Char(help="Its name, as the meter has it.")
    title = fields.Char(string="Column", help="Its title in the first row of the file.")
    value = fields.Char(string="Same for All", help="Instead of a column.")

    _one_of_both = models.Constraint(
        "CHECK((title IS NULL) != (value IS NULL))",
        "Say the title of a column, or what is the same for all: one of both.",
    )

    @api.constrains("target", "dimension")
    def _check_dimension(self):
        for column in self:
            is_one = column.target == "dimension"
            if is_one != bool(NAME.fullmatch(column.dimension or "")):
                raise ValidationError(
                    self.env._(
                        "A dimension, and nothing else, has a name of small letters,"
                        " digits and _."
                    )
                )
