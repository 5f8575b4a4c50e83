from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.tools import format_date

from ..tools.lock import lock_or_tell
from ..tools.notice import close, notice
from .omni_billing_dialog_mixin import once


class OmniBillingEndWizard(models.TransientModel):
    """End a service: from when it can be, what that costs, and why (W36)."""

    _name = "omni.billing.end.wizard"
    _inherit = "omni.billing.dialog.mixin"
    _description = "End of a Service"

    service_id = fields.Many2one("omni.billing.service", required=True)
    currency_id = fields.Many2one(related="service_id.currency_id")
    first_day = fields.Date(
        string="First Possible",
        compute="_compute_first_day",
        help="By notice, term, and what is charged already.",
    )
    last = fields.Date(
        string="Last Day",
        compute="_compute_last",
        store=True,
        readonly=False,
        precompute=True,
    )
    reason_id = fields.Many2one("omni.billing.closing.reason")
    note = fields.Char()
    fee = fields.Char(string="Exit Fee", compute="_compute_fee")
    seen_fee = fields.Char(
        compute="_compute_seen_fee", store=True, readonly=False, precompute=True
    )
    is_waived = fields.Boolean(
        string="Waive It", help="It is not charged; the note says why."
    )

    # === COMPUTE METHODS === #

    @api.depends("service_id")
    def _compute_first_day(self):
        for wizard in self:
            service = wizard.service_id._origin
            wizard.first_day = service.date_start and service._billing_find_ends()[0]

    @api.depends("service_id")
    def _compute_last(self):
        for wizard in self:
            wizard.last = wizard.service_id.date_end or wizard.first_day

    @api.depends("service_id", "last")
    def _compute_fee(self):
        for wizard in self:
            wizard.fee = wizard._describe_fee()

    @api.depends("service_id", "last")
    def _compute_seen_fee(self):
        for wizard in self:
            wizard.seen_fee = wizard._describe_fee()

    # === ACTION METHODS === #

    @once
    def action_end(self):
        """End it, see `omni.billing.service._billing_close`.

        :raise UserError: if no reason is chosen, or nobody says why the fee is waived.
        """
        service = self.service_id
        service.check_access("write")
        lock_or_tell(service)
        if not (self.last and self.reason_id):
            raise UserError(self.env._("Choose the last day, and a reason."))
        fee = self._describe_fee()
        if fee and self.is_waived and not (self.note or "").strip():
            raise UserError(self.env._("Say in the note why the fee is waived."))
        if (self.seen_fee or "") != fee:
            raise UserError(
                self.env._(
                    "The exit fee is %s now, which is not what was shown. Open the"
                    " dialog again.",
                    fee or self.env._("nothing"),
                )
            )
        service._billing_close(self.last, self.reason_id, self.note, self.is_waived)
        message = self.env._(
            "%(service)s ends on %(date)s.",
            service=service.name,
            date=format_date(self.env, self.last),
        )
        return notice(message, after=close())

    # === HELPERS === #

    def _describe_fee(self):
        service = self.service_id._origin
        if not (service.date_start and self.last):
            return ""
        return service._billing_describe_exit_fee(self.last)
