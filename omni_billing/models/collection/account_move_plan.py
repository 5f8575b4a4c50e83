from collections import defaultdict

from odoo import api, fields, models
from odoo.tools import format_date

from ...const import COMING_STATES


class AccountMove(models.Model):
    """Paying an invoice on later days, or in several payments (F148, F149).

    A plan says what was agreed. What of it is still to come is worked out from what is
    owed at that moment, whichever way the rest was settled, so that nothing has to
    follow when money comes, or goes back.
    """

    _inherit = "account.move"

    billing_installment_ids = fields.One2many(
        "omni.billing.installment",
        "invoice_id",
        string="Scheduled Payments",
        readonly=True,
        copy=False,
        groups="account.group_account_invoice,account.group_account_readonly",
    )
    billing_planned_amount = fields.Monetary(
        string="Planned",
        compute="_compute_billing_planned",
        store=True,
        copy=False,
        help="What is going to be paid on days that were agreed, with taxes.",
    )
    billing_is_planned = fields.Boolean(
        string="Paid as Planned",
        compute="_compute_billing_planned",
        store=True,
        copy=False,
        help="All that is owed is going to be paid on days that were agreed: it is not"
        " overdue.",
    )

    _billing_planned_idx = models.Index("(id) WHERE billing_is_planned")
    #: What lists tell of unpaid invoices, without their rows, which are wide and many.
    _billing_owed_idx = models.Index(
        "(id) INCLUDE (name, company_id, commercial_partner_id, currency_id,"
        " invoice_user_id, amount_residual, billing_planned_amount)"
        " WHERE billing_state IN ('unpaid', 'partial')"
    )

    @api.depends(
        "billing_installment_ids.charge_state",
        "billing_installment_ids.amount",
        "amount_residual",
        "move_type",
        "state",
    )
    def _compute_billing_planned(self):
        waiting = self.filtered(
            lambda move: (
                move.move_type == "out_invoice"
                and move.state == "posted"
                and move.amount_residual > 0
            )
        )
        # sudo: whoever changes what is owed changes what is planned of it.
        payments = waiting.sudo().billing_installment_ids.filtered(
            lambda payment: payment.charge_state in COMING_STATES
        )
        planned = defaultdict(float)
        for payment in payments:
            planned[payment.invoice_id.id] += payment.amount
        for move in self:
            currency, amount = move.currency_id, planned.get(move._origin.id, 0.0)
            move.billing_planned_amount = min(amount, move.amount_residual)
            move.billing_is_planned = bool(amount) and (
                currency.compare_amounts(amount, move.amount_residual) >= 0
            )

    # === BUSINESS METHODS === #

    def _billing_get_coming_payments(self):
        """Return the payments that are still to come, the next one first.

        Those of which nothing is left, since it was paid otherwise, are none.
        """
        # sudo: whoever may see the invoice may know when it is paid.
        payments = self.sudo().billing_installment_ids
        return payments.filtered(
            lambda payment: (
                payment.charge_state in COMING_STATES
                and not payment.currency_id.is_zero(payment.amount_now)
            )
        )

    def _billing_list_unplanned(self):
        """Return what of each invoice is owed and may still be planned.

        :return: the amount, with taxes and in the currency of the invoice, by invoice.
        :rtype: dict[account.move, float]
        """
        return {
            move: move._billing_get_chargeable_amount()
            - sum(move._billing_get_coming_payments().mapped("amount_now"))
            for move in self
        }

    def _billing_has_plan(self):
        """Whether something of what is owed is going to be paid on other days."""
        return bool(self._billing_get_coming_payments())

    def _billing_share_plan(self, owed):
        """Share what is owed among the payments that were agreed: the last ones shrink.

        What was left to staff has what those to come leave.

        :param owed: what is owed, in the currency of the invoice, by its id.
        :type owed: dict[int, float]
        :return: the amount by `omni.billing.installment`, of those that are not over.
        :rtype: dict[omni.billing.installment, float]
        """
        shares = {}
        # sudo: as in `_billing_get_coming_payments`.
        for move in self.sudo():
            left = owed.get(move.id, 0.0)
            payments = move.billing_installment_ids.filtered(
                lambda payment: payment.charge_state in (*COMING_STATES, "failed")
            )
            for payment in payments.sorted(
                lambda payment: (
                    payment.charge_state == "failed",
                    payment.date,
                    payment.id,
                )
            ):
                share = max(0.0, min(payment.amount, left))
                shares[payment] = move.currency_id.round(share)
                left -= share
        return shares

    def _billing_end_plan(self, reason):
        """Take what is planned off; what is under way ends by itself."""
        # sudo: scheduled payments are the job's.
        self.sudo().billing_installment_ids.filtered(
            lambda payment: payment.charge_state in ("due", "retry", "failed")
        )._give_up(reason)

    # === OVERRIDES === #

    def _billing_get_amounts_late(self, day):
        """Override: what is planned is not late."""
        late = super()._billing_get_amounts_late(day)
        for move in self:
            if planned := move.id in late and move.billing_planned_amount:
                late[move.id] = move.currency_id.round(
                    max(0.0, late[move.id] - planned)
                )
        return late

    def _billing_list_plan(self):
        """Override: what was agreed, as far as it is still to come."""
        self.ensure_one()
        # The page tells what the books say is owed, and no credit on file.
        shares = self._billing_share_plan({self.id: self.amount_residual})
        return [
            {
                "date": payment.date,
                "day": format_date(self.env, payment.date),
                "amount": amount,
                "card": payment.token_id.display_name or "",
                "cheque": payment.cheque_id.number or "",
                "is_by_card": payment.is_by_card,
            }
            for payment, amount in shares.items()
            if payment.charge_state in COMING_STATES and amount
        ]

    def _billing_get_pdf_dependencies(self):
        """Override: the plan is on the page."""
        # sudo: whoever may see the invoice may know when it is paid.
        payments = self.sudo().billing_installment_ids
        return [
            *super()._billing_get_pdf_dependencies(),
            payments,
            payments.token_id,
            payments.cheque_id,
        ]
