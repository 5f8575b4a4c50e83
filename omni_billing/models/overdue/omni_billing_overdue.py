from collections import defaultdict
from dataclasses import dataclass, field
from datetime import date

from odoo import api, fields, models
from odoo.fields import Domain
from odoo.tools import format_list

from ...tools.numbers import format_amount


@dataclass
class Account:
    """Where a customer stands with a company, whose services debts may suspend.

    :param over: notices (`omni.billing.reminder`) of what is not owed any more.
    :param counted: unpaid invoices for which services are suspended.
    :param days: on which services are suspended, one for each notice that counts.
    :param amounts: what has to be paid, taxes included, by currency.
    :param is_busy: somebody is paying right now, and it is not known with what outcome.
    :param is_kept: staff decided that it is not suspended for now.
    :param is_by_hand_over: staff suspended it, and nothing of that is owed any more.
    :param tells: whether the customer is told.
    """

    over: models.BaseModel
    counted: models.BaseModel
    days: list[date] = field(default_factory=list)
    amounts: dict = field(default_factory=lambda: defaultdict(float))
    is_busy: bool = False
    is_kept: bool = False
    is_by_hand_over: bool = False
    tells: bool = False

    @property
    def day(self):
        """The first day on which services are suspended; None: they are not."""
        return min(self.days) if self.days and not self.is_kept else None

    def find_latest(self, today):
        """Return the last of the days that have come."""
        return max(day for day in self.days if day <= today)

    def write_amount(self, env):
        """Return what has to be paid, in words."""
        amounts = [
            format_amount(env, amount, currency)
            for currency, amount in self.amounts.items()
            if not currency.is_zero(amount)
        ]
        return format_list(env, amounts)

    def take_level(self, level, notices, late, wanted):
        """Count what is owed of the invoices that a level gave notice of.

        :param late: what is late enough, by the id of the invoice.
        :param wanted: invoices that are not left alone.
        """
        currency = notices.move_id.company_id.currency_id
        standing = notices.filtered(lambda one: one._is_standing())
        self.over |= notices - standing
        notices = standing
        owed = notices.move_id.filtered(lambda move: late.get(move.id))
        total = owed._billing_convert_late(late)
        if not level._is_in_force() or not level._is_enough(total, currency):
            self.over |= notices
            return
        counted = self._count(owed, wanted)
        total = counted._billing_convert_late(late)
        if not level._is_enough(total, currency):
            return
        self._add(counted, late)
        told = notices.filtered(lambda one: one.move_id in counted and one._is_told())
        self.days += told.mapped("suspend_on")
        self.tells |= level.tells_suspension

    def take_by_hand(self, decided, moves, late, wanted):
        """Count what is overdue, where staff suspended services."""
        owed = moves.filtered(
            lambda move: (
                move.commercial_partner_id == decided.partner_id and late.get(move.id)
            )
        )
        self.is_by_hand_over = not owed
        if counted := self._count(owed, wanted):
            self._add(counted, late)
            self.days.append(decided.by_hand_on)

    def _count(self, owed, wanted):
        """Return what is not left alone; who pays right now is waited for."""
        self.is_busy |= any(move._billing_is_being_paid() for move in owed - wanted)
        return owed & wanted

    def _add(self, moves, late):
        for move in moves - self.counted:
            self.amounts[move.currency_id] += late[move.id]
        self.counted |= moves


