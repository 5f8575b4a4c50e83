from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.tools import format_list

from ...const import UNPAID_STATES
from ...tools.action import open_dialog
from ...tools.notice import notice
from ...tools.numbers import format_amount
from ...tools.write_guard import trust

#: How money comes that no card moves.
MANUAL_MODES = ("cash", "pos", "bank")


class AccountMove(models.Model):
    """Paying invoices, and what was received for them."""

    _inherit = "account.move"

    billing_receipt_ids = fields.One2many(
        "omni.billing.transaction",
        "invoice_id",
        string="Billing Receipts",
        readonly=True,
        copy=False,
        domain=[("transaction_type", "=", "payment"), ("state", "!=", "void")],
    )
    billing_payment_reference = fields.Char(
        string="Reference of the Payment",
        readonly=True,
        copy=False,
        help="The receipt or online payment that paid the invoice.",
    )

    @api.model
    def _billing_get_state_fields(self):
        return super()._billing_get_state_fields() | {"billing_payment_reference"}

    # === ACTION METHODS === #

    def action_billing_pay(self):
        """Open the payment dialog on these invoices (F132)."""
        payable = self.filtered(lambda move: move.billing_state in UNPAID_STATES)
        if not payable:
            raise UserError(
                self.env._("There is nothing to pay: select an unpaid invoice.")
            )
        title = self.env._("Pay %(count)s Invoices", count=len(payable))
        if len(payable) == 1:
            title = self.env._("Pay Invoice")
        context = {"default_invoice_ids": payable.ids, "billing_propose_mode": True}
        return open_dialog("omni.billing.payment.wizard", title, context)

    def action_billing_mark_paid(self):
        """Record in one click that all that is owed was received (F166); commits.

        In cash, or as who asks has set as the default of the payment dialog. It is
        undone as every payment is.

        :return: a notice of what was recorded.
        :raise UserError: if the invoice cannot be paid.
        """
        self.ensure_one()
        # Who may open the payment dialog may do this, too.
        Dialog = self.env["omni.billing.payment.wizard"]
        Dialog.check_access("create")
        mode = Dialog.default_get(["mode"]).get("mode")
        mode = mode if mode in MANUAL_MODES else "cash"
        self._billing_settle_attempts()
        amount = self.amount_residual
        self._billing_pay(mode)
        modes = dict(Dialog._fields["mode"]._description_selection(self.env))
        message = self.env._(
            "%(invoice)s is paid: %(amount)s (%(mode)s). Undo it on the payment, if it"
            " was a mistake.",
            invoice=self.name,
            amount=format_amount(self.env, amount, self.currency_id),
            mode=modes[mode],
        )
        return notice(message, after=self.action_billing_open_detail())

    # === BUSINESS METHODS === #

    def _billing_update_payment_reference(self):
        """Keep the references of what paid each invoice, in the order received."""
        for move in self:
            # What was undone on a later day stays in the ledger, and paid nothing.
            receipts = move.billing_receipt_ids.filtered(
                lambda receipt: not receipt.payment_id.billing_undo_move_id
            )
            references = receipts.sorted("id").mapped("payment_reference")
            trust(move).billing_payment_reference = (
                ", ".join(dict.fromkeys(filter(None, references))) or False
            )

    def _billing_lock_for_money(self):
        """Lock the invoices; customers pay their own without a right to write."""
        self.check_access("read")
        # sudo: the lock needs a right to write that customers do not have.
        self.sudo()._billing_lock()
        self.invalidate_recordset()

    def _billing_settle_attempts(self):
        """Learn what became of earlier payments before a new one starts. Hook; commits.

        :raise UserError: if that is not to be learnt now.
        """
        return None

    def _billing_close_other_payments(self, but=None):
        """Give up payments that customers began and did not finish. Hook.

        :param but: the `payment.transaction` that asks, if it is one.
        :raise UserError: if one of them was paid meanwhile, or cannot be given up.
        """
        return None

    def _billing_before_cancel(self):
        """Override: less is owed then."""
        if self.billing_state in UNPAID_STATES:
            self._billing_close_other_payments()
        return super()._billing_before_cancel()

    def _billing_check_payable(self):
        """Check that these invoices can be paid now, together. Hook.

        :raise UserError: if not; the message says what is in the way.
        """
        if not self:
            raise UserError(self.env._("Select at least one invoice to pay."))
        for invoice in self:
            if (
                invoice.move_type != "out_invoice"
                or invoice.state != "posted"
                or invoice.billing_state not in UNPAID_STATES
            ):
                labels = dict(
                    invoice._fields["billing_state"]._description_selection(self.env)
                )
                raise UserError(
                    self.env._(
                        "%(invoice)s cannot be paid: it is %(state)s. Nothing was"
                        " changed.",
                        invoice=invoice.display_name,
                        state=labels.get(
                            invoice.billing_state, self.env._("not an invoice")
                        ).lower(),
                    )
                )
        self._billing_check_together()

    def _billing_check_together(self):
        """Check that one payment can pay all of these: it is booked on one account.

        :raise UserError: if not; the message says what to do.
        """
        if len(self._billing_group_together()) > 1:
            raise UserError(
                self.env._(
                    "Invoices paid together must belong to one customer, one company,"
                    " one currency and one receivable account. Nothing was changed:"
                    " select fewer, or pay each on its own page."
                )
            )
        accounts = self._billing_get_receivable_lines().account_id
        if len(accounts) > 1:
            raise UserError(
                self.env._(
                    "What is owed on %(invoice)s is on several accounts (%(accounts)s),"
                    " and a payment is booked on one. Nothing was changed: have"
                    " accounting record it, account by account, with the button Pay of"
                    " Invoicing.",
                    invoice=self[:1].display_name,
                    accounts=format_list(self.env, accounts.mapped("display_name")),
                )
            )

    def _billing_group_together(self):
        """Return these invoices in groups that one payment can pay each."""

        def get_key(move):
            account = move._billing_get_receivable_lines().account_id
            customer = move.commercial_partner_id
            return move.company_id, move.currency_id, customer, account

        return list(self.grouped(get_key).values())
