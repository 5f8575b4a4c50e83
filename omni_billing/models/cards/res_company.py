from odoo import fields, models


class ResCompany(models.Model):
    """The words that customers agree to (W32)."""

    _inherit = "res.company"

    billing_consent_words = fields.Text(
        string="Consent to Automatic Payment",
        translate=True,
        help="What customers agree to when their card is to be charged without asking"
        " them each time; for a bank account there are words of its own. Empty: words"
        " that we propose. Who agreed to other words before is not asked again.",
    )

    billing_debits = fields.Boolean(
        string="Debit Bank Accounts",
        help="Bank accounts that customers saved at Stripe are charged as cards are:"
        " chosen, the default, by runs and plans. A debit takes days, and may come"
        " back.",
    )
    billing_debit_notice_days = fields.Integer(
        string="Days of Notice before a Debit",
        default=10,
        help="Who agrees to automatic payment from a bank account is told of each debit"
        " by e-mail so many days before it. It is part of the words that are agreed to,"
        " so a change is for those who agree from now on. 0: no notice of ours.",
    )

    _billing_debit_notice_possible = models.Constraint(
        "CHECK(billing_debit_notice_days BETWEEN 0 AND 60)",
        "The days of notice before a debit are from 0 to 60.",
    )

    def _billing_get_debit_words(self, account, mandate=""):
        """Return what the owner of a bank account agrees to.

        :param str account: what it is called.
        :param str mandate: its reference, if there is one yet.
        """
        self.ensure_one()
        days = self.billing_debit_notice_days
        words = self.env._(
            "I allow %(company)s to debit %(account)s for what I am invoiced, when it"
            " is due or as agreed, without asking me each time. The amount is that of"
            " the invoice, and I am told of each debit before it. This holds until I"
            " take it back, which I can do at any time in my customer area or by"
            " telling %(company)s. I can ask my bank for the money back, as its rules"
            " say.",
            company=self.name,
            account=account,
        )
        if days:
            words += "\n" + self.env._(
                "I am told by e-mail, %(days)s days before each debit at the latest:"
                " its amount and its day.",
                days=days,
            )
        if mandate:
            words += "\n" + self.env._("Mandate: %(mandate)s", mandate=mandate)
        return words

    def _billing_get_new_debit_words(self, method):
        """Return what is agreed to beside the saving of an account, of a `Debit`."""
        self.ensure_one()
        kind = method.with_env(self.env).name
        return self._billing_get_debit_words(
            self.env._("the account that I save (%(kind)s)", kind=kind)
        )

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
