from odoo import api, models
from odoo.exceptions import AccessError, UserError
from odoo.tools import format_list

from odoo.addons.payment import utils as payment_utils

from ...const import BILLING_MOVE_TYPES
from ...tools.numbers import format_amount
from ...tools.write_guard import without_any_default


class PaymentTransaction(models.Model):
    """Who may write a payment of ours, and give it back: no door of Odoo's goes around.

    Odoo gives everybody who invoices the right to write payments, for its own code that
    once ran with it. What is said there is what Stripe said: only code of the server
    writes it, which runs as superuser, as no call from outside can.
    """

    _inherit = "payment.transaction"

    # === CRUD METHODS === #

    @api.model
    def default_get(self, fields):
        """Override of the ORM: nobody has one made as paid, by a default of his own."""
        return super(PaymentTransaction, without_any_default(self)).default_get(fields)

    @api.model_create_multi
    def create(self, vals_list):
        transactions = super().create(vals_list)
        transactions._billing_check_server()
        return transactions

    def write(self, vals):
        self._billing_check_server()
        result = super().write(vals)
        # Nor may another one become ours.
        self._billing_check_server()
        return result

    @api.ondelete(at_uninstall=False)
    def _unlink_except_billing(self):
        """What was asked of Stripe stays known."""
        for tx in self.sudo():  # sudo: whoever may delete may know why not.
            if tx._billing_is_ours() and (tx.billing_key or tx.state != "draft"):
                raise UserError(
                    self.env._(
                        "%(payment)s tells what was asked of the payment provider, and"
                        " stays.",
                        payment=tx.reference,
                    )
                )

    def _billing_check_server(self):
        """Check that nobody but the server writes what happened to money.

        :raise AccessError: if a person does, by whatever call.
        """
        if self.env.su:
            return
        for tx in self.sudo():  # sudo: it is about the payment, not the person.
            if tx._billing_is_ours():
                raise AccessError(
                    self.env._(
                        "%(payment)s is written by the server alone, from what the"
                        " payment provider says. Charge, refund or void the invoice"
                        " instead.",
                        payment=tx.reference,
                    )
                )

    def _billing_is_ours(self):
        """Whether it pays a customer's invoice, or is Stripe's to tell of."""
        self.ensure_one()
        return bool(
            self.provider_code == "stripe"
            or self.billing_key
            or self.billing_refund_invoice_id
            or self._billing_get_customer_invoices()
        )

    def _billing_get_customer_invoices(self):
        """Return the customer's invoices that it pays, or that its source paid."""
        self.ensure_one()
        source = self.source_transaction_id._billing_get_captured()
        invoices = self.invoice_ids | source.invoice_ids
        return invoices.filtered(lambda move: move.move_type in BILLING_MOVE_TYPES)

    # === ACTION METHODS === #

    def action_post_process(self):
        """Override of `payment`: what was confirmed is booked as the jobs do."""
        # sudo: who may invoice need not read what it is about.
        ours = self.filtered(lambda tx: tx.sudo()._billing_is_ours())
        if not ours:
            return super().action_post_process()
        payment_utils.check_rights_on_recordset(self)
        # sudo: only the server writes payments.
        ours.sudo().filtered(lambda tx: tx.state == "done")._post_process()
        return super(PaymentTransaction, self - ours).action_post_process()

    # === BUSINESS METHODS === #

    def _refund(self, amount_to_refund=None):
        """Override of `payment`: money of our invoices goes back by our refund.

        It has a credit note, so that the customer does not owe it again, and an attempt
        that outlives a lost answer.

        :raise AccessError: if the user may not refund.
        """
        self.ensure_one()
        invoices = self._billing_get_customer_invoices()
        if not invoices:
            return super()._refund(amount_to_refund=amount_to_refund)
        if not self.env.user.has_group("omni_billing.omni_billing_group_manager"):
            raise AccessError(
                self.env._(
                    "Only billing managers can refund %(invoices)s.",
                    invoices=format_list(self.env, invoices.mapped("display_name")),
                )
            )
        if len(invoices) > 1:
            raise UserError(
                self.env._(
                    "%(payment)s paid %(invoices)s. Open the invoice that the money is"
                    " for, and refund it there.",
                    payment=self.reference,
                    invoices=format_list(self.env, invoices.mapped("display_name")),
                )
            )
        if self.provider_code != "stripe":
            refund = super()._refund(amount_to_refund=amount_to_refund)
            # Its credit note is posted when it is booked.
            refund.billing_refund_invoice_id = invoices
            return refund
        # sudo: no more of it, the user's own rights on the invoice count too.
        return invoices.sudo(False)._billing_refund(
            amount_to_refund, payment=self._billing_get_captured()
        )

    def _capture(self, amount_to_capture=None):
        """Override of `payment`: what is captured is owed still, and staff take it."""
        self.ensure_one()
        if invoices := self._billing_get_customer_invoices():
            self._billing_check_staff(invoices)
            self._billing_check_here()
            invoices._billing_lock()
            for invoice in invoices.filtered("billing_attempt_id"):
                raise UserError(
                    self.env._(
                        "A payment of %(invoice)s is under way. Wait for its outcome.",
                        invoice=invoice.display_name,
                    )
                )
            due = invoices._billing_get_chargeable_amount(self)
            amount = amount_to_capture or self.amount
            if self.currency_id.compare_amounts(amount, due) > 0:
                raise UserError(
                    self.env._(
                        "%(amount)s would be taken, but only %(due)s of %(invoices)s"
                        " are left to pay. Void the payment, or capture less.",
                        amount=format_amount(self.env, amount, self.currency_id),
                        due=format_amount(self.env, due, self.currency_id),
                        invoices=format_list(self.env, invoices.mapped("display_name")),
                    )
                )
        return super()._capture(amount_to_capture=amount_to_capture)

    def _void(self, amount_to_void=None):
        """Override of `payment`: staff give up what customers authorized."""
        self.ensure_one()
        if invoices := self._billing_get_customer_invoices():
            self._billing_check_staff(invoices)
            self._billing_check_here()
        return super()._void(amount_to_void=amount_to_void)

    def _billing_check_staff(self, invoices):
        """Check the rights of who asked; Odoo's actions come here as superuser."""
        if not self.env.user.has_group("omni_billing.omni_billing_group_user"):
            raise AccessError(
                self.env._(
                    "Only billing staff can capture or void the payment of"
                    " %(invoices)s.",
                    invoices=format_list(self.env, invoices.mapped("display_name")),
                )
            )
