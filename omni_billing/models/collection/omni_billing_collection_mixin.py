import logging
from datetime import timedelta

import psycopg2

from odoo import api, fields, models
from odoo.exceptions import LockError, UserError
from odoo.fields import Domain
from odoo.tools.constants import GC_UNLINK_LIMIT

from ...const import NO_ACCESS, SOFT_DECLINES, UNPAID_STATES
from ...exceptions import GatewayDenied, GatewayUnknown
from ...tools.database import commit_progress, insist, retry, rollback
from ...tools.explain import explain
from ...tools.notice import notice, reload
from ...tools.recurrence import get_today
from ...tools.retell import KeptSentence

_logger = logging.getLogger(__name__)


class CollectionMixin(models.AbstractModel):
    """What is charged to a saved card by a job, and tried again (W11, F155).

    Who inherits has ``invoice_id``, ``partner_id`` and ``company_id``. A charge is
    `account.move._billing_charge`, with all that it promises. Here is only written
    down, in the same transaction as the attempt, that there is one: a process that
    dies during it leaves a record whose outcome is learnt later, and that is not
    charged blindly again.
    """

    _name = "omni.billing.collection.mixin"
    _description = "Charged by a Job"

    charge_state = fields.Selection(
        [
            ("due", "To Charge"),
            ("open", "Outcome Unknown"),
            ("collecting", "Being Collected"),
            ("retry", "Charged Later"),
            ("paid", "Paid"),
            ("failed", "Needs Attention"),
            ("no_card", "No Payment Method"),
            ("no_consent", "Not Agreed"),
            ("given_up", "Given Up"),
        ],
        string="Automatic Charge",
        readonly=True,
        copy=False,
        help="Needs attention: it is not tried again by itself, and is in To Do. Given"
        " up: a person decided not to charge it; what is owed stays owed.",
    )
    charge_error = KeptSentence(string="Why Not Charged", readonly=True, copy=False)
    charge_tries = fields.Integer(
        string="Tries", readonly=True, copy=False, aggregator=None
    )
    charge_date = fields.Date(string="Next Try", readonly=True, copy=False)
    charge_first_date = fields.Date(string="First Try", readonly=True, copy=False)
    charge_attempt_id = fields.Many2one(
        "payment.transaction",
        string="Last Charge",
        readonly=True,
        copy=False,
        groups="base.group_system",
        index="btree_not_null",
    )
    charge_is_stopped = fields.Boolean(
        readonly=True,
        copy=False,
        help="Stripe does not accept the key of the account: an administrator mends it,"
        " and nothing else is done about this customer.",
    )

    # === ACTION METHODS === #

    def action_charge_again(self):
        """Charge the card again: one now, many as a job (F155)."""
        failed = self._check_left_to_staff()
        # The tries, and the days between them, are counted anew from now.
        failed.write({"charge_tries": 0, "charge_first_date": False})
        if len(failed) > 1:
            failed.write({"charge_state": "due"})
            self._trigger_job()
            message = self.env._("They are being charged: %s", len(failed))
            return notice(message, "info", after=reload())
        failed._charge()
        if failed.charge_state == "paid":
            return notice(self.env._("It was charged."), after=reload())
        unknown = self.env._("Stripe has not confirmed it yet. It is asked again soon.")
        return notice(failed.charge_error or unknown, "warning", after=reload())

    def action_other_card(self):
        """Open the payment dialog to charge another card."""
        return self._open_payment("stripe")

    def action_pay_manually(self):
        """Open the payment dialog for money that came otherwise."""
        return self._open_payment("bank")

    def action_give_up(self):
        """Take it off the list; the invoice stays unpaid."""
        self._check_left_to_staff().write({"charge_state": "given_up"})
        return True

    def _check_left_to_staff(self):
        """Return the records that staff may decide on, to be written."""
        self._check_staff()
        # sudo: records are the job's; the rights were checked.
        records = self.sudo().filtered_domain(self._get_action_domain())
        if not records:
            raise UserError(
                self.env._("There is nothing to do: the invoices are paid or void.")
            )
        return records

    def _open_payment(self, mode):
        action = self.invoice_id.action_billing_pay()
        action["context"] = {**action["context"], "default_mode": mode}
        return action

    # === HOOKS === #

    def _check_staff(self):
        """Raise if the user may not decide on these records."""
        raise NotImplementedError

    def _trigger_job(self):
        """Have the job charge what is due soon."""
        raise NotImplementedError

    def _get_job_record(self):
        """Return the record with the rights and the language that the job works in."""
        raise NotImplementedError

    @api.model
    def _get_due_domain(self):
        """Return what the job looks at now."""
        raise NotImplementedError

    def _get_charge_limit(self):
        """Return the most that is charged, with taxes; None is all that is owed."""
        return None

    def _get_card(self):
        """Return the card that is charged: the default one, if it may be."""
        self.ensure_one()
        return self.partner_id._billing_get_cards(self.company_id)[:1]

    def _get_charged_invoice(self):
        """Return the invoice, as it is charged."""
        return self.invoice_id

    def _explain_no_card(self):
        return self.env._("No payment method is saved.")

    def _get_spare_credit(self, currency, due=None):
        """Return the credit on file that would be used before the card (W15)."""
        return self.partner_id._billing_get_spare_credit(self.company_id, currency, due)

    # === BUSINESS METHODS - STEPS === #

    @api.model
    def _get_action_domain(self):
        """Return what is left to staff: the action centre (F155)."""
        return Domain("charge_state", "=", "failed") & Domain(
            "invoice_id.billing_state", "in", UNPAID_STATES
        )

    @api.model
    def _lock_next(self, domain):
        """Lock one record that there is something to do for, and nobody else does it"""
        records = self.search(domain, order="id", limit=20)
        return records.try_lock_for_update(allow_referencing=True, limit=1)

    @api.model
    def _collect_due(self):
        """Charge again what failed, and learn what became of lost answers; commits."""
        domain = self._get_due_domain()
        rest = domain
        # Providers whose key Stripe refuses: after the first refusal the others wait.
        closed = self.env["payment.provider"]
        while record := self._lock_next(rest):
            rest = domain & Domain("id", ">", record.id)
            provider = record._get_charge_provider()
            if provider not in closed:
                record._collect_or_hand_over()
            if record.charge_is_stopped:
                closed |= provider
            # Only records with a higher id are left: one whose outcome stays unknown is
            # for the next run of the job, or this one would not end.
            # Whether there are more: to count them each time would be quadratic.
            if not commit_progress(self.env, 1, self.search_count(rest, limit=1)):
                return

    def _collect_or_hand_over(self):
        """Do the step; what breaks is left to staff, and the others go on."""
        try:
            retry(self.env, self._collect_step)
        except (psycopg2.OperationalError, psycopg2.InterfaceError):
            # A conflict, or no database: the job begins again.
            raise
        except Exception as error:
            rollback(self.env)
            _logger.warning("%s: the charge is left to staff: %r", self, error)
            # Once Stripe was called, the outcome is learnt from the attempt.
            if self.charge_state in ("due", "retry"):
                self._hand_over(explain(self.env, error))

    def _collect_step(self):
        """Charge the customer, or learn the outcome of an earlier charge."""
        self.ensure_one()
        self.invalidate_recordset()
        self.charge_is_stopped = False
        record = self._get_job_record()
        if record.charge_state == "open":
            record._learn_outcome()
        elif record._is_its_day():
            record._charge()

    def _is_its_day(self):
        """Whether it is to be charged today, where the customer is."""
        if self.charge_state == "retry":
            return self.charge_date <= self._get_today()
        return self.charge_state == "due"

    def _get_today(self):
        """Return the date where the customer is, or else the company."""
        zones = self.partner_id.tz, self.company_id.partner_id.tz
        return get_today(fields.Datetime.now(), *zones)

    @api.model
    def _get_latest_day(self):
        """Return the date where it is latest: what is to be looked at now."""
        return fields.Date.today() + timedelta(days=1)

    # === BUSINESS METHODS - CHARGE === #

    def _charge(self):
        """Charge the card for the invoice; commits (see `_billing_charge`).

        Credit on file is used first, and the card is charged what that leaves (W15).
        """
        self.ensure_one()
        if self._is_settled():
            return
        card = self._get_card()
        try:
            reason = self._explain_no_charge(card)
            if reason:
                self._do_without_card(reason)
                return
            if self._waits_for_notice(card):
                return
            attempt = self._get_charged_invoice()._billing_charge(
                card, at_most=self._get_charge_limit(), note_down=self._note_down
            )
        except UserError as error:
            # These pass: somebody holds the invoice, or Stripe cannot be reached.
            busy = isinstance(error.__cause__, (LockError, GatewayUnknown))
            if isinstance(error.__cause__, GatewayDenied):
                self._stop(str(error))
            elif busy or self.invoice_id.billing_attempt_id:
                self._wait(str(error))
            elif not self._is_settled():
                # Refused before Stripe was asked, and not because it is paid or void.
                self._hand_over(str(error))
                self._tell_of_card(card)
            return
        # The card was charged: after a conflict only the outcome is written again,
        # where Odoo would run the whole request again.
        self._take_outcome(attempt)

    def _explain_no_charge(self, card):
        """Return why no card is charged here, if none is, or nothing.

        Whether a limit is kept is seen when it is known how much credit on file leaves.
        """
        if not card:
            return self._explain_no_card()
        if not card.active or card._billing_has_consent_for(self.invoice_id):
            return ""
        return card._billing_explain_no_consent(moves=self.invoice_id)

    def _do_without_card(self, reason):
        """Use what credit there is; the rest is not charged."""
        self.invoice_id._billing_spend_credit()
        if not self._is_settled():
            self._note_no_charge(reason)

    def _note_no_charge(self, reason):
        """Write that no card was charged; by that alone nothing has failed. Hook."""
        state = "no_consent" if self._get_card() else "no_card"
        self.write(
            {"charge_state": state, "charge_error": reason, "charge_date": False}
        )

    def _note_down(self, attempt):
        """Write that there is an attempt; it is committed with it."""
        self.write(
            {
                "charge_state": "open",
                "charge_error": False,
                "charge_date": False,
                "charge_tries": self.charge_tries + 1,
                "charge_first_date": self.charge_first_date or self._get_today(),
            }
        )
        # sudo: attempts are internal.
        self.sudo().charge_attempt_id = attempt

    def _wait(self, reason):
        """Wait until somebody else is done with the invoice, maybe with this very one.

        Then the attempt is its own: it is not forgotten, or else it would be charged
        again as soon as that is booked.
        """
        # sudo: as above
        attempt = self.sudo().charge_attempt_id
        is_own = self.charge_state == "open" or attempt.billing_is_open
        self.write({"charge_state": "open", "charge_error": reason})
        if not is_own:
            self.sudo().charge_attempt_id = False  # sudo: as above

    def _stop(self, reason):
        """Leave it as it was until Stripe accepts the key again; say so once.

        The job tries it at each turn, one customer of an account, and goes on with all
        of them when that works.
        """
        is_first = self.charge_tries < 1
        self.write(
            {
                "charge_state": "due" if is_first else "retry",
                "charge_date": False if is_first else self._get_today(),
                "charge_error": reason,
                "charge_is_stopped": True,
            }
        )
        self.invoice_id._billing_tell_staff(reason)

    def _is_answered(self):
        """Whether Stripe let the last charge in, whatever came of it."""
        # sudo: attempts are internal.
        attempt = self.sudo().charge_attempt_id
        return (
            bool(attempt)
            and not attempt.billing_is_open
            and (attempt.billing_decline_code != NO_ACCESS)
        )

    def _get_charge_provider(self):
        """Return the account that is charged."""
        # sudo: staff do not manage providers.
        return self._get_job_record()._get_card().sudo().provider_id

    def _is_settled(self):
        """See whether somebody paid, or voided the invoice, in another way."""
        state = self.invoice_id.billing_state
        if state in UNPAID_STATES:
            return False
        self.write(
            {
                "charge_state": "paid" if state == "paid" else "given_up",
                "charge_error": False,
                "charge_date": False,
            }
        )
        return True

    @api.model
    def _gc_settled(self):
        """Write what became of charges whose invoice was paid or void meanwhile.

        They are on no list as it is; this keeps the index of the list small. Who
        inherits has it done each day.
        """
        settled = Domain("charge_state", "=", "failed") & Domain(
            "invoice_id.billing_state", "not in", UNPAID_STATES
        )
        for record in self.search(settled, limit=GC_UNLINK_LIMIT):
            record._settle()
        # Nobody told of the end of a debit, if the process that learnt it died.
        collected = Domain("charge_state", "=", "collecting") & Domain(
            "invoice_id.billing_attempt_id", "=", False
        )
        if left := self.search(collected, limit=GC_UNLINK_LIMIT):
            left.charge_state = "open"
            self._trigger_job()

    def _settle(self):
        """Write what became of it, now that nothing is owed. Hook."""
        self._is_settled()

    def _learn_outcome(self):
        """See what became of a charge whose answer, or whose process, was lost."""
        if self.invoice_id.billing_attempt_id:
            # sudo: attempts are internal.
            self._note_collecting(self.sudo().charge_attempt_id)
            return
        # sudo: attempts are internal.
        if attempt := self.sudo().charge_attempt_id:
            self._apply_outcome(attempt)
        elif not self._is_settled():
            self.write({"charge_state": "due", "charge_error": False})

    @api.model
    def _find_charged_by(self, attempt):
        """Return what tells staff of a charge: its own, or left to them before."""
        left = Domain("charge_state", "in", ("retry", "failed")) & Domain(
            "invoice_id", "in", attempt.invoice_ids.ids
        )
        # sudo: attempts are internal.
        own = Domain("charge_attempt_id", "=", attempt.id)
        return self.sudo().search(own | left, limit=1)

    @api.model
    def _learn_outcomes(self, invoices):
        """Have the job look at charges of these invoices whose outcome was unknown."""
        of_these = Domain("invoice_id", "in", invoices.ids)
        waiting = of_these & Domain("charge_state", "in", ("open", "collecting"))
        if found := self.search(waiting):
            collected = found.filtered(lambda one: one.charge_state == "collecting")
            collected.filtered(
                lambda one: not one.invoice_id.billing_attempt_id
            ).charge_state = "open"
            self._trigger_job()

    def _take_outcome(self, attempt):
        """Write how a charge has ended, if it still waits for that one; commits.

        Somebody else may have learnt it meanwhile, and have charged again.

        :param attempt: `payment.transaction`.
        """
        self.ensure_one()

        def tell():
            # sudo: attempts are internal.
            if self.charge_state == "open" and self.sudo().charge_attempt_id == attempt:
                self._apply_outcome(attempt)

        # Written again after a conflict, or else Odoo would run the request again.
        insist(self.env, tell)

    def _note_collecting(self, attempt):
        """Write that a bank is at it: the job looks again once that is over."""
        if attempt and attempt._billing_is_collecting():
            self.charge_state = "collecting"

    def _apply_outcome(self, attempt):
        """Write down how a charge ended, and what comes next (W11)."""
        if attempt.billing_is_open:
            self._note_collecting(attempt)
            return
        if attempt.state == "done":
            self.write({"charge_state": "paid", "charge_error": False})
            return
        if attempt.billing_decline_code == NO_ACCESS:
            # It was no try: neither the customer nor the card has to do with it.
            self.charge_tries -= 1
            self._stop(attempt.state_message)
            return
        days = attempt._billing_get_retries(self.company_id._billing_get_retry_days())
        is_soft = attempt._billing_is_soft(SOFT_DECLINES)
        if not is_soft or self.charge_tries > len(days):
            self._hand_over(attempt.state_message)
            self._tell_declined(attempt)
            return
        # The days count from the first try; a late one moves those that follow.
        wait = days[self.charge_tries - 1]
        if self.charge_tries > 1:
            wait -= days[self.charge_tries - 2]
        self.write(
            {
                "charge_state": "retry",
                "charge_error": attempt.state_message,
                "charge_date": self._get_today() + timedelta(days=wait),
            }
        )
        if self.charge_tries == 1:
            self._tell_declined(attempt)

    def _hand_over(self, reason):
        """Leave it to staff, in the action centre (F155)."""
        self.write(
            {"charge_state": "failed", "charge_error": reason, "charge_date": False}
        )
