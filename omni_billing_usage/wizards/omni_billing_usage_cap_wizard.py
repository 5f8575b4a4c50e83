from odoo import api, fields, models
from odoo.exceptions import UserError

from odoo.addons.omni_billing.tools.numbers import format_amount
from odoo.addons.omni_billing.wizards.omni_billing_dialog_mixin import once


class OmniBillingUsageCapWizard(models.TransientModel):
    """What usage of a service may cost: staff write down who wants it (W41)."""

    _name = "omni.billing.usage.cap.wizard"
    _inherit = "omni.billing.dialog.mixin"
    _description = "Spending Cap"

    service_id = fields.Many2one("omni.billing.service", required=True)
    currency_id = fields.Many2one("res.currency", compute="_compute_choices")
    choice_ids = fields.Many2many("omni.billing.cap", compute="_compute_choices")
    cap_id = fields.Many2one(
        "omni.billing.cap",
        string="Spending Cap",
        compute="_compute_cap_id",
        store=True,
        readonly=False,
        precompute=True,
        domain="[('id', 'in', choice_ids)]",
    )
    said = fields.Char(string="By Now", compute="_compute_said")
    kind = fields.Selection(
        [
            ("consent", "To go on in this period"),
            ("own", "Another cap from now on"),
            ("plan", "The cap of the rate plan again"),
        ],
        string="The Customer Wants",
        required=True,
        default="consent",
    )
    is_unlimited = fields.Boolean(string="No Limit")
    is_nothing = fields.Boolean(
        string="Nothing at All", help="Usage costs nothing, and is stopped."
    )
    amount = fields.Monetary(
        string="Up to", help="What usage of a period may cost in all."
    )
    action = fields.Selection(
        [("stop", "Stop"), ("warn", "Warn")],
        string="Beyond It",
        help="Empty: as the rate plan has it.",
    )
    note = fields.Char(help="How the customer said so, and who: as on the phone.")

    # === COMPUTE METHODS === #

    @api.depends("service_id")
    def _compute_choices(self):
        now = fields.Datetime.now()
        for wizard in self:
            plan, period = wizard.service_id._origin._billing_find_running(now)
            wizard.currency_id = plan.currency_id or wizard.service_id.currency_id
            caps = plan._find_caps(period.first).values() if plan else ()
            wizard.choice_ids = self.env["omni.billing.cap"].concat(*caps)

    @api.depends("service_id")
    def _compute_cap_id(self):
        """Propose the one that is reached, or else the first."""
        for wizard in self:
            service, choices = wizard.service_id._origin, wizard.choice_ids
            blocked = service._billing_find_spent().filtered("is_blocked")
            names = [row.name or "" for row in blocked]
            fits = choices.filtered(lambda cap, names=names: cap._get_key() in names)
            if "" in names and "" not in [cap._get_key() for cap in choices]:
                # The customer's own, of all usage: it is none of the plan, and without
                # it no other one goes on.
                wizard.cap_id = False
            else:
                wizard.cap_id = (fits or choices)[:1]._origin

    @api.depends("service_id", "cap_id")
    def _compute_said(self):
        for wizard in self:
            wizard.said = wizard._describe_now()

    def _describe_now(self):
        key = self._get_key()
        service = self.service_id._origin
        caps = service._billing_find_caps(fields.Datetime.now())
        cap = next((one for one in caps if one.key == key), None)
        if not cap or cap.last.amount is None:
            return self.env._("No limit")
        rows = service._billing_find_spent()
        spent = rows.filtered(lambda row: (row.name or "") == key)
        return self.env._(
            "%(amount)s of %(limit)s",
            amount=format_amount(self.env, spent.amount, self.currency_id),
            limit=format_amount(self.env, float(cap.last.amount), self.currency_id),
        )

    # === ACTION METHODS === #

    @once
    def action_agree(self):
        """Write it down; it holds from now on.

        :raise UserError: if it changes nothing, or there is no such cap.
        """
        service = self.service_id
        service.check_access("write")
        is_open = self.is_unlimited or self.kind == "plan"
        is_nothing = self.is_nothing and self.kind == "own"
        if not (is_open or is_nothing) and self.amount <= 0:
            raise UserError(self.env._("Enter what usage may cost in all."))
        if self.kind == "consent" and not (self.note or "").strip():
            raise UserError(
                self.env._(
                    "Write in the note who agreed, and how: it is what the customer is"
                    " charged by."
                )
            )
        # sudo: what was agreed is written by nobody but this; who may was asked.
        service.sudo()._billing_agree_cap(
            self._get_key(),
            self.kind,
            None if is_open else self.amount * (not is_nothing),
            way="staff",
            action=self.action if self.kind == "own" else None,
            note=self.note,
        )
        return {"type": "ir.actions.client", "tag": "soft_reload"}

    def _get_key(self):
        return self.cap_id._get_key() if self.cap_id else ""
