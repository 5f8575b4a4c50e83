from odoo import fields, models


class ResCompany(models.Model):
    """The words that customers agree to (W32)."""

    _inherit = "res.company"

    billing_consent_words = fields.Text(
        string="Consent to Automatic Payment",
        translate=True,
        help="What customers agree to when their card is to be charged without asking"
        " them each time. Empty: words that we propose. Who agreed to other words"
        " before is not asked again.",
    )

    billing_debits = fields.Boolean(
        string="Debit Bank Accounts",
        help="Bank accounts that customers saved at Stripe are charged as cards are:"
        " chosen, the default, by runs and plans. A debit takes days, and may come"
        " back. Stripe tells customers of each debit before it: leave its e-mails on.",
    )

    def _billing_get_debit_words(self, token):
        """Return what the owner of a bank account agrees to, with its mandate."""
        self.ensure_one()
        words = self.env._(
            "I allow %(company)s to debit %(account)s for what I am invoiced, when it"
            " is due or as agreed, without asking me each time. The amount is that of"
            " the invoice, and I am told of each debit before it. This holds until I"
            " take it back, which I can do at any time in my customer area or by"
            " telling %(company)s. I can ask my bank for the money back, as its rules"
            " say.",
            company=self.name,
            account=token.with_env(self.env).display_name,
        )
        if mandate := token._billing_name_mandate():
            words += "\n" + self.env._("Mandate: %(mandate)s", mandate=mandate)
        return words

    def _billing_get_consent_words(self):
        """Return the words that customers agree to, in the language of the context."""
        self.ensure_one()
        if self.billing_consent_words:
            return self.billing_consent_words
        return self.env._(
            "I allow %(company)s to charge this card for what I am invoiced, on the day"
            " it is due or as agreed, without asking me each time. The amount is that"
            " of the invoice, which I get before or with the charge. This holds until I"
            " take it back, which I can do at any time in my customer area or by"
            " telling %(company)s.",
            company=self.name,
        )
