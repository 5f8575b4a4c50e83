from collections import Counter

from odoo import api, fields, models
from odoo.fields import Domain

from ...tools.money import split
from ...tools.write_guard import trust


class PaymentTransaction(models.Model):
    """What of a payment was given back, and to which invoices (W18)."""

    _inherit = "payment.transaction"

    billing_refund_invoice_id = fields.Many2one(
        "account.move",
        string="Refunded Invoice",
        readonly=True,
        copy=False,
        index="btree_not_null",
    )
    billing_refund_note_id = fields.Many2one(
        "account.move",
        string="Credit Note Given Back",
        readonly=True,
        copy=False,
        index="btree_not_null",
        help="Posted before the refund; without one, the refund posts its own.",
    )

    def _billing_get_shares(self):
        """Return what each invoice got of this payment and did not give back.

        :return: amounts with taxes, in the currency of the payment, by invoice; of
            invoices in another currency nothing, which is left to a person.
        :rtype: dict[account.move, float]
        """
        self.ensure_one()
        if self.invoice_ids.currency_id != self.currency_id:
            return {}
        got = Counter()
        charged = self.amount
        if payments := self._billing_get_payments():
            charged = sum(payments.mapped("amount"))
            lines = payments.move_id.line_ids
            for partial in lines.matched_debit_ids:
                invoice = partial.debit_move_id.move_id
                if invoice in self.invoice_ids:
                    got[invoice] += partial.debit_amount_currency
        else:
            # Not booked yet: the oldest is paid first.
            left = self.amount
            for invoice in self.invoice_ids.sorted(lambda move: (move.date, move.id)):
                got[invoice] = min(left, invoice.amount_residual)
                left -= got[invoice]
        refunds = self._billing_get_refunds()
        for refund in refunds:
            if refund.billing_refund_invoice_id in got:
                got[refund.billing_refund_invoice_id] += refund.amount
        round_ = self.currency_id.round
        shares = [round_(max(0.0, amount)) for amount in got.values()]
        # A discount settles more than was charged; it cannot be given back.
        left = max(0.0, charged + sum(refunds.mapped("amount")))
        parts = split(round_(min(left, sum(shares))), shares, round_)
        return dict(zip(got, parts, strict=True))

    def _billing_get_refunds(self):
        """Return the refunds of a payment that were made or may be on their way."""
        family = self | self._billing_get_captures()
        return family.child_transaction_ids.filtered(
            lambda tx: tx.operation == "refund" and tx.state not in ("error", "cancel")
        )

    def _billing_split_refund(self, amount):
        """Split a refund over the invoices by what each got of the payment.

        :param float amount: with taxes, in the currency of the payment.
        :return: invoices, their credit notes (none where one is still to be made) and
            parts; what no invoice can take has no invoice either.
        :rtype: list[tuple[account.move, account.move, float]]
        """
        shares = {
            invoice: min(share, invoice._billing_get_creditable_amount())
            for invoice, share in self._billing_get_shares().items()
        }
        parts = split(
            min(amount, sum(shares.values())), shares.values(), self.currency_id.round
        )
        nothing = self.invoice_ids.browse()
        found = [
            (invoice, note, part)
            for invoice, share in zip(shares, parts, strict=True)
            for note, part in invoice._billing_spread_refund(share)
        ]
        found.append((nothing, nothing, self.currency_id.round(amount - sum(parts))))
        return [one for one in found if not self.currency_id.is_zero(one[-1])]

    def _billing_create_foreign_refunds(self, refund):
        """Write down a refund that was made at Stripe itself (W18).

        :param refund: a `Refund` of the gateway.
        :return: an attempt for each credit note that there is or will be, and one
            without an invoice for what no credit note can be made for.
        """
        self.ensure_one()
        amount = self._billing_to_major(refund.amount)
        attempts = self.browse()
        for invoice, note, part in self._billing_split_refund(amount):
            attempt = self._create_child_transaction(
                part,
                is_refund=True,
                provider_reference=refund.id,
                billing_is_open=True,
                billing_refund_invoice_id=invoice.id,
                billing_refund_note_id=note.id,
            )
            # It may be on its way for days; meanwhile that credit is no other's, and
            # nobody gives the same back in another way.
            holder = attempt._billing_get_holder()
            trust(holder.filtered(lambda move: not move.billing_attempt_id)).write(
                {"billing_attempt_id": attempt.id}
            )
            attempts += attempt
        return attempts

    @api.model
    def _billing_find_holding(self, moves):
        """Return which refunds these invoices and credit notes wait for, the oldest.

        Stripe's dashboard may give back several parts of one invoice at once.

        :return: the id of the refund by the id of what it holds.
        :rtype: dict[int, int]
        """
        refunds = self.search(
            Domain("billing_is_open", "=", True)
            & (
                Domain("billing_refund_note_id", "in", moves.ids)
                | Domain("billing_refund_invoice_id", "in", moves.ids)
            ),
            order="id desc",
        )
        return {refund._billing_get_holder().id: refund.id for refund in refunds}

    def _billing_get_holder(self):
        """Return what waits for a refund that was made in Stripe's dashboard."""
        return self.billing_refund_note_id or self.billing_refund_invoice_id

    def _billing_tell_unbooked_refunds(self, refunds):
        """Have staff look at what was given back of money that is not booked.

        :param refunds: each a `Refund` of the gateway.
        """
        back = sum(
            refund.amount
            for refund in refunds
            if refund.status not in ("failed", "canceled")
        )
        # What was only held for us is given back by the bank: nobody paid.
        if back and self.state == "error":
            self._billing_tell_staff(
                self.env._(
                    "%(amount)s of the payment %(reference)s were given back in"
                    " Stripe's dashboard. What Stripe took is not booked, so this is"
                    " not booked either: if you recorded that money by hand, record"
                    " the refund by hand as well.",
                    amount=self.currency_id._billing_format(
                        self._billing_to_major(back)
                    ),
                    reference=self.reference,
                )
            )

    def _billing_book_rest(self):
        """Set what no invoice gives back against what is left of the payment."""
        payments = self.payment_id + self.source_transaction_id._billing_get_payments()
        lines = payments.move_id.line_ids.filtered(
            lambda line: line.account_type == "asset_receivable" and not line.reconciled
        )
        lines.reconcile()
        money = self.payment_id.move_id._billing_get_receivable_lines()
        if not all(money.mapped("reconciled")):
            self._billing_tell_staff(
                self.env._(
                    "%(amount)s were refunded in Stripe's dashboard that no invoice of"
                    " the payment %(reference)s can give back: the customer owes them"
                    " now. Make a credit note, or ask the customer.",
                    amount=self.currency_id._billing_format(-self.amount),
                    reference=self.source_transaction_id.reference,
                )
            )
