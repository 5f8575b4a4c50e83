import logging

from odoo import api, fields, models

from ...exceptions import GatewayRefused, GatewayUnknown
from ...tools.debit import DEBITS

_logger = logging.getLogger(__name__)


class PaymentToken(models.Model):
    """A bank account that is debited, by the mandate of its owner (W33).

    It is charged as a card is, where the company wants that. What its owner agreed to
    is a consent as for a card; beside it stands the mandate, which the bank knows, and
    that anybody may end: the owner, the bank, or Stripe.
    """

    _inherit = "payment.token"

    billing_is_charged = fields.Boolean(
        string="Charged Here",
        compute="_compute_billing_is_charged",
        store=True,
        help="A card, or a bank account if the company debits those.",
    )
    billing_mandate_ref = fields.Char(
        string="Mandate Reference",
        readonly=True,
        copy=False,
        help="By which the owner and the bank know the mandate.",
    )
    billing_mandate_state = fields.Selection(
        [("active", "Valid"), ("pending", "Pending"), ("inactive", "Ended")],
        string="Mandate Status",
        readonly=True,
        copy=False,
        help="As far as Stripe has told. Empty: it was not asked yet.",
    )
    billing_mandate = fields.Char(string="Mandate", compute="_compute_billing_mandate")

    @api.depends("billing_is_card", "payment_method_id", "company_id.billing_debits")
    def _compute_billing_is_charged(self):
        for token in self:
            token.billing_is_charged = token.billing_is_card or bool(
                token.company_id.billing_debits and token._billing_get_debit()
            )

    @api.depends("billing_mandate_ref", "billing_mandate_state")
    @api.depends_context("lang")
    def _compute_billing_mandate(self):
        states = dict(
            self._fields["billing_mandate_state"]._description_selection(self.env)
        )
        for token in self:
            words = (token.billing_mandate_ref, states.get(token.billing_mandate_state))
            token.billing_mandate = " · ".join(filter(None, words))

    # === BUSINESS METHODS === #

    def _billing_get_debit(self):
        """Return the `Debit` that it is charged by; None for a card."""
        # sudo: customers read neither providers nor methods.
        return self.sudo().payment_method_id._billing_get_debit(
            self.sudo().provider_code  # sudo: as above
        )

    def _billing_is_charged_like(self, other):
        """Whether both are cards, or accounts debited by the same scheme."""
        return self._billing_get_debit() == other._billing_get_debit()

    def _billing_name_mandate(self):
        """Return what the mandate is known by, for evidence; nothing for a card."""
        # sudo: as above
        token = self.sudo()
        return token.billing_mandate_ref or token.stripe_mandate or False

    def _billing_explain_no_debit(self, currency):
        """Return why a bank account cannot be debited, or nothing.

        :param currency: `res.currency` of what is owed.
        """
        debit = self._billing_get_debit()
        if not debit:
            return ""
        if self.billing_mandate_state == "inactive":
            return self.env._(
                "The mandate of %(account)s has ended, so it is not debited any more."
                " Nothing was charged: ask the customer to add the account again, or"
                " another way to pay.",
                account=self.display_name,
            )
        if currency.name not in debit.currencies:
            return self.env._(
                "%(account)s can be debited in %(possible)s, and this is in"
                " %(currency)s. Nothing was charged: choose another way to pay.",
                account=self.display_name,
                possible=", ".join(debit.currencies),
                currency=currency.name,
            )
        return ""

    def _billing_read_mandate(self):
        """Ask Stripe how the mandate stands, and end what it allowed if it has ended.

        :raise GatewayRefused, GatewayUnknown: if Stripe does not tell.
        """
        self.ensure_one()
        if not self.stripe_mandate:
            return
        mandate = self.provider_id._billing_get_gateway().get_mandate(
            self.stripe_mandate
        )
        if not mandate or mandate.status == "inactive":
            self._billing_end_mandate(self.env._("The mandate has ended."))
        if mandate:
            self.billing_mandate_ref = mandate.reference
        if mandate and mandate.status != "inactive":
            self.billing_mandate_state = (
                "pending" if mandate.status == "pending" else "active"
            )

    def _billing_try_read_mandate(self):
        """Ask how it stands, where nothing depends on the answer."""
        try:
            self._billing_read_mandate()
        except (GatewayRefused, GatewayUnknown) as error:
            _logger.warning("Mandate of %s was not read: %s", self.id, error)

    def _billing_end_mandate(self, why):
        """Note that the account is debited no more, and end what was agreed.

        :param str why: told in the consents.
        """
        self.filtered(
            lambda token: token.billing_mandate_state != "inactive"
        ).billing_mandate_state = "inactive"
        self._billing_withdraw(why)


class PaymentMethod(models.Model):
    _inherit = "payment.method"

    def _billing_get_debit(self, provider_code="stripe"):
        """Return the kind of debit that this is at Stripe, a `Debit`, if it is one."""
        return DEBITS.get(self.code) if provider_code == "stripe" else None