class OmniBillingOverdue(models.Model):
    """What staff decided of a customer whose services debts suspend (W35).

    There is a row for whom they decided something: more time, never, or at once. What
    else there is to know is worked out from what is owed, and from the notices that
    the customer got (`omni.billing.reminder.suspend_on`), whenever it is asked for.
    """

    _name = "omni.billing.overdue"
    _inherit = "omni.billing.server.mixin"
    _description = "Suspension of a Customer for Debts"
    _rec_name = "partner_id"

    company_id = fields.Many2one("res.company", required=True, ondelete="cascade")
    partner_id = fields.Many2one(
        "res.partner", string="Customer", required=True, index=True, ondelete="cascade"
    )
    is_kept = fields.Boolean(string="Never Suspended")
    kept_until = fields.Date(
        string="Not Suspended until", help="The last day on which it is not suspended."
    )
    why = fields.Char()
    by_hand_on = fields.Date(
        string="Suspended by Hand", help="Staff did not wait for a reminder level."
    )

    _account_uniq = models.Constraint(
        "UNIQUE(company_id, partner_id)", "What was decided of a customer is one row."
    )
    _by_hand_idx = models.Index("(company_id) WHERE by_hand_on IS NOT NULL")

    # === BUSINESS METHODS === #

    @api.model
    def _find(self, company, customers):
        """Return what was decided of customers, in sudo."""
        # sudo: jobs and customers ask what staff decided.
        return self.sudo().search(
            Domain("company_id", "=", company.id)
            & Domain("partner_id", "in", customers.ids)
        )

    @api.model
    def _decide(self, company, customer, **values):
        """Write what staff decided of a customer."""
        # sudo: who asks was checked.
        decided = self._find(company, customer)
        if decided:
            decided.write(values)
        else:
            decided = decided.create(
                {"company_id": company.id, "partner_id": customer.id, **values}
            )
        return decided

    def _is_kept_now(self):
        """Whether services go on today whatever is owed."""
        self.ensure_one()
        today = self.partner_id._billing_get_today(self.company_id)
        return self.is_kept or bool(self.kept_until and self.kept_until >= today)

    @api.model
    def _find_suspendable(self, company, customers):
        """Return which of these customers have services that debts may suspend."""
        # sudo: whoever reminds need not read services.
        services = self.env["omni.billing.service"].sudo()
        domain = services._get_suspendable_domain(company) & Domain(
            "commercial_partner_id", "in", customers.ids
        )
        able = {
            one for (one,) in services._read_group(domain, ["commercial_partner_id"])
        }
        decided = self._find(company, customers)
        kept = decided.filtered(lambda one: one._is_kept_now()).partner_id
        return customers.filtered(lambda one: one in able and one not in kept)

    @api.model
    def _assess(self, company, customers):
        """Return where customers stand: by account, whichever invoice it is about.

        Not owed, and so not suspended for, is what is paid, credited, covered by credit
        on file, void, planned, or being collected by a bank. What is disputed, promised
        or left alone otherwise suspends nothing meanwhile.

        :rtype: dict[res.partner, Account]
        """
        # sudo: jobs and customers ask; what is told is their own.
        Reminder = self.env["omni.billing.reminder"].sudo().with_company(company)
        accounts = {one: self._begin_account() for one in customers}
        decided = self._find(company, customers)
        for one in decided:
            accounts[one.partner_id].is_kept = one._is_kept_now()
        notices = Reminder.search(
            Domain("suspend_on", "!=", False)
            & Domain("move_id.company_id", "=", company.id)
            & Domain("move_id.commercial_partner_id", "in", customers.ids)
        )
        moves = notices.move_id
        wanted = moves.filtered_domain(moves._billing_get_remindable_domain(company))
        for level, rows in notices.grouped("level_id").items():
            late = rows.move_id._billing_get_owed_for(level.days)
            for customer, own in rows.grouped(
                lambda row: row.move_id.commercial_partner_id
            ).items():
                accounts[customer].take_level(level, own, late, wanted)
        if by_hand := decided.filtered("by_hand_on"):
            self._count_by_hand(company, by_hand, accounts)
        return accounts

    @api.model
    def _assess_by_hand(self, company, customer):
        """Return where a customer would stand if staff suspended its services today.

        :rtype: Account
        """
        today = customer._billing_get_today(company)
        decided = self.new({"partner_id": customer.id, "by_hand_on": today})
        account = self._begin_account()
        self._count_by_hand(company, decided, {customer: account})
        return account

    @api.model
    def _begin_account(self):
        # sudo: as `_assess`.
        env = self.sudo().env
        return Account(env["omni.billing.reminder"], env["account.move"])

    @api.model
    def _count_by_hand(self, company, decided, accounts):
        """Count what is overdue of customers whose services staff suspended.

        :param decided: the `omni.billing.overdue` of each.
        :param dict accounts: by customer.
        """
        # sudo: as `_assess`.
        Move = self.env["account.move"].sudo().with_company(company)
        unpaid = Move.search(
            Move._billing_get_unpaid_domain()
            & Domain("company_id", "=", company.id)
            & Domain("commercial_partner_id", "in", decided.partner_id.ids)
        )
        wanted = unpaid.filtered_domain(Move._billing_get_remindable_domain(company))
        late = unpaid._billing_get_owed_for(1)
        for one in decided:
            accounts[one.partner_id].take_by_hand(one, unpaid, late, wanted)
