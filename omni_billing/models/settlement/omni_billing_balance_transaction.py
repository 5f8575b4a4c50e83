from collections import Counter
from dataclasses import replace

from odoo import api, fields, models
from odoo.fields import Domain

from odoo.addons.payment import utils as payment_utils
from odoo.addons.payment_stripe import const as stripe_const

from ...tools.insert import insert_once
from ...tools.money import round_to
from ...tools.retell import KeptSentence

#: Money of a customer, and money that goes back: who asks for them books them.
CHARGES = ("charge", "payment")
REFUNDS = ("refund", "payment_refund")
#: A refund that did not reach the customer.
FAILED_REFUNDS = ("refund_failure", "payment_failure_refund")
#: What Stripe takes for itself, apart from a charge.
FEES = ("stripe_fee", "stripe_fx_fee", "tax_fee")
#: A payout that came back from the bank.
RETURNS = ("payout_failure", "payout_cancel")
DISPUTES = ("dispute", "dispute_reversal")


class OmniBillingBalanceTransaction(models.Model):
    """A movement of Stripe's balance, and the journal item that it meets.

    What customers paid and got back is booked already, on the clearing account. The
    entry of a payout takes it off there, one item for each movement, and each item is
    reconciled with the one that it is of.
    """

    _name = "omni.billing.balance.transaction"
    _inherit = "omni.billing.server.mixin"
    _description = "Movement of Stripe's Balance"
    _order = "date, id"
    _rec_name = "reference"

    provider_id = fields.Many2one(
        "payment.provider", required=True, readonly=True, ondelete="restrict"
    )
    company_id = fields.Many2one("res.company", required=True, readonly=True)
    reference = fields.Char(string="Stripe's ID", required=True, readonly=True)
    date = fields.Date(required=True, readonly=True)
    kind = fields.Char(string="Type", required=True, readonly=True)
    category = fields.Char(readonly=True)
    currency_id = fields.Many2one("res.currency", required=True, readonly=True)
    amount = fields.Monetary(string="Gross", readonly=True)
    fee = fields.Monetary(readonly=True, help="Tax included.")
    fee_tax = fields.Monetary(string="Tax in It", readonly=True)
    net = fields.Monetary(readonly=True)
    exchange_rate = fields.Float(
        digits=0,
        readonly=True,
        help="How much of this currency Stripe gave for one of the customer's.",
    )
    source_kind = fields.Char(string="Kind of Source", readonly=True)
    source_ref = fields.Char(string="Source", readonly=True, index="btree_not_null")
    source_amount = fields.Monetary(
        string="Amount of the Source",
        currency_field="source_currency_id",
        readonly=True,
    )
    source_currency_id = fields.Many2one("res.currency", readonly=True)
    intent_ref = fields.Char(string="Payment at Stripe", readonly=True)
    attempt_ref = fields.Char(
        string="Payment Here",
        readonly=True,
        help="The reference of a payment that was made from this database.",
    )
    transaction_id = fields.Many2one(
        "payment.transaction",
        string="Payment",
        readonly=True,
        ondelete="restrict",
        index="btree_not_null",
    )
    dispute_id = fields.Many2one(
        "omni.billing.dispute", readonly=True, index="btree_not_null"
    )
    payout_id = fields.Many2one(
        "omni.billing.payout", readonly=True, index="btree_not_null"
    )
    counterpart_id = fields.Many2one(
        "account.move.line",
        string="Booked As",
        readonly=True,
        index="btree_not_null",
        help="Where it was booked when it happened.",
    )
    line_id = fields.Many2one(
        "account.move.line",
        string="Paid Out As",
        readonly=True,
        index="btree_not_null",
        help="The item of the payout's entry.",
    )
    move_id = fields.Many2one(
        "account.move",
        string="Entry",
        readonly=True,
        index="btree_not_null",
        help="The entry of its own, of what a dispute moved.",
    )
    problem = KeptSentence(readonly=True)
    is_matched = fields.Boolean(string="Matched", readonly=True)

    _reference_uniq = models.Constraint(
        "UNIQUE(provider_id, reference)", "A movement is known once."
    )

    # === WHAT STRIPE TELLS === #

    @api.model
    def _note(self, provider, movements, **links):
        """Write movements down, each once; return them.

        :param list movements: `gateways.stripe_balance.Movement`.
        :param links: what all of them are of: ``payout_id``, ``dispute_id``.
        """
        # One of its providers, always the same, has them all.
        provider = provider._billing_find_same_account()[:1] or provider
        known = self._find(provider, movements).grouped("reference")
        values = [
            self._prepare_values(provider, each)
            for each in self._round(movements, known)
            if each.id not in known
        ]
        insert_once(self, ("provider_id", "reference"), values)
        rows = self._find(provider, movements)
        rows.write(links)
        return rows

    @api.model
    def _round(self, movements, known):
        """Return movements with amounts that the books can hold.

        Stripe counts cents of some currencies that have none here. What rounding leaves
        is in the fee of the next, so that all of them still come to the payout.

        :param dict known: the rows of movements that are known already.
        """
        left, rounded = Counter(), []
        codes = {each.currency for each in movements}
        currencies = {code: self._find_currency(code) for code in codes}
        for each in movements:
            code, currency = each.currency, currencies[each.currency]
            unit = currency and self._to_minor(currency.rounding, currency)
            row = known.get(each.id)
            after = each
            if unit and unit > 1:
                after = self._round_one(each, unit, left[code])
                net = self._to_minor(row.net, currency) if row else after.net
                left[code] += each.net - net
            rounded.append(after)
        return rounded

    @api.model
    def _round_one(self, movement, unit, left):
        is_fee = movement.type in FEES
        if movement.fee or is_fee:
            net = round_to(movement.net + left, unit)
        else:
            # Nothing is taken of what a customer gets back.
            net = round_to(movement.net, unit)
        amount = net if is_fee else round_to(movement.amount, unit)
        fee, tax = amount - net, round_to(movement.tax, unit)
        if not is_fee and abs(tax) > abs(fee):
            tax = fee
        return replace(movement, amount=amount, net=net, fee=fee, tax=tax)

    @api.model
    def _find_disputed(self, provider, movements, rows):
        """Return the payment at Stripe of each dispute that has moved more than is
        known of it, by its id.

        :param list movements: what a payout is made of, as it is read first.
        :param rows: the same, as it was written down.
        """
        known = self._find(provider, movements).filtered("dispute_id")
        known = set(known.mapped("reference"))
        named = {
            each.source: each.intent
            for each in movements
            if each.kind == "dispute" and each.id not in known
        }
        return named | {
            row.source_ref: row.intent_ref
            for row in rows
            if row.category in DISPUTES and row.source_ref and not row.dispute_id
        }

    def _find(self, provider, movements):
        if not movements:
            return self.browse()
        return self.search(
            Domain("provider_id", "in", provider._billing_find_same_account().ids)
            & Domain("reference", "in", [each.id for each in movements])
        )

    @api.model
    def _prepare_values(self, provider, movement):
        currency = self._find_currency(movement.currency)
        is_ours = movement.database == provider._billing_get_uuid()
        source_currency = self.env["res.currency"]
        if movement.source_currency:
            source_currency = self._find_currency(movement.source_currency)
        return {
            "provider_id": provider.id,
            "company_id": provider.company_id.id,
            "reference": movement.id,
            "date": self._to_day(provider.company_id, movement.created),
            "kind": movement.type,
            "category": movement.category,
            "currency_id": currency.id,
            "amount": self._to_major(movement.amount, currency),
            "fee": self._to_major(movement.fee, currency),
            "fee_tax": self._to_major(movement.tax, currency),
            "net": self._to_major(movement.net, currency),
            "exchange_rate": movement.rate,
            "source_kind": movement.kind or None,
            "source_ref": movement.source or None,
            "source_amount": self._to_major(movement.source_amount, source_currency),
            "source_currency_id": source_currency.id or None,
            "intent_ref": movement.intent or None,
            "attempt_ref": movement.reference if is_ours else None,
            "is_matched": False,
        }

    @api.model
    def _find_currency(self, code):
        """Return a currency by Stripe's code, also one that is archived."""
        currencies = self.env["res.currency"].with_context(active_test=False)
        return currencies.search([("name", "=", code.upper())], limit=1)

    @api.model
    def _to_major(self, amount, currency):
        """Return an amount of Stripe's in the units of its currency."""
        if not currency:
            return 0
        decimals = stripe_const.CURRENCY_DECIMALS.get(currency.name)
        return payment_utils.to_major_currency_units(
            amount, currency, arbitrary_decimal_number=decimals
        )

    @api.model
    def _to_minor(self, amount, currency):
        """Return an amount as Stripe writes it."""
        decimals = stripe_const.CURRENCY_DECIMALS.get(currency.name)
        return payment_utils.to_minor_currency_units(
            amount, currency, arbitrary_decimal_number=decimals
        )

    @api.model
    def _to_day(self, company, moment):
        """Return the day of a moment in UTC, where the company is."""
        zone = company.partner_id.tz or self.env.ref("base.user_admin").tz or "UTC"
        return fields.Datetime.context_timestamp(
            self.with_context(tz=zone), moment
        ).date()

    @api.model
    def _get_today(self, company):
        """Return the day of today where the company is."""
        return self._to_day(company, fields.Datetime.now())

    # === WHAT IS BOOKED OF THEM === #

    def _find_counterparts(self):
        """Find the journal items of what happened, for rows that have none yet.

        Each is found by Stripe's id, and has to be of the same amount.
        """
        rows = self.filtered(lambda row: not row.counterpart_id)
        rows.problem = False
        for row, payment in rows._find_payments().items():
            row._take(payment)
        for row in rows.filtered(lambda row: row.category in DISPUTES):
            line = row._find_own_line()
            row.counterpart_id = line
            if not line:
                row.problem = self.env._("Its dispute is not booked.")
        for row in rows.filtered(lambda row: row.kind in RETURNS):
            row.counterpart_id = row._find_source()._find_return_line()
        for row in rows.filtered(lambda row: row.kind == "payout"):
            row.counterpart_id = row._find_source()._find_reversal_line()
        for row in rows:
            if row._needs_counterpart() and not row.counterpart_id and not row.problem:
                row.problem = row._explain_unknown()

    def _explain_unknown(self):
        """Return what to do about a movement that has no item in the books."""
        self.ensure_one()
        # sudo: Odoo keeps transactions from those who read payouts.
        refunds = self.env["payment.transaction"].sudo()
        if self.kind in FAILED_REFUNDS:
            refunds = refunds.search(
                Domain("provider_id", "in", self._find_account_providers().ids)
                & Domain("operation", "=", "refund")
                & Domain("provider_reference", "=", self.source_ref),
                limit=1,
            )
        if not refunds:
            return self.env._("Nothing of it is known here.")
        return self.env._(
            "The refund %(refund)s (%(reference)s) came back to Stripe. Give it back in"
            " another way, book that against this item of the clearing account, and"
            " reconcile the two.",
            refund=refunds.reference,
            reference=self.source_ref,
        )

    def _needs_counterpart(self):
        self.ensure_one()
        return self.kind not in FEES

    def _find_payments(self):
        """Return the `payment.transaction` of each row that is of one."""
        # sudo: Odoo keeps transactions from those who read payouts.
        Transaction = self.env["payment.transaction"].sudo()
        charges = self.filtered(lambda row: row.kind in CHARGES)
        refunds = self.filtered(lambda row: row.kind in REFUNDS)
        names = charges.mapped("intent_ref") + refunds.mapped("source_ref")
        attempts = self.mapped("attempt_ref")
        found = Transaction.search(
            Domain("provider_id", "in", self._find_account_providers().ids)
            & (
                Domain("provider_reference", "in", [name for name in names if name])
                | Domain("reference", "in", [name for name in attempts if name])
            )
        )
        by_name = {}
        for tx in found:
            is_refund = tx.operation == "refund"
            by_name[is_refund, tx.reference] = tx
            by_name[is_refund, tx.provider_reference] = tx
        return {
            row: by_name[key]
            for rows, is_refund, name in (
                (charges, False, "intent_ref"),
                (refunds, True, "source_ref"),
            )
            for row in rows
            for key in ((is_refund, row[name]), (is_refund, row.attempt_ref))
            if key[1] and key in by_name
        }

    def _find_account_providers(self):
        return self.provider_id._billing_find_same_account()

    def _take(self, tx):
        """Find the item of a payment, or of a refund, in the books."""
        self.ensure_one()
        self.transaction_id = tx
        sign = -1 if self.kind in REFUNDS else 1
        for payment in (
            tx._billing_get_captured()._billing_get_payments() | tx.payment_id
        ):
            line = payment.move_id.line_ids.filtered(
                lambda line, payment=payment: (
                    line.account_id == payment.outstanding_account_id
                )
            )
            is_same = (
                len(line) == 1
                and line.currency_id == self.source_currency_id
                and not line.currency_id.compare_amounts(
                    line.amount_currency, sign * self.source_amount
                )
            )
            if is_same and payment.move_id.state == "posted":
                self.counterpart_id = line
                return
        self.problem = (
            self.env._(
                "%(payment)s is booked with another amount.", payment=tx.reference
            )
            if tx.payment_id
            else self.env._("%(payment)s is not booked yet.", payment=tx.reference)
        )

    def _find_own_line(self):
        """Return the item on the clearing account of what a dispute moved."""
        lines = self.move_id.line_ids.sorted("id")
        return lines.filtered(
            lambda line: (
                not self.currency_id.compare_amounts(line.amount_currency, self.net)
            )
        )[-1:]

    def _find_source(self):
        """Return the payout that it is of: one that came back, or took another back."""
        return self.env["omni.billing.payout"]._find(self.provider_id, self.source_ref)

    def _is_awaited(self):
        """Whether it is of a payment of ours whose books are not there yet."""
        self.ensure_one()
        tx = self.transaction_id
        return bool(tx and not self.counterpart_id and not tx.payment_id)

    def _match(self):
        """Reconcile what was paid out with what it is of; batches."""
        plan = []
        for row in self:
            item, found = row.line_id, row.counterpart_id
            is_possible = (
                item.account_id == found.account_id and item.account_id.reconcile
            )
            if not is_possible or item.reconciled:
                continue
            if found.reconciled:
                row.problem = self.env._(
                    "It was matched with something else on the clearing account: undo"
                    " that, or correct it by an entry."
                )
            else:
                plan.append(item + found)
        if plan:
            self.env["account.move.line"]._reconcile_plan(plan)

    def _update_matched(self):
        """Write down which are matched, whoever matched them: a person may, too."""
        matched = self.filtered(lambda row: row._look_matched())
        news = self.filtered(lambda row: not row.is_matched or row.problem)
        (matched & news).write({"is_matched": True, "problem": False})
        (self - matched).filtered("is_matched").is_matched = False

    def _look_matched(self):
        self.ensure_one()
        if not self._needs_counterpart():
            return bool(self.payout_id.move_id)
        if self.line_id.account_id.reconcile:
            return self.line_id.reconciled
        return bool(self.line_id and self.counterpart_id)
