from odoo import api, models
from odoo.exceptions import UserError

from ...const import BILLING_MOVE_TYPES
from ...tools.write_guard import is_trusted, trust

#: What a reconciliation is; Odoo notes other things on it later.
FACTS = {
    "amount",
    "company_id",
    "credit_amount_currency",
    "credit_move_id",
    "debit_amount_currency",
    "debit_move_id",
}


class AccountPartialReconcile(models.Model):
    """Money meets invoice here, whichever screen it came from: the payment dialog, an
    accountant's bank statement, a card. So the ledger entry of a payment (F135) is
    written here, once, and goes when the reconciliation goes.
    """

    _inherit = "account.partial.reconcile"

    @api.model_create_multi
    def create(self, vals_list):
        partials = super().create(vals_list)
        partials._billing_check_possible()
        partials._billing_create_receipts()
        return partials

    def write(self, vals):
        """Override of `account`: it is undone and done again, and never rewritten."""
        if FACTS & vals.keys() and not is_trusted(self.env):
            for partial in self:
                partial._billing_check_not_of_ours()
        return super().write(vals)

    def unlink(self):
        self._billing_check_void_balance()
        # sudo: whoever undoes the reconciliation undoes its entry.
        Transaction = self.env["omni.billing.transaction"].sudo()
        receipts = Transaction.search([("partial_id", "in", self.ids)])
        invoices = receipts.invoice_id
        receipts._set_void(reason=self.env._("The payment was unreconciled"))
        # Odoo may delete the invoice after this.
        trust(receipts).invoice_id = False
        result = super().unlink()
        invoices._billing_update_payment_reference()
        return result

    def _billing_check_not_of_ours(self):
        """Check that what a reconciliation says of an invoice of ours stays said."""
        self.ensure_one()
        for line in self.debit_move_id + self.credit_move_id:
            if line.move_id._billing_is_ours():
                raise UserError(
                    self.env._(
                        "The reconciliation of %(invoice)s cannot be edited. Undo it,"
                        " and reconcile again.",
                        invoice=line.move_id.display_name,
                    )
                )

    def _billing_check_possible(self):
        """Check that an invoice of a customer is set against what can pay it.

        Odoo's own screens see to it; a script could name any two lines, and any amount.
        """
        for partial in self:
            if partial._billing_is_possible():
                continue
            debit, credit = (
                partial.debit_move_id.move_id,
                partial.credit_move_id.move_id,
            )
            if debit._billing_is_ours() or credit._billing_is_ours():
                raise UserError(
                    self.env._(
                        "%(debit)s and %(credit)s cannot be set against each other like"
                        " this: nothing was reconciled. Use the reconciliation of"
                        " Invoicing.",
                        debit=debit.display_name,
                        credit=credit.display_name,
                    )
                )

    def _billing_is_possible(self):
        """Whether both items are of one account, and neither is used up twice."""
        self.ensure_one()
        debit, credit = self.debit_move_id, self.credit_move_id
        company_currency = self.company_currency_id
        left = [
            (company_currency, debit.amount_residual),
            (company_currency, -credit.amount_residual),
            (debit.currency_id, debit.amount_residual_currency),
            (credit.currency_id, -credit.amount_residual_currency),
        ]
        # In one currency an amount is the same from both sides.
        sides = [
            (debit.currency_id, self.debit_amount_currency),
            (credit.currency_id, self.credit_amount_currency),
            (company_currency, self.amount),
        ]
        return (
            debit.account_id == credit.account_id
            and all(
                currency.compare_amounts(amount, 0) >= 0 for currency, amount in left
            )
            and not any(
                currency == other and currency.compare_amounts(amount, same)
                for currency, amount in sides
                for other, same in sides
            )
        )

    def _billing_check_void_balance(self):
        """A void invoice and the credit note that balances it stay together."""
        if is_trusted(self.env):
            return
        for partial in self:
            debit = partial.debit_move_id.move_id
            credit = partial.credit_move_id.move_id
            for void, other in ((debit, credit), (credit, debit)):
                if void.billing_is_void and other.reversed_entry_id == void:
                    raise UserError(
                        self.env._(
                            "%(invoice)s is void: %(note)s balances it, and they stay"
                            " reconciled.",
                            invoice=void.display_name,
                            note=other.display_name,
                        )
                    )

    def _billing_create_receipts(self):
        values = []
        for partial in self:
            own = partial._billing_prepare_receipt_values()
            values += [own] if own else partial._billing_prepare_moved_values()
        if not values:
            return
        # sudo: an accountant who reconciles may have no rights on transactions.
        Transaction = self.env["omni.billing.transaction"].sudo()
        receipts = trust(Transaction).create(values).with_env(Transaction.env)
        receipts.invoice_id._billing_update_payment_reference()

    def _billing_prepare_receipt_values(self):
        """Return the ledger entry of this reconciliation, none if there is none.

        Money is a payment, or a line of a bank statement. What else the ledger does not
        have, as a write-off, adjusts an invoice that it has. A credit note of ours that
        is set against an invoice moves nothing.
        """
        self.ensure_one()
        debit, credit = self.debit_move_id, self.credit_move_id
        for line, other, amount in (
            (debit, credit, self.debit_amount_currency),
            (credit, debit, self.credit_amount_currency),
        ):
            invoice, source = line.move_id, other.move_id
            if (
                invoice.move_type not in BILLING_MOVE_TYPES
                or line.account_id.account_type != "asset_receivable"
                or not amount
            ):
                continue
            if source._billing_is_money():
                return self._billing_prepare_values_of(invoice, source, amount)
            partner = invoice.commercial_partner_id
            if not invoice._billing_is_in_ledger():
                continue
            if source._billing_is_news(partner):
                # What it only put on another account is owed there.
                kept = 1 - source._billing_get_moved_share(partner, line.balance > 0)
                if amount := invoice.currency_id.round(amount * kept):
                    return self._billing_prepare_values_of(invoice, source, amount)
        return None

    def _billing_prepare_moved_values(self):
        """Return the entries of what settles a debt that was moved to another account.

        An accountant's entry took it off its invoices; what else it changed is in the
        ledger already. What pays the entry pays these, the oldest first, as far as it
        has theirs. A credit that was moved is given back in the same way.
        """
        self.ensure_one()
        debit, credit = self.debit_move_id, self.credit_move_id
        for line, other in ((debit, credit), (credit, debit)):
            moving, source = line.move_id, other.move_id
            if line.account_id.account_type != "asset_receivable":
                continue
            if not moving._billing_is_by_hand():
                continue
            partner = line.partner_id.commercial_partner_id
            kept = 1.0
            if not source._billing_is_money():
                if not source._billing_is_news(partner):
                    continue
                kept -= source._billing_get_moved_share(partner, line.balance > 0)
            return [
                self._billing_prepare_values_of(invoice, source, amount)
                for invoice, amount in moving._billing_share_moved(line, self, kept)
            ]
        return []

    def _billing_prepare_values_of(self, invoice, source, amount):
        """Return the entry of an amount, in the invoice's currency, that settles it."""
        values = {
            "is_refund": invoice.move_type == "out_refund",
            "company_id": invoice.company_id.id,
            "partner_id": invoice.partner_id.id,
            "currency_id": invoice.currency_id.id,
            "date": source.date,
            "retail_cost": amount,
            "state": "invoiced",
            "invoice_id": invoice.id,
            "partial_id": self.id,
        }
        if source._billing_is_money():
            return values | self._billing_prepare_money_values(invoice, source)
        return values | self._billing_prepare_adjustment_values(invoice, source)

    @api.model
    def _billing_prepare_money_values(self, invoice, source):
        payment = source.origin_payment_id
        return {
            "transaction_type": "payment",
            "name": invoice._billing_translate(
                lambda env: (
                    env._("Refund of credit note %(number)s", number=invoice.name)
                    if invoice.move_type == "out_refund"
                    else env._("Payment for invoice %(number)s", number=invoice.name)
                )
            ),
            "payment_id": payment.id,
            "payment_reference": payment._billing_get_reference()
            if payment
            else source.statement_line_id.payment_ref,
        }

    @api.model
    def _billing_prepare_adjustment_values(self, invoice, source):
        return {
            "transaction_type": "adjustment",
            "name": invoice._billing_translate(
                lambda env: env._(
                    "Adjustment of %(invoice)s: %(entry)s",
                    invoice=invoice.name,
                    entry=source.name,
                )
            ),
            "description": source.ref,
        }
