from odoo import api, fields, models
from odoo.exceptions import UserError, ValidationError
from odoo.fields import Domain

from ..tools.events import is_text, list_zones

#: Days after which an event is late, and most of them: for each month that events are
#: of there is a table.
LATE_DAYS, MAX_LATE_DAYS = 60, 1830


class OmniBillingUsageSource(models.Model):
    """Where usage comes from: a program, or files (W41).

    A reference is known within its source, for as long as the usage is kept.
    """

    _name = "omni.billing.usage.source"
    _description = "Source of Usage"
    _order = "name, id"

    name = fields.Char(required=True)
    code = fields.Char(required=True, copy=False, help="By which programs name it.")
    active = fields.Boolean(default=True)
    company_id = fields.Many2one(
        "res.company",
        required=True,
        index=True,
        default=lambda self: self.env.company,
    )
    kind = fields.Selection(
        [("api", "Program"), ("file", "Files")], required=True, default="api"
    )
    zone = fields.Selection(
        lambda self: [(name, name) for name in list_zones()],
        string="Time Zone",
        help="Of times that come without one. Empty: such events are refused.",
    )
    late_days = fields.Integer(
        string="Late after (days)",
        default=LATE_DAYS,
        required=True,
        help="Older events are kept aside until a manager takes them in.",
    )
    batch_ids = fields.One2many(
        "omni.billing.usage.batch", "source_id", readonly=True, string="Intakes"
    )
    refused_count = fields.Integer(
        string="Refused", compute="_compute_refused_count", help="That still wait."
    )
    count_taken = fields.Integer(string="Taken In", compute="_compute_counts")
    count_double = fields.Integer(string="Doubles", compute="_compute_counts")
    last_date = fields.Datetime(string="Last Intake", compute="_compute_counts")

    _code_unique = models.UniqueIndex(
        "(company_id, code)", "There is a source with this code already."
    )
    _late_days_valid = models.Constraint(
        f"CHECK(late_days BETWEEN 1 AND {MAX_LATE_DAYS})",
        "Events are late after 1 to 1830 days.",
    )

    # === COMPUTE METHODS === #

    def _compute_refused_count(self):
        counts = dict(
            self.env["omni.billing.usage.refused"]._read_group(
                Domain("source_id", "in", self.ids) & Domain("state", "=", "open"),
                ["source_id"],
                ["__count"],
            )
        )
        for source in self:
            source.refused_count = counts.get(source, 0)

    def _compute_counts(self):
        found = {
            source: values
            for source, *values in self.env["omni.billing.usage.batch"]._read_group(
                Domain("source_id", "in", self.ids),
                ["source_id"],
                ["count_taken:sum", "count_double:sum", "create_date:max"],
            )
        }
        for source in self:
            source.count_taken, source.count_double, source.last_date = found.get(
                source, (0, 0, False)
            )

    # === CONSTRAINT METHODS === #

    @api.constrains("code")
    def _check_code(self):
        for source in self:
            if not is_text(source.code):
                raise ValidationError(
                    self.env._(
                        "The code of a source is a text of up to 128 characters,"
                        " without spaces around it."
                    )
                )

    @api.constrains("company_id")
    def _check_company_stays(self):
        """Usage that came stays where it is."""
        for source in self:
            elsewhere = Domain("source_id", "=", source.id)
            elsewhere &= Domain("company_id", "!=", source.company_id.id)
            # sudo: also of companies that one does not work for.
            if source.batch_ids.sudo().search_count(elsewhere, limit=1):
                raise ValidationError(
                    self.env._(
                        "%(name)s has brought usage already: its company stays.",
                        name=source.display_name,
                    )
                )

    # === CRUD METHODS === #

    def write(self, vals):
        """Override of the ORM: what times mean stays, once some were taken in.

        The same file would be of other times, and each of its events a conflict. A
        zone where there was none changes none: times without one were refused.

        :raise UserError: if it changes; nothing is written.
        """
        for source in self:
            changed = [
                name
                for name in ("zone", "time_format")
                if name in vals and (vals[name] or False) != source[name]
            ]
            if "zone" in changed and not source.zone:
                changed.remove("zone")
            if changed and source._has_brought():
                raise UserError(
                    self.env._(
                        "%(name)s has brought usage already: its time zone and time"
                        " format stay. Archive it, and make another source.",
                        name=source.display_name,
                    )
                )
        return super().write(vals)

    def copy_data(self, default=None):
        """Override of the ORM: a code is of one source."""
        return [
            {"code": f"{source.code}-copy", **vals}
            for source, vals in zip(self, super().copy_data(default), strict=True)
        ]

    # === ACTION METHODS === #

    def action_open_batches(self):
        """Open what came in."""
        self.ensure_one()
        action = self.env["omni.billing.usage.batch"]._open()
        return action | {"domain": [("source_id", "=", self.id)]}

    def action_open_refused(self):
        """Open what was refused and still waits."""
        self.ensure_one()
        action = self.env["omni.billing.usage.refused"]._open()
        return action | {"domain": [("source_id", "=", self.id)]}

    # === BUSINESS METHODS === #

    def _has_brought(self):
        """Return whether something was taken in."""
        self.ensure_one()
        taken = Domain("source_id", "=", self.id) & Domain("count_taken", ">", 0)
        return bool(self.env["omni.billing.usage.batch"].search_count(taken, limit=1))

    @api.model
    def _find(self, code):
        """Return the source with a code, of the company one is in before all others.

        :raise UserError: if there is none.
        """
        companies = self.env.companies
        # sudo: who sends usage alone need not read what sources there are.
        sources = self.sudo().search(
            Domain("code", "=", code if is_text(code) else False)
            & Domain("company_id", "in", companies.ids)
            & Domain("active", "=", True)
        )
        found = sources.filtered(lambda one: one.company_id == self.env.company)
        if not (found or len(sources) == 1):
            raise UserError(
                self.env._(
                    "There is no source of usage with that code in %(company)s. Nothing"
                    " was taken in.",
                    # sudo: one's own company.
                    company=self.env.company.sudo().name,
                )
            )
        return found or sources
