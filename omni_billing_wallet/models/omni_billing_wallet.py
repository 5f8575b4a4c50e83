from collections import defaultdict, namedtuple

from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError
from odoo.fields import Domain

from odoo.addons.omni_billing.tools.action import open_dialog, open_list
from odoo.addons.omni_billing.tools.lock import take_turns, wait_for
from odoo.addons.omni_billing.tools.money import has_excess_decimals
from odoo.addons.omni_billing.tools.numbers import format_amount
from odoo.addons.omni_billing.tools.write_guard import trust, without_any_default

#: Greater sums are nobody's.
MAX_TOP_UP = 10**9
#: A journal item of the account that something is left of, and how much can be used.
Lot = namedtuple("Lot", ["line", "left"])


def _get_order(line):
    """Return what says which is used first: what ends first, then what is older."""
    last = line.billing_wallet_expires_on
    return not last, last or line.date, line.date, line.id


def _take_off(lots, amount):
    """Return what is left when an amount is taken off the first of these, and of it."""
    kept = []
    for line, left in lots:
        taken = min(left, amount)
        amount -= taken
        if rest := line.currency_id.round(left - taken):
            kept.append(Lot(line, rest))
    return kept, amount


class OmniBillingWallet(models.Model):
    """Money that a customer pays in advance, in one currency of one company (W51).

    It keeps no balance. A top-up is an invoice without tax, whose line is on the
    account of customer advances; an invoice is paid from it by an entry between that
    account and what is owed. Each of these journal items names the wallet, and what is
    open of them, as far as it was paid, is the balance.
    """

    _name = "omni.billing.wallet"
    _inherit = "omni.billing.server.mixin"
    _description = "Wallet"
    _order = "id desc"
    _rec_name = "partner_id"
    _check_company_auto = True

    partner_id = fields.Many2one(
        "res.partner",
        string="Customer",
        required=True,
        readonly=True,
        index=True,
        ondelete="restrict",
    )
    company_id = fields.Many2one("res.company", required=True, readonly=True)
    currency_id = fields.Many2one("res.currency", required=True, readonly=True)
    active = fields.Boolean(
        default=True,
        help="Archived, it pays nothing and is not topped up. What is left stays the"
        " customer's, and can be refunded.",
    )
    balance = fields.Monetary(
        compute="_compute_balance",
        help="What was paid in advance and can be used now. Less than zero: more went"
        " back to the customer than there was.",
    )
    unbilled = fields.Monetary(
        string="Not Billed Yet",
        compute="_compute_balance",
        help="What waits for an invoice, with taxes; it will take as much of it.",
    )
    left = fields.Monetary(
        string="Left Then",
        compute="_compute_balance",
        help="The balance less what is not billed yet.",
    )
    line_ids = fields.One2many(
        "account.move.line",
        "billing_wallet_id",
        string="In and Out",
        readonly=True,
        # What is invoiced and not paid, or void, is no money.
        domain=[
            ("parent_state", "=", "posted"),
            "|",
            ("move_id.move_type", "!=", "out_invoice"),
            ("move_id.billing_state", "not in", ("unpaid", "void")),
        ],
        groups="base.group_user",
    )
    lot_ids = fields.Many2many(
        "account.move.line",
        string="What Is Left",
        compute="_compute_lot_ids",
        groups="base.group_user",
    )
    top_up_ids = fields.One2many(
        "account.move",
        "billing_wallet_id",
        string="Top-Ups",
        readonly=True,
        groups="base.group_user",
    )
    _company_idx = models.Index("(company_id, id DESC)")

    # === COMPUTE METHODS === #

    @api.depends_context("uid")
    def _compute_balance(self):
        balances = self._read_balances()
        unbilled = self._read_unbilled()
        for wallet in self:
            # What is shown before it is saved has no journal items.
            wallet.balance = balances.get(wallet._origin.id, 0.0)
            wallet.unbilled = unbilled.get(wallet._origin.id, 0.0)
            wallet.left = wallet.balance - wallet.unbilled

    def _compute_lot_ids(self):
        lots = self._read_lots(is_expired=True)
        for wallet in self:
            wallet.lot_ids = wallet.env["account.move.line"].browse(
                lot.line.id for lot in lots[wallet._origin.id]
            )

    @api.depends("partner_id", "currency_id")
    def _compute_display_name(self):
        for wallet in self:
            parts = wallet.partner_id.display_name, wallet.currency_id.name
            wallet.display_name = " · ".join(filter(None, parts))

    # === HELPERS: WHAT IS LEFT === #

    def _read_lots(self, is_locked=False, is_expired=False):
        """Return the journal items of which something can be used, by wallet.

        What ends first comes first; what never ends, last.

        :param bool is_locked: wait for who works on them: what is read is then true
            until the end of the transaction.
        :param bool is_expired: also what cannot be used any more.
        :return: lists of `Lot`, by the id of the wallet.
        :rtype: defaultdict[int, list]
        """
        lots = defaultdict(list)
        for key, (own, _overdrawn) in self._read_sides(is_locked).items():
            lots[key] = [
                lot for lot in own if is_expired or lot.line._billing_get_prepaid()
            ]
        return lots

    def _read_sides(self, is_locked=False):
        """Return what is left by wallet, and what went back although it was used.

        That is taken off what ends first, also off what has ended: that is the
        customer's as long as it is not booked, and nobody pays for it twice.

        :return: lists of `Lot`; and what none of them covers.
        :rtype: dict[int, tuple[list, float]]
        """
        lots, overdrawn = defaultdict(list), defaultdict(float)
        for line in self._find_open_lines(is_locked).sorted(_get_order):
            key = line.billing_wallet_id.id
            overdrawn[key] += max(0.0, line.amount_residual_currency)
            if left := line._billing_get_prepaid(is_expired=True):
                lots[key].append(Lot(line, left))
        return {key: _take_off(lots[key], amount) for key, amount in overdrawn.items()}

    def _find_open_lines(self, is_locked=False):
        """Return the journal items that something is left of; see `_read_lots`."""
        # sudo: what is left is asked for customers as well.
        Line = self.env["account.move.line"].sudo()
        lines = Line.search(
            Domain("billing_wallet_id", "in", self.ids)
            & Domain("parent_state", "=", "posted")
            & Domain("reconciled", "=", False)
        )
        if is_locked and lines:
            wait_for(lines.move_id)
            # Who gives one back, or draws on it, began before this ends: it begins
            # again, and reads what is left then.
            take_turns(lines.move_id)
            lines.invalidate_recordset()
        return lines

    def _lock_lots(self):
        """Wait for who uses these, and return what can be used; see `_read_lots`.

        What went back although it was used is set against what came since.
        """
        lots = self._read_lots(is_locked=True)
        overdrawn = self._find_open_lines().filtered(lambda line: line.balance > 0)
        for line in overdrawn:
            for lot in self._find_open_lines().sorted(_get_order):
                if (
                    not line.reconciled
                    and lot.balance < 0
                    and lot.account_id == line.account_id
                    and lot.billing_wallet_id == line.billing_wallet_id
                    and lot._billing_is_all_paid()
                ):
                    (lot + line).reconcile()
        return self._read_lots() if overdrawn else lots

    def _read_balances(self):
        """Return what can be used, less what was taken too much, by id.

        :rtype: dict[int, float]
        """
        sides = self._read_sides()
        return {
            wallet.id: wallet.currency_id.round(
                sum(left for line, left in lots if line._billing_get_prepaid())
                - overdrawn
            )
            for wallet in self
            for lots, overdrawn in [sides.get(wallet.id, ([], 0.0))]
        }

    def _read_unbilled(self):
        """Return what waits for an invoice of each customer, with taxes, by id.

        :rtype: dict[int, float]
        """
        # What is hidden from customers is not counted for them either.
        shown = Domain("is_hidden", "=", False) if self.env.user.share else Domain.TRUE
        # sudo: the sum is the customer's to know, as its balance is.
        rows = (
            self.env["omni.billing.transaction"]
            .sudo()  # sudo: as above
            ._read_group(
                Domain("state", "=", "unbilled")
                & shown
                & Domain("commercial_partner_id", "in", self.partner_id.ids)
                & Domain("company_id", "in", self.company_id.ids),
                ["commercial_partner_id", "company_id", "currency_id"],
                ["amount_total:sum"],
            )
        )
        sums = {tuple(record.id for record in key): total for *key, total in rows}
        return {
            wallet.id: sums.get(
                (wallet.partner_id.id, wallet.company_id.id, wallet.currency_id.id),
                0.0,
            )
            for wallet in self
        }

    # === HELPERS: WHOSE === #

    @api.model
    def _get_customer_domain(self, customers):
        """Return what is of customers: who has one may belong to a company by now.

        :param customers: commercial `res.partner` records.
        """
        return Domain("partner_id.commercial_partner_id", "in", customers.ids)

    @api.model
    def _find_for(self, customers, companies):
        """Return the wallets that pay for customers in companies, in sudo."""
        # sudo: whoever bills need not read wallets.
        return self.sudo().search(
            self._get_customer_domain(customers)
            & Domain("company_id", "in", companies.ids)
        )

    @api.model
    def _open_for(self, partner, currency=None):
        """Return the wallet of a customer in this company; it is made if there is none.

        :param partner: any contact of the customer.
        :param currency: that of the company, if none is given.
        :raise UserError: if the company has no account for it.
        """
        company = self.env.company
        currency = currency or company.currency_id
        customer = partner.commercial_partner_id
        company._billing_get_wallet_account()
        # sudo: who may top up may begin; see the callers.
        Wallet = without_any_default(self.sudo())
        found = Wallet.with_context(active_test=False).search(
            self._get_customer_domain(customer)
            & Domain("company_id", "=", company.id)
            & Domain("currency_id", "=", currency.id),
            order="active desc, id",
            limit=1,
        )
        if found:
            return self.browse(found.id)
        # Two who open one at once: the second begins again, and finds that.
        take_turns(customer)
        values = {
            "partner_id": customer.id,
            "company_id": company.id,
            "currency_id": currency.id,
        }
        return self.browse(trust(Wallet).create(values).id)

    # === BUSINESS METHODS: TOP-UP === #

    def _top_up(self, amount, origin):
        """Invoice a customer for a top-up, without tax; it counts once it is paid.

        The invoice is paid, charged, reminded of, voided and refunded as any other.

        :param float amount: in the currency of the wallet.
        :param str origin: ``staff``, ``portal`` or ``auto``.
        :return: the invoice, posted.
        :raise UserError: if the amount is none, or the company has no account for it.
        """
        self.ensure_one()
        self._check_top_up(amount)
        # sudo: who may top up may have it invoiced; see the callers.
        wallet = without_any_default(self.sudo()).with_company(self.company_id)
        Transaction = trust(wallet.env["omni.billing.transaction"])
        transaction = Transaction.create(wallet._prepare_top_up(amount))
        transaction = wallet.env["omni.billing.transaction"].browse(transaction.id)
        move = transaction._create_invoice(self.partner_id, title=transaction.name)
        trust(move).billing_wallet_origin = origin
        return self.env["account.move"].browse(move.id)

    def _begin_in_portal(self, amount):
        """Return the invoice of a top-up that the customer is about to pay.

        What was begun before, and not paid, is gone on with, or void if it was another
        amount. Called in sudo, for the customer's own wallet.

        :raise UserError: if the amount is none, or the one before is just being paid.
        """
        self.ensure_one()
        self._check_top_up(amount)
        # Who asks twice at once gets one invoice.
        take_turns(self)
        for move in self._find_begun():
            if not move.currency_id.compare_amounts(move.amount_residual, amount):
                return move
            move.action_billing_void(reason=self.env._("The customer chose another"))
        return self._top_up(amount, "portal")

    def _find_begun(self):
        """Return top-ups of the portal of which nothing was paid."""
        return self.env["account.move"].search(
            Domain("billing_wallet_origin", "=", "portal")
            & Domain("billing_wallet_id", "in", self.ids)
            & Domain("billing_state", "=", "unpaid")
            & Domain("billing_attempt_id", "=", False)
        )

    def _check_top_up(self, amount):
        """Check what somebody, or a program, wants to pay in advance."""
        currency = self.currency_id
        is_number = isinstance(amount, int | float) and not isinstance(amount, bool)
        if not is_number or not 0 < amount <= MAX_TOP_UP:
            raise UserError(
                self.env._("Enter how much is paid in advance: more than zero.")
            )
        if has_excess_decimals(amount, currency.decimal_places):
            raise UserError(
                self.env._(
                    "%(amount)s has more decimals than %(currency)s allows"
                    " (%(decimals)s).",
                    amount=amount,
                    currency=currency.name,
                    decimals=currency.decimal_places,
                )
            )
        if not self.active:
            raise UserError(
                self.env._(
                    "Prepaid money of %(customer)s is switched off. Nothing was"
                    " changed.",
                    customer=self.partner_id.display_name,
                )
            )

    def _prepare_top_up(self, amount):
        """Return the values of the transaction that a top-up is."""
        self.ensure_one()
        lang = self.partner_id.lang or self.env.lang
        company = self.company_id
        return {
            "transaction_type": "charge",
            "name": self.with_context(lang=lang).env._("Prepaid money"),
            "partner_id": self.partner_id.id,
            "company_id": company.id,
            "currency_id": self.currency_id.id,
            "date": fields.Date.context_today(self),
            "retail_cost": amount,
            "tax_ids": [fields.Command.set(company.billing_wallet_tax_id.ids)],
            "wallet_id": self.id,
        }

    # === ACTION METHODS === #

    def action_top_up(self):
        """Ask how much is paid in advance, and then how."""
        self.ensure_one()
        self._check_staff()
        title = self.env._("Top Up")
        return open_dialog(
            "omni.billing.wallet.top.up.wizard", title, {"default_wallet_id": self.id}
        )

    def action_open_lines(self):
        """Show what came in and went out, in the books."""
        self.ensure_one()
        self.check_access("read")
        return open_list(
            self.env,
            "omni_billing_wallet.account_move_line_action_wallet",
            [("billing_wallet_id", "=", self.id), ("parent_state", "=", "posted")],
            {},
        )

    def _check_staff(self):
        self.check_access("read")
        if not self.env.user.has_group("omni_billing.omni_billing_group_user"):
            raise AccessError(
                self.env._("Only billing staff take money in advance, or give it back.")
            )

    def _trigger_job(self):
        """Have the job look soon at what is to be paid, or topped up."""
        # sudo: jobs are the administrator's.
        self.env.ref("omni_billing_wallet.ir_cron_wallets").sudo()._trigger()

    def _describe_balance(self):
        """Write what can be used, as it is read."""
        self.ensure_one()
        return format_amount(self.env, self.balance, self.currency_id)

    def _say(self, amount):
        """Write an amount in the currency of the wallet."""
        return format_amount(self.env, amount, self.currency_id)
