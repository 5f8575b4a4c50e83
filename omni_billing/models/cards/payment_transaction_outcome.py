import logging
from dataclasses import dataclass

from odoo import api, fields, models
from odoo.fields import Domain

from ...const import ELSEWHERE
from ...gateways.stripe_answers import DATABASE, REFERENCE
from ...tools.database import check_can_commit, commit

_logger = logging.getLogger(__name__)

#: Stripe's words for money that was taken, or is held for us.
PAID = ("succeeded", "requires_capture")


@dataclass(frozen=True)
class Outcome:
    """What Stripe says of a PaymentIntent or SetupIntent, in whichever version.

    None is what was not said; ``amount`` is in the currency's minor unit.
    """

    id: str | None
    kind: str
    status: str | None
    reference: str | None
    database: str | None
    customer: str | None
    amount: int | None
    currency: str | None
    is_live: bool | None


class PaymentTransaction(models.Model):
    """An outcome counts for the attempt that it was made for (W21).

    Whatever tells of one goes through here: Odoo's return page, which anybody may open
    with any ids, an event, an answer, the job that asks again.
    """

    _inherit = "payment.transaction"

    billing_customer_ref = fields.Char(
        string="Customer at Stripe",
        readonly=True,
        copy=False,
        help="Who is charged there. Of another one no outcome counts.",
    )

    _billing_intent_uniq = models.UniqueIndex(
        "(provider_id, provider_reference) WHERE source_transaction_id IS NULL"
        " AND (starts_with(provider_reference, 'pi_')"
        " OR starts_with(provider_reference, 'seti_'))",
        "This is the payment of another transaction already.",
    )

    # === OVERRIDES OF PAYMENT === #

    def _process(self, provider_code, payment_data):
        """Override of `payment`: what is not this payment's changes nothing."""
        payment = self or self._search_by_reference(provider_code, payment_data)
        if provider_code != "stripe" or not payment:
            return super(PaymentTransaction, payment)._process(
                provider_code, payment_data
            )
        payment.ensure_one()
        if payment.billing_key or payment.operation == "refund":
            # These are asked for at Stripe (`_billing_resolve`), and told by events.
            _logger.info("%s: learned in another way", payment.reference)
            return payment
        kind = "setup" if payment.operation == "validation" else "payment"
        outcome = payment._billing_read_outcome(payment_data.get(f"{kind}_intent"))
        payment._billing_lock()
        if not payment._billing_is_own(outcome):
            return payment
        before = payment.state
        result = super(PaymentTransaction, payment)._process(
            provider_code, payment_data
        )
        if payment.state == "done" != before:
            payment._billing_tell_paid_all_the_same()
        return result

    def _stripe_create_intent(self):
        """Override of `payment_stripe`: known from the start, paid or not.

        No other intent is this payment's from now on.
        """
        self.provider_id._billing_check_mode()
        is_ours = self.operation != "validation" and (
            self.invoice_ids or self.billing_is_open
        )
        if is_ours:
            check_can_commit(self.env)
        intent = super()._stripe_create_intent()
        if intent:
            self.write(
                {
                    "provider_reference": intent["id"],
                    "billing_customer_ref": intent.get("customer"),
                }
            )
        if is_ours:
            # Whatever becomes of the request: a bank account that is saved has been
            # debited by now, and what a form began can be given up.
            commit(self.env)
        return intent

    # === BUSINESS METHODS === #

    @api.model
    def _billing_read_outcome(self, intent):
        """Read an intent as Odoo's version of Stripe's API has it.

        :param intent: a dict as a rule; whatever else it is tells nothing.
        """
        intent = intent if isinstance(intent, dict) else {}
        metadata = intent.get("metadata") or {}
        customer = intent.get("customer")
        return Outcome(
            id=intent.get("id"),
            kind=intent.get("object", ""),
            status=intent.get("status"),
            reference=metadata.get(REFERENCE) or intent.get("description"),
            database=metadata.get(DATABASE),
            customer=customer.get("id") if isinstance(customer, dict) else customer,
            amount=intent.get("amount"),
            currency=intent.get("currency"),
            is_live=intent.get("livemode"),
        )

    @api.model
    def _billing_read_charge(self, charge):
        """Read what the gateway says of a charge."""
        return Outcome(
            id=charge.id,
            kind="payment_intent",
            status=charge.status,
            reference=charge.reference,
            database=charge.database,
            customer=charge.customer,
            amount=charge.amount,
            currency=charge.currency,
            is_live=charge.is_live,
        )

    def _billing_is_own(self, outcome):
        """Whether an outcome is of this attempt; if not, say so where it matters.

        The amount is another question: `_billing_is_amount_right`.
        """
        self.ensure_one()
        if self._billing_is_elsewhere(outcome):
            self._billing_leave()
            return False
        wrong = self._billing_find_wrong(outcome)
        if not wrong:
            return True
        _logger.warning(
            "%s: %s of Stripe (%s) does not count for it: another %s",
            self.reference,
            outcome.id,
            outcome.status,
            wrong,
        )
        if outcome.status in PAID and self.operation != "validation":
            self._billing_tell_foreign(outcome)
        return False

    def _billing_find_wrong(self, outcome):
        """Return what of an outcome is not this attempt's, None if all of it is.

        What the attempt does not know, since it began before it was kept, is not asked.
        """
        # A capture is of the intent, the customer and the reference of its source.
        source = self.source_transaction_id or self
        kind = "setup_intent" if self.operation == "validation" else "payment_intent"
        prefix = "seti_" if self.operation == "validation" else "pi_"
        customer = source.billing_customer_ref
        if outcome.kind not in ("", kind):
            return "kind"
        if not (outcome.id or "").startswith(prefix):
            return "kind"
        if source.provider_reference not in (False, "", outcome.id):
            return "object"
        if not source.provider_reference and self._billing_find_owner(outcome):
            return "object"
        if outcome.reference != source.reference:
            return "reference"
        if self != source and source.state == "done" and self.state != "done":
            # The answer to the capture was lost: it was booked without it.
            return "object"
        if outcome.database not in (None, "", self.provider_id._billing_get_uuid()):
            return "database"
        if customer and outcome.customer != customer:
            return "customer"
        # Odoo keeps the mode since then, too: what is older says "test" of itself.
        if customer and outcome.is_live not in (None, self.is_live):
            return "mode"
        return None

    def _billing_is_elsewhere(self, outcome):
        """Whether Stripe says of this very payment that another database began it.

        This one was copied from that one, as a rule, with what had begun there.

        :param outcome: an `Outcome` or a `Charge`; what anybody may show for this
            payment is one of another id.
        """
        return bool(
            self.provider_reference
            and outcome.id == self.provider_reference
            and not self.source_transaction_id
            and self.state != "done"
            and outcome.database
            and outcome.database != self.provider_id._billing_get_uuid()
        )

    def _billing_leave(self, is_deleted=False):
        """Let go of what is another database's; staff are told of it, once.

        It is never booked here, and what becomes of it at Stripe is not ours to say.

        :param bool is_deleted: whether a to-do on the invoice would go with it.
        """
        if self.billing_decline_code == ELSEWHERE:
            return
        self._billing_tell_elsewhere(is_deleted)
        self._billing_close()
        self.billing_decline_code = ELSEWHERE
        self._set_canceled(
            self.env._("This is a payment of another database."),
            extra_allowed_states=("error",),
        )
        self._billing_cancel_prepared()

    def _billing_find_owner(self, outcome):
        """Return the payment, other than this one, that an outcome is of."""
        return self.search(
            Domain("provider_id", "=", self.provider_id.id)
            & Domain("provider_reference", "=", outcome.id)
            & Domain("source_transaction_id", "=", False)
            & Domain("id", "!=", self.id),
            limit=1,
        )

    def _billing_is_amount_right(self, outcome):
        if self.operation == "validation":
            return True
        return (outcome.amount, outcome.currency) == (
            self._billing_to_minor(self.amount),
            self.currency_id.name.lower(),
        )

    def _billing_tell_foreign(self, outcome):
        """Have staff look at money that was said to be this attempt's.

        What another payment of ours has is booked there: to show it here, again and
        again, would be an easy way to annoy.
        """
        if not self._billing_find_owner(outcome):
            self._billing_tell_staff(
                self.env._(
                    "Stripe says that %(intent)s is paid. It was given as the payment"
                    " %(reference)s, but was not made for it: nothing was booked. Look"
                    " at it in Stripe's dashboard. If it is money of this customer,"
                    " record it by hand, or else refund it there.",
                    intent=outcome.id,
                    reference=self.reference,
                )
            )
