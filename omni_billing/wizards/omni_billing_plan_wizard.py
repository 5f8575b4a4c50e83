from markupsafe import Markup, escape

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.tools import format_date

from ..const import PERIOD_UNITS, PLAN_FIELDS, SERVICE_TIMINGS
from ..tools.numbers import format_amount
from .omni_billing_dialog_mixin import once


class OmniBillingPlanWizard(models.TransientModel):
    """Change the plan of a service, and see before what that comes to (W36)."""

    _name = "omni.billing.plan.wizard"
    _inherit = "omni.billing.dialog.mixin"
    _description = "Change of Plan"

    service_id = fields.Many2one("omni.billing.service", required=True)
    company_id = fields.Many2one(related="service_id.company_id")
    currency_id = fields.Many2one(related="service_id.currency_id")
    state = fields.Selection(related="service_id.state")
    product_id = fields.Many2one(
        "product.product",
        string="New Plan",
        domain="[('billing_unit', '!=', False), ('sale_ok', '=', True),"
        " ('company_id', 'in', (False, company_id))]",
    )
    when = fields.Selection(
        [("now", "Now"), ("period", "From the Next Period on")],
        required=True,
        default="period",
        help="Now: unused days are credited, and the days left are charged.",
    )
    name = fields.Char(
        string="Title",
        compute="_compute_from_product",
        store=True,
        readonly=False,
        precompute=True,
    )
    quantity = fields.Float(
        compute="_compute_from_product",
        store=True,
        readonly=False,
        precompute=True,
        min_display_digits="Product Unit",
    )
    price_unit = fields.Float(
        string="Price",
        compute="_compute_from_product",
        store=True,
        readonly=False,
        precompute=True,
        min_display_digits="Product Price",
        help="What one costs in a whole period.",
    )
    tax_included = fields.Boolean(
        string="Taxes Included", help="The price is what the customer pays."
    )
    interval = fields.Integer(
        string="Every",
        compute="_compute_from_product",
        store=True,
        readonly=False,
        precompute=True,
    )
    unit = fields.Selection(
        PERIOD_UNITS,
        string="Period Unit",
        compute="_compute_from_product",
        store=True,
        readonly=False,
        precompute=True,
    )
    timing = fields.Selection(
        SERVICE_TIMINGS,
        string="Charged",
        compute="_compute_from_product",
        store=True,
        readonly=False,
        precompute=True,
    )
    preview = fields.Html(
        string="What It Comes to", compute="_compute_preview", sanitize=False
    )
    # What was on the screen when the button was pressed.
    seen = fields.Char(
        compute="_compute_seen", store=True, readonly=False, precompute=True
    )

    # === COMPUTE METHODS === #

    @api.depends("product_id", "service_id", "when")
    def _compute_from_product(self):
        for wizard in self:
            preview, _problem = wizard._look({})
            plan = preview["plan"] if preview else wizard.service_id
            for name in PLAN_FIELDS:
                if name != "tax_included":
                    wizard[name] = plan[name]

    @api.depends("product_id", "service_id", "when", *PLAN_FIELDS)
    @api.depends_context("lang")
    def _compute_preview(self):
        for wizard in self:
            preview, problem = wizard._look()
            wizard.preview = (
                wizard._render(preview) if preview else escape(problem or "")
            )

    @api.depends("product_id", "service_id", "when", *PLAN_FIELDS)
    def _compute_seen(self):
        for wizard in self:
            preview, _problem = wizard._look()
            wizard.seen = preview and preview["seen"]

    # === ACTION METHODS === #

    @once
    def action_change(self):
        """Change it as shown, see `omni.billing.service._billing_change_plan`.

        :return: the action that opens the new plan.
        :raise UserError: if it is not what was shown, or cannot be changed.
        """
        service = self.service_id
        service.check_access("write")
        self._check_product()
        plan = service._billing_change_plan(
            self.product_id, self.when, self.seen, self._get_agreed()
        )
        return {
            "type": "ir.actions.act_window",
            "res_model": "omni.billing.service",
            "res_id": plan.id,
            "views": [(False, "form")],
        }

    # === HELPERS === #

    def _check_product(self):
        if not self.product_id:
            raise UserError(self.env._("Choose the new plan."))

    def _get_agreed(self):
        return {name: self[name] for name in PLAN_FIELDS if name in self._fields}

    def _look(self, agreed=None):
        """Return the preview, or why there is none."""
        if not (self.service_id and self.product_id and self.when):
            return None, False
        try:
            agreed = self._get_agreed() if agreed is None else agreed
            return self.service_id._origin._billing_preview_plan(
                self.product_id._origin, self.when, agreed
            ), False
        except (UserError, ValueError) as error:
            return None, str(error)

    def _render(self, preview):
        """Write the preview as a table, before it is done."""
        env, currency = self.env, self.currency_id
        today = self.service_id._get_today()
        parts = {
            "before": self.env._("Plan of today"),
            "unused": self.env._("Days not used"),
            "after": self.env._("New plan"),
        }
        rows = Markup().join(
            Markup(
                "<tr><td>{date}</td><td>{part}</td><td>{name}</td>"
                '<td class="text-end">{amount}</td></tr>'
            ).format(
                date=format_date(env, row["date"]),
                part=parts[row["part"]],
                name=row["name"],
                amount=format_amount(env, row["amount"], currency),
            )
            for row in preview["rows"]
        )
        due = sum(row["amount"] for row in preview["rows"] if row["date"] <= today)
        notes = Markup().join(
            Markup('<p class="mb-2">%s</p>') % note for note in preview["notes"]
        )
        return Markup(
            '<p class="fw-bold mb-2">%s<br/>%s</p>%s<table class="table table-sm mb-0">'
            '<thead><tr><th>%s</th><th>%s</th><th>%s</th><th class="text-end">%s</th>'
            "</tr></thead><tbody>%s</tbody></table>"
        ) % (
            self.env._("The new plan is from %s on.", format_date(env, preview["day"])),
            self.env._(
                "Today it comes to %s, taxes included.",
                format_amount(env, due, currency),
            ),
            notes,
            self.env._("Date"),
            self.env._("Part"),
            self.env._("What"),
            self.env._("Amount"),
            rows,
        )
