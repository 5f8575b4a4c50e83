from odoo import api, fields, models
from odoo.exceptions import UserError, ValidationError


class ResCompany(models.Model):
    """What a company has chosen for prepaid packs (W42)."""

    _inherit = "res.company"

    billing_pack_usable = fields.Selection(
        [("payment", "When it is paid"), ("invoice", "When it is invoiced")],
        string="A Pack Can Be Used",
        required=True,
        default="payment",
    )
    billing_pack_uncovered = fields.Selection(
        [("refuse", "Refused"), ("charge", "Charged at the single price")],
        string="A Use That No Pack Covers Is",
        required=True,
        default="refuse",
    )
    billing_pack_expiry = fields.Selection(
        [
            ("recognize", "Recognized as income"),
            ("keep", "Kept as a liability"),
        ],
        string="What Is Left of an Expired Pack Is",
        required=True,
        default="recognize",
        help="Where the law has it given to the state or paid back, it stays a"
        " liability.",
    )
    billing_pack_tell_days = fields.Integer(
        string="Tell Customers so Many Days before a Pack Ends",
        default=14,
        help="Customers get an e-mail so many days before what is left of a pack"
        " expires, once. 0: not at all.",
    )
    billing_pack_journal_id = fields.Many2one(
        "account.journal",
        string="Journal of Packs",
        check_company=True,
        domain="[('type', '=', 'general')]",
        help="Where the income of what was used is booked. Empty: the first journal for"
        " miscellaneous entries.",
    )

    @api.constrains("billing_pack_tell_days", "billing_wallet_tell_days")
    def _check_billing_prepaid_tell_days(self):
        for company in self:
            days = company.billing_pack_tell_days, company.billing_wallet_tell_days
            if not all(0 <= one <= 366 for one in days):
                raise ValidationError(
                    self.env._(
                        "Customers are told 0 (not at all) to 366 days before what they"
                        " paid in advance ends."
                    )
                )

    def _billing_get_pack_journal(self):
        """Return where the income of what was used is booked.

        :raise UserError: if the company has no such journal.
        """
        self.ensure_one()
        journal = self.billing_pack_journal_id or self._billing_find_journal(
            ["general"]
        )
        if not journal:
            raise UserError(
                self.env._(
                    "%(company)s has no journal for miscellaneous entries, so the"
                    " income of packs cannot be booked. Add one, or choose one in the"
                    " settings of Billing.",
                    company=self.name,
                )
            )
        return journal
