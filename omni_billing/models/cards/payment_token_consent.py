from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.fields import Domain
from odoo.tools import format_date

from ...tools.action import open_dialog
from ...tools.numbers import format_amount


class PaymentToken(models.Model):
    """What its owner agreed to be charged without being asked (W32)."""

    _inherit = "payment.token"

    billing_consent_ids = fields.One2many(
        "omni.billing.consent",
        "token_id",
        string="Consents",
        readonly=True,
        groups="account.group_account_invoice,account.group_account_readonly",
    )
    billing_autopay = fields.Char(
        string="Automatic Payment",
        compute="_compute_billing_autopay",
        groups="account.group_account_invoice,account.group_account_readonly",
    )

    @api.depends("billing_consent_ids.state", "billing_is_charged")
    def _compute_billing_autopay(self):
        for token in self:
            consent = token._billing_find_standing()
            token.billing_autopay = (
                consent._billing_describe()
                if consent
                else token.billing_is_charged and self.env._("Off")
            )

    # === ACTION METHODS === #

    def action_billing_consent(self):
        """Open the dialog that records what the owner agreed to, or took back."""
        self.ensure_one()
        self._billing_check_manage()
        self._billing_check_card()
        title = self.env._("Automatic Payment")
        context = {"default_token_id": self.id}
        return open_dialog("omni.billing.consent.wizard", title, context)

    # === BUSINESS METHODS === #

    def _billing_find_active(self):
        """Return the consents of these cards that hold, in sudo.

        What somebody else agreed to does not, if the card is another customer's now.
        """
        # sudo: whether a card may be charged is asked by jobs and customers.
        consents = self.env["omni.billing.consent"].sudo()
        active = consents.search(
            Domain("token_id", "in", self.ids) & Domain("state", "=", "active")
        )
        return active.filtered(
            lambda one: one.partner_id == one.token_id.partner_id.commercial_partner_id
        )

    def _billing_find_standing(self):
        """Return the consent that lets all invoices be charged, in sudo, if any."""
        active = self._billing_find_active()
        return active.filtered(lambda one: one.kind == "standing")[:1]

    @api.model
    def _billing_find_unagreed(self, company):
        """Return the default cards of a company that may not be charged automatically.

        :param company: `res.company`, the seller.
        """
        # sudo: which cards have one is asked for all of them.
        consents = self.env["omni.billing.consent"].sudo()
        agreed = consents._search(
            Domain("state", "=", "active") & Domain("kind", "=", "standing")
        )
        return self.search(
            Domain("billing_is_charged", "=", True)
            & Domain("billing_is_default", "=", True)
            & Domain("company_id", "=", company.id)
            & Domain("billing_consent_ids", "not any!", [("id", "in", agreed)])
        )

    def _billing_find_consent(self, amount, currency, moves=None):
        """Return the consent that a charge is made under, in sudo, if there is one.

        :param float amount: taxes included, in ``currency``.
        :param moves: `account.move` that it pays; none if they are not made yet.
        """
        self.ensure_one()
        today = fields.Date.context_today(self)
        active = self._billing_find_active()
        # What was agreed for these invoices goes before what holds for all.
        for consent in active.sorted(lambda one: one.kind == "standing"):
            if consent._covers(amount, currency, moves, today):
                return consent
        return active.browse()

    def _billing_has_consent_for(self, moves):
        """Whether its owner agreed to charges for these invoices, of some amount."""
        self.ensure_one()
        return any(one._is_for(moves) for one in self._billing_find_active())

    def _billing_explain_no_notice(self, consent, amount, moves):
        """Return why an account is not debited yet, or nothing. Hook.

        The rooms that write to customers know what they were told.

        :param consent: `omni.billing.consent` that it would be debited under.
        :param float amount: taxes included, in the currency of ``moves``.
        """
        return ""

    def _billing_explain_no_consent(self, amount=0.0, currency=None, moves=None):
        """Return why a card may not be charged without its owner, or nothing.

        :param float amount: taxes included; 0 if it is not known yet.
        :param moves: `account.move` that it pays; none if they are not made yet.
        """
        self.ensure_one()
        currency = currency or self.company_id.currency_id
        if self._billing_find_consent(amount, currency, moves):
            return ""
        standing = self._billing_find_standing()
        if standing.amount_limit and amount:
            return self.env._(
                "The customer agreed to charges of %(limit)s at most with %(card)s, and"
                " this is %(amount)s. Ask the customer, and record that in the payment"
                " dialog.",
                limit=format_amount(
                    self.env, standing.amount_limit, standing.currency_id
                ),
                card=self.display_name,
                amount=format_amount(self.env, amount, currency),
            )
        return self.env._(
            "The customer did not agree that %(card)s is charged without being asked."
            " Ask the customer, and record how that was agreed: in the payment dialog"
            " for this payment, or on the Billing tab for all.",
            card=self.display_name,
        )

    def _billing_agree(self, channel, kind="standing", **values):
        """Record that the owner of a card agreed; a standing consent ends one before.

        :param str channel: a key of ``CONSENT_CHANNELS``.
        :param values: of `omni.billing.consent`: ``amount_limit`` (taxes included, in
            ``currency_id``), ``given_by``, ``move_ids``, ``ip``, ``user_agent``...
        :return: `omni.billing.consent`, in sudo.
        """
        self.ensure_one()
        self._billing_check_card()
        return self._billing_keep_consent(channel, kind, **values)

    def _billing_keep_consent(self, channel, kind="standing", **values):
        """Record what was agreed, also of an account that is not charged just now.

        :return: as `_billing_agree`, which takes the same.
        """
        # sudo: consents are the server's; who asks was checked.
        token = self.sudo()
        customer = token.partner_id.commercial_partner_id
        seller = token._billing_get_seller(values.pop("company_id", None))
        currency = values.pop("currency_id", None) or seller.currency_id.id
        limit = values.get("amount_limit") or 0.0
        if limit < 0:
            raise UserError(self.env._("The limit has to be zero or more."))
        if kind == "single" and not limit:
            raise UserError(self.env._("Say how much the customer agreed to pay."))
        moves = values.get("move_ids", [])
        # What was agreed before for the same does not come on top of it.
        token._billing_find_active().filtered(
            lambda one: one.kind == kind and one.move_ids.ids == sorted(moves)
        )._end(self.env._("Agreed anew."))
        defaults = {
            "given_by": customer.display_name,
            "agreed_on": fields.Datetime.now(),
            "lang": customer.lang,
            "text": token._billing_get_consent_text(
                limit, token.env["res.currency"].browse(currency), seller=seller
            ),
        }
        consent = token.env["omni.billing.consent"].create(
            {
                **defaults,
                **values,
                "token_id": token.id,
                "partner_id": customer.id,
                "company_id": seller.id,
                "currency_id": currency,
                "kind": kind,
                "channel": channel,
                "mandate_ref": token._billing_name_mandate(),
                "notice_days": values.get(
                    "notice_days", seller.billing_debit_notice_days
                )
                if token._billing_get_debit()
                else 0,
            }
        )
        if kind == "standing":
            self.env["omni.billing.activity.log"]._log_cards("autopay_on", token)
        return consent

    def _billing_get_seller(self, company_id=None):
        """Return who may charge: who asked, if it charges with this card at all.

        A branch charges cards that are saved with a company above it.

        :param int company_id: of `res.company`; none is where one is.
        """
        # sudo: a branch has those above it.
        asking = self.env["res.company"].sudo().browse(company_id) or (
            self.env.company.sudo()  # sudo: as above
        )
        company = self.sudo().company_id  # sudo: cards name contacts of the company.
        return asking if company in asking.parent_ids else company

    def _billing_withdraw(self, why):
        """End all that the owners of these cards agreed to.

        :param str why: told in the record.
        """
        # sudo: consents are the server's; who asks was checked.
        consents = self.env["omni.billing.consent"].sudo()
        ended = consents.search(
            Domain("token_id", "in", self.ids) & Domain("state", "=", "active")
        )._end(why)
        told = ended.filtered(lambda one: one.kind == "standing").token_id
        self.env["omni.billing.activity.log"]._log_cards("autopay_off", told)
        return ended

    def _billing_end_singles(self, moves, why):
        """End what was agreed for just these invoices."""
        self._billing_find_active().filtered(
            lambda one: one.kind == "single" and one.move_ids <= moves
        )._end(why)

    def _billing_get_consent_text(
        self, limit=0.0, currency=None, lang=None, seller=None
    ):
        """Return the words that a customer agrees to, in its language or another.

        They say what is charged, when, how much and how it is taken back, as the
        networks of cards and EU law on payments (PSD2) ask of an agreement to charge
        without the customer.
        """
        # sudo: settings of the company are not the customer's to read.
        token = self.sudo()
        lang = lang or token.partner_id.lang or self.env.lang
        seller = seller or token._billing_get_seller()
        company = seller.with_context(lang=lang)
        words = (
            company._billing_get_debit_words(
                token.with_env(company.env).display_name, token._billing_name_mandate()
            )
            if token._billing_get_debit()
            else company._billing_get_consent_words()
        )
        if limit:
            words += "\n" + company.env._(
                "Each charge is of %(limit)s at most.",
                limit=format_amount(
                    company.env, limit, currency or company.currency_id
                ),
            )
        return words

    # === OVERRIDES === #

    def _billing_hand_over(self, newer):
        """Override: what was agreed goes on with the card in its place (W32).

        What holds for all invoices only if it is the same card, saved again, or its
        owner says so in the customer area; payments that were agreed in any case. Who
        agreed that a card is charged did not agree that an account is debited, nor by
        another scheme, whose rules are others.
        """
        result = super()._billing_hand_over(newer)
        by_owner = self.env.user._is_portal()
        # sudo: fingerprints are for administrators.
        mark = newer.sudo().billing_fingerprint
        active = self._billing_find_active()
        for consent in active.sorted("id"):
            if not consent.token_id._billing_is_charged_like(newer):
                continue
            is_same = bool(mark) and consent.token_id.billing_fingerprint == mark
            if consent.kind == "standing" and not (by_owner or is_same):
                continue
            if consent.kind == "standing" and newer._billing_find_standing():
                continue
            newer._billing_agree(
                consent.channel,
                consent.kind,
                company_id=consent.company_id.id,
                amount_limit=consent.amount_limit,
                currency_id=consent.currency_id.id,
                move_ids=consent.move_ids.ids,
                given_by=consent.given_by,
                agreed_on=consent.agreed_on,
                text=consent.text,
                lang=consent.lang,
                notice_days=consent.notice_days,
                origin_id=consent.id,
            )
        active._end(self.env._("%(card)s took its place.", card=newer.display_name))
        return result

    def _handle_archiving(self):
        """Override: a card that is gone is charged no more."""
        result = super()._handle_archiving()
        self.filtered("billing_is_charged")._billing_withdraw(
            self.env._("The payment method was deleted.")
        )
        return result

    def _billing_update_card(self, card):
        """Override: a card of another brand needs to be agreed anew.

        The networks ask for that; another number or expiry of the same brand goes on.
        """
        before = self.billing_brand
        result = super()._billing_update_card(card)
        if before and card.brand != before:
            self._billing_withdraw(
                self.env._("The bank replaced it with a card of another brand.")
            )
        return result


class OmniBillingConsent(models.Model):
    """How a consent is told of in one line."""

    _inherit = "omni.billing.consent"

    def _billing_describe(self):
        self.ensure_one()
        day = format_date(self.env, self.agreed_on)
        if not self.amount_limit:
            return self.env._("Since %(date)s", date=day)
        return self.env._(
            "Since %(date)s, at most %(limit)s each",
            date=day,
            limit=format_amount(self.env, self.amount_limit, self.currency_id),
        )
