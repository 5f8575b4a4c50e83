import logging
from collections import Counter
from datetime import timedelta
from functools import partial

from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.fields import Domain
from odoo.service.model import PG_CONCURRENCY_EXCEPTIONS_TO_RETRY
from odoo.tools import SQL, format_date, plaintext2html

from odoo.addons.payment import utils as payment_utils
from odoo.addons.payment_stripe import const as stripe_const

from .. import const
from ..exceptions import GatewayDenied, GatewayRefused, GatewayUnknown
from ..gateways.stripe import Decline, round_down
from ..tools.commit import check_can_commit, commit, rollback, savepoint
from ..tools.money import split
from ..tools.trust import trust

_logger = logging.getLogger(__name__)


class PaymentTransaction(models.Model):
    """An attempt to move money, which outlives whatever happens to it (design §5.1).

    It is committed before Stripe is called, with the key of the call. Until its
    outcome is known it is *open*, its invoices name it, and none of them can be
    charged or refunded again. The direct answer, the webhook and the job that asks
    for lost answers all go through :meth:`_billing_apply`.
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
    billing_refund_invoice_id = fields.Many2one(
        "account.move",
        string="Refunded Invoice",
        readonly=True,
        copy=False,
        index="btree_not_null",
    )
    billing_refund_note_id = fields.Many2one(
        "account.move",
        string="Credit Note Given Back",
        readonly=True,
        copy=False,
        index="btree_not_null",
        help="Posted before the refund; without one, the refund posts its own.",
    )
    billing_mail_due = fields.Selection(
        [("receipt", "Receipt"), ("confirm", "Request to Confirm")],
        string="E-mail to Write",
        readonly=True,
        copy=False,
        help="Written once the outcome is in the books, whatever becomes of it.",
    )

    _billing_open_idx = models.Index("(id) WHERE billing_is_open")
    _billing_unbooked_idx = models.Index(
        "(id) WHERE state = 'done' AND is_post_processed IS NOT TRUE"
    )
    _billing_mail_due_idx = models.Index("(id) WHERE billing_mail_due IS NOT NULL")

    # === CONSTRAINT METHODS === #

    @api.constrains("amount", "currency_id", "provider_id")
    def _billing_check_step(self):
        """Check that Stripe can charge or refund the amount to its last digit."""
        for tx in self.sudo():  # sudo: who pays does not read providers.
            # What has been made at Stripe already is possible, as a whole.
            is_made = tx.state != "draft" or tx.provider_reference
            if tx.provider_code != "stripe" or is_made:
                continue
            amount = tx._billing_to_minor(abs(tx.amount))
            possible = round_down(amount, tx.currency_id.name)
            if possible != amount:
                raise UserError(
                    self.env._(
                        "Of this currency Stripe takes two decimals only: not"
                        " %(amount)s, but %(possible)s. Nothing was moved. Choose that"
                        " amount, and settle the rest in another way.",
                        amount=tx.currency_id.format(abs(tx.amount)),
                        possible=tx.currency_id.format(tx._billing_to_major(possible)),
                    )
                )

    # === BUSINESS METHODS - CHARGE === #

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
        self._billing_insist(record)

    def _billing_insist(self, record):
        """Do what can be done again, and commit it, whoever else is writing.

        Odoo runs a request again after a conflict. One that has called Stripe must not
        be: only what came of the call is written again, or else it stays open.
        """
        for _try in range(const.MAX_TRIES):
            try:
                record()
                commit(self.env)
                return
            except PG_CONCURRENCY_EXCEPTIONS_TO_RETRY as error:
                rollback(self.env)
                _logger.info("Written again after a conflict: %s", error)
        _logger.warning("Too many conflicts: %s is left for later", self.ids)

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

    def _billing_to_minor(self, amount):
        currency = self.currency_id
        return payment_utils.to_minor_currency_units(
            amount,
            currency,
            arbitrary_decimal_number=stripe_const.CURRENCY_DECIMALS.get(currency.name),
        )

    def _billing_to_major(self, amount):
        currency = self.currency_id
        return payment_utils.to_major_currency_units(
            amount,
            currency,
            arbitrary_decimal_number=stripe_const.CURRENCY_DECIMALS.get(currency.name),
        )

    # === BUSINESS METHODS - OUTCOME === #

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

    def _billing_apply_silence(self):
        """Say that nobody knows yet."""
        self._billing_lock()
        if self.billing_is_open:
            self.state_message = self.env._(
                "Stripe gave no answer. It is asked again in a moment; until then"
                " nothing else is charged."
            )

    def _billing_apply_refusal(self, error):
        """Close an attempt that Stripe refused, unless that is done already."""
        self._billing_lock()
        if self.billing_is_open:
            code = const.NO_ACCESS if isinstance(error, GatewayDenied) else error.code
            message = self._billing_explain_refusal(error)
            self._billing_fail(message, code, detail=str(error))

    def _billing_apply_charge(self, charge):
        outcome = self._billing_read_charge(charge)
        if not self._billing_is_own(outcome):
            return
        if charge.is_paid and not self._billing_is_amount_right(outcome):
            # It cannot be, and must not be lost if it is: a person has to look.
            self._billing_tell_amount(charge.amount, charge.currency, charge.id)
            self._billing_fail(self.env._("The amount differs."), "amount")
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
            code = decline and (decline.decline_code or decline.code) or charge.status
            self._billing_fail(self._billing_explain_decline(decline), code)
        self.provider_reference = charge.id

    def _billing_tell_amount(self, amount, currency, intent_ref):
        """Tell staff that Stripe took another amount than was asked for."""
        self._billing_tell_staff(
            self.env._(
                "Stripe took %(amount)s %(currency)s (in cents) for %(reference)s,"
                " and another amount was asked for. Look at %(intent)s in Stripe's"
                " dashboard.",
                amount=amount,
                currency=currency.upper(),
                reference=self.reference,
                intent=intent_ref,
            )
        )

    def _billing_set_done(self):
        """Stripe may say so after it said otherwise: the money has moved."""
        if self.billing_decline_code == const.CLOSED_BY_HAND and self.state != "done":
            self._billing_tell_staff(
                self.env._(
                    "%(reference)s was closed by hand, and Stripe says now that the"
                    " %(amount)s moved all the same. It is booked: look whether it was"
                    " paid in another way, too.",
                    reference=self.reference,
                    amount=self.currency_id.format(abs(self.amount)),
                )
            )
        self._set_done(extra_allowed_states=("cancel",))

    def _billing_ask_customer(self):
        """The bank wants the customer to confirm (SCA, W7).

        The page of a customer who is there goes on with it. Otherwise this payment is
        given up at Stripe (`_billing_finish`), and the customer gets a link to another.
        """
        self.billing_decline_code = "authentication_required"
        message = self._billing_explain_confirmation()
        self._set_pending(state_message=message)
        self.state_message = message

    def _billing_explain_confirmation(self):
        return self.env._(
            "The customer's bank asks the customer to confirm this payment."
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

    def _billing_apply_cancel(self):
        """Close what was given up at Stripe."""
        if self._billing_waits_for_nobody():
            self._billing_fail(
                self._billing_explain_confirmation(), "authentication_required"
            )
            self.billing_mail_due = "confirm"
        else:
            self._billing_close()
            self._set_canceled(self.env._("The payment was given up."))

    def _billing_apply_refund(self, refund):
        self.provider_reference = refund.id
        if refund.status == "succeeded":
            self._billing_set_done()
        elif refund.status in ("failed", "canceled"):
            if self.state == "done":
                self._billing_tell_staff(
                    self.env._(
                        "The refund %(reference)s of %(amount)s did not reach the card"
                        " (%(reason)s). The money is back with Stripe: give it back in"
                        " another way, and cancel the payment in Accounting.",
                        reference=self.reference,
                        amount=self.currency_id.format(-self.amount),
                        reason=refund.failure or refund.status,
                    )
                )
                self._set_error(
                    self.env._("The refund did not reach the card."),
                    extra_allowed_states=("done",),
                )
            else:
                self._billing_fail(
                    self.env._("The refund was not possible."),
                    refund.failure or refund.status,
                )
        else:
            self._set_pending()

    def _billing_fail(self, message, code, detail=None):
        """Close an attempt for which no money moved.

        :param str message: for who pays.
        :param str detail: what Stripe said, for staff alone.
        """
        self._billing_close()
        self.billing_decline_code = code
        self._set_error(message, extra_allowed_states=("cancel",))
        # What Odoo's dialog made before it charged the card.
        self.payment_id.filtered(lambda made: made.state == "draft").action_cancel()
        is_refund = self.operation == "refund"
        note = "\n".join(filter(None, (message, detail)))
        self._billing_log("refund_failed" if is_refund else "charge_failed", note)

    def _billing_log(self, action, note=None):
        """Write in the history of the customer what became of the attempt (F10)."""
        moves = self._billing_get_invoices()
        self.env["omni.billing.activity.log"]._log(
            [
                {
                    "action": action,
                    "company": self.company_id,
                    "customer": self.partner_id.commercial_partner_id,
                    "move": moves if len(moves) == 1 else None,
                    "currency": self.currency_id,
                    "amount": self.amount,
                    "name": ", ".join(filter(None, moves.mapped("name"))),
                    "note": "\n".join(filter(None, (self.reference, note))),
                }
            ]
        )

    def _billing_close(self):
        """Let the invoices go: others may be tried."""
        invoices = self.env["account.move"].search(
            [("billing_attempt_id", "in", self.ids)]
        )
        trust(invoices).billing_attempt_id = False
        self.billing_is_open = False

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
            self._billing_tell_staff(
                self.env._(
                    "%(amount)s moved by card, but could not be booked: %(error)s",
                    amount=self.currency_id.format(abs(self.amount)),
                    error=error if isinstance(error, UserError) else repr(error),
                )
            )

    def _billing_write_mail(self):
        """Write the e-mail that is due, once; it is no reason to undo anything (F124).

        A receipt tells that the card was charged, or the money given back.
        """
        kind = self.billing_mail_due
        self.billing_mail_due = False
        try:
            with savepoint(self.env):
                if kind == "receipt":
                    self._billing_send_template("card_receipt", self.payment_id)
                elif kind == "confirm":
                    # What is paid meanwhile, or void, needs nobody.
                    owed = self.invoice_ids.filtered(
                        lambda move: move.billing_state in ("unpaid", "partial")
                    )
                    self._billing_send_template("confirm_payment", owed)
        except PG_CONCURRENCY_EXCEPTIONS_TO_RETRY:
            raise
        except Exception as error:  # a broken template, say
            self.invalidate_recordset()
            _logger.warning("%s: no e-mail", self.reference, exc_info=True)
            labels = dict(
                self._fields["billing_mail_due"]._description_selection(self.env)
            )
            self._billing_tell_staff(
                self.env._(
                    "The customer got no e-mail about the card payment %(reference)s"
                    " (%(kind)s): %(error)s",
                    reference=self.reference,
                    kind=labels.get(kind),
                    error=error,
                )
            )

    def _billing_send_template(self, name, records):
        template = self.env.ref(f"omni_billing.mail_template_{name}")
        for record in records:
            template.send_mail(record.id)

    def _post_process(self):
        """Override of `account_payment`: each is booked once, whoever does it.

        The page of Odoo that waits for an outcome, its job, an event and our own jobs
        come here at the same moment. A refund posts its credit note too.
        """
        for tx in self.sorted("id"):
            tx._billing_lock()
        left = self.filtered(lambda tx: not tx.is_post_processed)
        left.provider_id._billing_ensure_method_line()
        result = super(PaymentTransaction, left)._post_process()
        for tx in left.filtered(lambda tx: tx.state == "done"):
            if tx.billing_refund_invoice_id:
                tx.billing_refund_invoice_id._billing_book_refund(tx)
            elif tx.operation == "refund" and tx.billing_is_open:
                tx._billing_book_rest()
            if tx.provider_code == "stripe":
                tx._billing_note_booking()
        return result

    def _billing_note_booking(self):
        """Write down that it is booked, and that the customer is to get a receipt."""
        is_refund = self.operation == "refund"
        if is_refund or self.invoice_ids:
            self._billing_log("card_refunded" if is_refund else "charged")
        if self.billing_key and self.payment_id:
            # Odoo's own form tells on its page who is at the screen.
            self.billing_mail_due = "receipt"

    def _billing_create_foreign_refunds(self, refund):
        """Write down a refund that was made at Stripe itself (W18).

        :param refund: a `Refund` of the gateway.
        :return: an attempt for each credit note that there is or will be, and one
            without an invoice for what no credit note can be made for.
        """
        self.ensure_one()
        amount = self._billing_to_major(refund.amount)
        attempts = self.browse()
        for invoice, note, part in self._billing_split_refund(amount):
            attempts += self._create_child_transaction(
                part,
                is_refund=True,
                provider_reference=refund.id,
                billing_is_open=True,
                billing_refund_invoice_id=invoice.id,
                billing_refund_note_id=note.id,
            )
        return attempts

    def _billing_book_rest(self):
        """Set what no invoice gives back against what is left of the payment."""
        payments = self.payment_id + self.source_transaction_id.payment_id
        lines = payments.move_id.line_ids.filtered(
            lambda line: line.account_type == "asset_receivable" and not line.reconciled
        )
        lines.reconcile()
        if not all(self.payment_id.move_id.line_ids.mapped("reconciled")):
            self._billing_tell_staff(
                self.env._(
                    "%(amount)s were refunded in Stripe's dashboard that no invoice of"
                    " the payment %(reference)s can give back: the customer owes them"
                    " now. Make a credit note, or ask the customer.",
                    amount=self.currency_id.format(-self.amount),
                    reference=self.source_transaction_id.reference,
                )
            )

    def _billing_split_refund(self, amount):
        """Split a refund over the invoices by what each got of the payment.

        :param float amount: with taxes, in the currency of the payment.
        :return: invoices, their credit notes (none where one is still to be made) and
            parts; what no invoice can take has no invoice either.
        :rtype: list[tuple[account.move, account.move, float]]
        """
        shares = {
            invoice: min(share, invoice._billing_get_creditable_amount())
            for invoice, share in self._billing_get_shares().items()
        }
        parts = split(
            min(amount, sum(shares.values())), shares.values(), self.currency_id.round
        )
        nothing = self.invoice_ids.browse()
        found = [
            (invoice, note, part)
            for invoice, share in zip(shares, parts, strict=True)
            for note, part in invoice._billing_spread_refund(share)
        ]
        found.append((nothing, nothing, self.currency_id.round(amount - sum(parts))))
        return [one for one in found if not self.currency_id.is_zero(one[-1])]

    def _billing_get_shares(self):
        """Return what each invoice got of this payment and did not give back.

        :return: amounts with taxes, in the currency of the payment, by invoice.
        :rtype: dict[account.move, float]
        """
        self.ensure_one()
        got = Counter()
        if self.payment_id:
            lines = self.payment_id.move_id.line_ids
            for partial in lines.matched_debit_ids:
                invoice = partial.debit_move_id.move_id
                if invoice in self.invoice_ids:
                    got[invoice] += partial.debit_amount_currency
        else:
            # Not booked yet: the oldest is paid first.
            left = self.amount
            for invoice in self.invoice_ids.sorted(lambda move: (move.date, move.id)):
                got[invoice] = min(left, invoice.amount_residual)
                left -= got[invoice]
        for refund in self._billing_get_refunds():
            if refund.billing_refund_invoice_id in got:
                got[refund.billing_refund_invoice_id] += refund.amount
        return {
            invoice: self.currency_id.round(max(0.0, amount))
            for invoice, amount in got.items()
        }

    def _billing_get_refunds(self):
        """Return the refunds of a payment that were made or may be on their way."""
        return self.child_transaction_ids.filtered(
            lambda tx: tx.operation == "refund" and tx.state not in ("error", "cancel")
        )

    # === BUSINESS METHODS - LOST ANSWERS === #

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
                attempt._billing_insist(attempt._billing_resolve_one)
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

    def _billing_close_by_hand(self, reason):
        """Close an attempt of which Stripe cannot tell what became; commits.

        Stripe is asked once more: what it knows counts, and not what a person thinks.
        Who decided, why, and what Stripe said stays with the invoice and in the log.

        :param str reason: why it is sure enough that no money moved.
        :raise UserError: if Stripe tells, or if that is not to be decided by this user.
        """
        self.ensure_one()
        attempt = self.sudo()  # sudo: attempts are internal.
        if not self.env.user.has_group("omni_billing.omni_billing_group_manager"):
            raise AccessError(
                self.env._("A billing manager decides that a payment never happened.")
            )
        moves = attempt._billing_get_moves().with_env(self.env)
        moves.check_access("write")
        if not reason or not reason.strip():
            raise UserError(self.env._("Say why it is sure that no money moved."))
        said = attempt._billing_ask_again()
        attempt._billing_lock()
        if not attempt.billing_is_open:
            states = dict(self._fields["state"]._description_selection(self.env))
            raise UserError(
                self.env._(
                    "Stripe has just told what became of %(reference)s: %(state)s."
                    " %(message)s Nothing was closed by hand: look at the invoice.",
                    reference=attempt.reference,
                    state=states[attempt.state],
                    message=attempt.state_message or "",
                )
            )
        if not said:
            raise UserError(
                self.env._(
                    "Stripe knows of %(reference)s, and it is not over: %(state)s"
                    " Nothing was changed: wait for its outcome.",
                    reference=attempt.reference,
                    state=attempt.state_message or "",
                )
            )
        is_refund = attempt.operation == "refund"
        attempt._billing_close()
        attempt.billing_decline_code = const.CLOSED_BY_HAND
        message = self.env._("Closed by hand: no money moved.")
        attempt._set_error(message, extra_allowed_states=("cancel",))
        note = self.env._(
            "%(user)s closed the card payment %(reference)s (%(amount)s), whose outcome"
            " was unknown: no money moved.\nWhy: %(reason)s\nStripe said: %(said)s",
            user=self.env.user.name,
            reference=attempt.reference,
            amount=attempt.currency_id.format(attempt.amount),
            reason=reason.strip(),
            said=said,
        )
        attempt._billing_log("refund_closed" if is_refund else "charge_closed", note)
        for move in moves.sudo():  # sudo: the right to write was checked.
            move.message_post(body=plaintext2html(note))
        attempt._billing_tell_waiting()

    def _billing_ask_again(self):
        """Ask Stripe what became of it; commits what it tells.

        :return: why it does not tell, a text; empty if it does.
        """
        check_can_commit(self.env)
        if self.create_date > self.env.cr.now() - const.CALL_GRACE:
            raise UserError(
                self.env._("The call to Stripe is under way still. Wait a minute.")
            )
        known = self.provider_reference
        try:
            self._billing_resolve_one()
        except GatewayUnknown as error:
            said = self.env._("No answer (%(error)s)", error=error)
        except (GatewayRefused, UserError) as error:
            said = str(error)
        else:
            said = ""
        commit(self.env)
        if not said and self.billing_is_open and not (known or self.provider_reference):
            said = self.env._("The call came to Stripe, and nothing came of it.")
        return said

    def _billing_get_moves(self):
        """Return the invoices that wait for the outcome."""
        return self._billing_get_invoices() | self.billing_refund_note_id

    def _billing_give_up(self):
        """Give up a charge that waits for the customer; what is paid stays paid.

        It commits after each.
        """
        attempts = self.filtered("billing_is_open")
        if attempts:
            check_can_commit(self.env)
        for attempt in attempts:
            if attempt.state != "done" and attempt.provider_reference:
                gateway = attempt.provider_id._billing_get_gateway()
                charge = gateway.cancel(attempt.provider_reference)
                attempt._billing_insist(partial(attempt._billing_apply, charge))

    @api.model
    def _cron_resolve(self):
        """Ask for lost answers; give up what customers left unconfirmed for an hour.

        A charge whose call is under way still is not lost: asking for it before it has
        come to Stripe would give it up.
        """
        # sudo: it is the server that asks; only it writes payments.
        self = self.sudo()  # noqa: PLW0642
        before = self.env.cr.now() - const.CALL_GRACE
        attempts = self.search(
            [("billing_is_open", "=", True), ("create_date", "<=", before)]
        )
        hour_ago = fields.Datetime.subtract(fields.Datetime.now(), hours=1)
        for attempt in attempts:
            attempt._billing_try(attempt._billing_resolve)
        for attempt in attempts.filtered("billing_is_open"):
            waits = attempt.billing_decline_code == "authentication_required"
            if waits and attempt.create_date < hour_ago:
                attempt._billing_try(attempt._billing_give_up)
        for payment in self._billing_find_lost_payments():
            payment._billing_try(payment._billing_take_over)
        for payment in self._billing_find_unfinished(before):
            payment._billing_try(payment._billing_go_on)
        attempts.filtered(lambda tx: not tx.billing_is_open)._billing_tell_waiting()

    def _billing_tell_waiting(self):
        """Have those go on who wait for the outcome of these attempts. Hook."""

    def _billing_try(self, step):
        """Do a step of the job; what breaks it does not hold up the others."""
        try:
            self._billing_insist(step)
        except (GatewayUnknown, GatewayRefused, UserError) as error:
            rollback(self.env)
            _logger.warning("%s: not now: %s", self.reference, error)
        except Exception:  # whatever is wrong with this one
            rollback(self.env)
            _logger.exception("Payment %s could not be worked on", self.id)

    @api.model
    def _billing_find_lost_payments(self):
        """Return payments of Odoo's own form that nothing was heard of for a while."""
        now = fields.Datetime.now()
        begun = Domain("state", "=", "draft") & Domain(
            "last_state_change", ">", now - timedelta(days=4)
        )
        return self.search(
            Domain("provider_code", "=", "stripe")
            & Domain("provider_id.state", "!=", "disabled")
            & Domain("invoice_ids", "!=", False)
            & (begun | self._billing_get_under_way_domain())
            & Domain("operation", "in", ("online_direct", "online_token", "offline"))
            & Domain("provider_reference", "=like", "pi_%")
            & Domain("billing_is_open", "=", False)
            & Domain("last_state_change", "<", now - timedelta(minutes=10))
        )

    def _billing_stop(self):
        """Give up what a customer began; what is at the bank already stays there.

        :return: the `Charge` as it stands then.
        """
        self.ensure_one()
        gateway = self.provider_id._billing_get_gateway()
        if self.state == "pending":
            # Stripe can call some debits back, and the customer wanted this one.
            charge = gateway.get_charge(self.provider_reference)
            if charge.is_under_way:
                return charge
        return gateway.cancel(self.provider_reference)

    def _billing_explain_under_way(self):
        """Return what is true of a payment that a bank has not decided on yet."""
        self.ensure_one()
        return self.env._(
            "%(amount)s of %(reference)s were paid by %(method)s on %(date)s, and the"
            " bank has not decided yet: a card takes minutes, a bank debit up to two"
            " weeks. Nothing else is taken meanwhile. The outcome is booked by itself.",
            amount=self.currency_id.format(self.amount),
            reference=self.reference,
            method=self.payment_method_id.name,
            date=format_date(self.env, self.create_date),
        )

    def _billing_check_none_authorized(self):
        """Check that no bank holds money for what is to be paid now.

        :raise UserError: if one does: it is captured or voided first, by a person.
        """
        for tx in self.filtered(lambda tx: tx.state == "authorized"):
            raise UserError(
                self.env._(
                    "The payment %(reference)s of %(amount)s is authorized: the bank"
                    " holds the money until the seller captures it. Nothing else was"
                    " taken. In Accounting, capture that payment or void it first.",
                    reference=tx.reference,
                    amount=tx.currency_id.format(tx.amount),
                )
            )

    @api.model
    def _billing_get_under_way_domain(self):
        """Return payments that are decided elsewhere: the customer has done their part.

        A bank debit takes days, and what is authorized waits to be captured. Banks
        decide within `const.BANK_DAYS`: of what is older, nothing will be heard.
        """
        oldest = fields.Datetime.subtract(fields.Datetime.now(), days=const.BANK_DAYS)
        return (
            Domain("provider_code", "=", "stripe")
            & Domain("state", "in", ("pending", "authorized"))
            & Domain("operation", "not in", ("refund", "validation"))
            & Domain("last_state_change", ">", oldest)
        )

    @api.model
    def _billing_find_unfinished(self, before):
        """Return what was paid and is not booked, or whose e-mail is not written.

        That is what a process was at when it died, and what books could not take. Odoo
        tries to book for four days, and tells nobody why it cannot.
        """
        return self.search(
            Domain("provider_code", "=", "stripe")
            & Domain("billing_is_open", "=", False)
            & Domain("create_date", "<=", before)
            & (
                Domain("billing_mail_due", "!=", False)
                | (
                    Domain("state", "=", "done")
                    & Domain("is_post_processed", "=", False)
                    & Domain("invoice_ids", "!=", False)
                )
            )
        )

    def _billing_go_on(self):
        self._billing_lock()
        self._billing_finish()

    def _billing_take_over(self):
        """Book what was paid, and close what came to nothing.

        What the customer only began may still be paid.
        """
        self.ensure_one()
        gateway = self.provider_id._billing_get_gateway()
        charge = gateway.get_charge(self.provider_reference)
        is_lost = self.state != "draft" and charge.status == "requires_payment_method"
        if charge.is_paid or charge.status == "canceled" or is_lost:
            self._billing_apply(charge)

    # === OVERRIDES OF PAYMENT_STRIPE === #

    def _send_api_request(self, method, endpoint, **kwargs):
        """Override of `payment`: what Stripe says of it is read by who pays."""
        tx = self.with_context(billing_explains=True)
        return super(PaymentTransaction, tx)._send_api_request(
            method, endpoint, **kwargs
        )

    def _stripe_create_customer(self):
        """Override of `payment_stripe`: one customer for each partner (W4).

        :raise ValidationError: if there is none; the caller closes the payment.
        """
        try:
            return {"id": self.provider_id._billing_get_customer(self.partner_id)}
        except GatewayUnknown as error:
            _logger.warning("%s: no answer from Stripe: %s", self.reference, error)
            raise ValidationError(
                self.env._(
                    "Stripe gives no answer. Nothing was charged: try again in a"
                    " minute."
                )
            ) from error
        except GatewayRefused as error:
            _logger.warning("%s: refused by Stripe: %s", self.reference, error)
            message = self._billing_explain_refusal(error)
            raise ValidationError(message) from error

    def _stripe_prepare_payment_intent_payload(self):
        """Override of `payment_stripe`: no parts of an address that are empty.

        An empty text asks Stripe to remove something, which a new payment does not
        have, and of an address that is sent at all Stripe checks name and street
        (https://docs.stripe.com/api/payment_intents/create#create_payment_intent-shipping).
        """
        payload = super()._stripe_prepare_payment_intent_payload()
        if self.provider_code != "stripe":
            return payload
        sent = {name: value for name, value in payload.items() if value != ""}
        if not {"shipping[name]", "shipping[address][line1]"} <= set(sent):
            sent = {
                name: value
                for name, value in sent.items()
                if not name.startswith("shipping[")
            }
        return sent

    def _stripe_prepare_mandate_options(self):
        """Override of `payment_stripe`: mandates of India are for its currency."""
        if self.currency_id.name != "INR":
            return {}
        return super()._stripe_prepare_mandate_options()

    def _send_refund_request(self):
        """Override of `payment_stripe`: a refund has a key too.

        Odoo repeats a request after a serialization failure, and staff after an
        error: what was refunded before tells one refund from the next.
        """
        if self.provider_code != "stripe":
            return super()._send_refund_request()
        source = self.source_transaction_id
        earlier = source.child_transaction_ids.filtered(
            lambda tx: tx.operation == "refund" and tx.state == "done"
        )
        refunded = self._billing_to_minor(-sum(earlier.mapped("amount")))
        values = self._billing_prepare_refund()
        values["key"] = f"{values['database']}-refund-{source.id}-{refunded}"
        try:
            refund = self.provider_id._billing_get_gateway().refund(**values)
        except (GatewayRefused, GatewayUnknown) as error:
            raise UserError(
                self.env._("Stripe did not refund: %(error)s", error=error)
            ) from error
        self._billing_apply_refund(refund)
        return None

    def _validate_amount(self, payment_data):
        """Override of `payment`: what was taken counts, not what was asked for.

        One may capture less in Stripe's dashboard. Odoo does not book what differs; but
        the money has moved, so staff are told.
        """
        intent = payment_data.get("payment_intent") or {}
        taken = intent.get("amount_received")
        if self.provider_code != "stripe" or intent.get("status") != "succeeded":
            return super()._validate_amount(payment_data)
        if taken is not None:
            payment_data = {
                **payment_data,
                "payment_intent": intent | {"amount": taken},
            }
        before = self.state
        result = super()._validate_amount(payment_data)
        if self.state == "error" and before != "error":
            currency = intent.get("currency") or ""
            self._billing_tell_amount(taken or 0, currency, intent.get("id"))
        return result

    def _apply_updates(self, payment_data):
        """Override of `payment_stripe`: why a bank said no is said in our words."""
        intent = payment_data.get("payment_intent") or {}
        error = intent.get("last_payment_error")
        if self.provider_code == "stripe" and error:
            codes = (error.get("code") or "", error.get("decline_code") or "")
            message = self._billing_explain_decline(Decline(*codes, ""))
            error = {**error, "message": message}
            intent = {**intent, "last_payment_error": error}
            payment_data = {**payment_data, "payment_intent": intent}
        return super()._apply_updates(payment_data)

    def _extract_token_values(self, payment_data):
        """Override of `payment_stripe`: what the card tells (F125)."""
        values = super()._extract_token_values(payment_data)
        method = payment_data.get("payment_method")
        card = method.get("card") if isinstance(method, dict) else None
        if self.provider_code == "stripe" and values and card:
            values.update(
                billing_brand=card.get("brand"),
                billing_last4=card.get("last4"),
                billing_exp_month=card.get("exp_month") or 0,
                billing_exp_year=card.get("exp_year") or 0,
                billing_fingerprint=card.get("fingerprint"),
            )
        return values

    # === HELPERS === #

    def _billing_lock(self):
        """Lock the attempt; who comes second sees what the first did.

        Its invoices come first, as for those who pay, void or refund them and then look
        at their attempts: so nobody waits for somebody who waits for them. The row is
        changed, and not only locked: PostgreSQL then has who waited begin again, and
        read what is there now.
        """
        moves = self._billing_get_moves()
        self.env.cr.execute(
            SQL(
                "SELECT id FROM account_move WHERE id = ANY(%s) ORDER BY id"
                " FOR NO KEY UPDATE",
                moves.ids,
            )
        )
        self.env.cr.execute(
            SQL(
                "UPDATE payment_transaction SET write_date = write_date WHERE id = %s",
                self.id,
            )
        )
        self.invalidate_recordset()
        moves.invalidate_recordset()

    @api.model
    def _billing_make_key(self, provider, reference):
        return f"{provider._billing_get_uuid()}-{reference}"

    def _billing_get_invoices(self):
        """Return what a payment is for, or what a refund is of."""
        return (
            self.invoice_ids
            or self.billing_refund_invoice_id
            or self.source_transaction_id.invoice_ids
        )

    def _billing_tell_staff(self, message):
        """Leave a message and a to-do where staff look: on the invoices."""
        for invoice in self._billing_get_invoices():
            invoice._billing_tell_staff(message)

    @api.private
    def billing_get_client_values(self):
        """Return what the page of the customer needs to go on.

        :return: ``state`` (done, action, declined or unknown), ``message``,
            ``client_secret``, ``publishable_key``, ``landing_url``.
        """
        self.ensure_one()
        waits = (
            self.billing_is_open
            and self.billing_decline_code == "authentication_required"
            and self.provider_reference
        )
        state = (
            "done"
            if self.state == "done"
            else "action"
            if waits
            else "unknown"
            if self.billing_is_open
            else "declined"
        )
        secret = False
        if state == "action":
            gateway = self.provider_id._billing_get_gateway()
            try:
                secret = gateway.get_charge(self.provider_reference).client_secret
            except (GatewayRefused, GatewayUnknown) as error:
                _logger.warning("%s: no page to confirm: %s", self.reference, error)
                state = "unknown"
        return {
            "state": state,
            "message": self.env._("Thank you, the payment was received.")
            if state == "done"
            else self.state_message or "",
            "client_secret": secret,
            "publishable_key": self.provider_id.stripe_publishable_key or "",
            "landing_url": self.landing_route or "/my/billing",
        }

    def _billing_explain_decline(self, decline):
        """Return what the bank said and what helps (F142-F144)."""
        code = decline and (decline.decline_code or decline.code) or ""
        sentences = {
            "expired_card": self.env._(
                "Card expired. Add a new card, or choose another one."
            ),
            "insufficient_funds": self.env._(
                "Card declined: not enough money on the account. Try later, or choose"
                " another card."
            ),
            "lost_card": self.env._(
                "Card declined by the bank. Choose another card, or ask the bank."
            ),
            "incorrect_cvc": self.env._(
                "Card declined: the security code is wrong. Add the card again."
            ),
            "processing_error": self.env._(
                "The card network had a problem. Try again in a few minutes."
            ),
            "currency_not_supported": self.env._(
                "Card declined: it does not support this currency. Choose another card."
            ),
            "card_not_supported": self.env._(
                "Card declined: it does not support this kind of payment. Choose"
                " another card, or ask the bank to allow it."
            ),
            "card_velocity_exceeded": self.env._(
                "Card declined: its limit is reached. Try later, or another card."
            ),
        }
        if self.payment_method_id and not self.payment_method_id._billing_is_card():
            return self.env._(
                "The bank did not pay. Choose another way to pay, or ask the bank."
            )
        # What a bank says of stolen cards or fraud is not told to who holds the card.
        return sentences.get(code) or self.env._(
            "Card declined. Choose another card or another way to pay, or ask the bank."
        )

    def _billing_explain_refusal(self, error):
        """Return why Stripe did not even ask the bank."""
        if isinstance(error, GatewayDenied):
            return self.env._(
                "Cards cannot be charged at the moment: Stripe does not accept the key"
                " of %(provider)s. Nothing was moved. An administrator enters a valid"
                " one in Invoicing > Configuration > Payment Providers.",
                provider=self.provider_id.name,
            )
        return self.provider_id._billing_explain_refusal(error.code)
