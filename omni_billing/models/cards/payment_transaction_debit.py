from datetime import timedelta
from functools import partial

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.fields import Domain
from odoo.tools import format_date

from ...exceptions import GatewayRefused, GatewayUnknown
from ...tools.database import insist
from ...tools.debit import ENDS_MANDATE, SOFT_RETURN

#: How often Stripe is asked of a debit, beside its events: it takes days.
ASK_EVERY = timedelta(hours=6)


class PaymentTransaction(models.Model):
    """A debit of a bank account: days under way, and what comes back (W33).

    It is an attempt as any other, open until its bank has answered, so that its
    invoices wait for it. Here is what is different: when it is expected, how often
    Stripe is asked, what a bank says, and what ends a mandate.
    """

    _inherit = "payment.transaction"

    billing_debit_date = fields.Date(
        string="Debited on",
        readonly=True,
        copy=False,
        help="When the bank debits the account, as far as Stripe knows. The outcome is"
        " known some days later.",
    )
    billing_ask_at = fields.Datetime(
        string="Asked Again at",
        readonly=True,
        copy=False,
        help="A debit takes days: the job does not ask Stripe sooner.",
    )

    # === WHAT IT IS === #

    def _billing_get_debit(self):
        """Return the kind of debit that it is, a `Debit`; None for a card."""
        return self.payment_method_id._billing_get_debit(self.provider_code)

    def _billing_is_collecting(self):
        """Whether a bank is at it: asked for, and not answered yet."""
        self.ensure_one()
        return bool(
            self.billing_is_open
            and self.state == "pending"
            and self.operation != "refund"
            and self._billing_get_debit()
        )

    def _billing_is_our_debit(self):
        """Whether it is a debit of a company that has billing collect by them.

        Off, all is as before: what comes back of debits by Odoo's pages costs no fee,
        and a manager decides on it.
        """
        self.ensure_one()
        return bool(self.company_id.billing_debits and self._billing_get_debit())

    @api.model
    def _billing_get_asked_domain(self):
        """Return the open attempts that the job looks at now.

        A debit that is at its bank waits for its turn. One that is decided, and whose
        booking broke off, does not.
        """
        return (
            Domain("state", "!=", "pending")
            | Domain("billing_ask_at", "=", False)
            | Domain("billing_ask_at", "<=", fields.Datetime.now())
        )

    # === OVERRIDES: THE WAY OF AN ATTEMPT === #

    def _billing_prepare_charge(self):
        """Override: a debit names its kind, and its mandate."""
        values = super()._billing_prepare_charge()
        if debit := self._billing_get_debit():
            values["kind"] = debit.kind
            values["mandate"] = self.token_id.stripe_mandate or ""
        return values

    def _billing_apply_charge(self, charge):
        """Override: keep when a debit is expected, and what is told meanwhile."""
        result = super()._billing_apply_charge(charge)
        if (
            charge.is_under_way
            and self.state == "pending"
            and self._billing_get_debit()
        ):
            self.billing_ask_at = fields.Datetime.now() + ASK_EVERY
            if charge.debit_date:
                self.billing_debit_date = charge.debit_date
            self.state_message = self._billing_explain_collecting()
        return result

    def _billing_apply_refusal(self, error):
        """Override: Stripe refuses a mandate that has ended."""
        result = super()._billing_apply_refusal(error)
        if error.code in ENDS_MANDATE and not self.billing_is_open:
            self._billing_end_mandate(error.code)
        return result

    def _set_error(self, state_message, extra_allowed_states=()):
        """Override of `payment`: a debit that its bank did not pay has come back."""
        returned = self.filtered(
            lambda tx: (
                tx.state == "pending"
                and tx._billing_get_debit()
                and tx.operation not in ("refund", "validation")
                and (tx.billing_is_declined or not tx.billing_key)
            )
        )
        failed = super()._set_error(state_message, extra_allowed_states)
        for payment in returned & failed:
            payment._billing_note_return(payment.billing_decline_code or "")
        return failed

    # === WHAT COMES BACK === #

    def _billing_note_return(self, code):
        """Do what a return asks for, whenever it comes: before it was paid, or after.

        :param str code: why, in Stripe's word: a failure's, or a dispute's.
        """
        self.ensure_one()
        if code in ENDS_MANDATE:
            self._billing_end_mandate(code)
        self._billing_after_return(code)

    def _billing_after_return(self, code):
        """Do more when a debit has come back, once for each. Hook."""

    def _billing_end_mandate(self, code):
        why = self._billing_explain_return(code) or self.env._(
            "The bank does not let it be debited."
        )
        self.token_id._billing_end_mandate(why)

    def _billing_get_retries(self, days):
        """Return on which days after the first failure it is tried again by itself.

        :param list days: those of the company, for cards.
        """
        debit = self._billing_get_debit()
        return list(debit.retry_days) if debit else days

    def _billing_is_soft(self, soft):
        """Whether it may be tried again by itself.

        :param soft: the codes of cards. A debit comes back for one reason alone that
            may pass; what never came to Stripe was no debit.
        """
        code = self.billing_decline_code
        if self._billing_get_debit():
            return code in (SOFT_RETURN, "never_reached", "rate_limit")
        return code in soft

    # === WORDS === #

    def _billing_explain_collecting(self):
        """Return that a debit is under way, and until when, as far as is known."""
        self.ensure_one()
        values = {
            "amount": self.currency_id._billing_format(self.amount),
            "method": (self.token_id or self.payment_method_id).display_name,
        }
        if self.billing_debit_date:
            return self.env._(
                "%(amount)s are being collected from %(method)s: the bank debits the"
                " account about %(date)s, and answers some days later. Nothing else is"
                " charged meanwhile.",
                date=format_date(self.env, self.billing_debit_date),
                **values,
            )
        return self.env._(
            "%(amount)s are being collected from %(method)s, which takes a bank some"
            " days. Nothing else is charged meanwhile.",
            **values,
        )

    @api.model
    def _billing_explain_return(self, code):
        """Return why a debit was not paid, or was taken back, and what helps.

        :param str code: Stripe's (https://docs.stripe.com/payments/sepa-debit, failure
            codes, and the reasons of disputes).
        :return: a sentence, None if the code is not known.
        """
        closed = self.env._(
            "The bank account is closed, or its number is wrong. Add another account,"
            " or choose another way to pay."
        )
        refused = self.env._(
            "The bank says that this debit was not allowed. The account is not debited"
            " any more: choose another way to pay, or talk to the bank and add it"
            " again."
        )
        could_not = self.env._(
            "The bank could not debit the account. Choose another way to pay, or ask"
            " the bank."
        )
        return {
            **dict.fromkeys(
                (
                    *("account_closed", "branch_does_not_exist", "no_account"),
                    *("incorrect_account_details", "invalid_account_number"),
                    "incorrect_account_holder_name",
                ),
                closed,
            ),
            **dict.fromkeys(
                (
                    *("authorization_revoked", "customer_initiated", "debit_disputed"),
                    *("debit_authorization_not_match", "debit_not_authorized"),
                    "payment_intent_mandate_invalid",
                ),
                refused,
            ),
            **dict.fromkeys(
                (
                    *("bank_account_restricted", "bank_cannot_process"),
                    *("generic_could_not_process", "recipient_deceased"),
                    *("refer_to_customer", "payment_method_bank_account_blocked"),
                ),
                could_not,
            ),
            **dict.fromkeys(
                ("charge_exceeds_source_limit", "charge_exceeds_transaction_limit"),
                self.env._(
                    "The amount is more than can be debited at once, or in a week."
                    " Choose another way to pay, or pay a part."
                ),
            ),
            "insufficient_funds": self.env._(
                "The bank did not pay: not enough money on the account."
            ),
        }.get(code)

    # === STAFF === #

    def _billing_stop_debit(self):
        """Call a debit back, which rarely works; commits what Stripe says.

        Before that it may have been paid, or have come back: then that is booked.

        :raise UserError: if the bank is at it, or Stripe cannot be asked.
        """
        self.ensure_one()
        gateway = self.provider_id._billing_get_gateway()
        try:
            charge = gateway.cancel(self.provider_reference)
        except (GatewayRefused, GatewayUnknown) as error:
            raise UserError(
                self.env._(
                    "Stripe cannot be asked to stop it. Nothing was changed: try again"
                    " in a minute."
                )
            ) from error
        insist(self.env, partial(self._billing_learn_stop, charge))
        if self.state == "pending":
            raise UserError(
                self.env._(
                    "The bank cannot be stopped any more. %(why)s",
                    why=self._billing_explain_collecting(),
                )
            )

    def _billing_learn_stop(self, charge):
        """Record how a debit stands after it was called back, and tell who waits."""
        self._billing_apply(charge)
        self.filtered(lambda tx: not tx.billing_is_open)._billing_tell_waiting()
