from odoo import api, fields, models
from odoo.exceptions import UserError

from ...tools.numbers import format_amount


class AccountMove(models.Model):
    """What an invoice does to the balance of its customer (F30)."""

    _inherit = "account.move"

    billing_balance_change = fields.Char(
        string="Balance",
        compute="_compute_billing_balance_change",
        groups="omni_billing.omni_billing_group_user",
        help="What the customer owes on invoices now, less credit, and what it will be"
        " with this one.",
    )

    @api.depends("state", "amount_total_signed", "commercial_partner_id")
    @api.depends_context("company", "lang")
    def _compute_billing_balance_change(self):
        for move in self:
            company = move.company_id
            before = move.commercial_partner_id.with_company(company).billing_balance
            after = before + move.amount_total_signed
            if move.state != "draft":
                move.billing_balance_change = False
                continue
            move.billing_balance_change = self.env._(
                "%(before)s → %(after)s",
                before=format_amount(self.env, before, company.currency_id),
                after=format_amount(self.env, after, company.currency_id),
            )

    def action_billing_confirm(self):
        """Give a draft its number, and keep what it did to the balance (F30, F180).

        :return: the action that shows the invoice.
        :raise UserError: if it is none to confirm.
        """
        self.ensure_one()
        self.check_access("write")
        self._billing_lock()
        if self.state != "draft":
            raise UserError(
                self.env._(
                    "%(invoice)s is not a draft any more: nothing was changed.",
                    invoice=self.display_name,
                )
            )
        change = self.billing_balance_change
        self.action_post()
        self.env["omni.billing.activity.log"]._log_moves(
            "invoice_confirmed",
            self,
            self.env._("Balance of the customer: %(change)s", change=change),
        )
        return self.action_billing_open_detail()
