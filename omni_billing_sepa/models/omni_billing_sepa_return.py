import logging

from odoo import fields, models
from odoo.exceptions import UserError

from odoo.addons.omni_billing.tools.database import savepoint

from ..tools.reasons import NO_FAULT

_logger = logging.getLogger(__name__)


class OmniBillingSepaReturn(models.Model):
    """A debit that came back: its invoices are owed again (W34)."""

    _name = "omni.billing.sepa.return"
    _inherit = "omni.billing.server.mixin"
    _description = "Returned SEPA Debit"
    _order = "id desc"

    file_id = fields.Many2one(
        "omni.billing.sepa.file",
        required=True,
        readonly=True,
        index=True,
        ondelete="restrict",
    )
    company_id = fields.Many2one(
        "res.company", required=True, readonly=True, index=True
    )
    payment_id = fields.Many2one(
        "account.payment",
        string="Debit",
        required=True,
        readonly=True,
        ondelete="restrict",
    )
    partner_id = fields.Many2one(related="payment_id.partner_id", string="Customer")
    amount = fields.Monetary(related="payment_id.amount")
    currency_id = fields.Many2one(related="payment_id.currency_id")
    move_id = fields.Many2one(
        "account.move",
        string="Invoice",
        readonly=True,
        index="btree_not_null",
        ondelete="set null",
        help="The first one, if several were debited together.",
    )
    date = fields.Date(readonly=True)
    code = fields.Char(
        readonly=True, help="Why, as ISO 20022 has it: AM04 is too little money."
    )
    text = fields.Char(string="The Bank's Words", readonly=True)
    reason = fields.Char(string="Why", compute="_compute_reason")
    fee_id = fields.Many2one(
        "omni.billing.transaction",
        readonly=True,
        index="btree_not_null",
        ondelete="set null",
    )
    is_settled = fields.Boolean(
        string="Dealt With", readonly=True, help="Staff took it off the list."
    )

    _once = models.UniqueIndex("(payment_id)", "A debit comes back once.")
    _open_idx = models.Index("(move_id) WHERE is_settled IS NOT TRUE")

    def _compute_reason(self):
        for one in self:
            one.reason = one._explain()

    # === BUSINESS METHODS === #

    def _charge_fees(self):
        """Charge the company's fee for returned debits, once for each.

        Not where the fault is the bank's or ours. What is wrong with the fee holds up
        nothing, and staff are told.
        """
        chargeable = self.filtered(
            lambda one: (
                one.move_id
                and one.code not in NO_FAULT
                and one.company_id.billing_return_fee > 0
            )
        )
        # sudo: whoever learns of the return charges its fee.
        transactions = self.env["omni.billing.transaction"].sudo()
        try:
            with savepoint(self.env):
                fees = transactions.create(
                    [
                        one.move_id._billing_prepare_return_fee(one.currency_id)
                        for one in chargeable
                    ]
                )
                self.env.flush_all()
        except UserError as error:
            _logger.warning("No fee for %s returns: %s", len(chargeable), error)
            for move in chargeable[:1].move_id:
                move._billing_tell_staff(
                    self.env._(
                        "%(number)s debits came back, and their fees could not be"
                        " charged: %(why)s Mend the product and the amount of that fee"
                        " in the settings, and charge them by hand if you want them.",
                        number=len(chargeable),
                        why=error,
                    )
                )
            return
        for one, fee in zip(chargeable, fees, strict=True):
            one.fee_id = fee

    def _explain(self):
        """Return why it came back, and what helps, with the bank's code."""
        self.ensure_one()
        if not self.code:
            return self.text or self.env._("The bank did not say why.")
        return f"{self._get_words()} ({self.code})"

    def _get_words(self):
        """Return what a code says.

        The codes are those of ISO 20022, External Code Sets, return and status reasons.
        """
        wrong_file = self.env._(
            "The bank refused the file, or this entry of it: correct it, and collect"
            " again."
        )
        return (
            {
                "AC01": self.env._("The IBAN is wrong."),
                "AC04": self.env._("The bank account is closed."),
                "AC06": self.env._("The bank account is blocked."),
                "AC13": self.env._(
                    "The account is a consumer's, and the mandate is not."
                ),
                "AG01": self.env._("This account cannot be debited."),
                "AG02": wrong_file,
                "AM04": self.env._("Not enough money on the account."),
                "AM05": self.env._("The bank takes it for a duplicate."),
                "BE05": self.env._("The bank does not know the creditor identifier."),
                "CNOR": self.env._("Our bank does not take part in the scheme."),
                "DNOR": self.env._(
                    "The customer's bank does not take part in the scheme."
                ),
                "DT01": wrong_file,
                "ED05": self.env._("The banks could not settle it."),
                "FF01": wrong_file,
                "FF05": wrong_file,
                "FOCR": self.env._("It was called back."),
                "MD01": self.env._("The customer's bank knows of no valid mandate."),
                "MD02": self.env._("Data of the mandate are missing or wrong."),
                "MD06": self.env._("The customer had the money returned."),
                "MD07": self.env._("The account holder has died."),
                "MS02": self.env._("The customer refused it."),
                "MS03": self.env._("The customer's bank gives no reason."),
                "RC01": self.env._("The BIC is wrong."),
                "SL01": self.env._("The customer told the bank not to let us debit."),
                "TM01": self.env._("The file came too late."),
            }.get(self.code)
            or self.text
            or self.env._("The bank did not pay.")
        )
