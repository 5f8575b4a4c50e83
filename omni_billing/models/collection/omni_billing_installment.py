from itertools import zip_longest

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.fields import Domain
from odoo.tools import format_date

from ...const import COMING_STATES
from ...tools.numbers import format_amount


class OmniBillingInstallment(models.Model):
    """A payment of an invoice on a later day (F148, F149, F155).

    With a card it is charged on that day, by the job. Of a post-dated cheque it is what
    that pays of one invoice, until it is deposited. Without either, money is expected
    (a transfer): on the day it is left to staff, who record it.
    """

    _name = "omni.billing.installment"
    _inherit = ["omni.billing.collection.mixin", "omni.billing.server.mixin"]
    _description = "Scheduled Payment"
    _order = "date, id"
    _rec_name = "invoice_id"

    invoice_id = fields.Many2one(
        "account.move", required=True, readonly=True, index=True, ondelete="cascade"
    )
    company_id = fields.Many2one(
        related="invoice_id.company_id", store=True, precompute=True
    )
    partner_id = fields.Many2one(
        related="invoice_id.commercial_partner_id",
        string="Customer",
        store=True,
        precompute=True,
        index=True,
    )
    currency_id = fields.Many2one(
        related="invoice_id.currency_id", store=True, precompute=True
    )
    invoice_state = fields.Selection(
        related="invoice_id.billing_state", string="Invoice Status"
    )
    date = fields.Date(required=True, readonly=True)
    amount = fields.Monetary(string="Agreed", required=True, readonly=True)
    amount_now = fields.Monetary(
        string="Amount",
        compute="_compute_amount_now",
        compute_sudo=True,
        help="As agreed, or what is left of it to pay: credit on file and what was paid"
        " otherwise are taken off the last payments. Once it is paid, what was paid.",
    )
    paid_amount = fields.Monetary(readonly=True, copy=False)
    token_id = fields.Many2one(
        "payment.token",
        string="Payment Method",
        readonly=True,
        ondelete="set null",
        help="Charged on that day. Without one, staff record the money.",
        index="btree_not_null",
    )
    is_by_card = fields.Boolean(readonly=True)
    cheque_id = fields.Many2one(
        "omni.billing.cheque",
        readonly=True,
        copy=False,
        index="btree_not_null",
        ondelete="restrict",
        help="Kept until that day. It is deposited, canceled, or bounces.",
    )
    charge_state = fields.Selection(
        [
            ("due", "Planned"),
            ("open", "Outcome Unknown"),
            ("collecting", "Being Collected"),
            ("retry", "Charged Later"),
            ("paid", "Paid"),
            ("failed", "Needs Attention"),
            # None ever is: Odoo warns where a mixin's values are not all there.
            ("no_card", "No Payment Method"),
            ("no_consent", "Not Agreed"),
            ("given_up", "Canceled"),
        ],
        string="Status",
        required=True,
        default="due",
    )

    _amount_positive = models.Constraint(
        "CHECK(amount > 0)", "A scheduled payment has to be more than zero."
    )
    _coming_idx = models.Index(
        "(date) WHERE charge_state IN ('due', 'open', 'collecting', 'retry', 'failed')"
    )
    _failed_idx = models.Index("(id) WHERE charge_state = 'failed'")
    _list_idx = models.Index("(company_id, date, id)")

    # === COMPUTE METHODS === #

    @api.depends(
        "amount", "charge_state", "paid_amount", "date", "invoice_id.amount_residual"
    )
    def _compute_amount_now(self):
        invoices = self.invoice_id
        shares = invoices._billing_share_plan(invoices._billing_get_amounts_owed())
        for payment in self:
            is_paid = payment.charge_state == "paid"
            agreed = is_paid and payment.paid_amount or payment.amount
            payment.amount_now = shares.get(payment._origin, agreed)

    # === BUSINESS METHODS - PLAN === #

    @api.model
    def _plan(self, invoice, payments, token=None, cheques=()):
        """Plan payments of an invoice.

        :param payments: (date, amount with taxes in the currency of the invoice).
        :param token: `payment.token`, the card that is charged; none if the money is
            expected otherwise.
        :param cheques: `omni.billing.cheque` of each payment, if they are kept.
        :raise UserError: if a day is over, or more is planned than is owed.
        """
        invoice._billing_lock()
        invoice._billing_check_payable()
        if token:
            invoice._billing_check_token(token)
        currency = invoice.currency_id
        today = fields.Date.context_today(self)
        if not payments:
            raise UserError(self.env._("Enter at least one payment."))
        for day, amount in payments:
            if day < today:
                raise UserError(
                    self.env._(
                        "%(date)s is over. Choose today or a later day.",
                        date=format_date(self.env, day),
                    )
                )
            if currency.compare_amounts(amount, 0) <= 0:
                raise UserError(
                    self.env._("Each scheduled payment has to be more than zero.")
                )
        left = invoice._billing_list_unplanned()[invoice]
        total = sum(amount for _day, amount in payments)
        if currency.compare_amounts(total, left) > 0:
            raise UserError(
                self.env._(
                    "%(total)s is more than the %(left)s of %(invoice)s that is owed"
                    " and not planned yet.",
                    total=format_amount(self.env, total, currency),
                    left=format_amount(self.env, max(left, 0.0), currency),
                    invoice=invoice.display_name,
                )
            )
        # sudo: they are the job's; the right to write on the invoice was checked.
        installments = self.sudo().create(
            [
                {
                    "invoice_id": invoice.id,
                    "date": day,
                    "amount": amount,
                    "token_id": token.id if token else False,
                    "is_by_card": bool(token),
                    "cheque_id": cheque.id if cheque else False,
                }
                for (day, amount), cheque in zip_longest(payments, cheques)
            ]
        )
        self.env["omni.billing.activity.log"]._log_moves(
            "payment_planned",
            invoice,
            amount=total,
            note="\n".join(payment._describe() for payment in installments),
        )
        self._trigger_job()
        return installments.with_env(self.env)

    def _describe(self):
        """Write when how much is paid, and how."""
        self.ensure_one()
        parts = [
            format_date(self.env, self.date),
            format_amount(self.env, self.amount, self.currency_id),
            self.token_id.display_name or self.cheque_id.number,
        ]
        return " · ".join(filter(None, parts))

    # === ACTION METHODS === #

    def action_cancel(self):
        """Take planned payments off; nothing that was begun is undone."""
        self._check_staff()
        self._check_no_cheque()
        # sudo: they are the job's; the right to write on the invoices was checked.
        coming = self.sudo().filtered(
            lambda installment: installment.charge_state in ("due", "retry", "failed")
        )
        if not coming:
            raise UserError(
                self.env._("Only a payment that is still to come can be canceled.")
            )
        coming.write({"charge_state": "given_up"})
        coming.filtered("token_id")._end_agreed()
        return True

    def _end_agreed(self):
        """End what was agreed for payments of which none is to come any more."""
        for card, payments in self.grouped("token_id").items():
            coming = self.search(
                Domain("invoice_id", "in", payments.invoice_id.ids)
                & Domain("token_id", "=", card.id)
                & Domain("charge_state", "in", COMING_STATES)
            )
            over = payments.invoice_id - coming.invoice_id
            card._billing_end_singles(over, self.env._("The payments were canceled."))

    def action_open_invoice(self):
        self.ensure_one()
        return self.invoice_id.action_billing_open_detail()

    def _open_payment(self, mode):
        """Override: with the amount that was planned."""
        self._check_staff()
        self._check_no_cheque()
        action = super()._open_payment(mode)
        amount = min(self.amount_now, self.invoice_id.amount_residual)
        context = {"default_amount": amount, "default_installment_id": self.id}
        action["context"] = {**action["context"], **context}
        return action

    # === BUSINESS METHODS - CHEQUES === #

    def _check_no_cheque(self):
        for payment in self.filtered("cheque_id"):
            raise UserError(
                self.env._(
                    "This payment is cheque %(cheque)s: deposit or cancel the cheque,"
                    " in Billing > Runs > Cheques.",
                    cheque=payment.cheque_id.display_name,
                )
            )

    def _note_deposited(self):
        """Write that their cheque is at the bank; what nothing was left of is over."""
        for payment in self.filtered(lambda one: one.charge_state == "due"):
            payment.write({"charge_state": "paid", "paid_amount": payment.amount})

    def _end(self, reason):
        """Write that their cheque was given back, or bounced."""
        ended = self.filtered(lambda one: one.charge_state in ("due", "paid"))
        ended._give_up(reason)

    # === BUSINESS METHODS - CHARGE === #

    def _check_staff(self):
        self.env["omni.billing.payment.wizard"].check_access("create")
        self.invoice_id.check_access("write")

    def _trigger_job(self):
        # sudo: jobs are the administrator's.
        self.env.ref("omni_billing.ir_cron_charge_installments").sudo()._trigger()

    def _get_job_record(self):
        user = self.create_uid
        # sudo: the job charges, whoever planned it.
        record = self.with_user(user).sudo().with_company(self.company_id)
        return record.with_context(lang=user.lang)

    @api.model
    def _get_due_domain(self):
        today = self._get_latest_day()
        # A cheque is kept until somebody deposits it.
        due = Domain("charge_state", "=", "due") & Domain("cheque_id", "=", False)
        return (
            (due & Domain("date", "<=", today))
            | Domain("charge_state", "=", "open")
            | (
                Domain("charge_state", "=", "retry")
                & Domain("charge_date", "<=", today)
            )
        )

    def _is_its_day(self):
        """Override: on the day that was agreed, where the customer is."""
        if self.charge_state == "due" and self.date > self._get_today():
            return False
        return super()._is_its_day()

    def _get_charge_limit(self):
        return self.amount

    def _get_card(self):
        """Override: the card that was agreed, and no other."""
        return self.token_id

    def _explain_no_card(self):
        if self.is_by_card:
            return self.env._("The payment method is deleted. Choose another one.")
        # It is read on later days, too.
        return self.env._("Expected by now: record it when the money is here.")

    def _note_no_charge(self, reason):
        """Override: a card, or money, was agreed for this day, and is not there."""
        self._hand_over(reason)
        if self.is_by_card and not self._get_card():
            self._tell_customer("no_card")

    def _check_is_of(self, invoices):
        """Check that what is paid is the invoice of this scheduled payment.

        :param invoices: `account.move`, those that are paid.
        :raise UserError: if it is another one, or more than that one.
        """
        self.ensure_one()
        if self.invoice_id != invoices:
            raise UserError(
                self.env._("The scheduled payment is one of another invoice.")
            )

    @api.autovacuum
    def _gc_settled(self):
        """Override: each day."""
        return super()._gc_settled()

    def _settle(self):
        """Override: what was paid otherwise is no payment of the plan."""
        self._give_up(self.env._("It was paid otherwise: nothing was left to pay."))

    @api.model
    def _cron_charge(self):
        """Charge what is due today, and tell staff of what is expected; commits.

        Of debits that come the customer is told before, so that they come in time.
        """
        self._collect_due()
        self._announce_coming()

    def _apply_outcome(self, attempt):
        """Override: keep how much it was."""
        result = super()._apply_outcome(attempt)
        if self.charge_state == "paid" and attempt.state == "done":
            self.paid_amount = attempt.amount
        return result

    def _charge(self):
        """Override: what was paid otherwise is no payment of the plan."""
        before = self.amount_now
        if self.invoice_id.billing_state == "paid":
            reason = self.env._("It was paid otherwise: nothing was left to pay.")
            self._give_up(reason)
            return
        super()._charge()
        if self.charge_state == "paid" and not self.paid_amount:
            # Credit on file covered it.
            self.paid_amount = before

    def _give_up(self, reason):
        self.write(
            {"charge_state": "given_up", "charge_error": reason, "charge_date": False}
        )

    def _note_money(self, amount):
        """Write that money came, by the hand of staff.

        A part leaves it to staff, who see what is left.

        :param float amount: with taxes, in the currency of the invoice.
        """
        self.ensure_one()
        # sudo: they are the job's; who takes the money may tell so.
        payment, currency = self.sudo(), self.currency_id
        is_left = not currency.is_zero(payment.amount_now)
        if is_left and currency.compare_amounts(amount, payment.amount) < 0:
            return
        payment.write(
            {"charge_state": "paid", "charge_error": False, "paid_amount": amount}
        )
