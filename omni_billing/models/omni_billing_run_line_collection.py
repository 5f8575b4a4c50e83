import logging
from datetime import timedelta

import psycopg2

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.fields import Domain
from odoo.service.model import PG_CONCURRENCY_EXCEPTIONS_TO_RETRY

from ..const import SOFT_DECLINES
from ..tools.commit import commit_progress, retry, rollback

_logger = logging.getLogger(__name__)

#: An invoice that waits for money.
OPEN_STATES = ("unpaid", "partial")


class OmniBillingRunLine(models.Model):
    """Charging the card of a customer, and sending the invoice (W11, F155).

    A charge is `account.move._billing_charge`, with all that it promises. Here is only
    written down, before the call, that there is one: a process that dies during it
    leaves a line whose outcome is learnt later, and that is not charged blindly again.
    """

    _inherit = "omni.billing.run.line"

    charge_state = fields.Selection(
        [
            ("due", "To Charge"),
            ("open", "Outcome Unknown"),
            ("retry", "Tried Again Later"),
            ("paid", "Paid"),
            ("failed", "Left to Staff"),
            ("given_up", "Given Up"),
        ],
        string="Card Charge",
        readonly=True,
        copy=False,
    )
    charge_error = fields.Char(string="Why Not Charged", readonly=True, copy=False)
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
    )
    email_state = fields.Selection(
        [("todo", "To Send"), ("queued", "In the Outbox"), ("failed", "Not Sent")],
        string="E-mail",
        readonly=True,
        copy=False,
    )
    email_error = fields.Char(string="Why Not Sent", readonly=True, copy=False)

    _charge_idx = models.Index(
        "(charge_state, charge_date) WHERE charge_state IN ('due', 'open', 'retry',"
        " 'failed')"
    )
    _email_idx = models.Index("(run_id) WHERE email_state = 'todo'")

    # === ACTION METHODS === #

    def action_charge_again(self):
        """Charge the default card again: one now, many as a job (F155)."""
        failed = self._check_left_to_staff()
        if len(failed) > 1:
            failed.write({"charge_state": "due"})
            self.env["omni.billing.run"]._trigger_job()
            message = self.env._("The cards are being charged: %s", len(failed))
            return self._notify("info", message)
        failed._charge()
        if failed.charge_state == "paid":
            return self._notify("success", self.env._("The card was charged."))
        return self._notify("warning", failed.charge_error or "")

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
        """Return the lines that staff may decide on, to be written."""
        self.run_id.check_access("write")
        # sudo: lines are the job's; the rights on the runs were checked.
        lines = self.sudo().filtered_domain(self._get_action_domain())
        if not lines:
            raise UserError(
                self.env._("There is nothing to do: the invoices are paid or void.")
            )
        return lines

    def _open_payment(self, mode):
        action = self.invoice_id.action_billing_pay()
        action["context"] = {**action["context"], "default_mode": mode}
        return action

    @api.model
    def _notify(self, kind, message):
        return {
            "type": "ir.actions.client",
            "tag": "display_notification",
            "params": {
                "type": kind,
                "message": message,
                "next": {"type": "ir.actions.client", "tag": "soft_reload"},
            },
        }

    # === BUSINESS METHODS - WHAT IS TO DO === #

    @api.model
    def _get_action_domain(self):
        """Return what is left to staff: the action centre (F155)."""
        return Domain("charge_state", "=", "failed") & Domain(
            "invoice_id.billing_state", "in", OPEN_STATES
        )

    @api.model
    def _get_collecting_domain(self):
        """Return what is to be charged or sent in the run itself."""
        return Domain("charge_state", "=", "due") | (
            Domain("email_state", "=", "todo")
            & Domain("charge_state", "not in", ("due", "open"))
        )

    def _prepare_collecting_values(self, invoice):
        """Return what is to come for an invoice that was just made."""
        run = self.run_id
        is_owed = (
            invoice.move_type == "out_invoice"
            and invoice.currency_id.compare_amounts(invoice.amount_residual, 0) > 0
        )
        return {
            "charge_state": "due" if run.is_charge and is_owed else False,
            "email_state": "todo" if run.is_email else False,
        }

    def _stop_collecting(self):
        """Leave what was not charged or sent yet as it is."""
        self.filtered(lambda line: line.charge_state in ("due", "retry")).write(
            {"charge_state": False}
        )
        self.filtered(lambda line: line.email_state == "todo").write(
            {"email_state": False}
        )

    def _find_warning(self):
        """Return what would go wrong after billing, for a check."""
        self.ensure_one()
        warnings = []
        if self.run_id.is_email:
            address = self.partner_id.address_get(["invoice"])["invoice"]
            if not self.env["res.partner"].browse(address).email:
                warnings.append(self.env._("There is no e-mail address."))
        if self.run_id.is_charge:
            card = self._get_card()
            if not card:
                warnings.append(self.env._("No card is saved."))
            elif card.billing_is_expired:
                warnings.append(self.env._("The card is expired."))
        return " ".join(warnings) or False

    def _get_card(self):
        """Return the card that is charged: the default one, if it may be."""
        self.ensure_one()
        # sudo: a branch charges cards saved with a company above it.
        companies = self.company_id.sudo().parent_ids
        cards = self.partner_id._billing_get_cards()
        # sudo: staff charge cards that they do not manage.
        return cards.filtered(lambda card: card.sudo().company_id in companies)[:1]

    # === BUSINESS METHODS - STEPS === #

    @api.model
    def _lock_next(self, domain):
        """Lock one line that there is something to do for, and nobody else does it."""
        lines = self.search(domain, order="id", limit=20)
        return lines.try_lock_for_update(allow_referencing=True, limit=1)

    @api.model
    def _collect_due(self):
        """Charge again what failed, and learn what became of lost answers; commits."""
        today = fields.Date.today()
        domain = Domain("run_id.state", "=", "done") & (
            self._get_collecting_domain()
            | Domain("charge_state", "=", "open")
            | (
                Domain("charge_state", "=", "retry")
                & Domain("charge_date", "<=", today)
            )
        )
        rest = domain
        while line := self._lock_next(rest):
            rest = domain & Domain("id", ">", line.id)
            line._collect_or_hand_over()
            # What stays unknown is looked at the next time, not at once.
            if not commit_progress(self.env, 1, self.search_count(rest)):
                return

    def _collect_or_hand_over(self):
        """Do the step; what breaks is left to staff, and the others go on."""
        try:
            retry(self.env, self._collect_step)
        except psycopg2.Error:
            raise
        except Exception as error:
            rollback(self.env)
            _logger.warning("%s: the charge is left to staff: %r", self, error)
            # Once Stripe was called, the outcome is learnt from the attempt.
            if self.charge_state in ("due", "retry"):
                self._hand_over(self.run_id._explain(error))

    def _collect_step(self):
        """Charge the customer, or learn the outcome; then send the invoice."""
        self.ensure_one()
        self.invalidate_recordset()
        line = self.with_env(self.run_id._as_responsible().env)
        if line.charge_state == "open":
            line._learn_outcome()
        elif line.charge_state in ("due", "retry"):
            line._charge()
        if line.email_state == "todo" and line.charge_state not in ("due", "open"):
            line._email()

    # === BUSINESS METHODS - CHARGE === #

    def _charge(self):
        """Charge the default card for the invoice; commits (see `_billing_charge`)."""
        self.ensure_one()
        if self._is_settled():
            return
        card = self._get_card()
        if not card:
            self._hand_over(self.env._("No card is saved."))
            return
        today = fields.Date.today()
        # Committed with the attempt, before Stripe is called.
        self.write(
            {
                "charge_state": "open",
                "charge_error": False,
                "charge_date": False,
                "charge_tries": self.charge_tries + 1,
                "charge_first_date": self.charge_first_date or today,
            }
        )
        try:
            attempt = self.invoice_id._billing_charge(card)
        except UserError as error:
            # Nothing was tried, or an earlier attempt is under way still.
            if not self.invoice_id.billing_attempt_id and not self._is_settled():
                self._hand_over(str(error))
            return
        self._apply_outcome(attempt)

    def _is_settled(self):
        """See whether somebody paid, or voided the invoice, in another way."""
        state = self.invoice_id.billing_state
        if state in OPEN_STATES:
            return False
        self.write(
            {
                "charge_state": "paid" if state == "paid" else "given_up",
                "charge_error": False,
                "charge_date": False,
            }
        )
        return True

    def _learn_outcome(self):
        """See what became of a charge whose answer, or whose process, was lost."""
        if self.invoice_id.billing_attempt_id:
            return
        # sudo: attempts are internal.
        line = self.sudo()
        attempts = line.invoice_id.transaction_ids.filtered(
            lambda tx: (
                tx.operation == "offline"
                and tx.billing_key
                and tx.id > line.charge_attempt_id.id
            )
        )
        if attempts:
            self._apply_outcome(attempts.sorted("id")[-1])
        elif not self._is_settled():
            # The process died before anything was tried.
            self.write({"charge_state": "due", "charge_tries": self.charge_tries - 1})

    def _apply_outcome(self, attempt):
        """Write down how a charge ended, and what comes next (W11)."""
        if attempt.billing_is_open:
            return
        # sudo: attempts are internal.
        self.sudo().charge_attempt_id = attempt
        if attempt.state == "done":
            self._is_settled()
            if self.charge_state == "open":
                self.charge_state = "paid"
            return
        days = self.company_id._billing_get_retry_days()
        is_soft = attempt.billing_decline_code in SOFT_DECLINES
        if not is_soft or self.charge_tries > len(days):
            self._hand_over(attempt.state_message)
            return
        wait = timedelta(days=days[self.charge_tries - 1])
        self.write(
            {
                "charge_state": "retry",
                "charge_error": attempt.state_message,
                "charge_date": self.charge_first_date + wait,
            }
        )

    def _hand_over(self, reason):
        """Leave it to staff, in the action centre (F155)."""
        self.write(
            {"charge_state": "failed", "charge_error": reason, "charge_date": False}
        )

    # === BUSINESS METHODS - E-MAIL === #

    def _email(self):
        """Send the invoice; why it cannot be sent stays with the line."""
        try:
            with self.env.cr.savepoint():
                self._send_email(self.invoice_id)
        except PG_CONCURRENCY_EXCEPTIONS_TO_RETRY:
            raise
        except Exception as error:
            # A full disk, a broken template: whatever it is, the others are sent.
            if not isinstance(error, UserError):
                _logger.warning("%s is not sent: %r", self.invoice_id, error)
            self.write(
                {"email_state": "failed", "email_error": self.run_id._explain(error)}
            )
        else:
            self.write({"email_state": "queued", "email_error": False})

    def _send_email(self, move):
        move._billing_send_mail()
