from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.tools import format_date, format_list

from ..tools.numbers import format_amount
from .omni_billing_consent_wizard import STAFF_CHANNELS


class OmniBillingPaymentWizard(models.TransientModel):
    """Charging a card in the dialog: the customer is not there, so how was it agreed?

    Whoever agreed to automatic payment needs not be asked. Otherwise staff say how the
    customer agreed to just this sum, and that is kept (W32).
    """

    _inherit = "omni.billing.payment.wizard"

    needs_consent = fields.Boolean(compute="_compute_needs_consent")
    consent_channel = fields.Selection(
        STAFF_CHANNELS,
        string="How the Customer Agreed",
        help="To be charged just this, in this way. It is kept as evidence.",
    )
    consent_given_by = fields.Char(
        string="Who Agreed",
        compute="_compute_consent_given_by",
        store=True,
        readonly=False,
        precompute=True,
    )

    @api.depends("token_id", "mode", "amount", "invoice_ids")
    def _compute_needs_consent(self):
        for wizard in self:
            card = wizard.token_id._origin
            wizard.needs_consent = (
                wizard.mode == "stripe"
                and card.billing_is_charged
                and not wizard._is_bulk()
                and bool(wizard._explain_no_consent())
            )

    @api.depends("token_id")
    def _compute_consent_given_by(self):
        for wizard in self:
            wizard.consent_given_by = wizard.token_id.partner_id.display_name

    def _explain_no_consent(self):
        return self._explain_not_agreed(self.token_id._origin, self.amount)

    def _explain_not_agreed(self, card, amount, is_planned=False):
        """Return why the customer has to be asked for this sum, or nothing.

        :param bool is_planned: for later days: the customer is told before each.
        """
        charge = (amount, self.currency_id, self.invoice_ids._origin)
        if problem := card._billing_explain_no_consent(*charge):
            return problem
        consent = card._billing_find_consent(*charge)
        moves = charge[2]
        return not is_planned and card._billing_explain_no_notice(
            consent, amount, moves
        )

    def _charge(self):
        """Override: with a consent of the customer, asked for now or given before."""
        if self.token_id:
            self._record_consent()
        return super()._charge()

    def _record_plan_consent(self):
        """Keep that the customer agreed to payments on later days.

        :raise UserError: if it is not said how, and nothing was agreed before.
        """
        if self.mode == "stripe" and self.token_id:
            self._record_consent(
                [(line.date, line.amount) for line in self.plan_line_ids.sorted("date")]
            )

    def _record_consent(self, payments=()):
        """Keep that the customer agreed to this sum, where that is not known yet.

        :param payments: (day, amount) of a plan; none is a payment of now.
        """
        self.token_id._billing_check_card()
        total = sum(amount for _day, amount in payments) if payments else self.amount
        problem = self._explain_not_agreed(self.token_id, total, bool(payments))
        if not problem:
            return
        if not self.consent_channel:
            raise UserError(problem)
        self.invoice_ids._billing_check_token(self.token_id)
        self.token_id._billing_agree(
            self.consent_channel,
            "single",
            given_by=self.consent_given_by or self.partner_id.display_name,
            company_id=self.company_id.id,
            amount_limit=total,
            currency_id=self.currency_id.id,
            move_ids=self.invoice_ids.ids,
            text=self._get_single_words(total, payments),
        )

    def _get_single_words(self, total, payments):
        """Return what the customer agreed to, in the customer's language."""
        lang = self.partner_id.lang or self.env.lang
        env = self.with_context(lang=lang).env
        words = env._(
            "I agree that %(company)s charges %(amount)s to %(card)s for %(invoices)s.",
            company=self.company_id.name,
            amount=format_amount(env, total, self.currency_id),
            card=self.token_id.display_name,
            invoices=format_list(env, self.invoice_ids.mapped("display_name")),
        )
        days = [
            f"{format_date(env, day)}: {format_amount(env, amount, self.currency_id)}"
            for day, amount in payments
        ]
        return "\n".join([words, *days])
