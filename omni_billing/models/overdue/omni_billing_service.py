import logging

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.fields import Domain
from odoo.service.model import PG_CONCURRENCY_EXCEPTIONS_TO_RETRY

from ...tools.database import savepoint
from ...tools.recurrence import DAY
from ...tools.retell import KeptSentence
from ...tools.write_guard import is_trusted, trust

_logger = logging.getLogger(__name__)


class OmniBillingServiceSuspension(models.Model):
    """Suspended since the customer did not pay (W35)."""

    _inherit = "omni.billing.service.suspension"

    reason = fields.Selection(
        selection_add=[("overdue", "Not Paid")],
        ondelete={"overdue": lambda rows: rows.write({"reason": "staff"})},
    )

    is_settled = fields.Boolean(
        readonly=True,
        help="Nothing was to be adjusted before: its days are credited at its end.",
    )

    _overdue_idx = models.Index("(service_id, date_to) WHERE reason = 'overdue'")

    def write(self, vals):
        """Override of the ORM: what staff lift stays lifted."""
        if "date_to" in vals or "date_from" in vals:
            self._note_lifted()
        return super().write(vals)

    def unlink(self):
        self._note_lifted()
        return super().unlink()

    def _note_lifted(self):
        """Note that staff decided on these: only a later notice suspends again."""
        if is_trusted(self.env):
            return
        services = self.filtered(lambda row: row.reason == "overdue").service_id
        for service in services:
            trust(service).lifted_on = service._get_today()


class OmniBillingService(models.Model):
    """A service is suspended with its customer's account, and goes on with it (W35)."""

    _inherit = "omni.billing.service"

    is_never_suspended = fields.Boolean(
        string="Never Suspended for Debts",
        help="It goes on when the customer's services are suspended because of unpaid"
        " invoices: an emergency line, for instance.",
    )
    lifted_on = fields.Date(
        readonly=True,
        copy=False,
        groups="base.group_user",
        help="When staff ended a suspension because of unpaid invoices.",
    )
    settle_problem = KeptSentence(
        string="Days Not Settled",
        readonly=True,
        copy=False,
        groups="base.group_user",
        help="Why the days of a suspension because of debts could not be charged or"
        " credited when it ended. It stays until they are.",
    )

    _settle_problem_idx = models.Index("(company_id) WHERE settle_problem IS NOT NULL")

    # === CRUD METHODS === #

    def write(self, vals):
        result = super().write(vals)
        if "is_never_suspended" in vals:
            self.commercial_partner_id._billing_review_services()
        return result

    @api.model
    def _billing_get_state_fields(self):
        """Override: what staff decided is noted, not entered."""
        return super()._billing_get_state_fields() | {"lifted_on", "settle_problem"}

    # === ACTION METHODS === #

    def action_adjust(self):
        """Override: what could not be settled is."""
        result = super().action_adjust()
        trust(self.filtered("settle_problem")).settle_problem = False
        return result

    # === BUSINESS METHODS === #

    def _find_overdue_rows(self):
        """Return the suspensions of these because of debts that are not over."""
        rows = self.suspension_ids.filtered(lambda row: row.reason == "overdue")
        return rows.filtered(
            lambda row: not row.date_to or row.date_to >= row.service_id._get_today()
        )

    def _prepare_plan(self, product, day, agreed):
        """Override: what was decided of a service holds for another plan."""
        return super()._prepare_plan(product, day, agreed) | {
            "is_never_suspended": self.is_never_suspended,
            # sudo: customers change their plans.
            "lifted_on": self.sudo().lifted_on,
        }

    def _find_debt_day(self, noticed_on):
        """Return from which day on debts suspend it now; None if they do not.

        What has not begun is suspended with the others, or it would be charged first.

        :param noticed_on: the day that the latest notice named, the customer's: what
            staff lifted since stays lifted.
        """
        self.ensure_one()
        # sudo: who runs the job is nobody of staff.
        lifted_on = self.sudo().lifted_on
        if self.is_never_suspended or self.state not in ("running", "upcoming"):
            return None
        if lifted_on and lifted_on >= noticed_on:
            return None
        # It may be used where that day comes later.
        first = max(self._get_today(), self.date_start, noticed_on)
        return None if self._is_suspended(first) else first

    def _billing_unpause(self):
        """Override: not to be suspended again at once, since something is not paid.

        :raise UserError: which says what is owed.
        """
        if amount := self._find_debt_behind_pause():
            raise UserError(
                self.env._(
                    "%(service)s cannot go on before %(amount)s is paid, which is"
                    " overdue: it would be suspended again. Nothing was changed.",
                    service=self.name,
                    amount=amount,
                )
            )
        return super()._billing_unpause()

    def _find_debt_behind_pause(self):
        """Return what suspends it as soon as its pause is over, in words; or nothing.

        :rtype: str
        """
        self.ensure_one()
        today, customer = self._get_today(), self.commercial_partner_id
        pause = self._get_coming_suspension()
        if self.is_never_suspended or not (pause and pause._holds(today)):
            return ""
        # sudo: customers are told what they owe.
        Overdue = self.env["omni.billing.overdue"].sudo()
        account = Overdue._assess(self.company_id, customer)[customer]
        if not account.day or account.day > today:
            return ""
        lifted_on = self.sudo().lifted_on  # sudo: as in `_find_debt_day`.
        if lifted_on and lifted_on >= account.find_latest(today):
            return ""
        return account.write_amount(self.env)

    def _suspend_for_debts(self, noticed_on):
        """Suspend those of these services that run, from today on.

        :param noticed_on: as in `_find_debt_day`.
        :return: the services that were not suspended before.
        """
        values = []
        for service in self:
            first = service._find_debt_day(noticed_on)
            if not first:
                continue
            later = [
                row.date_from for row in service.suspension_ids if row.date_from > first
            ]
            values.append(
                {
                    "service_id": service.id,
                    "date_from": first,
                    # A pause that was agreed stays; the job comes again after it.
                    "date_to": min(later) - DAY if later else False,
                    "reason": "overdue",
                    "is_settled": not service.adjustment,
                }
            )
        rows = trust(self.env["omni.billing.service.suspension"]).create(values)
        return rows.service_id.with_env(self.env)

    def _resume_from_debts(self):
        """End the suspensions of these because of debts: today is charged again.

        Days that were charged in advance are credited at once, and days that staff
        credited meanwhile are charged. What was to be settled before stays for staff.

        :return: the services that were suspended, and go on.
        """
        rows = self._find_overdue_rows()
        services = rows.service_id
        for service, own in rows.grouped("service_id").items():
            is_settled = all(own.mapped("is_settled")) or not service.adjustment
            trust(own)._end(service._get_today())
            service.invalidate_recordset(["adjustment"])
            if is_settled and service.adjustment:
                service._try_adjust()
        return services.filtered(lambda one: one.state != "ended")

    def _try_adjust(self):
        """Settle its days; if that fails the service goes on, and staff settle them."""
        try:
            with savepoint(self.env):
                self.action_adjust()
        except PG_CONCURRENCY_EXCEPTIONS_TO_RETRY:
            raise
        except Exception as error:
            _logger.warning("Service %s is not adjusted: %s", self.id, error)
            trust(self).settle_problem = str(error)

    @api.model
    def _get_suspendable_domain(self, company):
        """Return the services that debts with a company suspend. Hook."""
        return (
            Domain("company_id", "=", company.id)
            & Domain("unit", "!=", False)
            & Domain("is_never_suspended", "=", False)
            & (
                Domain("date_end", "=", False)
                | Domain("date_end", ">=", fields.Date.today())
            )
        )
