from datetime import timedelta

from odoo import fields, models
from odoo.exceptions import UserError
from odoo.fields import Domain

from odoo.addons.omni_billing.tools.numbers import format_amount
from odoo.addons.omni_billing.tools.write_guard import is_trusted, trust


class AccountMove(models.Model):
    """A top-up is an invoice; what is used of it is not given back again (W51)."""

    _inherit = "account.move"

    billing_wallet_id = fields.Many2one(
        "omni.billing.wallet",
        string="Tops Up",
        readonly=True,
        copy=False,
        index="btree_not_null",
        ondelete="restrict",
        help="The wallet that this invoice is a top-up of.",
    )
    billing_wallet_origin = fields.Selection(
        [
            ("staff", "By Staff"),
            ("portal", "By the Customer"),
            ("auto", "Automatically"),
        ],
        string="Topped Up",
        readonly=True,
        copy=False,
    )
    billing_wallet_kind = fields.Selection(
        [
            ("draw", "Used"),
            ("back", "Not Used After All"),
            ("return", "Credited"),
            ("credit", "Turned into Credit"),
            ("expired", "Expired"),
        ],
        string="Entry of Prepaid Money",
        readonly=True,
        copy=False,
    )
    billing_wallet_left = fields.Monetary(
        string="Can Be Used",
        compute="_compute_billing_wallet_left",
        compute_sudo=True,
    )

    # What was begun in the portal, and automatic top-ups of a month.
    _billing_wallet_origin_idx = models.Index(
        "(billing_wallet_origin, invoice_date) WHERE billing_wallet_origin IS NOT NULL"
    )
    # What is void if nobody pays it.
    _billing_wallet_begun_idx = models.Index(
        "(billing_wallet_origin) WHERE billing_wallet_origin IS NOT NULL"
        " AND billing_state = 'unpaid'"
    )

    def _compute_billing_wallet_left(self):
        lots = self.billing_wallet_id._read_lots()
        for move in self:
            own = lots[move.billing_wallet_id.id]
            move.billing_wallet_left = sum(
                lot.left for lot in own if lot.line.move_id == move._origin
            )

    def _billing_get_crediting_domain(self):
        """Override: credit on file pays no top-up by itself: nobody owes one."""
        return super()._billing_get_crediting_domain() & Domain(
            "billing_wallet_id", "=", False
        )

    def _billing_get_remindable_domain(self, company):
        """Override: nor is anybody reminded of one, fined, or suspended for it."""
        return super()._billing_get_remindable_domain(company) & Domain(
            "billing_wallet_id", "=", False
        )

    def _billing_get_state_fields(self):
        """Override: what a top-up is, and an entry of a wallet, is for us to say."""
        return super()._billing_get_state_fields() | {
            *("billing_wallet_id", "billing_wallet_origin", "billing_wallet_kind"),
        }

    # === POSTING AND PAYING === #

    def _post(self, soft=True):
        """Override of `account`: what went back is taken off; the rest is used."""
        is_own = is_trusted(self.env)
        advances = self._billing_find_advances()
        if added := advances.filtered(lambda move: not move.billing_is_advance):
            trust(added).billing_is_advance = True
        # A draft may have got other lines.
        if gone := (self - advances).filtered("billing_is_advance"):
            trust(gone).billing_is_advance = False
        posted = super()._post(soft=soft)
        posted._billing_follow_wallets(is_own)
        return posted

    def _billing_follow_wallets(self, is_own):
        # sudo: whoever posts need not read wallets.
        moves = self.sudo().filtered(lambda move: move.is_sale_document())
        if not moves:
            return
        notes = moves.filtered(lambda move: move.move_type == "out_refund")
        if credited := notes.line_ids.filtered("billing_wallet_id"):
            credited._billing_take_off_wallet(is_own)
        notes._billing_return_prepaid()
        moves._billing_draw_prepaid()

    def _invoice_paid_hook(self):
        """Override of `account`: a top-up that is paid can be used, and for how long.

        What was unpaid before is paid from it by the job.
        """
        result = super()._invoice_paid_hook()
        # sudo: whoever pays need not read wallets.
        for move in self.sudo().filtered("billing_wallet_id"):
            days = move.company_id.billing_wallet_days
            lines = move._billing_get_wallet_lines()
            today = lines[:1]._billing_get_wallet_today() if lines else None
            trust(lines).billing_wallet_expires_on = (
                today + timedelta(days=days) if days and lines else False
            )
            move.billing_wallet_id._trigger_job()
        return result

    # === WHAT CANNOT BE UNDONE === #

    def _billing_before_void(self):
        """Override: a top-up that was used is not void."""
        self._billing_check_prepaid_left(
            {move: move.amount_total for move in self._billing_find_top_ups()}
        )
        return super()._billing_before_void()

    def _billing_before_reversed(self):
        """Override: nor is all of it credited."""
        self._billing_check_prepaid_left(
            {move: move.amount_total for move in self._billing_find_top_ups()}
        )
        return super()._billing_before_reversed()

    def _billing_check_cancellable(self, transactions, penalty):
        """Override: nor more of it than is left."""
        total = sum(transactions.mapped("amount_total")) - penalty
        self._billing_check_prepaid_left(
            dict.fromkeys(self._billing_find_top_ups(), total)
        )
        return super()._billing_check_cancellable(transactions, penalty)

    def _billing_get_refundable_amount(self, note=None, payment=None):
        """Override: a card gets back what was not used."""
        available = super()._billing_get_refundable_amount(note, payment)
        if note or not self._billing_find_top_ups():
            return available
        return self.currency_id.round(min(available, self._billing_get_unused()))

    def _billing_get_unused(self):
        """Return what was paid of a top-up and is left, less what went back too much"""
        self.ensure_one()
        # sudo: whoever refunds need not read wallets.
        wallet = self.sudo().billing_wallet_id
        lots = wallet._read_lots(is_expired=True)[wallet.id]
        return sum(lot.left for lot in lots if lot.line.move_id == self)

    def _billing_check_prepaid_left(self, wanted):
        """Check that so much of top-ups was not used.

        :param dict wanted: the amount that goes back, by invoice.
        :raise UserError: if it was; the message says what to do.
        """
        for move, amount in wanted.items():
            # An unpaid one may go; of what was paid, what was not used, nor went back.
            left = move._billing_get_unused() + move.amount_residual
            if move.currency_id.compare_amounts(amount, left) > 0:
                raise UserError(
                    self.env._(
                        "%(left)s of the %(total)s that %(invoice)s topped up is left:"
                        " the rest was used, expired or was written off. Nothing was"
                        " changed: give back what is left, in the customer's wallet.",
                        left=format_amount(self.env, left, move.currency_id),
                        total=format_amount(
                            self.env, move.amount_total, move.currency_id
                        ),
                        invoice=move.display_name,
                    )
                )

    def button_draft(self):
        """Override of `account`: what was paid with prepaid money stays paid."""
        self._billing_check_not_of_wallet()
        return super().button_draft()

    def button_cancel(self):
        """Override of `account`: what was paid with prepaid money stays paid."""
        self._billing_check_not_of_wallet()
        return super().button_cancel()

    def _billing_is_kept(self):
        """Override: nor by a program that writes its state, or its items."""
        is_entry = self.billing_wallet_kind and self.state == "posted"
        return bool(is_entry) or super()._billing_is_kept()

    def _billing_raise_numbered(self, names=()):
        """Override: what helps with these entries is something else."""
        self._billing_check_not_of_wallet()
        return super()._billing_raise_numbered(names)

    def _billing_check_not_of_wallet(self):
        entries = self.filtered("billing_wallet_kind")
        if entries and not is_trusted(self.env):
            raise UserError(
                self.env._(
                    "%(entry)s is an entry of prepaid money, and stays as it is. To pay"
                    " the invoice otherwise, press “Do Not Use Prepaid Money” on it.",
                    entry=entries[0].display_name,
                )
            )

    # === HELPERS === #

    def _billing_find_top_ups(self):
        """Return those of these that are top-ups."""
        return self.filtered(
            lambda move: move.billing_wallet_id and move.move_type == "out_invoice"
        )

    def _billing_get_wallet_lines(self):
        # sudo: whoever may see the invoice may know what is left of it.
        return self.sudo().line_ids.filtered("billing_wallet_id")

    def _billing_find_advances(self):
        """Return those that are all of prepaid money: top-ups, and what goes back."""
        advances = self.browse()
        for move in self.filtered(lambda one: one.is_sale_document()):
            lines = move.invoice_line_ids.filtered(
                lambda line: line.display_type == "product"
            )
            # sudo: whoever posts need not read wallets.
            if lines and all(line.sudo().billing_wallet_id for line in lines):
                advances |= move
        return advances

    # === PARTS OF AN INVOICE === #

    def _billing_prepare_part_line(self, group, name):
        """Override: what is credited in part is of the same wallet."""
        values = super()._billing_prepare_part_line(group, name)
        if wallet := group["record"].billing_wallet_id:
            values["billing_wallet_id"] = wallet.id
        return values


