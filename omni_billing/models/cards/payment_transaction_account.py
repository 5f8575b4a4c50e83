import hashlib
import json
import logging
from datetime import timedelta
from decimal import Decimal, InvalidOperation
from uuid import uuid4

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.fields import Domain
from odoo.service.model import PG_CONCURRENCY_EXCEPTIONS_TO_RETRY
from odoo.tools import format_date
from odoo.tools.misc import hash_sign, verify_hash_signed

from ...exceptions import GatewayRefused, GatewayUnknown
from ...gateways.stripe_answers import DATABASE, REFERENCE
from ...tools.database import savepoint
from ...tools.lock import take_turns

_logger = logging.getLogger(__name__)

#: What Odoo signs; a signature for something else opens nothing here.
SCOPE = "omni_billing.saved_account"
#: Days in which the link to an account works: deposits take some, and are to be told of
#: within ten days after (https://docs.stripe.com/payments/acss-debit).
LINK_DAYS = 30
VERIFY_DAYS = 10
MAX_TRIES = 3
#: The longest code that is sent beside a deposit.
MAX_CODE = 8
#: Languages of the customer's pages that Stripe's page has; of others, the browser's.
PAGE_LANGS = {"de", "en", "es", "fr"}
#: How often Stripe is asked beside its events: what the customer is at, and deposits.
ASK_PAGE = timedelta(minutes=30)
ASK_DEPOSITS = timedelta(hours=12)
#: Codes of Stripe after which an account is not to be verified any more.
VERIFIED_NEVER = {
    "payment_method_microdeposit_failed",
    "payment_method_microdeposit_verification_attempts_exceeded",
    "payment_method_microdeposit_verification_timeout",
}
MISMATCH = {
    "payment_method_microdeposit_verification_amounts_mismatch",
    "payment_method_microdeposit_verification_descriptor_code_mismatch",
    "payment_method_microdeposit_verification_amounts_invalid",
    "payment_method_microdeposit_verification_descriptor_code_invalid",
}


