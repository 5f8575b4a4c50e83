from odoo import fields, models
from odoo.exceptions import UserError
from odoo.fields import Domain


class OmniBillingMoneyMixin(models.AbstractModel):
    """What dialogs share in which money changes hands outside of Odoo (F139-F141).

    Who inherits has ``company_id``, ``partner_id``, ``currency_id``, ``amount`` and
    ``mode``, which is a key of `omni.billing` journals (cash, pos, bank).
    """

    _name = "omni.billing.money.mixin"
    _description = "Money by Hand"

    reference = fields.Char(
        help="The number of the receipt, cheque or transfer, so that it is found again."
    )
    date = fields.Date(required=True, default=fields.Date.context_today)

    def _create_payment(self, direction):
        """Post a payment, "inbound" or "outbound"; return its receivable line.

        :raise UserError: if the period is closed, or a journal is missing.
        """
        self.company_id._billing_check_open(self.date, self._get_journal())
        payment = (
            self.env["account.payment"]
            .with_company(self.company_id)
            .create(self._prepare_payment_values(direction))
        )
        payment.outstanding_account_id = self._get_outstanding_account(payment)
        payment.action_post()
        return payment.move_id.line_ids.filtered(
            lambda line: line.account_type == "asset_receivable"
        )

    def _prepare_payment_values(self, direction):
        """Return the values of the payment. Hook."""
        journal = self._get_journal()
        method_line = journal._get_available_payment_method_lines(direction).filtered(
            lambda line: line.code == "manual"
        )[:1]
        if not method_line:
            raise UserError(
                self.env._(
                    "Journal %(journal)s has no manual payment method. Add it on the"
                    " journal's Incoming and Outgoing Payments tabs.",
                    journal=journal.display_name,
                )
            )
        return {
            "payment_type": direction,
            "partner_type": "customer",
            "partner_id": self.partner_id.id,
            "amount": self.amount,
            "currency_id": self.currency_id.id,
            "date": self.date,
            "journal_id": journal.id,
            "payment_method_line_id": method_line.id,
            "memo": self.reference,
            "billing_mode": self.mode,
            "billing_reference": self.reference,
        }

    def _get_outstanding_account(self, payment):
        """Return where the money is booked. Hook."""
        return payment._billing_get_outstanding_account()

    def _get_journal(self):
        journal = self.company_id._billing_get_payment_journal(self.mode)
        if not journal:
            raise UserError(
                self.env._(
                    "%(company)s has no journal for this mode of payment. Choose one"
                    " in Billing > Configuration > Settings.",
                    company=self.company_id.name,
                )
            )
        return journal

    def _find_credit_lines(self):
        """Return the open credits of the customer, oldest first."""
        self.ensure_one()
        if not self.partner_id:
            return self.env["account.move.line"]
        return self.env["account.move.line"].search(
            Domain("company_id", "=", self.company_id.id)
            & Domain("partner_id", "=", self.partner_id.id)
            & Domain("currency_id", "=", self.currency_id.id)
            & Domain("account_id", "in", self._get_receivable_accounts().ids)
            & Domain("parent_state", "=", "posted")
            & Domain("reconciled", "=", False)
            & Domain("amount_residual_currency", "<", 0)
            # What is on its way back to a card is spent (F170).
            & Domain("move_id.billing_attempt_id", "=", False),
            order="date, id",
        )

    def _get_receivable_accounts(self):
        """Return the accounts in which credits are looked for. Hook."""
        raise NotImplementedError
