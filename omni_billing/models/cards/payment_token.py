import logging

from dateutil.relativedelta import relativedelta

from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError
from odoo.fields import Domain

from ...exceptions import GatewayRefused, GatewayUnknown
from ...tools.database import commit
from ...tools.write_guard import is_trusted, trust, without_any_default

_logger = logging.getLogger(__name__)

#: Days before a card expires at which its owner is told (W5).
NOTICE_DAYS = 30
#: In the context, as ``billing_is_detached``: Stripe knows that the card is gone. No
#: client can send this very object.
DETACHED = object()


class PaymentToken(models.Model):
    """What a saved card tells: brand, number, expiry; and which is charged first.

    Odoo saves bank accounts (SEPA) as tokens too: payment_token_debit.py.
    """

    _inherit = "payment.token"

    billing_is_card = fields.Boolean(
        string="Is a Card",
        compute="_compute_billing_is_card",
        store=True,
        help="Saved at Stripe, and no bank account.",
    )
    billing_brand = fields.Char(string="Brand", readonly=True)
    billing_last4 = fields.Char(string="Last Digits", readonly=True)
    billing_exp_month = fields.Integer(string="Expiry Month", readonly=True)
    billing_exp_year = fields.Integer(string="Expiry Year", readonly=True)
    billing_expiry = fields.Char(string="Expires", compute="_compute_billing_expiry")
    billing_fingerprint = fields.Char(
        string="Fingerprint",
        readonly=True,
        copy=False,
        groups="base.group_system",
        help="The same for the same card, however often it is saved.",
    )
    billing_is_expired = fields.Boolean(
        string="Expired", compute="_compute_billing_expiry"
    )
    billing_is_default = fields.Boolean(
        string="Default",
        readonly=True,
        help="What is charged unless another is chosen.",
    )
    billing_detach_pending = fields.Boolean(
        readonly=True, help="To be taken away from the customer at Stripe."
    )
    billing_notice_date = fields.Date(
        readonly=True, help="When the owner was told that the card expires."
    )

    _billing_detach_idx = models.Index("(id) WHERE billing_detach_pending")

    @api.depends(
        "provider_id.code",
        "payment_method_id.code",
        "payment_method_id.primary_payment_method_id.code",
        "billing_brand",
    )
    def _compute_billing_is_card(self):
        for token in self:
            token.billing_is_card = token.provider_id.code == "stripe" and bool(
                token.billing_brand or token.payment_method_id._billing_is_card()
            )

    @api.depends("billing_exp_month", "billing_exp_year")
    def _compute_billing_expiry(self):
        today = fields.Date.context_today(self)
        for token in self:
            month, year = token.billing_exp_month, token.billing_exp_year
            token.billing_expiry = f"{month:02d}/{year}" if year else ""
            token.billing_is_expired = bool(year) and (year, month) < (
                today.year,
                today.month,
            )

    @api.depends_context("lang")
    def _compute_display_name(self):
        """Override of `payment`: an account has the name of its kind."""
        return super()._compute_display_name()

    def _build_display_name(self, *args, **kwargs):
        """Override of `payment`: Visa •••• 4242 (12/2031)."""
        self.ensure_one()
        name = super()._build_display_name(*args, **kwargs)
        if self.provider_code == "stripe" and not self.billing_is_card:
            # sudo: customers do not read methods; digits alone look like a card's.
            return f"{self.sudo().payment_method_id.name} {name}"
        if not self.billing_brand:
            return name
        parts = [self.billing_brand.replace("_", " ").title(), name]
        if self.billing_expiry:
            parts.append(f"({self.billing_expiry})")
        return " ".join(parts)

    # === CRUD METHODS === #

    @api.model
    def default_get(self, fields):
        """Override of the ORM: what is saved is what Stripe says, and no default."""
        return super(PaymentToken, without_any_default(self)).default_get(fields)

    @api.model_create_multi
    def create(self, vals_list):
        tokens = super().create(vals_list)
        for token in tokens.filtered("billing_is_charged"):
            if not token._billing_is_for_company():
                continue
            token._billing_replace_same_card()
            if not token._billing_find_siblings().filtered("billing_is_default"):
                token.billing_is_default = True
            self.env["omni.billing.activity.log"]._log_cards("card_added", token)
        return tokens

    def write(self, vals):
        """Override of `payment`: a page archives cards with the superuser's rights."""
        if "active" in vals and not vals["active"] and not is_trusted(self.env):
            self._billing_check_seen()
        return super().write(vals)

    def _get_available_tokens(self, *args, **kwargs):
        """Override of `payment`: of a customer, what the customer may see."""
        tokens = super()._get_available_tokens(*args, **kwargs)
        return tokens.filtered(lambda token: token._billing_is_seen())

    def _billing_is_seen(self):
        """Whether the user may see these cards in the portal, if that is where it is.

        A guest sees none, a contact its own; those of its company if it sees the
        account.
        """
        user = self.env.user
        if user._is_public():
            return False
        if not user._is_portal():
            return True
        return all(
            card.partner_id == user.partner_id
            or card.partner_id.commercial_partner_id
            == user._billing_get_account(card.company_id)
            for card in self.sudo()  # sudo: cards name contacts of the company.
        )

    def _billing_check_seen(self):
        """Check that the user may pay with these cards, or delete them.

        :raise AccessError: if not.
        """
        user = self.env.user
        if self._billing_is_seen():
            return
        if user._is_public():
            raise AccessError(
                self.env._(
                    "Sign in to use a saved payment method: a link does not open"
                    " them. Nothing was charged. You can also enter the number of a"
                    " card."
                )
            )
        if self._billing_get_owners() != user.commercial_partner_id:
            self._billing_raise_foreign()
        raise AccessError(
            self.env._(
                "This payment method is the company's, and your login does not see"
                " its account. Ask a colleague who does, or the seller."
            )
        )

    def _billing_check_own(self):
        """Check cards of which anybody may have sent the id.

        :raise AccessError: if they are not of the customer that the user belongs to.
            Whether there is such a card is told to nobody else.
        """
        if not self.env.user._is_public() and (
            self._billing_get_owners() != self.env.user.commercial_partner_id
        ):
            self._billing_raise_foreign()
        self._billing_check_seen()

    def _billing_get_owners(self):
        """Return the customers whose these cards are."""
        # sudo: cards name contacts of the company.
        return self.sudo().exists().partner_id.commercial_partner_id

    def _billing_raise_foreign(self):
        raise AccessError(
            self.env._(
                "This payment method is not one of yours. Nothing was charged: choose"
                " one of your own, or enter the number of a card."
            )
        )

    def _billing_find_siblings(self):
        """Return the other cards of the customer, at the same account."""
        self.ensure_one()
        # sudo: whoever saves a card decides which one is first.
        return self.sudo().search(
            Domain("billing_is_charged", "=", True)
            & Domain("id", "!=", self.id)
            & Domain("provider_id", "=", self.provider_id.id)
            & Domain(
                "partner_id.commercial_partner_id",
                "=",
                self.partner_id.commercial_partner_id.id,
            )
        )

    def _billing_is_for_company(self):
        """Whether who saves a card may say which one is charged for the company.

        A contact that does not see the account may not.
        """
        user = self.env.user
        # sudo: whose card it is, and with whom it is saved.
        token = self.sudo()
        account = user._is_portal() and user._billing_get_account(token.company_id)
        return not account or account == token.partner_id.commercial_partner_id

    def _billing_replace_same_card(self):
        """A card that is saved again is shown once; the newer one stays."""
        self.ensure_one()
        # sudo: the fingerprint is for administrators.
        fingerprint = self.sudo().billing_fingerprint
        if not fingerprint:
            return
        same = self._billing_find_siblings().filtered(
            lambda token: token.billing_fingerprint == fingerprint
        )
        if any(same.mapped("billing_is_default")):
            self.billing_is_default = True
        same.billing_is_default = False
        same._billing_hand_over(self)
        trust(same).active = False

    def _billing_hand_over(self, newer):
        """Have what would be charged to these cards be charged to a newer one. Hook.

        :param newer: `payment.token` of the same customer: the same card, saved again,
            or the one that takes its place.
        """

    def _handle_archiving(self):
        """Override of `payment`: the card leaves the customer at Stripe as well.

        A job does it, so that a card is gone here at once, and there even if Stripe
        cannot be reached just now.
        """
        result = super()._handle_archiving()
        stripe = self.filtered(
            lambda token: (
                token.provider_code == "stripe" and token.stripe_payment_method
            )
        )
        if stripe and self.env.context.get("billing_is_detached") is not DETACHED:
            stripe.billing_detach_pending = True
            # sudo: anyone who archives a card wants it gone.
            cron = self.env.ref("omni_billing.ir_cron_detach_cards").sudo()
            cron._trigger()
        self.env["omni.billing.activity.log"]._log_cards(
            "card_removed", self.filtered("billing_is_charged")
        )
        for token in self.filtered("billing_is_default"):
            token.billing_is_default = False
            token._billing_find_siblings()[:1].billing_is_default = True
        return result

    def _billing_check_manage(self):
        """Check that the user may choose among these cards, and delete them.

        Odoo lets everybody who invoices read the cards of all customers.

        :raise AccessError: if not.
        """
        self.check_access("read")
        if self.env.user._is_internal():
            self.env["omni.billing.payment.wizard"].check_access("create")

    # === ACTION METHODS === #

    def action_billing_set_default(self):
        """Make it the card that is charged first, here and at Stripe (F127)."""
        self.ensure_one()
        self._billing_check_manage()
        if self.env.user._is_portal() and (
            # sudo: whose card it is, and with whom it is saved.
            self.env.user._billing_get_account(self.sudo().company_id)
            != self.sudo().partner_id.commercial_partner_id  # sudo: as above
        ):
            # It would be charged for the company from then on.
            raise AccessError(
                self.env._(
                    "Your login does not see the account of your company. Ask a"
                    " colleague who does, or the seller."
                )
            )
        self._billing_check_card()
        self.env["omni.billing.limit"]._take("card")
        if self.billing_is_expired:
            raise UserError(
                self.env._(
                    "%(card)s is expired. Choose another card, or add one.",
                    card=self.display_name,
                )
            )
        # sudo: customers and staff choose among cards that they may read.
        token = self.sudo()
        token._billing_become_default()
        self.env["omni.billing.activity.log"]._log_cards("card_default", token)
        try:
            token.provider_id._billing_get_gateway().set_default_card(
                token.provider_ref, token.stripe_payment_method
            )
        except (GatewayRefused, GatewayUnknown) as error:
            # Ours is the one that counts; Stripe's is for its own dashboard.
            _logger.warning("Stripe did not take the default card: %s", error.code)
        return True

    def action_billing_delete(self):
        """Delete a saved card, here and at Stripe (F125).

        :raise UserError: if a charge of the card is under way.
        """
        self._billing_check_manage()
        # sudo: customers and staff delete cards that they may read.
        tokens = self.sudo()
        tokens._billing_check_idle()
        tokens.active = False
        return True

    def action_billing_replace_default(self):
        """Make it the card that is charged first, and delete the one before (F127).

        :raise UserError: if a charge of that one is under way.
        """
        self.ensure_one()
        self._billing_check_manage()
        # sudo: as above.
        token = self.sudo()
        before = token._billing_find_siblings().filtered("billing_is_default")
        before._billing_check_idle()
        self.action_billing_set_default()
        before._billing_hand_over(token)
        trust(before).active = False
        return True

    # === BUSINESS METHODS === #

    def _billing_become_default(self):
        """Be charged first from now on; what was before stays."""
        self.ensure_one()
        self._billing_find_siblings().billing_is_default = False
        self.billing_is_default = True

    def _billing_take_first_place(self):
        """Be charged first, and have the default card before it go, as agreed (F127).

        That one stays while a charge of it is under way, and is the default no more.
        """
        self.ensure_one()
        # sudo: who saves a card said so.
        token = self.sudo()
        before = token._billing_find_siblings().filtered("billing_is_default")
        before.billing_is_default = False
        token.billing_is_default = True
        before._billing_hand_over(token)
        idle = before.filtered(lambda card: not card._billing_is_being_charged())
        trust(idle).active = False

    def _billing_is_being_charged(self):
        return bool(self.transaction_ids.filtered("billing_is_open"))

    def _billing_check_idle(self):
        """Check that no charge of these cards is under way.

        :raise UserError: if one is.
        """
        for token in self.filtered(lambda card: card._billing_is_being_charged()):
            raise UserError(
                self.env._(
                    "A payment with %(card)s is under way. Try again when it is done.",
                    card=token.display_name,
                )
            )

    def _billing_check_card(self):
        """Check that it is charged here: a card, or a bank account if that is wanted.

        :raise UserError: if it is not, or of another provider.
        """
        self.ensure_one()
        if not self.billing_is_charged:
            raise UserError(
                self.env._(
                    "%(name)s is no card saved at Stripe, and only those are charged"
                    " here. Choose a card, or add one.",
                    name=self.display_name,
                )
            )

    def _billing_update_card(self, card):
        """Take over what the card network changed (W6)."""
        self.ensure_one()
        is_renewed = (card.exp_year, card.exp_month) != (
            self.billing_exp_year,
            self.billing_exp_month,
        )
        self.write(
            {
                "billing_brand": card.brand,
                "billing_last4": card.last4,
                "payment_details": card.last4,
                "billing_exp_month": card.exp_month,
                "billing_exp_year": card.exp_year,
                "billing_fingerprint": card.fingerprint,
                **({"billing_notice_date": False} if is_renewed else {}),
            }
        )

    @api.model
    def _cron_billing_detach_cards(self):
        """Take deleted cards away from their customers at Stripe."""
        tokens = self.with_context(active_test=False).search(
            [("billing_detach_pending", "=", True)]
        )
        failures = 0
        for token in tokens:
            try:
                gateway = token.provider_id._billing_get_gateway()
                gateway.detach_card(token.stripe_payment_method)
            except (GatewayRefused, GatewayUnknown, UserError) as error:
                failures += 1
                _logger.warning("Card %s was not detached: %s", token.id, error)
                continue
            token.billing_detach_pending = False
            commit(self.env)
        return failures

    @api.model
    def _cron_billing_tell_expiry(self):
        """Tell owners of cards that expire within 30 days, once each (W5)."""
        today = fields.Date.context_today(self)
        limit = today + relativedelta(days=NOTICE_DAYS)
        template = self.env.ref("omni_billing.mail_template_card_expires")
        tokens = self.search(
            Domain("provider_code", "=", "stripe")
            & Domain("billing_notice_date", "=", False)
            & Domain("billing_exp_year", "!=", 0)
            & Domain("billing_exp_year", "<=", limit.year)
        )
        for token in tokens:
            month = fields.Date.to_date(
                f"{token.billing_exp_year}-{token.billing_exp_month:02d}-01"
            )
            if not today <= month + relativedelta(months=1, days=-1) <= limit:
                continue
            token.billing_notice_date = today
            template.send_mail(token.id)
            commit(self.env)
