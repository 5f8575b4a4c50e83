from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.fields import Domain

from odoo.addons.omni_billing.tools.lock import lock_or_tell

#: Of a mandate by which may be debited.
HOLDS = ("valid", "final")
UNDER_WAY = Domain("billing_is_under_way", "=", True)


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
    def _billing_find_mandates(self, customers, company, with_single=False):
        """Return the mandate by which each customer is debited, if there is one.

        Of several the one that was signed last counts; one whose last debit is to come
        is for who has no other.

        :param bool with_single: whether one that is for a single debit, and not used,
            will do for who has no other: not by itself, but if staff ask for it.
        :rtype: dict[res.partner, account.banking.mandate]
        """
        kinds = Domain("type", "=", "recurrent")
        if with_single:
            kinds |= Domain("payment_line_ids", "not any", UNDER_WAY)
        # sudo: who collects need not see the bank accounts of customers.
        found = self.sudo().search(
            self._billing_get_domain(customers, company)
            & Domain("state", "in", HOLDS)
            & kinds,
            order="signature_date, id",
        )
        singles = found.filtered(lambda mandate: mandate.type == "oneoff")
        finals = (found - singles).filtered(lambda mandate: mandate.state == "final")
        by_customer = {}
        for mandates in (singles, finals, found - singles - finals):
            by_customer |= {mandate.partner_id: mandate for mandate in mandates}
        return by_customer

    @api.model
    def _billing_find_used(self, customers, company):
        """Return the mandate for a single debit that each customer signed last.

        :rtype: dict[res.partner, account.banking.mandate]
        """
        # sudo: as above
        found = self.sudo().search(
            self._billing_get_domain(customers, company)
            & Domain("type", "=", "oneoff")
            & Domain("state", "in", (*HOLDS, "expired")),
            order="signature_date, id",
        )
        return {mandate.partner_id: mandate for mandate in found}

    @api.model
    def _billing_get_domain(self, customers, company):
        return (
            Domain("partner_id", "in", customers.ids)
            & Domain("company_id", "=", company.id)
            & Domain("format", "in", ("sepa_core", "sepa_b2b"))
            & Domain("partner_bank_id", "!=", False)
        )

    def _billing_get_notice_days(self):
        """Return how many days before a debit the customer is told of it."""
        self.ensure_one()
        return self.billing_notice_days or self.company_id.billing_sepa_notice_days

    def _billing_end(self, reason):
        """End mandates that the bank does not accept any more.

        :param str reason: why, for those who look later.
        """
        ended = self.filtered(lambda mandate: mandate.state in HOLDS)
        ended.state = "cancel"
        ended._message_log_batch(bodies=dict.fromkeys(ended.ids, reason))

    def _billing_revive(self, day):
        """Have mandates hold again that a file used up which the bank does not debit.

        :param datetime.date day: of the file, as the mandates have it.
        """
        used = self.filtered(
            lambda mandate: (
                mandate.state == "expired" and mandate.last_debit_date == day
            )
        )
        singles = used.filtered(lambda mandate: mandate.type == "oneoff")
        singles.write({"state": "valid", "last_debit_date": False})
        (used - singles).state = "final"

    # === WHAT A CUSTOMER READS AND DOES === #

    @api.model
    def _billing_find_own(self, customer, company):
        """Return the mandates of a customer that hold, in sudo, the latest first."""
        # sudo: customers see what they signed, and which of their accounts it is of.
        return self.sudo().search(
            self._billing_get_domain(customer, company) & Domain("state", "in", HOLDS)
        )

    def _billing_revoke(self):
        """End a mandate as its customer wishes, or ask staff to.

        :return: whether it is ended.
        :rtype: bool
        :raise UserError: if somebody works on it, or it holds no more.
        """
        self.ensure_one()
        lock_or_tell(self)
        if self.state not in HOLDS:
            raise UserError(
                self.env._(
                    "The mandate %s holds no more.", self.unique_mandate_reference
                )
            )
        # sudo: settings are an administrator's.
        is_own = self.company_id.sudo().billing_sepa_lets_revoke
        if is_own:
            self._billing_end_own()
        else:
            self._billing_ask_end()
        return is_own

    def _billing_end_own(self):
        self._billing_end(self.env._("The customer ended it in the customer area."))
        self.env["omni.billing.activity.log"]._log(
            [
                {
                    "action": "autopay_off",
                    "company": self.company_id,
                    "customer": self.partner_id,
                    "name": self.display_name,
                }
            ]
        )

    def _billing_ask_end(self):
        self.partner_id._billing_tell_staff(
            self.env._(
                "%(customer)s asks in the customer area to end the SEPA mandate"
                " %(mandate)s. Cancel it in Invoicing > Customers > Banking Mandates,"
                " and tell the customer.",
                customer=self.env.user.name,
                mandate=self.unique_mandate_reference,
            )
        )
