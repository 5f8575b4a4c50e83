import logging
from datetime import timedelta
from functools import partial

from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError
from odoo.fields import Domain
from odoo.tools import plaintext2html

from ... import const
from ...exceptions import GatewayRefused, GatewayUnknown
from ...tools.database import check_can_commit, commit, insist, rollback

_logger = logging.getLogger(__name__)


class PaymentTransaction(models.Model):
    """Payments that nothing is heard of: asked for, given up, closed by hand."""

    _inherit = "payment.transaction"

    # === JOB === #

    @api.model
    def _cron_billing_resolve(self):
        """Ask for lost answers; give up what customers left unconfirmed for an hour.

        A charge whose call is under way still is not lost: asking for it before it has
        come to Stripe would give it up.
        """
        # sudo: it is the server that asks; only it writes payments.
        self = self.sudo()  # noqa: PLW0642
        before = self.env.cr.now() - const.CALL_GRACE
        attempts = self.search(
            Domain("billing_is_open", "=", True)
            & Domain("create_date", "<=", before)
            & self._billing_get_asked_domain()
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
        for saving in self._billing_find_begun_accounts():
            saving._billing_try(saving._billing_learn_account)
        attempts.filtered(lambda tx: not tx.billing_is_open)._billing_tell_waiting()

    def _billing_try(self, step):
        """Do a step of the job; what breaks it does not hold up the others."""
        try:
            insist(self.env, step)
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
        waiting = (
            begun
            | self._billing_get_under_way_domain()
            | self._billing_get_held_domain()
        )
        return self.search(
            Domain("provider_code", "=", "stripe")
            & self._billing_get_begun_here_domain()
            & (
                waiting & Domain("provider_id.state", "!=", "disabled")
                | self._billing_get_lapsed_domain()
            )
            & Domain("operation", "in", ("online_direct", "online_token", "offline"))
            & Domain("provider_reference", "=like", "pi_%")
            & Domain("billing_is_open", "=", False)
            & Domain("last_state_change", "<", now - timedelta(minutes=10))
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
            & (Domain("state", "=", "pending") | self._billing_get_held_domain())
            & Domain("operation", "not in", ("refund", "validation"))
            & Domain("last_state_change", ">", oldest)
        )

    @api.model
    def _billing_get_awaited_domain(self):
        """Return payments that invoices wait for: what is under way, or not booked yet.

        The customer has done their part, and is asked for nothing meanwhile.
        """
        unbooked = (
            Domain("state", "=", "done")
            & Domain("is_post_processed", "=", False)
            & Domain("operation", "not in", ("refund", "validation"))
        )
        return self._billing_get_under_way_domain() | unbooked

    @api.model
    def _billing_find_unfinished(self, before):
        """Return what was paid and is not booked, or whose e-mail is not written.

        That is what a process was at when it died, and what books could not take. Odoo
        tries to book for four days, and tells nobody why it cannot.
        """
        here = self._billing_get_begun_here_domain()
        unbooked = (
            Domain("state", "=", "done")
            & Domain("is_post_processed", "=", False)
            & Domain("operation", "!=", "validation")
            & (here | Domain("source_transaction_id", "any", here))
        )
        return self.search(
            Domain("provider_code", "=", "stripe")
            & Domain("billing_is_open", "=", False)
            & Domain("create_date", "<=", before)
            & (Domain("billing_mail_due", "!=", False) | unbooked)
        )

    @api.model
    def _billing_get_begun_here_domain(self):
        """Return payments of invoices, and what began since it is known whose it is.

        What is for no invoice and older may be in the books by hand, long ago.
        """
        return Domain("invoice_ids", "!=", False) | Domain(
            "billing_customer_ref", "!=", False
        )

    def _billing_take_over(self):
        """Book what was paid, and close what came to nothing or is another database's.

        What the customer only began may still be paid.
        """
        self.ensure_one()
        try:
            gateway = self.provider_id._billing_get_gateway()
            charge = gateway.get_charge(self.provider_reference)
        except (GatewayRefused, UserError) as error:
            if not self._billing_is_hold_lost(error):
                raise
            self._billing_let_go(is_deleted=False)
            return
        is_lost = (
            self.state not in ("draft", "error")
            and charge.status == "requires_payment_method"
        )
        is_over = charge.is_paid or charge.status == "canceled" or is_lost
        if is_over or self._billing_is_elsewhere(charge):
            self._billing_apply(charge)

    def _billing_go_on(self):
        self._billing_lock()
        self._billing_finish()

    def _billing_tell_waiting(self):
        """Have those go on who wait for the outcome of these attempts. Hook."""
        return None

    def _billing_learn_begun(self):
        """Ask what became of payments on Odoo's form, also of those that are old.

        The job asks for some days only; who wants to pay now is not kept waiting for
        what was paid long ago. Commits before, and after each.

        :return: what was paid, and is booked now.
        """
        held = self.filtered(
            lambda tx: tx.state == "authorized" and tx.provider_code == "stripe"
        )
        begun = (held + self._billing_filter_payable()).filtered(
            lambda tx: not tx.billing_key and not tx._billing_was_told_amount()
        )
        if begun:
            commit(self.env)
        for payment in begun:
            try:
                insist(self.env, payment._billing_take_over)
            except (GatewayUnknown, GatewayRefused, UserError) as error:
                # Who closes it before something else is charged says so.
                _logger.info("%s: not learnt: %s", payment.reference, error)
        return begun.filtered(lambda tx: tx.state == "done")

    def _billing_filter_payable(self):
        """Return what a customer may still pay at Stripe, by a page that is open.

        What a bank declined can be tried again there with another card, by whoever kept
        the page: until it is given up at Stripe.
        """
        return self.filtered(
            lambda tx: (
                tx.provider_code == "stripe"
                and tx.operation not in ("refund", "validation")
                and tx.provider_reference
                and not tx.billing_is_open
                and (tx.state in ("draft", "pending") or tx._billing_is_form_declined())
            )
        )

    def _billing_is_form_declined(self):
        # Of our own charges no page has the secret, once they are closed.
        return (
            self.state == "error"
            and self.provider_reference.startswith("pi_")
            and not self.billing_key
            and not self.source_transaction_id
        )

    def _billing_was_told_amount(self):
        """Whether Stripe took another amount, which is left to a person."""
        return self.state == "error" and self.billing_decline_code == "amount"

    def _billing_is_left_to_staff(self, charge):
        """Whether what was declined is paid by now, and can never be booked for this.

        Staff are told of it, if they are not.
        """
        if self.state != "error" or not charge.is_paid:
            return False
        outcome = self._billing_read_charge(charge)
        if not self._billing_find_wrong(outcome) and (
            self._billing_is_amount_right(outcome)
        ):
            return False
        self._billing_apply(charge)
        return True

    def _billing_filter_awaited(self):
        """Return what the customer has done their part of, or a bank holds money for.

        Of any provider, as far as these are.
        """
        oldest = fields.Datetime.subtract(fields.Datetime.now(), days=const.BANK_DAYS)
        return self.filtered_domain(
            self._billing_get_awaited_domain()
            | self._billing_get_held_domain() & Domain("last_state_change", ">", oldest)
        )

    def _billing_filter_holding(self):
        """Return what Accounting waits for, of what is awaited.

        What the books could not take for some days may be so because of the invoice:
        then it has to be mended.
        """
        days = const.BOOKING_DAYS
        oldest = fields.Datetime.subtract(fields.Datetime.now(), days=days)
        return self.filtered(
            lambda tx: tx.state != "done" or tx.last_state_change > oldest
        )

    @api.model
    def _billing_is_cut_off(self, error):
        """Whether nothing can be learnt or given up: not now, and not in a minute.

        Stripe was disabled, its key is gone, or the key is of an account or mode that
        does not have the payment.

        :param error: of the gateway, or that it led to.
        """
        if isinstance(error, UserError):
            error = error.__cause__
        return getattr(error, "code", None) in ("no_key", "resource_missing")

    def _billing_go_on_without(self, is_deleted):
        """Go on without it, unless a bank may hold money for it still.

        :param bool is_deleted: as below.
        :raise UserError: if one does.
        """
        if self.state == "authorized" and not self._billing_is_hold_over():
            raise UserError(self._billing_explain_held())
        self._billing_let_go(is_deleted)

    def _billing_let_go(self, is_deleted):
        """Go on without what nobody can ask of; staff are told of it, once.

        It stays as it is: who does something later, when Stripe is set up again, gives
        it up there, and if it is paid before, that is booked.

        :param bool is_deleted: whether a to-do on the invoice would go with it.
        """
        self.ensure_one()
        self._billing_lock()
        is_told = self.billing_decline_code == const.LET_GO
        if not is_told and not self._billing_was_told_amount():
            if self.state == "authorized":
                self._billing_tell_hold_lost(is_deleted)
            else:
                self._billing_tell_let_go(is_deleted)
            self.billing_decline_code = const.LET_GO

    # === GIVING UP === #

    def _billing_give_up(self):
        """Give up a charge that waits for the customer; what is paid stays paid.

        It commits after each.
        """
        attempts = self.filtered("billing_is_open")
        if attempts:
            check_can_commit(self.env)
        for attempt in attempts:
            if attempt.state != "done" and attempt.provider_reference:
                charge = attempt._billing_stop()
                insist(self.env, partial(attempt._billing_apply, charge))

    def _billing_stop(self):
        """Give up what a customer began; what is at the bank already stays there.

        So does what a bank holds, and what is another database's.

        :return: the `Charge` as it stands then.
        """
        self.ensure_one()
        gateway = self.provider_id._billing_get_gateway()
        charge = gateway.get_charge(self.provider_reference)
        # Stripe can call some debits back, and the customer wanted this one.
        is_wanted = self.state in ("pending", "error") and charge.is_under_way
        if (
            is_wanted
            or self.state == "authorized"
            or self._billing_is_elsewhere(charge)
        ):
            return charge
        return gateway.cancel(self.provider_reference)

    # === BY HAND === #

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
            "%(user)s closed the payment %(reference)s (%(amount)s), whose outcome"
            " was unknown: no money moved.\nWhy: %(reason)s\nStripe said: %(said)s",
            user=self.env.user.name,
            reference=attempt.reference,
            amount=attempt.currency_id._billing_format(attempt.amount),
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
