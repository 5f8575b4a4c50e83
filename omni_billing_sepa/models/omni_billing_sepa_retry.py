from datetime import timedelta

from odoo import api, fields, models
from odoo.fields import Domain

from odoo.addons.omni_billing.tools.database import commit_progress, step_alone

#: Too little money: what may be there some days later.
NO_MONEY = "AM04"


class OmniBillingSepaReturn(models.Model):
    """What came back for lack of money is collected once more, by itself (W34).

    It goes into the debit order as all else does: when staff confirm that, the customer
    is told, and nothing is debited before. What comes back again is for staff.
    """

    _inherit = "omni.billing.sepa.return"

    retry_date = fields.Date(
        string="Collected Again on",
        readonly=True,
        help="On which its invoices go into the debit order once more.",
    )

    _retry_idx = models.Index("(retry_date) WHERE retry_date IS NOT NULL")

    # === BUSINESS METHODS === #

    def _plan_retries(self):
        """Note of these, which are new, when they are collected again."""
        fit = self.filtered(
            lambda one: one.code == NO_MONEY and one.company_id.billing_sepa_retry_days
        )
        if not fit:
            return
        # Once: of whatever debit, whatever the reason was, and also if accounting took
        # the other back and no file told of it.
        lines = fit.payment_id.invoice_ids.line_ids.payment_line_ids
        before = (lines.payment_ids - self.payment_id).filtered(
            lambda payment: (
                payment.payment_order_id.state in ("generated", "uploaded")
                and payment._billing_is_back()
            )
        )
        fit -= fit.filtered(lambda one: one.payment_id.invoice_ids & before.invoice_ids)
        today = fields.Date.context_today(self)
        mandates = self.env["account.banking.mandate"]
        for company, ones in fit.grouped("company_id").items():
            customers = ones.payment_id.invoice_ids.commercial_partner_id
            found = mandates._billing_find_mandates(customers, company)
            days = timedelta(days=company.billing_sepa_retry_days)
            # What no mandate is left for is in To Do at once.
            ones.filtered(
                lambda one, found=found: all(
                    customer in found
                    for customer in one.payment_id.invoice_ids.commercial_partner_id
                )
            ).retry_date = today + days

    @api.model
    def _cron_retry(self):
        """Collect again what is due to be; commits after each."""
        today = fields.Date.context_today(self)
        due = self.search(Domain("retry_date", "<=", today), order="id")
        commit_progress(self.env, remaining=len(due))
        for one in due:
            step_alone(self.env, one._retry, f"SEPA return {one.id}")
            if not commit_progress(self.env, 1):
                return

    def _retry(self):
        """Put what is owed into the debit order, or leave it to staff, with why."""
        self.ensure_one()
        if not self.try_lock_for_update(allow_referencing=True):
            return
        self.invalidate_recordset()
        if not self.retry_date:
            return
        owed = self.payment_id.invoice_ids.filtered(
            lambda move: move._billing_is_unpaid()
        )
        under_way = owed._billing_find_sepa_lines().move_line_id
        again = under_way & self.payment_id.payment_line_ids.move_line_id
        if under_way and not (again or self.is_settled):
            # Another part of the invoice: when it is paid or back, this is collected.
            return
        self.retry_date = False
        owed -= under_way.move_id.with_env(self.env)
        if self.is_settled or not owed:
            return
        if not self.company_id.billing_sepa_retry_days:
            # The company has it no more: it is in To Do from now on.
            return
        _collected, reasons = owed._billing_collect_sepa()
        self.is_settled = not reasons
        for move, reason in reasons.items():
            move._billing_tell_staff(
                self.env._(
                    "The debit %(reference)s came back for lack of money, and is not"
                    " collected again: %(why)s",
                    reference=self.payment_id.memo,
                    why=reason,
                )
            )
