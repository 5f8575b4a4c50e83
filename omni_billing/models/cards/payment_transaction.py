import logging
from functools import partial

from odoo import fields, models
from odoo.exceptions import UserError
from odoo.service.model import PG_CONCURRENCY_EXCEPTIONS_TO_RETRY

from ... import const
from ...exceptions import GatewayDenied, GatewayRefused, GatewayUnknown
from ...tools.database import commit, insist, savepoint
from ...tools.lock import take_turns, wait_for
from ...tools.write_guard import trust

_logger = logging.getLogger(__name__)


class PaymentTransaction(models.Model):
    """An attempt to move money, which outlives whatever happens to it (promise 1).

    Here is its way from top to bottom, for charges and refunds alike:

    1. *Begin*: it is written down with the key of its call, and its invoices name it.
       Until its outcome is known it is *open*, and nothing else is charged or refunded
       there. Committed.
    2. *Send*: Stripe is called.
    3. *Apply*: how it stands is written down, whoever tells: the answer, an event, or
       Stripe when it is asked again. Committed.
    4. *Finish*: it is booked, and the invoices are let go. Committed. Then the customer
       gets an e-mail.
    5. *Resolve*: where no answer came, Stripe is asked what became of it; then 3 and 4.

    Beside it: payment_transaction_allowed.py says which may begin, _outcome what counts
    as an outcome; _lost is the job that resolves, and giving up; _words what is told.
    """

    _inherit = "payment.transaction"

    billing_key = fields.Char(
        string="Idempotency Key",
        readonly=True,
        copy=False,
        index="btree_not_null",
        help="Stripe does nothing twice for one key.",
    )
    billing_is_open = fields.Boolean(
        string="Outcome Unknown",
        readonly=True,
        copy=False,
        help="Money may be on its way: nothing else is tried before this is known.",
    )
    billing_is_customer_present = fields.Boolean(readonly=True, copy=False)
    billing_decline_code = fields.Char(string="Decline Code", readonly=True, copy=False)
    billing_mail_due = fields.Selection(
        [("receipt", "Receipt"), ("confirm", "Request to Confirm")],
        string="E-mail to Write",
        readonly=True,
        copy=False,
        help="Written once the outcome is in the books, whatever becomes of it.",
    )
    billing_replaces_card = fields.Boolean(
        readonly=True,
        copy=False,
        help="The card that is saved takes the place of the default one.",
    )

    _billing_open_idx = models.Index("(id) WHERE billing_is_open")
    _billing_unbooked_idx = models.Index(
        "(id) WHERE state = 'done' AND is_post_processed IS NOT TRUE"
    )
    _billing_mail_due_idx = models.Index("(id) WHERE billing_mail_due IS NOT NULL")

    # === BUSINESS METHODS - BEGIN === #

    def _billing_begin(self, note_down=None):
        """Write down what is about to be asked of Stripe, which knows it by a key.

        It commits: from now on it is known, whatever becomes of this process, and its
        invoices wait for its outcome. It is new, and was checked under the lock.

        :param note_down: called with the attempt; what it writes is committed with it.
        """
        self.ensure_one()
        uuid = self.provider_id._billing_get_uuid()
        values = {"billing_key": f"{uuid}-{self.reference}", "billing_is_open": True}
        if self.operation != "refund":
            values["billing_customer_ref"] = self.token_id.provider_ref
        self.write(values)
        # Of another one that began at the same moment PostgreSQL refuses this, and it
        # is begun again: it sees this one then.
        trust(self._billing_get_moves()).billing_attempt_id = self
        if note_down:
            note_down(self)
        commit(self.env)

    # === BUSINESS METHODS - SEND === #

    def _billing_send(self):
        """Call Stripe for a committed attempt, and commit what comes of it."""
        self.ensure_one()
        gateway = self.provider_id._billing_get_gateway()
        try:
            if self.operation == "refund":
                answer = gateway.refund(**self._billing_prepare_refund())
            else:
                answer = gateway.charge(
                    **self._billing_prepare_charge(),
                    is_customer_present=self.billing_is_customer_present,
                )
        except GatewayUnknown as error:
            _logger.warning("%s: no answer from Stripe: %s", self.reference, error)
            record = self._billing_apply_silence
        except GatewayRefused as error:
            _logger.warning("%s: refused by Stripe: %s", self.reference, error.code)
            record = partial(self._billing_apply_refusal, error)
        else:
            record = partial(self._billing_apply, answer)
        # A webhook may have been faster: see what it did.
        commit(self.env)
        insist(self.env, record)

    def _billing_prepare_charge(self):
        return {
            "amount": self._billing_to_minor(self.amount),
            "currency": self.currency_id.name,
            "customer": self.token_id.provider_ref,
            "card": self.token_id.stripe_payment_method,
            "reference": self.reference,
            "database": self.provider_id._billing_get_uuid(),
            "key": self.billing_key,
        }

    def _billing_prepare_refund(self):
        return {
            "intent": self.source_transaction_id.provider_reference,
            "amount": self._billing_to_minor(-self.amount),
            "reference": self.reference,
            "database": self.provider_id._billing_get_uuid(),
            "key": self.billing_key,
        }

    # === BUSINESS METHODS - APPLY === #

    def _billing_apply_silence(self):
        """Say that nobody knows yet."""
        self._billing_lock()
        if self.billing_is_open:
            self.state_message = self._billing_explain_silence()

    def _billing_apply_refusal(self, error):
        """Close an attempt that Stripe refused, unless that is done already."""
        self._billing_lock()
        if self.billing_is_open:
            code = const.NO_ACCESS if isinstance(error, GatewayDenied) else error.code
            message = self._billing_explain_refusal(error)
            self._billing_fail(message, code, detail=str(error))

    def _billing_apply(self, answer):
        """Record how a charge or a refund stands; the same answer twice is harmless.

        The direct answer, the event and the job may come here at the same moment: each
        has the lock while it writes, and sees what was written before.

        :param answer: a `Charge` or a `Refund` of the gateway.
        """
        self.ensure_one()
        self._billing_lock()
        if self.operation == "refund":
            self._billing_apply_refund(answer)
        else:
            self._billing_apply_charge(answer)
        self._billing_finish()

    def _billing_apply_charge(self, charge):
        outcome = self._billing_read_charge(charge)
        if not self._billing_is_own(outcome):
            return
        if charge.is_paid and not self._billing_is_amount_right(outcome):
            # It cannot be, and must not be lost if it is: a person has to look. Each
            # event that names it comes here again.
            if self._billing_was_told_amount():
                return
            self._billing_tell_amount(charge.amount, charge.currency, charge.id)
            if self.state != "error":
                self._billing_fail(self.env._("The amount differs."), "amount")
            self.billing_decline_code = "amount"
        elif charge.is_paid:
            self._billing_set_done()
        elif self.state == "done" or (self.billing_key and not self.billing_is_open):
            # A closed attempt stays closed, and asks nobody for anything.
            _logger.info("%s: %s is old news", self.reference, charge.status)
            return
        elif charge.is_under_way:
            self._set_pending()
        elif charge.is_authorized:
            self._set_authorized()
        elif charge.needs_customer:
            self._billing_ask_customer()
        elif charge.status == "canceled":
            self._billing_apply_cancel()
        else:
            decline = charge.decline
            self.billing_is_declined = True
            code = decline and (decline.decline_code or decline.code) or charge.status
            self._billing_fail(self._billing_explain_decline(decline), code)
        self.provider_reference = charge.id

    def _billing_ask_customer(self):
        """The bank wants the customer to confirm (SCA, W7).

        The page of a customer who is there goes on with it. Otherwise this payment is
        given up at Stripe (`_billing_finish`), and the customer gets a link to another.
        """
        self.billing_decline_code = "authentication_required"
        message = self._billing_explain_confirmation()
        self._set_pending(state_message=message)
        self.state_message = message

    def _billing_apply_cancel(self):
        """Close what was given up at Stripe."""
        if self._billing_waits_for_nobody():
            self._billing_fail(
                self._billing_explain_confirmation(), "authentication_required"
            )
            self.billing_mail_due = "confirm"
        else:
            self._billing_close()
            message = self.env._("The payment was given up.")
            self._set_canceled(message, extra_allowed_states=("error",))

    def _billing_apply_refund(self, refund):
        self.provider_reference = refund.id
        if refund.status == "succeeded":
            self._billing_set_done()
        elif refund.status in ("failed", "canceled"):
            if self.state == "done":
                self._billing_tell_bounced(refund.failure or refund.status)
                self._set_error(
                    self.env._("The refund did not reach the customer."),
                    extra_allowed_states=("done",),
                )
            else:
                self._billing_fail(
                    self.env._("The refund was not possible."),
                    refund.failure or refund.status,
                )
        else:
            self._set_pending()

    def _billing_set_done(self):
        """Stripe may say so after it said otherwise: the money has moved."""
        if self.state != "done":
            if self.billing_decline_code == const.CLOSED_BY_HAND:
                self._billing_tell_moved_all_the_same()
            self._billing_tell_paid_all_the_same()
        self._set_done(extra_allowed_states=("cancel",))

    def _billing_fail(self, message, code, detail=None):
        """Close an attempt for which no money moved.

        :param str message: for who pays.
        :param str detail: what Stripe said, for staff alone.
        """
        self._billing_close()
        self.billing_decline_code = code
        self._set_error(message, extra_allowed_states=("cancel",))
        self._billing_cancel_prepared()
        is_refund = self.operation == "refund"
        note = "\n".join(filter(None, (message, detail)))
        if is_refund:
            self._billing_tell_refund_failed(message)
        self._billing_log("refund_failed" if is_refund else "charge_failed", note)

    def _billing_cancel_prepared(self):
        """Cancel what Odoo's dialog made before it charged the card."""
        self.payment_id.filtered(
            lambda made: "draft" in (made.state, made.move_id.state)
        ).action_cancel()

    def _billing_close(self):
        """Let the invoices go, if no other refund waits there: others may be tried."""
        invoices = self.env["account.move"].search(
            [("billing_attempt_id", "in", self.ids)]
        )
        self.billing_is_open = False
        held = self._billing_find_holding(invoices) if invoices else {}
        for invoice in trust(invoices):
            invoice.billing_attempt_id = held.get(invoice.id, False)

    # === BUSINESS METHODS - FINISH === #

    def _billing_finish(self):
        """Do what comes of an outcome: book it, let the invoices go, write to people.

        Each step is committed before the next: the outcome, so that it is not lost if
        the books cannot take it (a closed period, a missing journal); the books, before
        anybody gets mail. Whoever comes second sees under the lock what the first did,
        and that nothing is left.
        """
        if self._billing_waits_for_nobody():
            self._billing_give_up_unasked()
        if self._billing_is_unbooked():
            commit(self.env)
            self._billing_lock()
            if self._billing_is_unbooked():
                self._billing_book()
        if self.billing_mail_due:
            commit(self.env)
            self._billing_lock()
            self._billing_write_mail()

    def _billing_is_unbooked(self):
        return self.state == "done" and (
            not self.is_post_processed or self.billing_is_open
        )

    def _billing_waits_for_nobody(self):
        """Whether the bank asks a customer who is not there."""
        return (
            self.billing_is_open
            and self.state != "done"
            and self.operation != "refund"
            and not self.billing_is_customer_present
            and self.billing_decline_code == "authentication_required"
        )

    def _billing_give_up_unasked(self):
        """Give up what a customer who is not there should confirm.

        If that is not to be learnt, it stays open, and the job does it again.
        """
        commit(self.env)
        try:
            gateway = self.provider_id._billing_get_gateway()
            charge = gateway.cancel(self.provider_reference)
        except (GatewayRefused, GatewayUnknown, UserError) as error:
            _logger.warning("%s: not given up yet: %s", self.reference, error)
            return
        self._billing_lock()
        self._billing_apply_charge(charge)

    def _billing_book(self):
        """Book what was paid or refunded; staff are told if that is not possible.

        It is tried again by the job, and when somebody looks at the invoice.
        """
        try:
            with savepoint(self.env):
                if not self.is_post_processed:
                    self._post_process()
                self._billing_close()
        except PG_CONCURRENCY_EXCEPTIONS_TO_RETRY:
            raise
        except Exception as error:  # whatever it is: the money has moved
            self.invalidate_recordset()
            if not isinstance(error, UserError):
                _logger.exception("%s could not be booked", self.reference)
            self._billing_tell_unbooked(error)

    # === BUSINESS METHODS - RESOLVE === #

    def _billing_resolve(self):
        """Ask Stripe what became of open attempts; commits before, and after each.

        Who learns it at the same moment as an event begins again here, and not with the
        whole request: that would not know any more that there was an attempt, and take
        a second wish for the first.

        :return: the attempts that are open still.
        """
        attempts = self.filtered("billing_is_open")
        if attempts:
            commit(self.env)
        for attempt in attempts:
            try:
                insist(self.env, attempt._billing_resolve_one)
            except (GatewayUnknown, GatewayRefused, UserError) as error:
                _logger.warning("%s: still unknown: %s", attempt.reference, error)
            commit(self.env)
        return self.filtered("billing_is_open")

    def _billing_resolve_one(self):
        if not self.billing_is_open:
            return
        if self.state == "done":
            self._billing_lock()
            self._billing_finish()
            return
        gateway = self.provider_id._billing_get_gateway()
        if self.operation == "refund":
            self._billing_resolve_refund(gateway)
        elif self.provider_reference:
            self._billing_apply(gateway.get_charge(self.provider_reference))
        else:
            self._billing_resolve_charge(gateway)

    def _billing_resolve_charge(self, gateway):
        """Learn of a charge whose answer is lost, or see to it that there is none."""
        values = self._billing_prepare_charge()
        answer = gateway.find_charge(
            values["customer"], self.reference, values["database"], self.create_date
        )
        if answer:
            self._billing_apply(answer)
        elif gateway.fence(**values):
            self._billing_lock()
            if self.billing_is_open:
                self._billing_fail(
                    self.env._("The charge never reached Stripe. Nothing was taken."),
                    "never_reached",
                )
        elif self.create_date > self.env.cr.now() - const.KEY_LIFE:
            # The call came to Stripe, and made nothing that is listed: it was refused.
            # The same call with the same key only says so again.
            present = self.billing_is_customer_present
            self._billing_repeat(
                partial(gateway.charge, **values, is_customer_present=present)
            )

    def _billing_resolve_refund(self, gateway):
        """Learn of a refund; one that never reached Stripe is asked for again."""
        if self.provider_reference:
            self._billing_apply(gateway.get_refund(self.provider_reference))
            return
        for refund in gateway.list_refunds(
            self.source_transaction_id.provider_reference
        ):
            if refund.reference == self.reference:
                self._billing_apply(refund)
                return
        self._billing_repeat(partial(gateway.refund, **self._billing_prepare_refund()))

    def _billing_repeat(self, call):
        """Call Stripe again with the same key; a refusal is the first call's, too.

        :raise GatewayRefused: if it does not tell of the first call.
        """
        try:
            answer = call()
        except GatewayRefused as error:
            if not error.is_judgement:
                raise
            self._billing_apply_refusal(error)
        else:
            self._billing_apply(answer)

    # === HELPERS === #

    def _billing_lock(self):
        """Lock the attempt; who comes second sees what the first did.

        Its invoices come first, as for those who pay, void or refund them and then look
        at their attempts: so nobody waits for somebody who waits for them.
        """
        wait_for(self._billing_get_moves())
        take_turns(self)

    def _billing_get_invoices(self):
        """Return what a payment is for, or what a refund is of."""
        return (
            self.invoice_ids
            or self.billing_refund_invoice_id
            or self.source_transaction_id._billing_get_captured().invoice_ids
        )

    def _billing_get_moves(self):
        """Return the invoices that wait for the outcome."""
        return self._billing_get_invoices() | self.billing_refund_note_id
