from odoo import Command, api, models
from odoo.exceptions import AccessError, UserError

from ...tools.write_guard import without_any_default


class AccountPayment(models.Model):
    """Payments whose money a card moved, or is about to."""

    _inherit = "account.payment"

    @api.model_create_multi
    def create(self, vals_list):
        payments = super().create(vals_list)
        payments._billing_check_links()
        return payments

    def write(self, vals):
        if not {"payment_transaction_id", "move_id"} & vals.keys():
            return super().write(vals)
        self._billing_check_links()
        result = super().write(vals)
        self._billing_check_links()
        return result

    def _billing_check_links(self):
        """Check what a payment says it is: made online, or booked by an entry.

        :raise UserError: if it says so of an invoice, or a person says so of money
            that came otherwise.
        """
        for payment in self:
            if payment.move_id and payment.move_id._billing_is_ours():
                payment.move_id._billing_raise_numbered()
        if self.env.su:
            return
        for payment in self.sudo():  # sudo: who records payments does not see those.
            online = payment.payment_transaction_id
            if online and online._billing_is_ours():
                raise AccessError(
                    self.env._(
                        "%(payment)s was made online: what it is booked as is for the"
                        " server alone to say.",
                        payment=online.reference,
                    )
                )

    # === COMPUTE METHODS === #

    def _compute_outstanding_account_id(self):
        """Override of `account`: what Stripe moves is booked at once, by an entry.

        Where a full accounting app finds no account on the journal it makes none before
        the bank statement, and takes an invoice for paid, whatever was charged.
        """
        result = super()._compute_outstanding_account_id()
        for payment in self:
            if payment.payment_method_code == "stripe":
                account = payment._billing_get_outstanding_account()
                payment.outstanding_account_id = account
        return result

    # === ACTION METHODS === #

    def action_refund_wizard(self):
        """Override of `account_payment`: our dialog, for what paid one invoice."""
        self.ensure_one()
        # sudo: who may refund, that dialog says.
        online = self.sudo().payment_transaction_id
        invoice = online and online._billing_get_customer_invoices()
        if online.provider_code == "stripe" and len(invoice) == 1:
            # sudo: no more of it, the dialog is the user's.
            return invoice.sudo(False).action_billing_refund()
        return super().action_refund_wizard()

    # === OVERRIDES OF ACCOUNT_PAYMENT === #

    def action_post(self):
        """Override of `account_payment`, which charges the card of a payment here.

        What is known of the invoices comes first: it may commit. A payment whose
        charge did not go through is no money, also if it was left as a draft.
        """
        # sudo: who enters payments does not read attempts.
        charges = self.sudo().payment_transaction_id.filtered(
            lambda tx: tx.provider_code == "stripe" and tx.operation != "refund"
        )
        if unpaid := charges.filtered(lambda tx: tx.state != "done"):
            raise UserError(
                self.env._(
                    "Stripe has not confirmed the payment %(reference)s. It is posted"
                    " when it does; if it failed, cancel it and enter another one.",
                    reference=unpaid[0].reference,
                )
            )
        charged, is_charging = self.env["account.move"], False
        for payment in self:
            if payment.payment_token_id and not payment.payment_transaction_id:
                invoices = payment._billing_get_charged_invoices()
                invoices._billing_check_currency(payment.currency_id)
                invoices._billing_settle_attempts()
                charged |= invoices
                is_charging = True
        # What is charged and booked on the way has no default of a client's.
        payments = without_any_default(self)
        with charged._billing_charging_once(is_charging):
            return super(AccountPayment, payments).action_post()

    def _prepare_payment_transaction_vals(self, **extra_create_values):
        """Override of `account_payment`: it is known of the invoices they are for."""
        values = super()._prepare_payment_transaction_vals(**extra_create_values)
        invoices = self._billing_get_charged_invoices()
        return values | {"invoice_ids": [Command.set(invoices.ids)]}

    def _billing_get_charged_invoices(self):
        """Return what a saved card is charged for: as it was made, or as Odoo knows."""
        self.ensure_one()
        context = self.env.context
        records = self.env["account.move"]
        if self.invoice_ids:
            return self.invoice_ids
        if context.get("active_model") in ("account.move", "account.move.line"):
            records = self.env[context["active_model"]].browse(
                context.get("active_ids")
            )
        return records.move_id if records._name == "account.move.line" else records
