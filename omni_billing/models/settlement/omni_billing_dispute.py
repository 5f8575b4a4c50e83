import logging

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.fields import Domain

from ...const import DISPUTE_STATES, DISPUTE_STEPS
from ...exceptions import GatewayError, GatewayRefused
from ...tools.database import insist, savepoint, step_alone
from ...tools.insert import insert_once
from ...tools.lock import take_turns
from ...tools.retell import KeptText

_logger = logging.getLogger(__name__)

#: Those that the bank, or a manager, still has to decide.
UNDECIDED = ("inquiry", "open", "lost")
DECIDED = ("owed", "written_off")


class OmniBillingDispute(models.Model):
    """A payment that the customer's bank wants back, and what it moved (W47).

    The amount and a fee leave Stripe's balance when it opens, and the amount comes back
    if it is won: each movement is an entry of its own, by Stripe's id. If it is lost,
    a manager decides who bears it.
    """

    _name = "omni.billing.dispute"
    _inherit = "omni.billing.server.mixin"
    _description = "Disputed Payment"
    _order = "date desc, id desc"
    _rec_name = "reference"

    provider_id = fields.Many2one(
        "payment.provider", required=True, readonly=True, ondelete="restrict"
    )
    company_id = fields.Many2one(
        "res.company", required=True, readonly=True, index=True
    )
    reference = fields.Char(string="Stripe's ID", required=True, readonly=True)
    transaction_id = fields.Many2one(
        "payment.transaction",
        string="Payment",
        required=True,
        readonly=True,
        ondelete="restrict",
        index=True,
    )
    payment_ref = fields.Char(
        related="transaction_id.reference", string="Payment Here", related_sudo=True
    )
    partner_id = fields.Many2one(
        "res.partner", string="Customer", readonly=True, index=True
    )
    invoice_ids = fields.Many2many(
        "account.move",
        string="Invoices",
        compute="_compute_invoice_ids",
        compute_sudo=True,
    )
    date = fields.Date(readonly=True)
    currency_id = fields.Many2one("res.currency", readonly=True)
    amount = fields.Monetary(readonly=True)
    reason = fields.Char(string="Reason at Stripe", readonly=True)
    reason_name = fields.Char(
        string="Reason",
        compute="_compute_words",
        help="What the customer, or its bank, says.",
    )
    status = fields.Char(string="Status at Stripe", readonly=True)
    status_name = fields.Char(string="At Stripe", compute="_compute_words")
    state = fields.Selection(
        [
            ("inquiry", "The Bank Asks"),
            ("open", "Open"),
            ("won", "Won"),
            ("lost", "Lost: to Decide"),
            ("owed", "The Customer Owes It"),
            ("written_off", "Written Off"),
        ],
        string="Status",
        required=True,
        readonly=True,
        default="open",
        index=True,
    )
    problem = KeptText(
        string="What Is Missing", readonly=True, help="Why it is not booked."
    )
    row_ids = fields.One2many(
        "omni.billing.balance.transaction",
        "dispute_id",
        string="What It Moved",
        readonly=True,
    )
    decision_move_id = fields.Many2one(
        "account.move",
        string="Entry of the Decision",
        readonly=True,
        index="btree_not_null",
    )
    decided_by_id = fields.Many2one("res.users", string="Decided by", readonly=True)
    decision_note = fields.Char(string="Why", readonly=True)

    _reference_uniq = models.Constraint(
        "UNIQUE(provider_id, reference)", "A dispute is known once."
    )

    @api.depends("transaction_id")
    def _compute_invoice_ids(self):
        for dispute in self:
            dispute.invoice_ids = dispute.transaction_id.invoice_ids

    @api.depends("reason", "status")
    @api.depends_context("lang")
    def _compute_words(self):
        payments = self.env["payment.transaction"]
        reasons = payments._billing_get_dispute_reasons()
        statuses = payments._billing_get_dispute_statuses()
        for dispute in self:
            # What Stripe has added since is shown as it is.
            dispute.reason_name = reasons.get(dispute.reason, dispute.reason)
            dispute.status_name = statuses.get(dispute.status, dispute.status)

    # === WHAT STRIPE TELLS === #

    @api.model
    def _look_again(self):
        """Ask how those stand that may have changed, and book what is left; commits.

        Nothing depends on events: one that is missed is made good here.
        """
        undecided = Domain("state", "in", UNDECIDED) | Domain("problem", "!=", False)
        for dispute in self.search(undecided, order="id"):
            step_alone(self.env, dispute._refresh, dispute.reference)

    def _refresh(self):
        self.ensure_one()
        if self.state in UNDECIDED:
            try:
                self._follow(self.transaction_id, self.reference)
            except (GatewayError, UserError) as error:
                # It is asked for tomorrow again.
                _logger.warning("Dispute %s: %s", self.reference, error)
        if self.problem:
            insist(self.env, self._book_locked)

    @api.model
    def _follow(self, payment, reference):
        """Write down how a dispute stands, and book what it moved; commits.

        :param payment: `payment.transaction` that the invoices name.
        :return: whether Stripe knows it.
        :raise GatewayError: if Stripe does not tell: it is asked again.
        """
        try:
            insist(self.env, lambda: self._ask(payment, reference))
        except GatewayRefused as error:
            if error.code == "resource_missing":
                # Of the other mode, say.
                return False
            raise
        return True

    @api.model
    def _ask(self, payment, reference):
        """Ask how it stands, and write that down: nobody else has done so meanwhile.

        A dispute that was lost may be won yet, so no answer tells whether it is the
        newer of two. PostgreSQL does: before Stripe is asked the row is read, and it
        refuses to have it written by who read it before another wrote there. Then
        Stripe is asked again.
        """
        self._find(payment, reference).read(["status"])
        gateway = payment.provider_id._billing_get_gateway()
        self._take(payment, gateway.get_dispute(reference))

    @api.model
    def _find(self, payment, reference):
        return self.search(
            [
                ("provider_id", "=", payment.provider_id.id),
                ("reference", "=", reference),
            ]
        )

    @api.model
    def _take(self, payment, told):
        # Whoever learns of it, staff are told, and nothing is given back. Invoices and
        # the payment are locked before the dispute.
        payment._billing_follow_dispute(told.id, told.status, told.reason)
        self._note(payment, told)._book()

    @api.model
    def _follow_named(self, provider, named):
        """Look at disputes that a payout names, of payments that are ours.

        :param dict named: of each dispute's id, the id of its payment at Stripe.
        """
        if not named:
            return
        ours = Domain("provider_id", "in", provider._billing_find_same_account().ids)
        intents = [name for name in named.values() if name]
        payments = self.env["payment.transaction"].search(
            ours & Domain("provider_reference", "in", intents)
        )
        by_intent = {tx.provider_reference: tx for tx in payments}
        known = self.search(ours & Domain("reference", "in", list(named)))
        payments = {name: by_intent.get(intent) for name, intent in named.items()}
        payments |= {dispute.reference: dispute.transaction_id for dispute in known}
        for name in sorted(payments):
            if payment := payments[name]:
                self._follow(payment._billing_get_captured(), name)

    @api.model
    def _note(self, payment, told):
        """Write a dispute down, once; return it, locked."""
        provider = payment.provider_id
        values = {
            "provider_id": provider.id,
            "company_id": payment.company_id.id,
            "reference": told.id,
            "transaction_id": payment.id,
            "state": "open",
        }
        insert_once(self, ("provider_id", "reference"), [values])
        dispute = self._find(payment, told.id)
        take_turns(dispute)
        if not dispute._is_behind(told):
            dispute.write(dispute._prepare_values(payment, told))
        rows = self.env["omni.billing.balance.transaction"]
        rows._note(provider, told.movements, dispute_id=dispute.id)
        return dispute

    def _is_behind(self, told):
        """Whether it was read before what another has written down meanwhile."""
        state = DISPUTE_STATES.get(told.status, "open")
        return bool(self.status) and DISPUTE_STEPS[state] < min(
            DISPUTE_STEPS[self.state], DISPUTE_STEPS["lost"]
        )

    def _prepare_values(self, payment, told):
        rows = self.env["omni.billing.balance.transaction"]
        currency = rows._find_currency(told.currency)
        values = {
            "amount": rows._to_major(told.amount, currency),
            "currency_id": currency.id,
            "date": rows._to_day(self.company_id, told.created),
            "partner_id": payment.partner_id.commercial_partner_id.id,
            "reason": told.reason,
            "status": told.status,
        }
        if self.state not in DECIDED:
            values["state"] = DISPUTE_STATES.get(told.status, "open")
        return values

    # === BOOKS === #

    def _book_locked(self):
        take_turns(self)
        self._book()

    def _book(self):
        """Book each movement, once, and say what is missing."""
        self.ensure_one()
        problem = False
        left = self._get_unbooked().filtered(lambda row: not row._is_before())
        if left:
            try:
                with savepoint(self.env):
                    self._check_set_up()
                    for row in left.sorted("id"):
                        row._book_dispute()
                    self._match_held()
            except UserError as error:
                self.invalidate_recordset()
                self.row_ids.invalidate_recordset()
                problem = str(error)
        self._set_problem(problem or self._find_by_hand() or self._find_late())

    def _book_late(self):
        """Book what a payout tells of disputes: it is of a day that is booked here."""
        for dispute in self.filtered(lambda each: each._get_unbooked()):
            dispute._book_locked()

    def _get_unbooked(self):
        return self.row_ids.filtered(lambda row: not row.move_id)

    def _find_by_hand(self):
        """Return what is to be done about money that moved before the first day."""
        before = self._get_unbooked().filtered(lambda row: row._is_before())
        if not before or self.state in DECIDED:
            return False
        return self.env._(
            "%(dispute)s moved %(amount)s before the day since which payouts are"
            " booked: that was booked by hand, or else it is booked with its payout. If"
            " it is lost, book by hand who bears it, and decide then.",
            dispute=self.reference,
            amount=before.currency_id[:1].format(-sum(before.mapped("net"))),
        )

    def _set_problem(self, problem):
        """Write down what is missing, and have staff know; nobody looks at a list."""
        before = self.problem
        if problem or before:
            self.problem = problem
        # Who does not book payouts at all has nothing to do.
        if problem and problem != before and self.company_id.billing_fee_account_id:
            self.transaction_id._billing_tell_staff(problem)

    def _find_late(self):
        """Return what is to be done about money that moved after the decision."""
        left = self._get_left_lines()
        if self.state not in DECIDED or not left:
            return False
        return self.env._(
            "%(dispute)s was decided, and Stripe has moved %(amount)s of it since. Take"
            " it by a journal entry from %(account)s to where the decision put it (what"
            " the customer owes, or the loss), and reconcile it there.",
            dispute=self.reference,
            amount=left.currency_id[:1].format(-sum(left.mapped("amount_currency"))),
            account=left.account_id[:1].display_name,
        )

    def _check_set_up(self):
        company = self.company_id
        if not company.billing_fee_account_id or not company.billing_dispute_account_id:
            raise UserError(
                self.env._(
                    "Choose the accounts for Stripe's fees and for disputed payments in"
                    " Billing > Configuration > Settings, under Stripe. Nothing of"
                    " disputes is booked before."
                )
            )

    def _get_held_lines(self):
        """Return the items of money that the bank holds: out, and back again."""
        lines = self.row_ids.move_id.line_ids + self.decision_move_id.line_ids
        account = self._get_held_account()
        return lines.filtered(lambda line: line.account_id == account)

    def _get_left_lines(self):
        """Return those of them that nothing is set against yet."""
        return self._get_held_lines().filtered(
            lambda line: line.account_id.reconcile and not line.reconciled
        )

    def _get_held_account(self):
        """Return the account on which it stands: as it was booked, or as is set."""
        first = self.row_ids.filtered("move_id").sorted("id")[:1].move_id
        return (
            first.line_ids.sorted("id")[:1].account_id
            or self.company_id.billing_dispute_account_id
        )

    def _match_held(self):
        """Reconcile what went out with what came back, or was decided."""
        lines = self._get_left_lines()
        if len(lines) > 1:
            lines.reconcile()


class OmniBillingBalanceTransaction(models.Model):
    """What a dispute moved, in the books."""

    _inherit = "omni.billing.balance.transaction"

    def _is_before(self):
        """Whether it was booked by hand: the day counts on which it was paid out."""
        self.ensure_one()
        day = self.payout_id.date or self.date
        return self.company_id._billing_is_before_payouts(day)

    def _book_dispute(self):
        """Post the entry of a movement: held or back, its fee, off the balance.

        The first item is what is held, the last the clearing account's.
        """
        self.ensure_one()
        dispute = self.dispute_id
        account = dispute._get_held_account()
        held = self._prepare_item(account, -self.amount, self.date)
        held["partner_id"] = dispute.partner_id.id
        lines = [held, *self._prepare_fees(self.fee, self.fee_tax, self.date)]
        account = dispute.provider_id._billing_get_clearing_account()
        clearing = self._prepare_item(account, self.net, self.date)
        clearing["balance"] = self.company_id.currency_id.round(
            -sum(line["balance"] for line in lines)
        )
        self.move_id = self.company_id._billing_create_entry(
            self.reference,
            self.date,
            self.env._("Stripe dispute %(reference)s", reference=dispute.reference),
            [*lines, clearing],
        )
