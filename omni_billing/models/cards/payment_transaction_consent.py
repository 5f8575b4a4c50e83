from odoo import api, fields, models
from odoo.exceptions import UserError

from ...tools.lock import take_turns, wait_for
from ...tools.write_guard import trust


class PaymentTransaction(models.Model):
    """No card is charged without its owner there, or a consent that covers it (W32)."""

    _inherit = "payment.transaction"

    billing_consent_id = fields.Many2one(
        "omni.billing.consent",
        string="Charged under",
        readonly=True,
        copy=False,
        index="btree_not_null",
        ondelete="restrict",
        help="What the customer agreed to, if it was charged without the customer.",
    )
    billing_agreed = fields.Json(
        readonly=True,
        copy=False,
        groups="base.group_system",
        help="What the customer agreed to as it was saved.",
    )

    # === CRUD METHODS === #

    @api.model_create_multi
    def create(self, vals_list):
        """Override of `payment`: a charge without the customer names its consent."""
        transactions = super().create(vals_list)
        for tx in transactions:
            tx._billing_take_consent()
        return transactions

    def _charge_with_token(self):
        """Override of `payment`: as Odoo's own dialogs charge a card."""
        # sudo: as Odoo does in each place that calls this.
        self.sudo()._billing_take_consent()
        return super()._charge_with_token()

    def _tokenize(self, payment_data):
        """Override of `payment`: what was agreed as the card was saved holds for it."""
        result = super()._tokenize(payment_data)
        # sudo: what the page wrote down is the server's.
        agreed = self.sudo().billing_agreed
        card = self.token_id
        if card and self._billing_get_debit():
            # Its reference is kept with what was agreed.
            card._billing_try_read_mandate()
        # Beside Odoo's own form are the words for a card.
        is_asked = card.billing_is_card or self.billing_page_ref
        if is_asked and agreed:
            # Also while debits are switched off: the customer was there just once.
            card._billing_keep_consent(**agreed)
            if self.billing_page_ref and card.billing_is_charged:
                # The words were: from this account.
                card._billing_become_default()
        elif is_asked and self.operation == "validation":
            # Whoever entered it saw the tick, and left it empty.
            card._billing_find_standing()._end(
                self.env._("It was saved again, and that was not agreed to.")
            )
        return result

    # === BUSINESS METHODS === #

    def _billing_take_consent(self):
        """Note the consent that a charge is made under.

        :raise UserError: if nobody is there to confirm it, and there is none.
        """
        # sudo: consents are the server's.
        tx = self.sudo()
        if not tx._billing_needs_consent() or tx.billing_consent_id.state == "active":
            return
        card = tx.token_id
        charge = (tx.amount, tx.currency_id, tx.invoice_ids)
        consent = card._billing_find_consent(*charge)
        if not consent:
            raise UserError(card._billing_explain_no_consent(*charge))
        if why := card._billing_explain_no_notice(consent, tx.amount, tx.invoice_ids):
            raise UserError(why)
        if consent.kind == "single":
            # Two charges at once come to no more than was agreed.
            take_turns(consent)
        else:
            # Who takes it back meanwhile comes first, or after.
            wait_for(consent)
        today = fields.Date.context_today(tx)
        if consent.state != "active" or not consent._covers(*charge, today):
            raise UserError(card._billing_explain_no_consent(*charge))
        trust(tx).billing_consent_id = consent

    def _billing_needs_consent(self):
        """Whether a saved card is charged, and its owner is not there.

        Staff who press *Pay* on a page of Odoo's are not the owner.
        """
        self.ensure_one()
        card = self.token_id
        if (
            self.state != "draft"
            or not card.billing_is_charged
            or self.source_transaction_id
            or not (self.invoice_ids or self.payment_id)
        ):
            return False
        owner = card.partner_id.commercial_partner_id
        is_owner_there = self.billing_is_customer_present or (
            self.operation == "online_token"
            and self.env.user.commercial_partner_id == owner
        )
        return not is_owner_there
