from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.fields import Domain
from odoo.tools import format_list

from odoo.addons.omni_billing.tools.lock import lock_or_tell
from odoo.addons.omni_billing.tools.write_guard import is_trusted, trust

from ..tools.states import BOOKED, FIXED, HOLDS

UNDER_WAY = Domain("billing_is_under_way", "=", True)
#: What the bank was told of a mandate, or will be.
KEPT = {"last_debit_date", "state", "type"}
#: What OCA's buttons, and its job for old mandates, make of a state. What is used up
#: stays so.
MOVES = {
    "draft": ("valid", "cancel"),
    "valid": ("final", "cancel", "expired"),
    "final": ("valid", "cancel", "expired"),
    "cancel": ("draft",),
}


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

    # === CRUD METHODS === #

    def write(self, vals):
        """Override: what the bank knows stays true, and staff learn of what ends.

        :raise UserError: if a debit order has it, and it would hold once more.
        """
        if KEPT & vals.keys() and not is_trusted(self.env):
            self._billing_check_kept(vals)
        ended = self.browse()
        if vals.get("state", "valid") not in HOLDS:
            ended = self.filtered(lambda mandate: mandate.state in HOLDS)
        result = super().write(vals)
        if ended:
            ended._billing_tell_orders()
        return result

    # === BUSINESS METHODS === #

    @api.model
    def _billing_find_mandates(self, customers, company, with_single=False):
        """Return the mandate by which each customer is debited, if there is one.

        Of several the one that was signed last counts; one whose last debit is to come
        is for who has no other, and not while that debit is under way.

        :param bool with_single: whether one that is for a single debit, and not used,
            will do for who has no other: not by itself, but if staff ask for it.
        :rtype: dict[res.partner, account.banking.mandate]
        """
        kinds = Domain("type", "=", "recurrent")
        if with_single:
            kinds |= Domain("last_debit_date", "=", False)
        # sudo: who collects need not see the bank accounts of customers.
        found = self.sudo().search(
            self._billing_get_domain(customers, company)
            & Domain("state", "in", HOLDS)
            & kinds,
            order="signature_date, id",
        )
        once = found.filtered(lambda mandate: mandate._billing_is_single())
        found -= once._billing_find_lines(UNDER_WAY).mandate_id
        singles = found.filtered(lambda mandate: mandate.type == "oneoff")
        finals = (found - singles).filtered(lambda mandate: mandate.state == "final")
        by_customer = {}
        for mandates in (singles, finals, found - singles - finals):
            by_customer |= {mandate.partner_id: mandate for mandate in mandates}
        return by_customer

    @api.model
    def _billing_find_used(self, customers, company):
        """Return the latest mandate of each customer that is for one debit alone.

        :rtype: dict[res.partner, account.banking.mandate]
        """
        # sudo: as above
        found = self.sudo().search(
            self._billing_get_domain(customers, company)
            & (Domain("type", "=", "oneoff") | Domain("state", "=", "final"))
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

    def _billing_is_single(self):
        """Whether one debit is left by it, at most."""
        self.ensure_one()
        return self.type == "oneoff" or self.state == "final"

    def _billing_find_lines(self, domain):
        """Return what is, or was, collected by these mandates, in sudo.

        :param Domain domain: of the lines.
        """
        # sudo: debit orders are their managers'; who has the mandate may know of it.
        lines = self.env["account.payment.line"].sudo()
        return lines.search(Domain("mandate_id", "in", self.ids) & domain)

    def _billing_find_last_debits(self):
        """Return the day of the last debit by each mandate that the bank has paid.

        OCA's `last_debit_date` is the day of the last file, whatever became of that.

        :rtype: dict[account.banking.mandate, datetime.date]
        """
        # sudo: as above
        payments = self.env["account.payment"].sudo()
        booked = Domain("state", "in", tuple(BOOKED))
        lines = Domain("payment_line_ids.mandate_id", "in", self.ids)
        last = {}
        for payment in payments.search(lines & booked, order="date, id"):
            last |= dict.fromkeys(payment.payment_line_ids.mandate_id, payment.date)
        return last

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
        # What a file used up does not come back with that file, either.
        used_up = self._billing_find_lines(Domain("billing_used_up", "=", True))
        used_up.billing_used_up = False

    def _billing_revive(self):
        """Have mandates hold again that are used up by what the bank does not debit."""
        used = trust(self.filtered(lambda mandate: mandate.state == "expired"))
        singles = used.filtered(lambda mandate: mandate.type == "oneoff")
        singles.write({"state": "valid", "last_debit_date": False})
        (used - singles).state = "final"

    def _billing_tell_orders(self):
        """Name to staff the orders that would debit by mandates that just ended."""
        lines = self._billing_find_lines(
            UNDER_WAY & Domain("order_id.state", "in", ("open", "generated"))
        ).filtered(lambda line: line.order_id._billing_is_sepa())
        for mandate, own in lines.grouped("mandate_id").items():
            mandate.partner_id._billing_tell_staff(
                self.env._(
                    "The SEPA mandate %(mandate)s ended, and the debit order %(order)s"
                    " has it. If the bank does not have the file of that order, cancel"
                    " the order, set it back to draft, take this customer out and"
                    " confirm it again. If the bank has it, the customer is debited all"
                    " the same: ask the bank to stop that debit.",
                    mandate=mandate.unique_mandate_reference,
                    order=format_list(self.env, own.order_id.mapped("name")),
                )
            )

    # === CHECKS === #

    def _billing_check_kept(self, vals):
        """Check that nothing used is made new: it would be debited once more.

        :raise UserError: if it would be.
        """
        changed = self.filtered(lambda mandate: mandate._billing_is_forced(vals))
        lines = changed._billing_find_lines(
            Domain("order_id.state", "in", FIXED)
            & Domain("order_id.company_id.billing_sepa_line_id", "!=", False)
        )
        if lines:
            raise UserError(
                self.env._(
                    "The debit order %(order)s debits by the mandate %(mandate)s: the"
                    " mandate's kind and last debit stay as they are, and its status"
                    " changes by its buttons. Nothing was changed: have the customer"
                    " sign a new one for other debits.",
                    order=lines[0].order_id.name,
                    mandate=lines[0].mandate_id.unique_mandate_reference,
                )
            )

    def _billing_is_forced(self, vals):
        """Whether values are such that no button writes."""
        self.ensure_one()
        state = vals.get("state", self.state)
        day = fields.Date.to_date(vals.get("last_debit_date", self.last_debit_date))
        return (
            vals.get("type", self.type) != self.type
            or (day or False) != self.last_debit_date
            or (state != self.state and state not in MOVES.get(self.state, ()))
        )

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
