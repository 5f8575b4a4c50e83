from odoo import fields, models
from odoo.exceptions import UserError
from odoo.tools import format_date, format_list

from ..tools.target_days import is_business_day
from .res_company import METHOD


class AccountPaymentOrder(models.Model):
    """A debit order: the notice goes out with it, and the bank has the last word."""

    _inherit = "account.payment.order"

    def _billing_is_sepa(self):
        """Whether it collects by SEPA for a company whose Billing does."""
        self.ensure_one()
        company = self.company_id
        return self.payment_method_code == METHOD and bool(company.billing_sepa_line_id)

    # === OVERRIDES OF ACCOUNT_PAYMENT_BATCH_OCA === #

    def draft2open(self):
        """Override: lock what is collected, and tell the customers of it."""
        for order in self.filtered(lambda order: order._billing_is_sepa()):
            order.payment_line_ids.move_line_id.move_id._billing_lock()
        result = super().draft2open()
        for order in self.filtered(lambda order: order._billing_is_sepa()):
            order._billing_send_notices()
        return result

    def open2generated(self):
        """Override: a bank refuses a file whose day is over, or none of its days."""
        if self._billing_is_sepa():
            self._billing_check_mandates()
        for lot in self.payment_lot_ids if self._billing_is_sepa() else ():
            if lot._billing_is_too_soon() or not is_business_day(lot.date):
                raise UserError(
                    self.env._(
                        "%(lot)s cannot be debited on %(date)s: it is sooner than the"
                        " customers were told, is over, or banks are closed. Cancel the"
                        " order, set it back to draft and confirm it again: the"
                        " customers are told of the new day.",
                        lot=lot.name,
                        date=format_date(self.env, lot.date),
                    )
                )
        return super().open2generated()

    def _billing_check_mandates(self):
        """Check that no customer took the mandate back since the order was confirmed.

        :raise UserError: if one did.
        """
        mandates = self.payment_line_ids.mandate_id
        ended = mandates.filtered(lambda one: one.state not in ("valid", "final"))
        if ended:
            raise UserError(
                self.env._(
                    "No mandate any more: %(mandates)s. Cancel the order, set it back"
                    " to draft, take these customers out and confirm it again.",
                    mandates=format_list(self.env, ended.mapped("display_name")),
                )
            )

    def generated2uploaded(self):
        """Override: the file is at the bank, and no money is here yet (W34).

        OCA's addon would book all of it now, and each invoice would be paid.
        """
        if self._billing_is_sepa():
            return super(
                AccountPaymentOrder, self.with_context(billing_sepa_wait=self.ids)
            ).generated2uploaded()
        return super().generated2uploaded()

    def action_cancel(self):
        """Override: what the bank has paid, or sent back, is not undone by this.

        :raise UserError: if something of it is booked, or came back.
        """
        for order in self.filtered(lambda order: order._billing_is_sepa()):
            states = set(order.payment_ids.mapped("state"))
            if order.state == "uploaded" and states - {"draft"}:
                raise UserError(
                    self.env._(
                        "%(order)s was collected already, or came back in part: it is"
                        " not canceled any more. Import the bank's file of what comes"
                        " back, or undo single payments.",
                        order=order.name,
                    )
                )
        result = super().action_cancel()
        moves = self.payment_line_ids.move_line_id.move_id
        self.env["omni.billing.run.line"]._end_sepa(
            moves, self.env._("It was taken out of the debit order.")
        )
        return result

    def cancel2draft(self):
        """Override: OCA's button asks only its page whether the order is canceled.

        :raise UserError: if it is not: what the bank has would be collected again.
        """
        for order in self.filtered(lambda order: order._billing_is_sepa()):
            if order.state != "cancel":
                raise UserError(order._billing_explain_at_bank())
        return super().cancel2draft()

    def _billing_explain_at_bank(self):
        self.ensure_one()
        return self.env._(
            "The bank has, or may have, the file of %(order)s. Nothing was changed: if"
            " the file was not brought to the bank, or the bank refused it, cancel the"
            " order.",
            order=self.name,
        )

    # === ACTION METHODS === #

    def action_billing_bank_paid(self):
        """Book what the bank has paid, before the days for returns are over.

        :raise UserError: if the file is not at the bank, or its day is to come.
        """
        self.ensure_one()
        self.check_access("write")
        today = fields.Date.context_today(self)
        waiting = self.payment_ids.filtered(lambda payment: payment.state == "draft")
        due = waiting.filtered(lambda payment: payment.date <= today)
        if self.state != "uploaded" or not due:
            raise UserError(
                self.env._(
                    "Nothing of %(order)s can have been paid by the bank yet, or all"
                    " of it is booked.",
                    order=self.name,
                )
            )
        due._billing_book_sepa()
        return True

    # === BUSINESS METHODS === #

    def _billing_send_notices(self):
        """Tell each customer of what will be debited, and when.

        Who has no e-mail address is named on the order, for who sends a letter.
        """
        self.ensure_one()
        template = self.env.ref("omni_billing_sepa.mail_template_sepa_notice")
        payments = self.payment_ids.filtered("billing_notice_partner_ids")
        # sudo: who collects need not write messages of payments.
        template.sudo().send_mail_batch(payments.ids)
        if left := (self.payment_ids - payments).partner_id:
            self.message_post(
                body=self.env._(
                    "No e-mail address: tell %(customers)s yourself what is debited,"
                    " and when.",
                    customers=format_list(self.env, left.mapped("display_name")),
                )
            )
