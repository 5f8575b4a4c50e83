import logging

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.fields import Domain
from odoo.service.model import PG_CONCURRENCY_EXCEPTIONS_TO_RETRY

from ...tools.database import savepoint
from ...tools.explain import explain
from ...tools.numbers import format_amount
from ...tools.retell import KeptSentence

_logger = logging.getLogger(__name__)


class OmniBillingRunLine(models.Model):
    """Charging the card of a customer, and sending the invoice (W11, F155)."""

    _name = "omni.billing.run.line"
    _inherit = ["omni.billing.run.line", "omni.billing.collection.mixin"]

    _notice_field = "notice_line_id"

    email_state = fields.Selection(
        [("todo", "To Send"), ("queued", "Handed Over"), ("failed", "Not Sent")],
        string="Step of the E-mail",
        readonly=True,
        copy=False,
        help="What the run did. What became of it then is the state of the message.",
    )
    email_error = KeptSentence(string="E-mail Error", readonly=True, copy=False)

    _charge_idx = models.Index(
        "(charge_state, charge_date) WHERE charge_state IN ('due', 'open',"
        " 'collecting', 'retry', 'failed')"
    )
    _email_idx = models.Index("(run_id) WHERE email_state = 'todo'")

    # === BUSINESS METHODS - WHAT IS TO DO === #

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

    @api.model
    def _stop_collecting(self, runs):
        """Leave what runs did not charge or send yet as it is."""
        charges = Domain("charge_state", "in", ("due", "retry"))
        runs._find_lines(charges).write({"charge_state": False})
        emails = Domain("email_state", "=", "todo")
        runs._find_lines(emails).write({"email_state": False})

    def _find_warning(self, amount):
        """Return what would go wrong after billing, for a check, and what is charged.

        :param float amount: what the invoice comes to, taxes included.
        """
        self.ensure_one()
        warnings = [self._find_mail_warning()] if self.run_id.is_email else []
        if self.run_id.is_charge:
            card = self._get_card()
            due = self.run_id._prepare_options(self).get("date_due")
            credit = min(amount, self._get_spare_credit(self.currency_id, due))
            if self.currency_id.compare_amounts(credit, 0) > 0:
                warnings.append(self._explain_credit(credit, amount - credit))
            if self.currency_id.compare_amounts(credit, amount) >= 0:
                pass
            elif not card:
                warnings.append(self.env._("No payment method is saved."))
            elif card.billing_is_expired:
                warnings.append(self.env._("The card is expired."))
            else:
                warnings.append(
                    card._billing_explain_no_consent(amount - credit, self.currency_id)
                )
        return " ".join(filter(None, warnings)) or False

    def _explain_credit(self, credit, left):
        """Say what credit on file pays before the card is charged (W15)."""
        names = {
            "credit": format_amount(self.env, credit, self.currency_id),
            "left": format_amount(self.env, left, self.currency_id),
        }
        if self.currency_id.is_zero(left):
            return self.env._("Credit on file pays all of it: nothing is charged.")
        return self.env._(
            "Credit on file pays %(credit)s of it first; %(left)s are charged.",
            **names,
        )

    # === BUSINESS METHODS - CHARGE === #

    def _check_staff(self):
        self.run_id.check_access("write")

    def _trigger_job(self):
        self.env["omni.billing.run"]._trigger_job()

    def _get_job_record(self):
        return self.with_env(self.run_id._as_responsible().env)

    @api.model
    def _get_due_domain(self):
        """Return what finished runs left: what failed, and what was not answered."""
        return Domain("charge_state", "=", "open") | (
            # Staff may charge again what a canceled run left, too.
            Domain("run_id.state", "in", ("done", "cancelled"))
            & (
                self._get_collecting_domain()
                | (
                    Domain("charge_state", "=", "retry")
                    & Domain("charge_date", "<=", self._get_latest_day())
                )
            )
        )

    @api.autovacuum
    def _gc_settled(self):
        """Override: each day."""
        return super()._gc_settled()

    def _collect_step(self):
        """Override: then send the invoice."""
        result = super()._collect_step()
        line = self._get_job_record()
        if line.email_state == "todo" and line.charge_state not in ("due", "open"):
            line._email()
        return result

    def _is_settled(self):
        """Override: what is paid by a plan is not charged at once (F148)."""
        if self.invoice_id._billing_has_plan():
            reason = self.env._("It is paid as planned, on other days.")
            self.write(
                {
                    "charge_state": "given_up",
                    "charge_error": reason,
                    "charge_date": False,
                }
            )
            return True
        return super()._is_settled()

    # === BUSINESS METHODS - E-MAIL === #

    def _queue_notice(self, **values):
        """Override: the e-mail that is sent in any case is the notice of a debit."""
        move = self.invoice_id
        if self.email_state == "todo" and move._billing_tells_of_debits():
            sent = move._billing_queue("invoice", **values)
            # sudo: as the outbox does. One that waited already says nothing of it.
            if sent.sudo().notice_line_id == self:
                self.write({"email_state": "queued", "email_error": False})
                return sent
        return super()._queue_notice(**values)

    def _email(self):
        """Send the invoice; why that broke off stays with the line.

        What cannot be sent is in the outbox as well, with the reason.
        """
        try:
            with savepoint(self.env):
                self._send_email(self.invoice_id)
        except PG_CONCURRENCY_EXCEPTIONS_TO_RETRY:
            raise
        except Exception as error:
            # A full disk, a broken template: whatever it is, the others are sent.
            if not isinstance(error, UserError):
                _logger.warning("%s is not sent: %r", self.invoice_id, error)
            self.write(
                {"email_state": "failed", "email_error": explain(self.env, error)}
            )
        else:
            self.write({"email_state": "queued", "email_error": False})

    def _send_email(self, move):
        move._billing_check_mailable("invoice")
        move._billing_queue_mail("invoice")