class PaymentTransaction(models.Model):
    """Saving a bank account, on Stripe's page (W33).

    It is a payment of nothing, as Odoo has for cards that are saved. The page asks for
    the account and shows the mandate. Some accounts are verified by deposits, which
    take days: until then there is no `payment.token`, and nothing to debit. What comes
    from a browser is the signed id of the payment alone, never one of Stripe's.
    """

    _inherit = "payment.transaction"

    billing_page_ref = fields.Char(
        string="Page at Stripe",
        readonly=True,
        copy=False,
        index="btree_not_null",
        help="On which a bank account is saved (a Checkout Session).",
    )
    billing_deposits = fields.Selection(
        [("amounts", "Two Amounts"), ("descriptor_code", "A Code")],
        string="Verified by",
        readonly=True,
        copy=False,
        help="Stripe sent deposits to the account, and waits to be told of them.",
    )
    billing_deposits_on = fields.Date(
        string="Deposits Arrive on", readonly=True, copy=False
    )
    billing_verify_tries = fields.Integer(
        string="Wrong Answers", readonly=True, copy=False, aggregator=None
    )
    billing_account_last4 = fields.Char(
        string="Account", readonly=True, copy=False, help="Its last digits."
    )
    billing_account_told = fields.Boolean(
        readonly=True, copy=False, help="The mandate was confirmed by e-mail."
    )

    _billing_page_idx = models.Index(
        "(partner_id) WHERE billing_page_ref IS NOT NULL AND state = 'draft'"
    )

    # === BEGIN === #

    @api.model
    def _billing_begin_account(self, partner, company, method, back, **values):
        """Begin to save a bank account of a customer.

        :param partner: `res.partner`, whose account it is.
        :param company: `res.company`, the seller who debits it.
        :param method: `payment.method`, one of `_billing_get_account_methods`.
        :param str back: the path of the page to come back to without having saved one.
        :param values: of the payment: what was agreed.
        :return: the address of Stripe's page.
        :raise UserError: if Stripe is not to be asked, or refuses.
        """
        provider = partner._billing_get_account_provider(company)
        debit = method._billing_get_debit()
        currency = debit and partner._billing_get_account_currency(company, debit)
        if not provider or not currency:
            raise UserError(
                self.env._(
                    "A bank account of this kind cannot be saved here. Nothing was"
                    " saved: choose another way to pay."
                )
            )
        # sudo: payments are the server's; who asks, and for whom, was checked.
        savings = self.sudo()
        tx = savings.create(
            {
                "provider_id": provider.id,
                "payment_method_id": method.id,
                # Stripe knows it by that for a day, also one that is undone here.
                "reference": savings._compute_reference(
                    provider.code, prefix=f"V-{uuid4().hex[:12]}"
                ),
                "amount": provider._get_validation_amount(),
                "currency_id": currency.id,
                "partner_id": partner.id,
                "operation": "validation",
                "tokenize": True,
                "landing_route": back,
                **values,
            }
        )
        return tx._billing_open_page(debit, back)

    def _billing_open_page(self, debit, back):
        """Have Stripe make its page, and return where it is."""
        provider, base = self.provider_id, self.company_id.get_base_url()
        lang = (self.env.lang or "en")[:2]
        try:
            customer = provider._billing_get_customer(self.partner_id)
            page, url = provider._billing_get_gateway().begin_account(
                kind=debit.kind,
                currency=self.currency_id.name,
                customer=customer,
                options=self._billing_prepare_mandate(debit),
                lang=lang if lang in PAGE_LANGS else "auto",
                done_url=base + self._billing_get_account_path(),
                back_url=base + back,
                reference=self.reference,
                database=provider._billing_get_uuid(),
                key=f"{provider._billing_get_uuid()}-{self.reference}-page",
            )
        except GatewayUnknown as error:
            raise UserError(
                self.env._(
                    "Stripe gives no answer. Nothing was saved: try again in a minute."
                )
            ) from error
        except GatewayRefused as error:
            _logger.warning("%s: no page for an account: %s", self.reference, error)
            raise UserError(
                self.env._(
                    "Bank accounts of this kind cannot be saved just now. Nothing was"
                    " saved: choose another way to pay, and tell the seller."
                )
            ) from error
        self.write(
            {
                "billing_page_ref": page,
                "billing_customer_ref": customer,
                "billing_ask_at": fields.Datetime.now() + ASK_PAGE,
            }
        )
        return url

    def _billing_prepare_mandate(self, debit):
        """Return what the mandate at Stripe says, where its scheme asks for it.

        Of a pre-authorized debit both: debits by themselves, when an invoice is due,
        and those that the payer asks for. Whether there are any of the first kind is a
        consent of its own.
        """
        if debit.kind == "us_bank_account":
            return {"verification_method": "automatic"}
        if debit.kind != "acss_debit":
            return {}
        words = self.env._("when an invoice is due, or as agreed")
        is_company = self.partner_id.commercial_partner_id.is_company
        return {
            "currency": self.currency_id.name.lower(),
            "verification_method": "automatic",
            "mandate_options": {
                "payment_schedule": "combined",
                "interval_description": words,
                "transaction_type": "business" if is_company else "personal",
            },
        }

    # === LINK === #

    def _billing_get_account_path(self):
        """Return the path of the page that tells what became of it, for its owner."""
        self.ensure_one()
        # sudo: the secret of the database is nobody's to read.
        env = self.sudo().env
        signed = hash_sign(env, SCOPE, self.id, expiration=timedelta(days=LINK_DAYS))
        return f"/my/billing/account/{signed}"

    def _billing_get_account_url(self):
        return self.company_id.get_base_url() + self._billing_get_account_path()

    @api.model
    def _billing_read_account_link(self, signed):
        """Return the payment that was signed, in sudo; none if it is none any more.

        :param str signed: the end of the address, as somebody sent it.
        """
        # sudo: as above; who has the link is nobody.
        found = self.sudo()
        try:
            tx_id = verify_hash_signed(found.env, SCOPE, signed)
        except (ValueError, UnicodeError, OverflowError):
            return found.browse()
        if not isinstance(tx_id, int):
            return found.browse()
        return found.browse(tx_id).exists().filtered("billing_page_ref")

    # === OUTCOME === #

    def _billing_learn_account(self):
        """Ask Stripe what became of it; the same answer twice is harmless.

        :raise GatewayRefused, GatewayUnknown: if Stripe does not tell.
        """
        self.ensure_one()
        if self.state != "draft":
            return
        gateway = self.provider_id._billing_get_gateway()
        try:
            account = gateway.get_account(self.billing_page_ref)
        except GatewayRefused as error:
            is_old = self.create_date < fields.Datetime.now() - timedelta(LINK_DAYS)
            # A wrong key, or too many calls, say nothing of the page.
            is_over = is_old and error.is_judgement
            if error.code != "resource_missing" and not is_over:
                raise
            take_turns(self)
            self._billing_end_account(self.env._("The bank account was not saved."))
        else:
            self._billing_apply_account(account)

    def _billing_apply_account(self, account):
        """Write down how it stands.

        :param account: a `SavedAccount` of the gateway.
        """
        take_turns(self)
        if self.state != "draft":
            return
        if account.status == "succeeded":
            self.write({"billing_deposits": False, "billing_ask_at": False})
            self._process("stripe", self._billing_describe_account(account))
            self._billing_confirm_mandate()
        elif account.deposits:
            self._billing_wait_for_deposits(account)
        elif account.status in ("canceled", "expired") or (
            # Stripe gave the verification up.
            self.billing_deposits and account.status == "requires_payment_method"
        ):
            self._billing_end_account(self.env._("The bank account was not saved."))
        else:
            self.billing_ask_at = fields.Datetime.now() + ASK_PAGE

    def _billing_describe_account(self, account):
        """Return a saved account as Odoo's own way of saving a method takes it."""
        details = {"last4": account.last4, "fingerprint": account.fingerprint}
        return {
            "reference": self.reference,
            "payment_method": {
                "id": account.method,
                "type": account.kind,
                account.kind: details,
            },
            "setup_intent": {
                "id": account.id,
                "object": "setup_intent",
                "status": account.status,
                "customer": account.customer,
                "mandate": account.mandate,
                "livemode": account.is_live,
                "metadata": {REFERENCE: account.reference, DATABASE: account.database},
            },
        }

    def _billing_wait_for_deposits(self, account):
        arrival = fields.Datetime.to_datetime("1970-01-01") + timedelta(
            seconds=account.deposits_at
        )
        self.write(
            {
                "provider_reference": account.id,
                "billing_deposits": account.deposits,
                "billing_deposits_on": arrival.date(),
                "billing_account_last4": account.last4,
                "billing_ask_at": fields.Datetime.now() + ASK_DEPOSITS,
            }
        )
        if self._billing_get_verify_end() < fields.Date.today():
            self._billing_end_account(self._billing_explain_unverified())
        else:
            self._billing_confirm_mandate()

    def _billing_get_verify_end(self):
        """Return the last day on which the deposits can be told."""
        return self.billing_deposits_on + timedelta(days=VERIFY_DAYS)

    def _billing_end_account(self, why):
        self.write({"billing_deposits": False, "billing_ask_at": False})
        self._set_canceled(why)

    def _billing_explain_unverified(self):
        return self.env._(
            "The bank account could not be verified: the deposits were not told in"
            " time, or were others. It was not saved: add it again, or choose another"
            " way to pay."
        )

    # === DEPOSITS === #

    def _billing_verify_account(self, first="", second="", code=""):
        """Tell Stripe of the deposits, as their owner typed them.

        :return: what is wrong, for the owner; nothing if the account is saved, or it
            is over.
        """
        self.ensure_one()
        take_turns(self)
        if self.state != "draft" or not self.billing_deposits:
            return ""
        if self.billing_deposits == "amounts":
            amounts = [_read_cents(first), _read_cents(second)]
            if not all(amounts):
                return self.env._(
                    "Enter the two amounts as your bank shows them, such as 0.32."
                )
            answer = {"amounts": amounts}
        else:
            answer = {"code": (code or "").strip().upper()}
            if not answer["code"].isalnum() or len(answer["code"]) > MAX_CODE:
                return self.env._("Enter the code of six characters, such as SM11AA.")
        gateway = self.provider_id._billing_get_gateway()
        try:
            account = gateway.verify_account(
                self.provider_reference,
                key=self._billing_get_answer_key(answer),
                **answer,
            )
        except GatewayUnknown:
            return self.env._("Stripe gives no answer: look again in a minute.")
        except GatewayRefused as error:
            return self._billing_take_refusal(error)
        self._billing_apply_account(account)
        return ""

    def _billing_get_answer_key(self, answer):
        """Return the key of an answer: Odoo may run a request again, Stripe counts."""
        digest = hashlib.sha256(json.dumps(answer).encode()).hexdigest()[:16]
        uuid = self.provider_id._billing_get_uuid()
        return f"{uuid}-{self.reference}-verify-{self.billing_verify_tries}-{digest}"

    def _billing_take_refusal(self, error):
        """Write down that an answer was wrong; return what its owner reads."""
        _logger.info("%s: not verified: %s", self.reference, error.code)
        if error.code not in MISMATCH | VERIFIED_NEVER:
            return self.env._(
                "Stripe did not take this answer (%(code)s). Try again later, or tell"
                " the seller.",
                code=error.code,
            )
        self.billing_verify_tries += 1
        left = MAX_TRIES - self.billing_verify_tries
        if error.code in VERIFIED_NEVER or left < 1:
            self._billing_end_account(self._billing_explain_unverified())
            return ""
        return self.env._(
            "That is not what was sent to the account. You can try %(count)s more"
            " times.",
            count=left,
        )

    # === PEOPLE === #

    def _billing_get_mandate_words(self):
        """Return what the owner agreed to, beside what Stripe's page showed."""
        self.ensure_one()
        # sudo: what the page wrote down is the server's.
        if agreed := self.sudo().billing_agreed:
            return agreed["text"]
        return self.env._(
            "I allow %(company)s to debit %(account)s for what I pay with it, each time"
            " that I ask for it. I can ask my bank for the money back, as its rules"
            " say.",
            company=self.company_id.name,
            account=self._billing_name_account(),
        )

    def _billing_confirm_mandate(self):
        """Confirm by e-mail what the owner agreed to, once, as soon as it is known.

        Payments Canada, Rule H1, wants it within five days.
        """
        if self.billing_account_told:
            return
        self.billing_account_told = True
        try:
            with savepoint(self.env):
                # sudo: templates are an administrator's.
                self.sudo()._billing_send_template("account_saved", self)
        except PG_CONCURRENCY_EXCEPTIONS_TO_RETRY:
            raise
        except Exception as error:  # a broken template, say: the account is saved
            self.invalidate_recordset()
            _logger.warning("%s: not confirmed", self.reference, exc_info=True)
            self._billing_tell_staff(
                self.env._(
                    "%(account)s: the mandate could not be confirmed to the customer by"
                    " e-mail: %(error)s",
                    account=self._billing_name_account(),
                    error=error,
                )
            )

    def _billing_name_account(self):
        """Return how people know it: Pre-Authorized Debit •••• 6789."""
        self.ensure_one()
        if self.token_id:
            return self.token_id.display_name
        name = self.payment_method_id.name
        return f"{name} •••• {self.billing_account_last4 or ''}".strip()

    def _billing_describe_waiting(self):
        """Return what staff read of an account that is not verified yet."""
        self.ensure_one()
        return self.env._(
            "%(account)s waits until its owner tells of the deposits, by %(date)s",
            account=self._billing_name_account(),
            date=format_date(self.env, self._billing_get_verify_end()),
        )

    # === JOB === #

    @api.model
    def _billing_find_begun_accounts(self):
        """Return what the job asks about now: those whose owners did not come back."""
        return self.search(
            Domain("billing_page_ref", "!=", False)
            & Domain("state", "=", "draft")
            & Domain("billing_ask_at", "<=", fields.Datetime.now())
        )


def _read_cents(text):
    """Read an amount below one, as typed: 0.32, 0,32 or 32; 0 if it is none."""
    text = (text or "").strip().replace(",", ".")
    try:
        number = Decimal(text)
        cents = int(number * 100 if "." in text else number)
    except (InvalidOperation, ValueError, OverflowError):
        return 0
    return cents if 0 < cents < 100 else 0
