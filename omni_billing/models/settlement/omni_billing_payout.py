from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError
from odoo.tools import format_list

from ...exceptions import GatewayError, GatewayRefused
from ...tools.database import check_can_commit, insist, savepoint
from ...tools.insert import insert_once
from ...tools.lock import take_turns
from ...tools.notice import notice, reload
from ...tools.retell import KeptText

#: Stripe's words (https://docs.stripe.com/api/payouts/object).
STATUSES = ("pending", "in_transit", "paid", "failed", "canceled")
#: What came back stays so.
ENDED = ("failed", "canceled")


class OmniBillingPayout(models.Model):
    """What Stripe paid out to the bank, and what it is made of (W46).

    Stripe is asked each day, and when it tells of a payout; nothing depends on its
    events. Of each payout there is one entry: its fees, and its movements off the
    clearing account, against an account that the bank statement is matched with.
    """

    _name = "omni.billing.payout"
    _inherit = "omni.billing.server.mixin"
    _description = "Payout of Stripe"
    _order = "date desc, id desc"
    _rec_name = "reference"

    provider_id = fields.Many2one(
        "payment.provider", required=True, readonly=True, ondelete="restrict"
    )
    company_id = fields.Many2one(
        "res.company", required=True, readonly=True, index=True
    )
    reference = fields.Char(string="Stripe's ID", required=True, readonly=True)
    date = fields.Date(
        readonly=True, help="When it left Stripe's balance: the date of its entry."
    )
    arrival_date = fields.Date(string="At the Bank", readonly=True)
    currency_id = fields.Many2one("res.currency", readonly=True)
    amount = fields.Monetary(readonly=True, help="What the bank gets.")
    gross = fields.Monetary(
        compute="_compute_sums", help="What it is made of, before fees."
    )
    fee = fields.Monetary(
        string="Fees", compute="_compute_sums", help="What Stripe took, tax included."
    )
    status = fields.Selection(
        [
            ("pending", "Pending"),
            ("in_transit", "On Its Way"),
            ("paid", "Paid"),
            ("failed", "Came Back"),
            ("canceled", "Canceled"),
        ],
        string="At Stripe",
        readonly=True,
    )
    failure = fields.Char(string="Why It Came Back", readonly=True)
    trace = fields.Char(string="Reference at the Bank", readonly=True)
    original_ref = fields.Char(
        string="Takes Back",
        readonly=True,
        help="The payout that this one takes from the bank again.",
    )
    is_automatic = fields.Boolean(string="Automatic", readonly=True)
    is_complete = fields.Boolean(
        readonly=True, help="Whether Stripe tells what it is made of."
    )
    state = fields.Selection(
        [
            ("waiting", "Waiting"),
            ("person", "Needs a Person"),
            ("booked", "Booked"),
            ("hand", "Booked by Hand"),
        ],
        string="Status",
        required=True,
        readonly=True,
        default="waiting",
        index=True,
    )
    reason = KeptText(string="What Is Missing", readonly=True)
    row_ids = fields.One2many(
        "omni.billing.balance.transaction",
        "payout_id",
        string="Made of",
        readonly=True,
    )
    move_id = fields.Many2one(
        "account.move", string="Entry", readonly=True, index="btree_not_null"
    )
    return_move_id = fields.Many2one(
        "account.move",
        string="Entry of Its Return",
        readonly=True,
        index="btree_not_null",
    )

    _reference_uniq = models.Constraint(
        "UNIQUE(provider_id, reference)", "A payout is known once."
    )

    @api.depends("row_ids.amount", "row_ids.net")
    def _compute_sums(self):
        for payout in self:
            rows = payout.row_ids
            taken = rows.filtered(lambda row: not row._needs_counterpart())
            payout.gross = sum((rows - taken).mapped("amount"))
            payout.fee = payout.gross - sum(rows.mapped("net"))

    # === ACTION METHODS === #

    def action_fetch(self):
        """Ask Stripe for payouts now, and book them; commits after each.

        :return: the action that says what came of it.
        :raise AccessError: if the user manages no billing.
        :raise UserError: if no company is set up for it, or Stripe does not answer.
        """
        self._check_manager()
        check_can_commit(self.env)
        payouts = self.sudo()  # sudo: managers may ask for it, and not write them.
        providers = payouts._find_providers().filtered(
            lambda provider: provider.company_id in self.env.companies
        )
        if not providers:
            raise UserError(
                self.env._(
                    "Nothing was asked for: no company has an account for Stripe's"
                    " fees. An administrator chooses it in Billing > Configuration >"
                    " Settings, under Stripe."
                )
            )
        count = 0
        for provider in providers:
            try:
                count += payouts._fetch(provider)
            except GatewayError as error:
                raise UserError(
                    self.env._("Stripe gave no list of payouts: %(error)s", error=error)
                ) from error
        message = self.env._("Payouts looked at: %(count)s.", count=count)
        return notice(message, after=reload())

    def action_match_again(self):
        """Look again what payouts are of that were not booked whole."""
        self.check_access("read")
        self._check_manager()
        check_can_commit(self.env)
        for payout in self.sudo():  # sudo: managers may ask for it, and not write them.
            try:
                payout._refresh()
            except GatewayError as error:
                raise UserError(
                    self.env._(
                        "Stripe did not tell of %(payout)s: %(error)s",
                        payout=payout.reference,
                        error=error,
                    )
                ) from error
        return reload()

    def _check_manager(self):
        if not self.env.su and not self.env.user.has_group(
            "omni_billing.omni_billing_group_manager"
        ):
            raise AccessError(
                self.env._("Only billing managers ask Stripe for payouts.")
            )

    # === BUSINESS METHODS === #

    @api.model
    def _follow(self, provider, reference):
        """Look at one payout that Stripe told of, unless it is of before."""
        told = provider._billing_get_gateway().get_payout(reference)
        if self._is_wanted(provider, told):
            self._take(provider, told)

    def _refresh(self):
        self.ensure_one()
        gateway = self.provider_id._billing_get_gateway()
        self._take(self.provider_id, gateway.get_payout(self.reference))

    @api.model
    def _take(self, provider, told):
        """Write down how a payout stands, and book what can be booked; commits.

        :param told: `gateways.stripe_balance.Payout`.
        """
        movements = []
        known = self._find(provider, told.id)
        if told.is_complete and told.is_automatic and not known.row_ids:
            # Before anything is locked.
            movements = self._read_movements(provider, told)
        rows = self.env["omni.billing.balance.transaction"]
        named = rows._find_disputed(provider, movements, known.row_ids)
        self.env["omni.billing.dispute"]._follow_named(provider, named)
        insist(self.env, lambda: self._note(provider, told, movements)._advance())
        return self._find(provider, told.id)

    @api.model
    def _read_movements(self, provider, told):
        gateway = provider._billing_get_gateway()
        try:
            movements = gateway.list_movements(told.id)
        except GatewayRefused as error:
            if error.code == "payout_reconciliation_not_ready":
                return []
            raise
        # Its own is what they come to.
        return [
            each
            for each in movements
            if each.type != "payout" or each.source not in ("", told.id)
        ]

    @api.model
    def _find(self, provider, reference):
        accounts = provider._billing_find_same_account()
        return self.search(
            [("provider_id", "in", accounts.ids), ("reference", "=", reference)]
        )

    @api.model
    def _note(self, provider, told, movements):
        """Write a payout down, once; return it, locked."""
        payout = self._find(provider, told.id) or self._insert(provider, told)
        # Who comes second sees what the first has booked.
        take_turns(payout)
        payout.write(payout._prepare_values(told))
        if movements:
            rows = self.env["omni.billing.balance.transaction"]
            rows._note(provider, movements, payout_id=payout.id)
        return payout

    @api.model
    def _insert(self, provider, told):
        values = {
            "provider_id": provider.id,
            "company_id": provider.company_id.id,
            "reference": told.id,
            "state": "waiting",
        }
        insert_once(self, ("provider_id", "reference"), [values])
        return self._find(provider, told.id)

    def _prepare_values(self, told):
        status = told.status if told.status in STATUSES else False
        if self.status in ENDED:
            # Who was told before that it was paid may come later.
            status = self.status
        rows = self.env["omni.billing.balance.transaction"]
        currency = rows._find_currency(told.currency)
        return {
            "date": rows._to_day(self.company_id, told.created),
            # Stripe gives a day, as midnight in UTC.
            "arrival_date": told.arrival.date(),
            "currency_id": currency.id,
            "amount": rows._to_major(told.amount, currency),
            "status": status,
            "failure": told.failure or self.failure,
            "trace": told.trace,
            "original_ref": told.original,
            "is_automatic": told.is_automatic,
            "is_complete": told.is_complete,
        }

    def _advance(self):
        """Book what is proven, and say what is left."""
        self.ensure_one()
        state, reason = self._find_obstacle()
        if not state:
            # Of one that was not known to be paid out here, nothing is booked yet.
            self.row_ids.dispute_id._book_late()
            self.row_ids._find_counterparts()
            state, reason = self._find_by_hand()
        if not state:
            try:
                with savepoint(self.env):
                    self._book()
                    self._book_return()
                # What is booked stays so, whatever it cannot be matched for.
                with savepoint(self.env):
                    self.row_ids._match()
            except UserError as error:
                self.invalidate_recordset()
                state, reason = "person", str(error)
            else:
                self.row_ids._update_matched()
                state, reason = self._judge()
        self._set_state(state, reason)

    def _review(self):
        """Say anew what is missing, once a person settled something, or undid that."""
        for payout in self:
            payout.row_ids._update_matched()
            payout._set_state(*payout._judge())

    def _set_state(self, state, reason):
        is_back = self.status in ENDED and not self.return_move_id
        if state and state != "booked" and is_back:
            # Nobody else would tell.
            state = "person"
            reason = self.env._(
                "It came back from the bank, or was canceled (%(failure)s). %(reason)s",
                reason=reason,
                failure=self.failure or self.status,
            )
        is_news = state == "person" and (self.state, self.reason) != (state, reason)
        self.write({"state": state, "reason": reason})
        if is_news:
            self.company_id.partner_id._billing_tell_staff(
                self.env._(
                    "Stripe's payout %(payout)s needs a person: %(reason)s See Billing"
                    " > Reporting > Stripe Payouts.",
                    payout=self.reference,
                    reason=reason,
                )
            )

    def _find_obstacle(self):
        """Return why nothing can be booked yet, as a state and a reason, if so."""
        if not self.company_id.billing_fee_account_id:
            return "waiting", self.env._(
                "Choose an account for Stripe's fees in Billing > Configuration >"
                " Settings, under Stripe. Nothing is booked before."
            )
        if not self.move_id and self.company_id._billing_is_before_payouts(self.date):
            return "hand", self.env._(
                "It was paid out before the day since which payouts are booked, and is"
                " booked by hand. To have it booked here, an administrator sets an"
                " earlier day in Billing > Configuration > Settings, under Stripe."
            )
        if self.original_ref and not self.row_ids:
            return self._find_reversal_obstacle()
        if self.is_automatic and self.is_complete:
            return False, ""
        if self.is_automatic:
            return "waiting", self.env._(
                "Stripe does not tell yet what it is made of. It is asked each day."
            )
        return "person", self.env._(
            "To book by hand: it was begun in Stripe's dashboard, and Stripe does not"
            " tell what it is made of. Make a journal entry from the clearing account"
            " to the bank."
        )

    def _find_by_hand(self):
        """Return that it is booked by hand, if its payments say so: state and reason.

        All of them that are known here have left the account on which they stood, and
        nothing of the payout is in the books.
        """
        items = self.row_ids.counterpart_id
        if self.move_id or not items or not all(items.mapped("reconciled")):
            return False, ""
        return "hand", self.env._(
            "All that it is made of was taken off the clearing account by hand: it is"
            " booked by hand, too. If it is not, undo these reconciliations, and press"
            " Match Again."
        )

    def _judge(self):
        """Return the state of a payout whose entry is posted, and what is missing."""
        left = self.row_ids.filtered(lambda row: not row.is_matched)
        if not left:
            return "booked", False
        names = format_list(self.env, left[:20].mapped("reference"))
        if all(row._is_awaited() for row in left):
            return "waiting", self.env._(
                "Payments that are not booked yet: %(names)s. It is looked at each"
                " day.",
                names=names,
            )
        return "person", self.env._(
            "To book by hand: movements that are not known here. Book each by a journal"
            " entry on the clearing account, and reconcile it with the payout's item of"
            " that ID: %(names)s.",
            names=names,
        )
