from odoo import api, fields, models
from odoo.fields import Domain


class AccountBankingMandate(models.Model):
    """The customer's consent to be debited by file (W34)."""

    _inherit = "account.banking.mandate"

    billing_notice_days = fields.Integer(
        string="Notice (days)",
        tracking=True,
        help="As this mandate says. 0: as the company's settings say.",
    )

    _billing_notice = models.Constraint(
        "CHECK(billing_notice_days BETWEEN 0 AND 90)",
        "A notice is sent at most 90 days before the debit.",
    )

    @api.model
    def _billing_find_mandates(self, customers, company):
        """Return the mandate by which each customer is debited, if there is one.

        One that is for a single payment is not used by itself. Of several the one that
        was signed last counts; one whose last debit is to come is for who has no other.

        :rtype: dict[res.partner, account.banking.mandate]
        """
        # sudo: who collects need not see the bank accounts of customers.
        found = self.sudo().search(
            Domain("partner_id", "in", customers.ids)
            & Domain("company_id", "=", company.id)
            & Domain("format", "in", ("sepa_core", "sepa_b2b"))
            & Domain("type", "=", "recurrent")
            & Domain("state", "in", ("valid", "final"))
            & Domain("partner_bank_id", "!=", False),
            order="state, signature_date, id",
        )
        finals = found.filtered(lambda mandate: mandate.state == "final")
        by_customer = {mandate.partner_id: mandate for mandate in finals}
        by_customer |= {mandate.partner_id: mandate for mandate in found - finals}
        return by_customer

    def _billing_get_notice_days(self):
        """Return how many days before a debit the customer is told of it."""
        self.ensure_one()
        return self.billing_notice_days or self.company_id.billing_sepa_notice_days

    def _billing_end(self, reason):
        """End mandates that the bank does not accept any more.

        :param str reason: why, for those who look later.
        """
        ended = self.filtered(lambda mandate: mandate.state in ("valid", "final"))
        ended.state = "cancel"
        ended._message_log_batch(bodies=dict.fromkeys(ended.ids, reason))
