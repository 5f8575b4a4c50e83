from odoo import models


class OmniBillingStripeEvent(models.Model):
    """What Stripe tells of its balance: a hint, as all events are."""

    _inherit = "omni.billing.stripe.event"

    def _get_handlers(self):
        return super()._get_handlers() | {"payout.": "_process_payout"}

    def _process_payout(self):
        """Book a payout, if a company of the account wants that.

        It is of nobody else: where none does, there is nothing to look at.
        """
        payouts = self.env["omni.billing.payout"]
        if provider := payouts._find_providers(self._get_providers())[:1]:
            payouts._follow(provider, self.object_ref)
        return True

    def _process_dispute(self):
        """Override: Stripe is asked how it stands, and what it moved is booked.

        Events come late, and in any order. What one tells is noted only where Stripe
        does not know the dispute, as one of the other mode.
        """
        payment = self._find_paid(self._object.get("payment_intent"))
        disputes = self.env["omni.billing.dispute"]
        if payment and disputes._follow(payment, self.object_ref):
            return True
        return super()._process_dispute()
