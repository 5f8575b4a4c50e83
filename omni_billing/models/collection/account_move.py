from odoo import Command, models


class AccountMove(models.Model):
    """What collecting leaves behind when an invoice is void, or a debit came back."""

    _inherit = "account.move"

    def _billing_set_void(self):
        """Override: nothing is late of what should not have been, nor charged."""
        result = super()._billing_set_void()
        for move in self:
            move._billing_void_late_fees()
        self._billing_end_plan(self.env._("The invoice is void."))
        return result

    def _billing_void_late_fees(self):
        """Void the late fees of a void invoice; those that are billed are told."""
        # sudo: whoever may void the invoice takes back what it made.
        fees = self.env["omni.billing.late.fee"].sudo()
        charges = fees.search([("move_id", "=", self.id)]).transaction_id
        waiting = charges.filtered(lambda charge: charge.state == "unbilled")
        waiting._set_void(
            reason=self.env._(
                "Late fee of %(invoice)s, which is void", invoice=self.name
            )
        )
        for invoice in (charges - waiting).invoice_id:
            invoice._billing_tell_staff(
                self.env._(
                    "A late fee of %(void)s is on this invoice, and %(void)s is void by"
                    " now. Cancel that item, or leave it if it is meant.",
                    void=self.name,
                )
            )

    def _billing_prepare_return_fee(self, currency):
        """Return the values of the charge for a debit of this invoice that came back.

        A branch has its own fee, also where it debits by the account of a company
        above it.

        :param currency: the `res.currency` in which it was debited.
        :rtype: dict
        """
        self.ensure_one()
        company = self.company_id
        product = company.billing_return_fee_product_id
        return {
            "name": self._billing_translate(
                lambda env: env._(
                    "Fee for the returned debit of %(invoice)s", invoice=self.name
                )
            ),
            "transaction_type": "charge",
            "company_id": company.id,
            "partner_id": self.commercial_partner_id.id,
            "currency_id": currency.id,
            "retail_cost": company.currency_id._convert(
                company.billing_return_fee, currency, company
            ),
            **(
                {"product_id": product.id}
                if product
                else {"tax_ids": [Command.clear()]}
            ),
        }
