from odoo import Command, api, fields, models
from odoo.exceptions import UserError
from odoo.tools import format_date

from ...tools.action import open_dialog
from ...tools.lock import lock_or_tell
from ...tools.notice import notice, reload
from ...tools.numbers import format_amount

#: The customer's, and not at the bank yet.
IN_HAND = ("kept", "received")
#: Of which the books have money.
IN_BOOKS = ("received", "deposited")


class OmniBillingCheque(models.Model):
    """A cheque, from when it is handed over until the bank has its money (F151).

    One of today is money at once, as all that is received. One of a later day is kept,
    and books nothing before it is deposited: until then it is a payment of the plan of
    its invoices, which is why nobody is reminded of them. Both wait for a person to
    bring them to the bank; after that they bounce, or are done.
    """

    _name = "omni.billing.cheque"
    _inherit = "omni.billing.server.mixin"
    _description = "Cheque"
    _order = "date, id"
    _rec_name = "number"

    number = fields.Char(required=True, readonly=True, index=True)
    date = fields.Date(
        required=True, readonly=True, help="The day that is written on it."
    )
    amount = fields.Monetary(required=True, readonly=True)
    currency_id = fields.Many2one("res.currency", required=True, readonly=True)
    company_id = fields.Many2one("res.company", required=True, readonly=True)
    partner_id = fields.Many2one(
        "res.partner",
        string="Customer",
        required=True,
        readonly=True,
        index=True,
        ondelete="restrict",
    )
    invoice_ids = fields.Many2many(
        "account.move",
        "omni_billing_cheque_invoice_rel",
        "cheque_id",
        "invoice_id",
        string="Invoices",
        readonly=True,
    )
    installment_ids = fields.One2many(
        "omni.billing.installment", "cheque_id", string="Planned", readonly=True
    )
    state = fields.Selection(
        [
            ("kept", "Post-Dated"),
            ("received", "Booked"),
            ("deposited", "Deposited"),
            ("bounced", "Bounced"),
            ("canceled", "Canceled"),
        ],
        string="Status",
        required=True,
        readonly=True,
        default="kept",
        copy=False,
        help="Post-dated: kept, nothing is booked. Booked: money, and still in the"
        " drawer. Deposited: the bank has it.",
    )
    deposit_date = fields.Date(string="Deposited on", readonly=True, copy=False)
    payment_id = fields.Many2one(
        "account.payment", readonly=True, copy=False, ondelete="restrict"
    )
    reason = fields.Char(string="Why It Bounced", readonly=True, copy=False)
    fee_id = fields.Many2one(
        "omni.billing.transaction",
        readonly=True,
        copy=False,
        index="btree_not_null",
        ondelete="set null",
    )
    needs_action = fields.Boolean(
        string="To Do",
        readonly=True,
        copy=False,
        help="It bounced, and nobody saw to it.",
    )
    is_due = fields.Boolean(
        compute="_compute_is_due", help="It can be brought to the bank."
    )

    _amount_positive = models.Constraint(
        "CHECK(amount > 0)", "A cheque has to be of more than zero."
    )
    _payment_uniq = models.UniqueIndex(
        "(payment_id) WHERE payment_id IS NOT NULL", "A cheque is booked once."
    )
    _booked = models.Constraint(
        "CHECK((state IN ('received', 'deposited', 'bounced')) <= (payment_id IS NOT"
        " NULL) AND (state != 'kept' OR payment_id IS NULL))",
        "A cheque is booked when it is money, and not before.",
    )
    _waiting_idx = models.Index("(date) WHERE state IN ('kept', 'received')")
    _bounced_idx = models.Index("(id) WHERE needs_action")
    _list_idx = models.Index("(company_id, date, id)")

    @api.depends("date", "state")
    def _compute_is_due(self):
        today = fields.Date.context_today(self)
        for cheque in self:
            cheque.is_due = cheque.state in IN_HAND and cheque.date <= today

    @api.depends("number", "amount")
    def _compute_display_name(self):
        for cheque in self:
            amount = format_amount(self.env, cheque.amount, cheque.currency_id)
            cheque.display_name = f"{cheque.number} · {amount}"

    @api.ondelete(at_uninstall=False)
    def _unlink_except_booked(self):
        """What the books tell of stays."""
        for cheque in self:
            if cheque.payment_id:
                raise UserError(
                    self.env._(
                        "Cheque %(cheque)s is in the books, and is not deleted.",
                        cheque=cheque.display_name,
                    )
                )

    # === ACTION METHODS === #

    def action_deposit(self):
        """Note that cheques were brought to the bank; those that are kept are booked.

        :return: the same notice however often it is called for the same cheques.
        :raise UserError: if one is of a later day, or is not there any more; nothing
            was done then.
        """
        if not self:
            raise UserError(self.env._("Select the cheques that are deposited."))
        self._check_staff()
        cheques = self._lock()
        for cheque in cheques:
            cheque._check_depositable()
        for cheque in cheques.filtered(lambda one: one.state in IN_HAND):
            cheque._deposit()
        return notice(
            self.env._("Deposited: %(count)s.", count=len(cheques)), after=reload()
        )

    def action_cancel(self):
        """Give cheques back that were not deposited: what they paid is owed again.

        :raise UserError: if one was deposited (F151).
        """
        self._check_staff()
        for cheque in self._lock().filtered(lambda one: one.state != "canceled"):
            cheque._give_back()
            reason = self.env._("Cheque %s was canceled.", cheque.number)
            cheque.with_env(self.env)._undo_payment(reason)
        return True

    def action_open_bounce(self):
        """Open the dialog that notes that the bank sent it back."""
        self.ensure_one()
        self._check_staff()
        title = self.env._("The Cheque Bounced")
        context = {"default_cheque_id": self.id}
        return open_dialog("omni.billing.bounce.wizard", title, context)

    def action_dismiss(self):
        """Take cheques that bounced off the work list: somebody saw to it."""
        self._check_staff()
        # sudo: they are the server's; the rights were checked.
        self.sudo().needs_action = False
        return True

    # === BUSINESS METHODS - TAKE === #

    @api.model
    def _take(self, invoices, cheques):
        """Take the cheques of a customer, for invoices that it owes.

        Those of today are booked, and pay the oldest invoice first. Later ones are kept
        as payments of a plan, which share what is left in the same order.

        :param invoices: `account.move` of one customer, company, currency and account.
        :param cheques: (number, date, amount with taxes in that currency).
        :return: `omni.billing.cheque`.
        :raise UserError: if they are more than what is owed and not planned, one has no
            number, or is here already.
        """
        invoices._billing_lock()
        invoices._billing_check_payable()
        self._check_new(invoices, cheques)
        today = fields.Date.context_today(self)
        taken = self.browse()
        # What is money pays the oldest; the plan is made of the rest.
        for number, day, amount in sorted(cheques, key=lambda cheque: cheque[1]):
            payment = self.env["account.payment"]
            if day <= today:
                owing = invoices.filtered(lambda move: move._billing_is_unpaid())
                payment = owing._billing_pay("cheque", amount, today, number)
            # sudo: they are the server's; the right to take money was checked.
            taken |= self.sudo().create(
                {
                    "number": number,
                    "date": day,
                    "amount": amount,
                    "currency_id": invoices.currency_id.id,
                    "company_id": invoices.company_id.id,
                    "partner_id": invoices.commercial_partner_id.id,
                    "invoice_ids": [Command.set(invoices.ids)],
                    "state": "received" if payment else "kept",
                    "payment_id": payment.id,
                }
            )
        taken.filtered(lambda cheque: cheque.state == "kept")._plan(invoices)
        for cheque in taken:
            cheque._tell(self.env._("Cheque taken: %s.", cheque._describe()))
        return taken.with_env(self.env)

    @api.model
    def _check_new(self, invoices, cheques):
        """Check cheques that are about to be taken; see `_take`."""
        if not cheques:
            raise UserError(self.env._("Enter at least one cheque."))
        numbers = [number for number, _day, _amount in cheques]
        if not all(numbers):
            raise UserError(self.env._("Enter the number of each cheque."))
        if len(set(numbers)) < len(numbers):
            raise UserError(self.env._("A number is there twice: each is a cheque."))
        for _number, _day, amount in cheques:
            invoices._billing_check_entered(amount)
        currency = invoices.currency_id
        total = sum(amount for _number, _day, amount in cheques)
        left = sum(invoices._billing_list_unplanned().values())
        if currency.compare_amounts(total, left) > 0:
            raise UserError(
                self.env._(
                    "%(total)s is more than the %(left)s that is owed and not planned"
                    " yet. Nothing was taken.",
                    total=format_amount(self.env, total, currency),
                    left=format_amount(self.env, max(left, 0.0), currency),
                )
            )
        # sudo: a number tells nothing of another company, which is not asked.
        known = self.sudo().search(
            [
                ("partner_id", "=", invoices.commercial_partner_id.id),
                ("company_id", "=", invoices.company_id.id),
                ("number", "in", numbers),
                ("state", "not in", ("bounced", "canceled")),
            ],
            limit=1,
        )
        if known:
            raise UserError(
                self.env._(
                    "Cheque %(cheque)s of this customer is here already. If it is"
                    " another bank's, write the bank before the number.",
                    cheque=known._describe(),
                )
            )

    def _plan(self, invoices):
        """Have kept cheques be payments of the plans of invoices, the oldest first."""
        left = invoices._billing_list_unplanned()
        for invoice in invoices._billing_sort_by_due() if self else ():
            payments = []
            for cheque in self:
                rest = cheque.amount - sum(cheque.installment_ids.mapped("amount"))
                share = invoice.currency_id.round(min(rest, left[invoice]))
                if invoice.currency_id.compare_amounts(share, 0) > 0:
                    left[invoice] -= share
                    payments.append((cheque.date, share, cheque))
            if payments:
                self.env["omni.billing.installment"]._plan(
                    invoice,
                    [(day, share) for day, share, _cheque in payments],
                    cheques=[cheque for _day, _share, cheque in payments],
                )

    # === BUSINESS METHODS - WHAT BECOMES OF IT === #

    def _check_depositable(self):
        """Check that this one is there, and that its day has come."""
        self.ensure_one()
        if self.state not in (*IN_HAND, "deposited"):
            raise UserError(
                self.env._(
                    "Cheque %(cheque)s is %(state)s: it is not deposited.",
                    cheque=self.display_name,
                    state=self._get_state_label().lower(),
                )
            )
        if self.date > fields.Date.context_today(self):
            raise UserError(
                self.env._(
                    "Cheque %(cheque)s is post-dated: it can be deposited on %(date)s.",
                    cheque=self.display_name,
                    date=format_date(self.env, self.date),
                )
            )
        if self.state == "received" and (
            reversal := self.payment_id._billing_find_reversal()
        ):
            raise UserError(
                self.env._(
                    "What cheque %(cheque)s paid was reversed in Accounting"
                    " (%(entry)s). Cancel it here, and take it anew if it is deposited"
                    " after all.",
                    cheque=self.display_name,
                    entry=reversal.display_name,
                )
            )

    def _deposit(self):
        """Note that the bank has it, for who holds the lock."""
        self.ensure_one()
        payment = self.payment_id or self.with_env(self.env(su=False))._book()
        self.write(
            {
                "state": "deposited",
                "deposit_date": fields.Date.context_today(self),
                "payment_id": payment.id,
            }
        )
        self.installment_ids._note_deposited()
        self._tell(self.env._("Cheque deposited: %s.", self._describe()))

    def _book(self):
        """Book one that was kept; what is not owed any more is credit on file."""
        today = fields.Date.context_today(self)
        owing = self.invoice_ids.filtered(lambda move: move._billing_is_unpaid())
        owed = sum(owing.mapped("amount_residual"))
        if self.currency_id.compare_amounts(self.amount, owed) <= 0:
            return owing._billing_pay("cheque", self.amount, today, self.number)
        if owing:
            owing._billing_begin_payment()
        values = self.invoice_ids._billing_prepare_payment_values(
            "cheque", self.amount, today, self.number
        )
        payment = self.invoice_ids._billing_get_payment_model()._billing_record(values)
        owing._billing_reconcile_oldest_first(
            payment.move_id._billing_get_receivable_lines()
        )
        return payment

    def _give_back(self):
        """Note that it is not here any more, for who holds the lock.

        :raise UserError: if it was deposited.
        """
        self.ensure_one()
        if self.state not in IN_HAND:
            self._raise_state()
        self.state = "canceled"
        self.installment_ids._end(self.env._("Cheque %s was canceled.", self.number))
        self._tell(self.env._("Cheque canceled: %s.", self._describe()))

    def _bounce(self, reason, fee=0.0):
        """Undo what a cheque paid that the bank sent back, and charge a fee for it.

        :param str reason: what the bank said.
        :param float fee: without taxes, in the currency of the cheque; none is 0.
        :raise UserError: if it was not deposited, or there is no reason.
        """
        self.ensure_one()
        self._check_staff()
        reason = (reason or "").strip()
        if not reason:
            raise UserError(self.env._("Say why it came back: the bank tells."))
        cheque = self._lock()
        if cheque.state != "deposited":
            raise UserError(
                self.env._(
                    "Cheque %(cheque)s is %(state)s: only one that was deposited comes"
                    " back from the bank.",
                    cheque=self.display_name,
                    state=self._get_state_label().lower(),
                )
            )
        # The payment may be undone by that, also if the statement has it.
        cheque.write({"state": "bounced", "reason": reason, "needs_action": True})
        cheque.installment_ids._end(reason)
        text = self.env._(
            "Cheque %(number)s: %(reason)s", number=self.number, reason=reason
        )
        self._undo_payment(text)
        if fee:
            values = self._prepare_fee_values(fee)
            cheque.fee_id = self.env["omni.billing.transaction"].create(values)
        cheque._tell(self.env._("Cheque bounced: %s.", cheque._describe()))

    def _undo_payment(self, reason):
        """Undo what it paid, unless accounting has reversed that already."""
        if self.payment_id and not self.payment_id._billing_find_reversal():
            self.payment_id._billing_undo(reason)

    def _prepare_fee_values(self, fee):
        """Return the values of the charge for a cheque that bounced. Hook."""
        invoice = self.invoice_ids[:1]
        return {
            "name": invoice._billing_translate(
                lambda env: env._("Fee for cheque %s, which was returned", self.number)
            ),
            "transaction_type": "charge",
            "company_id": self.company_id.id,
            "partner_id": self.partner_id.id,
            "currency_id": self.currency_id.id,
            "retail_cost": fee,
            "tax_ids": [Command.clear()],
        }

    # === HELPERS === #

    def _check_staff(self):
        self.check_access("read")
        self.env["omni.billing.payment.wizard"].check_access("create")
        self.invoice_ids.check_access("write")

    def _lock(self):
        """Return these, locked, as the server sees them."""
        # sudo: they are the server's; the rights were checked.
        cheques = self.sudo()
        lock_or_tell(cheques)
        return cheques

    def _raise_state(self):
        """Refuse to cancel it, as the customer's bank would (F151)."""
        sentence = self.env._(
            "You cannot cancel this transaction. Its state does not allow it."
        )
        if self.state == "deposited":
            help_text = self.env._(
                "Cheque %(cheque)s was deposited on %(date)s. If the bank sends it"
                " back, press Bounced on it, under Runs > Cheques.",
                cheque=self.display_name,
                date=format_date(self.env, self.deposit_date),
            )
        else:
            help_text = self.env._(
                "Cheque %(cheque)s is %(state)s.",
                cheque=self.display_name,
                state=self._get_state_label().lower(),
            )
        message = "\n".join((sentence, help_text))
        raise UserError(message)

    def _get_state_label(self):
        return dict(self._fields["state"]._description_selection(self.env))[self.state]

    def _describe(self):
        """Write number, day, amount and state, as a person reads them."""
        parts = [self.display_name, format_date(self.env, self.date)]
        return " · ".join([*parts, self._get_state_label()])

    def _tell(self, message):
        """Leave in the history of the invoices what became of it."""
        for invoice in self.invoice_ids:
            invoice._message_log(body=message)
