from odoo import api, fields, models
from odoo.exceptions import ValidationError


class ResCompany(models.Model):
    """How unpaid invoices are followed up."""

    _inherit = "res.company"

    billing_reminders = fields.Boolean(
        string="Send Reminders",
        help="Customers are reminded of unpaid invoices, level by level.",
    )
    billing_late_fee = fields.Selection(
        [
            ("none", "No late fee"),
            ("percent", "Percent of what is owed, each month"),
            ("fixed", "A fixed amount, each month"),
        ],
        string="Late Fee",
        required=True,
        default="none",
        help="A charge on the customer's next invoice, for each month that is begun.",
    )
    billing_late_fee_percent = fields.Float(string="Percent a Month")
    billing_late_fee_amount = fields.Monetary(
        string="Amount a Month", currency_field="currency_id"
    )
    billing_late_fee_grace = fields.Integer(
        string="Grace Days", help="Days after the due date without a fee."
    )
    _billing_late_fee_positive = models.Constraint(
        "CHECK(billing_late_fee_percent >= 0 AND billing_late_fee_percent <= 100"
        " AND billing_late_fee_amount >= 0 AND billing_late_fee_grace >= 0)",
        "A late fee is at most 100 %, and neither it nor the days are less than zero.",
    )

    @api.constrains(
        *("billing_late_fee", "billing_late_fee_percent", "billing_late_fee_amount"),
        "billing_late_fee_grace",
    )
    def _check_billing_late_fee(self):
        for company in self:
            if not 0 <= company.billing_late_fee_percent <= 100:
                company._billing_raise_percent()
            if company.billing_late_fee_amount < 0:
                company._billing_raise_amount()
            if not 0 <= company.billing_late_fee_grace <= 365:
                raise ValidationError(
                    self.env._("Late fee: the grace days are from 0 to 365.")
                )

    def _billing_check_late_fee(self):
        """Check that a late fee is more than nothing, once all of it is entered.

        Settings are written field by field, the kind of fee before its amount.

        :raise ValidationError: if it is not.
        """
        for company in self:
            kind = company.billing_late_fee
            if kind == "percent" and not company.billing_late_fee_percent:
                company._billing_raise_percent()
            if kind == "fixed" and not company.billing_late_fee_amount:
                company._billing_raise_amount()

    def _billing_raise_percent(self):
        raise ValidationError(
            self.env._(
                "Late fee: %(percent)s %% a month is not possible. Enter more"
                " than 0 and at most 100, like 1.5, or choose No late fee.",
                percent=f"{self.billing_late_fee_percent:g}",
            )
        )

    def _billing_raise_amount(self):
        raise ValidationError(
            self.env._("Late fee: enter an amount above zero, or choose No late fee.")
        )

    billing_retry_days = fields.Char(
        string="Retry Failed Charges",
        default="1, 3, 7",
        help="How many days after the first failed charge of a billing run it is"
        " charged again. Empty: it is left to staff at once.",
    )

    billing_cheque_fee = fields.Monetary(
        string="Fee for a Returned Cheque",
        currency_field="currency_id",
        help="What is proposed when a cheque bounces: a charge on the customer's next"
        " invoice. Zero proposes none.",
    )
    _billing_cheque_fee_positive = models.Constraint(
        "CHECK(billing_cheque_fee >= 0)",
        "The fee for a returned cheque is not less than zero.",
    )
    billing_return_fee = fields.Monetary(
        string="Fee for a Returned Debit",
        currency_field="currency_id",
        help="What a bank debit costs the customer that its bank did not pay, or took"
        " back: a charge on the next invoice, once for each. Zero is none.",
    )
    billing_return_fee_product_id = fields.Many2one(
        "product.product",
        string="Product of That Fee",
        check_company=True,
        index="btree_not_null",
        help="Its taxes and its account. Empty: no taxes.",
    )
    _billing_return_fee_positive = models.Constraint(
        "CHECK(billing_return_fee >= 0)",
        "The fee for a returned debit is not less than zero.",
    )

    @api.constrains("billing_return_fee_product_id")
    def _check_billing_return_fee_product(self):
        """A product of another company would be refused when it is charged."""
        self._check_company(["billing_return_fee_product_id"])

    billing_tell_declines = fields.Boolean(
        string="Tell Customers of Failed Charges",
        default=True,
        help="What a run or a scheduled payment could not charge: the customer"
        " gets an e-mail with the reason and a link to pay, when it first fails and"
        " when it is not tried again.",
    )

    @api.constrains("billing_retry_days")
    def _check_billing_retry_days(self):
        for company in self:
            try:
                days = company._billing_get_retry_days()
            except ValueError:
                days = [0]
            if days != sorted(set(days)) or any(not 0 < day < 366 for day in days):
                raise ValidationError(
                    self.env._(
                        "Enter the days of retries as rising numbers, like 1, 3, 7."
                    )
                )

    def _billing_get_retry_days(self):
        """Return the days after a first failure on which a card is charged again."""
        self.ensure_one()
        text = (self.billing_retry_days or "").strip()
        return [int(day) for day in text.split(",")] if text else []
