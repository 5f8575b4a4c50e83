from functools import partial

from dateutil.relativedelta import relativedelta

from odoo import Command, api, fields, models
from odoo.exceptions import UserError
from odoo.tools import float_round, format_list

from ..tools.notice import close, notice
from ..tools.numbers import format_amount
from ..tools.recurrence import Recurrence
from .omni_billing_dialog_mixin import once

#: So many payments are proposed at most.
MAX_INSTALLMENTS = 120


class OmniBillingPaymentWizard(models.TransientModel):
    """Pay one invoice or many: one amount, the oldest invoice first (F132, F205)."""

    _name = "omni.billing.payment.wizard"
    _inherit = ["omni.billing.dialog.mixin", "omni.billing.money.mixin"]
    _description = "Pay Invoices"

    invoice_ids = fields.Many2many("account.move", string="Invoices", required=True)
    company_id = fields.Many2one("res.company", compute="_compute_from_invoices")
    partner_id = fields.Many2one(
        "res.partner", string="Customer", compute="_compute_from_invoices"
    )
    currency_id = fields.Many2one("res.currency", compute="_compute_from_invoices")
    is_bulk = fields.Boolean(
        compute="_compute_from_invoices",
        help="The invoices are not one customer's: each is paid for itself, in full.",
    )
    amount_due = fields.Monetary(compute="_compute_from_invoices")
    setup_problem = fields.Char(
        compute="_compute_setup_problem", help="What the company lacks to take money."
    )
    credit_available = fields.Monetary(
        string="Credit on File", compute="_compute_from_invoices"
    )
    mode = fields.Selection(
        [
            ("stripe", "Card or Bank Debit"),
            ("cash", "Cash"),
            ("pos", "POS Terminal"),
            ("bank", "Bank Transfer"),
            ("cheque", "Cheque"),
            ("credit", "Credit on File"),
        ],
        required=True,
        default="cash",
    )
    token_id = fields.Many2one(
        "payment.token",
        string="Payment Method",
        compute="_compute_token_id",
        store=True,
        readonly=False,
        precompute=True,
        domain="[('billing_is_charged', '=', True),"
        " ('partner_id', 'child_of', partner_id)]",
    )
    lacks_card = fields.Boolean(compute="_compute_lacks_card")
    amount = fields.Monetary(
        compute="_compute_amount", store=True, readonly=False, precompute=True
    )

    installment_id = fields.Many2one(
        "omni.billing.installment",
        readonly=True,
        help="The scheduled payment that this is, if any.",
    )

    attempt_id = fields.Many2one(
        "payment.transaction", readonly=True, groups="base.group_system"
    )
    external_ref = fields.Char(
        string="External Reference",
        help="Identifies the payment in the system that it comes from. Unique in a"
        " company: who sends it again gets the first answer, and nothing is paid"
        " twice.",
    )

    # === Post-dated payments (F148) === #
    is_single = fields.Boolean(compute="_compute_from_invoices")
    is_post_dated = fields.Boolean(
        string="On Later Days",
        help="In one or several payments: saved cards and accounts are charged on the"
        " day, other money is expected then. Credit on file is used at once.",
    )
    frequency = fields.Selection(
        [("once", "Once"), ("week", "Weekly"), ("month", "Monthly")],
        required=True,
        default="once",
    )
    date_first = fields.Date(string="First Payment", default=fields.Date.context_today)
    date_last = fields.Date(
        string="Until",
        compute="_compute_date_last",
        store=True,
        readonly=False,
        precompute=True,
    )
    plan_line_ids = fields.One2many(
        "omni.billing.plan.line",
        "wizard_id",
        string="Payments",
        compute="_compute_plan_line_ids",
        store=True,
        readonly=False,
        precompute=True,
    )

    # === COMPUTE METHODS === #

    @api.depends("invoice_ids")
    def _compute_from_invoices(self):
        for wizard in self:
            # As they are in the books, not as the form holds them.
            invoices = wizard.invoice_ids._origin
            wizard.is_bulk = wizard._is_bulk()
            wizard.is_single = len(invoices) == 1
            wizard.company_id = invoices.company_id[:1]
            wizard.partner_id = invoices.commercial_partner_id[:1]
            wizard.currency_id = invoices.currency_id[:1]
            wizard.amount_due = sum(invoices.mapped("amount_residual"))
            wizard.credit_available = invoices._billing_get_credit()

    @api.depends("invoice_ids", "mode")
    def _compute_setup_problem(self):
        for wizard in self:
            is_by_hand = wizard.mode in ("cash", "pos", "bank") and wizard.company_id
            wizard.setup_problem = (
                is_by_hand
                and wizard.company_id._billing_explain_no_payment_journal(wizard.mode)
            )

    @api.depends("invoice_ids", "mode", "is_post_dated")
    def _compute_amount(self):
        for wizard in self:
            wizard.amount = (
                wizard.invoice_ids._origin._billing_get_usable_credit()
                if wizard.mode == "credit"
                else wizard.amount_due - wizard._get_planned_amount()
                if wizard.is_post_dated
                else wizard.amount_due
            )

    @api.depends("frequency", "date_first")
    def _compute_date_last(self):
        """Propose three payments."""
        for wizard in self:
            span = {"week": relativedelta(weeks=2), "month": relativedelta(months=2)}
            wizard.date_last = wizard.date_first and wizard.date_first + span.get(
                wizard.frequency, relativedelta()
            )

    @api.depends("is_post_dated", "frequency", "date_first", "date_last", "amount")
    def _compute_plan_line_ids(self):
        """Propose equal payments; the last one has the rest of the cents (F149)."""
        for wizard in self:
            dates = wizard._get_plan_dates() if wizard.is_post_dated else []
            rest, lines = wizard.amount, [Command.clear()]
            for number, day in enumerate(dates, start=1):
                share = rest
                if number < len(dates):
                    share = float_round(
                        wizard.amount / len(dates),
                        precision_rounding=wizard.currency_id.rounding,
                        rounding_method="DOWN",
                    )
                rest = wizard.currency_id.round(rest - share)
                lines.append(Command.create({"date": day, "amount": share}))
            wizard.plan_line_ids = lines

    @api.depends("invoice_ids")
    def _compute_token_id(self):
        """The default card is pre-selected (F133)."""
        for wizard in self:
            cards = wizard.partner_id._billing_get_cards(wizard.company_id)
            wizard.token_id = cards[:1]

    @api.depends("invoice_ids")
    def _compute_lacks_card(self):
        for wizard in self:
            cards = wizard.partner_id._billing_get_cards(wizard.company_id)
            wizard.lacks_card = not wizard.is_bulk and not cards

    # === CRUD METHODS === #

    @api.model
    def default_get(self, fields_list):
        """Override: the dialog starts with the default card, if there is one (F133).

        A program that names no mode pays in cash as ever: nothing is charged that
        nobody asked for.
        """
        values = super().default_get(fields_list)
        proposes = self.env.context.get("billing_propose_mode")
        is_plain = "default_mode" not in self.env.context
        if proposes and is_plain and values.get("mode") == "cash":
            invoices = self.new({"invoice_ids": values.get("invoice_ids")}).invoice_ids
            if self._has_default_card(invoices._origin):
                values["mode"] = "stripe"
        return values

    @api.model
    def _has_default_card(self, invoices):
        """Whether a saved card is what the customer of all of these pays with."""
        if len(invoices._billing_group_together()) != 1:
            return False
        customer = invoices.commercial_partner_id
        card = customer._billing_get_cards(invoices.company_id)[:1]
        return card.billing_is_default and not card.billing_is_expired

    @api.model_create_multi
    def create(self, vals_list):
        """Override: one that is sent again asks for what was paid, not for the rest."""
        wizards = super().create(vals_list)
        is_default = "default_amount" in self.env.context
        for wizard, values in zip(wizards, vals_list, strict=True):
            known = wizard._find_known()
            is_free = wizard.mode != "cheque" and "amount" not in values
            if known and is_free and not is_default:
                wizard.amount = known.amount
        return wizards

    # === ACTION METHODS === #

    def action_card_link(self):
        """Open the link by which the customer saves a card (F125, F130)."""
        self.ensure_one()
        action = self.partner_id.action_billing_card_link()
        action["context"]["default_company_id"] = self.company_id.id
        return action

    @once
    def action_pay(self):
        """Take the money, or use the credit, and reconcile it with the invoices.

        :raise UserError: if an invoice cannot be paid, or the amount is not within
            what is owed (F157), or the external reference is that of another payment.
        """
        if self._is_bulk():
            return self._start_bulk()
        known = self._find_known()
        if known:
            known._check_same(self.invoice_ids, self._get_amount(), self.mode)
            if known.result:
                return known.result
            # The answer was lost; what became of the charge is asked for.
            # sudo: attempts are internal.
            self.sudo().attempt_id = known.attempt_id
        owed = [(move, move.amount_residual) for move in self.invoice_ids]
        self._pay()
        paid = [move.id for move, amount in owed if move.amount_residual != amount]
        # What was paid the first time has not changed at the second.
        result = self._describe(self.invoice_ids.browse(paid) or self.invoice_ids)
        if not self._is_under_way():
            # sudo: it is written by payments alone.
            self._find_known().sudo().result = result
        return result

    def _start_bulk(self):
        if self.mode == "cheque":
            raise UserError(
                self.env._("Take the cheques of one customer after the other.")
            )
        if self.external_ref:
            raise UserError(
                self.env._(
                    "The invoices are not one customer's, or not in one company,"
                    " currency and receivable account: send a payment with a reference"
                    " of its own for each."
                )
            )
        return self.env["omni.billing.bulk"]._start(
            "pay",
            self.invoice_ids._billing_sort_by_due(),
            mode=self.mode,
            reference=self.reference,
            date=self.date,
        )

    def _describe(self, paid):
        """Return the action that tells what was paid.

        :param paid: `account.move`, of the invoices those that money went to.
        """
        invoices = paid._billing_sort_by_due()
        names = format_list(self.env, invoices.mapped("name"))
        if collecting := paid._billing_find_collecting():
            message = collecting[0]._billing_explain_collecting()
            return notice(message, "info", sticky=True, after=close())
        if self._is_under_way():
            message = self.env._(
                "Stripe has not confirmed the payment of %(invoices)s yet. It is"
                " asked again every few minutes; nothing is charged twice.",
                invoices=names,
            )
            return notice(message, "warning", sticky=True, after=close())
        if self.mode == "cheque":
            return self._describe_cheques(names)
        message = self.env._(
            "%(amount)s paid on %(invoices)s.",
            amount=format_amount(self.env, self.amount, self.currency_id),
            invoices=names,
        )
        return notice(message, after=close())

    @once
    def action_plan(self):
        """Plan payments on later days (F148).

        :raise UserError: if they cannot be planned; the message says why.
        """
        if self.mode == "cheque":
            raise UserError(
                self.env._("The day of a cheque is written on it: enter it there.")
            )
        if self.mode == "credit":
            raise UserError(
                self.env._(
                    "Credit on file is used at once: it cannot pay on a later day."
                )
            )
        if not self.is_single:
            raise UserError(
                self.env._("Plan the payments of one invoice after the other.")
            )
        card = self.token_id if self.mode == "stripe" else None
        if self.mode == "stripe" and not card:
            self._raise_no_card()
        self._record_plan_consent()
        installments = self.env["omni.billing.installment"]._plan(
            self.invoice_ids,
            [(line.date, line.amount) for line in self.plan_line_ids],
            card,
        )
        message = self.env._(
            "Payments planned for %(invoice)s: %(count)s.",
            invoice=self.invoice_ids.display_name,
            count=len(installments),
        )
        return notice(message, after=close())

    # === BUSINESS METHODS === #

    def _is_under_way(self):
        """Override: a charge whose outcome is unknown is asked for, never repeated."""
        # sudo: attempts are internal.
        return self.sudo().attempt_id.billing_is_open

    def _get_hold_names(self):
        """Override: another dialog with the same reference waits too."""
        names = super()._get_hold_names()
        if self.external_ref:
            names.append(f"payment,{self.company_id.id},{self.external_ref}")
        return names

    def _find_known(self):
        """Return the payment that was made with this external reference, if any."""
        self.ensure_one()
        return self.env["omni.billing.payment.ref"]._find(
            self.company_id, self.external_ref
        )

    def _pay(self):
        """Pay, see `action_pay`; commits."""
        # sudo: attempts are internal.
        attempt = self.sudo().attempt_id
        if attempt and attempt.state not in ("error", "cancel"):
            # This dialog has charged the card, and its answer was lost.
            attempt._billing_resolve()
            self._take_outcome(attempt)
            return
        if self.installment_id:
            self.installment_id._check_is_of(self.invoice_ids)
        if self.mode == "stripe":
            self._charge()
            return
        self.invoice_ids._billing_settle_attempts()
        if self.mode == "cheque":
            self._take_cheques()
            return
        if self.mode == "credit":
            self.invoice_ids._billing_use_credit(self.amount)
            self._keep_ref()
            return
        self.invoice_ids._billing_pay(
            self.mode,
            self.amount,
            self.date,
            self.reference,
            note_down=self._note_payment,
            prepare=partial(self._prepare_payment_values, "inbound"),
        )

    def _charge(self):
        """Charge the card; commits (see `account.move._billing_charge`).

        :raise UserError: if the card was declined; the message says what helps.
        """
        if not self.token_id:
            self._raise_no_card()
        invoices = self.invoice_ids._billing_sort_by_due()
        invoices._billing_check_entered(self.amount)
        # sudo: attempts and scheduled payments are internal.
        attempt = invoices._billing_charge(
            self.token_id, self.amount, note_down=self.sudo()._note_attempt
        )
        self._take_outcome(attempt)

    def _raise_no_card(self):
        raise UserError(
            self.env._(
                "No payment method found. Send the customer a link to save a card, or"
                " take the money in another way."
            )
        )

    def _take_outcome(self, attempt):
        """Tell who waits for it; refuse what was declined."""
        # sudo: scheduled payments are internal.
        if installment := self.sudo().installment_id:
            installment._take_outcome(attempt)
        attempt._billing_check_not_declined()

    def _note_attempt(self, attempt):
        """Write that this dialog has its attempt; it is committed with it."""
        self.attempt_id = attempt
        self._keep_ref(attempt_id=attempt.id)
        if self.installment_id:
            self.installment_id._note_down(attempt)

    def _note_payment(self, payment):
        """Write what the money was for; it is committed with the payment."""
        self._keep_ref(payment_id=payment.id)
        if self.installment_id:
            self.installment_id._note_money(self.amount)

    def _keep_ref(self, **links):
        """Keep what this dialog pays under its external reference, if it has one."""
        self.env["omni.billing.payment.ref"]._keep(
            self.external_ref, self.invoice_ids, self._get_amount(), self.mode, **links
        )

    def _prepare_payment_values(self, direction):
        """Return the values of the payment. Hook, by its former name.

        It is of what is paid in the dialog. `account.payment._billing_prepare_values`
        is of all money by hand: extend that.

        :param str direction: ``inbound``.
        """
        return self.invoice_ids._billing_prepare_payment_values(
            self.mode, self.amount, self.date, self.reference
        )

    # === HELPERS === #

    def _get_amount(self):
        """Return what is paid, with taxes, in the currency of the invoices. Hook."""
        return self.amount

    def _get_planned_amount(self):
        """Return what is planned already of what is owed."""
        coming = self.invoice_ids._origin._billing_get_coming_payments()
        return sum(coming.mapped("amount_now"))

    def _get_plan_dates(self):
        """Return the days of the payments, from the first to the last."""
        self.ensure_one()
        if not self.date_first:
            return []
        if self.frequency == "once":
            return [self.date_first]
        last = self.date_last or self.date_first
        recurrence = Recurrence(self.date_first, self.frequency)
        dates = (recurrence.get_whole(n).first for n in range(MAX_INSTALLMENTS))
        return [day for day in dates if day <= last]

    def _is_bulk(self):
        return len(self.invoice_ids._origin._billing_group_together()) > 1


class OmniBillingPlanLine(models.TransientModel):
    """A payment that is about to be planned (F148)."""

    _name = "omni.billing.plan.line"
    _inherit = "omni.billing.dialog.mixin"
    _description = "Payment to Plan"
    _order = "date, id"

    wizard_id = fields.Many2one(
        "omni.billing.payment.wizard", required=True, index=True, ondelete="cascade"
    )
    currency_id = fields.Many2one(related="wizard_id.currency_id")
    date = fields.Date(required=True)
    amount = fields.Monetary(required=True)