class AccountMoveLine(models.Model):
    """What went back of a top-up is taken off what can be used (W51)."""

    _inherit = "account.move.line"

    def _billing_take_off_wallet(self, is_own):
        """Set what credit notes give back against what it was.

        Odoo has done so with the invoice that is credited. What is more than that was
        used before: money that is back at the customer by now is booked all the same,
        and the wallet is overdrawn by it; nobody else may credit it.
        """
        for line in self:
            if line.move_id.reversed_entry_id.billing_receipt_ids:
                line.billing_wallet_id._end_auto()
        for line in self.filtered(lambda line: not line.reconciled):
            origin = line.move_id.reversed_entry_id
            own = origin._billing_get_wallet_lines().filtered(
                lambda lot: not lot.reconciled and lot.balance < 0
            )
            for lot in own.filtered(
                lambda lot, line=line: lot.account_id == line.account_id
            ):
                if not line.reconciled:
                    (line + lot).reconcile()
            if line.reconciled:
                continue
            wallet = line.billing_wallet_id
            if not is_own:
                raise UserError(
                    self.env._(
                        "%(note)s gives back more prepaid money than is left of what it"
                        " credits: %(amount)s was used. Nothing was posted: lower the"
                        " credit note.",
                        note=line.move_id.display_name,
                        amount=format_amount(
                            self.env, line.amount_residual_currency, line.currency_id
                        ),
                    )
                )
            wallet.partner_id._billing_tell_staff(
                self.env._(
                    "%(note)s gave back %(amount)s of prepaid money that was used"
                    " already. The wallet is overdrawn by it: ask the customer, or let"
                    " the next top-up cover it.",
                    note=line.move_id.display_name,
                    amount=format_amount(
                        self.env, line.amount_residual_currency, line.currency_id
                    ),
                )
            )
