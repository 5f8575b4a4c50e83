from datetime import timedelta

from odoo import fields, models
from odoo.fields import Domain

from odoo.addons.omni_billing.tools.lock import take_turns
from odoo.addons.omni_billing.tools.recurrence import DAY
from odoo.addons.omni_billing.tools.write_guard import trust

from ..tools.ending import is_ending

#: Items that are looked at together.
CHUNK = 200


class OmniBillingWallet(models.Model):
    """Customers are told before prepaid money ends (W51)."""

    _inherit = "omni.billing.wallet"

    def _tell_all_ending(self):
        """Write to those whose prepaid money ends soon, each in its turn."""
        Line = self.env["account.move.line"]
        for company in self.env["res.company"].search(
            [("billing_wallet_tell_days", ">", 0)]
        ):
            domain = Line._billing_get_ending_domain(company)
            done = 0
            while lines := Line.search(
                domain & Domain("id", ">", done), order="id", limit=CHUNK
            ):
                done = lines[-1].id
                ending = lines.filtered(lambda line: line._billing_is_ending())
                lots = ending.billing_wallet_id.filtered("active")._read_lots()
                usable = Line.union(*(lot.line for own in lots.values() for lot in own))
                for wallet in (ending & usable).billing_wallet_id:
                    if not self._do_alone(
                        wallet._tell_ending, f"end of prepaid money of {wallet.id}"
                    ):
                        return

    def _tell_ending(self):
        """Leave the e-mail to Odoo's outbox, and note of what it tells: once for each.

        Both are in one transaction: a job that dies has done neither.
        """
        wallet = self.try_lock_for_update(allow_referencing=True)
        if not wallet:
            return
        # Another job may have told since this one began: it begins again.
        take_turns(wallet)
        wallet.invalidate_recordset()
        lines = wallet._find_untold()
        template = self.env.ref(
            "omni_billing_wallet.mail_template_wallet_ending", False
        )
        if lines and template:
            template.send_mail(wallet.id)
            trust(lines).billing_wallet_told_on = fields.Date.context_today(self)

    def _find_untold(self):
        """Return the items that end soon, and that the customer was not told of."""
        lines = self.env["account.move.line"].union(
            *(lot.line for lot in self._find_ending())
        )
        if not self.partner_id.email:
            return lines.browse()
        return lines.filtered(lambda line: not line.billing_wallet_told_on)

    def _find_ending(self):
        """Return what can be used and ends soon, as the e-mail lists it: `Lot` records.

        What is not paid, is disputed, or covers what went back is none of it.
        """
        self.ensure_one()
        lots = self._read_lots()[self.id]
        return [lot for lot in lots if lot.line._billing_is_ending()]


class AccountMoveLine(models.Model):
    """What of prepaid money ends soon (W51)."""

    _inherit = "account.move.line"

    billing_wallet_told_on = fields.Date(
        string="Told of the End",
        readonly=True,
        copy=False,
        help="When the customer got an e-mail that it ends.",
    )

    def _billing_get_ending_domain(self, company):
        """Return what may end soon in a company, and nobody was told of."""
        today = fields.Date.context_today(self)
        last = today + timedelta(days=company.billing_wallet_tell_days)
        return (
            # The day is the customer's: see `_billing_is_ending`.
            Domain("billing_wallet_expires_on", ">=", today - DAY)
            & Domain("billing_wallet_expires_on", "<=", last + DAY)
            & Domain("billing_wallet_told_on", "=", False)
            & Domain("billing_wallet_id.partner_id.email", "!=", False)
            & Domain("reconciled", "=", False)
            & Domain("parent_state", "=", "posted")
            & Domain("balance", "<", 0)
            & Domain("company_id", "=", company.id)
        )

    def _billing_is_ending(self):
        """Whether it ends in so many days as the company tells of."""
        last, company = self.billing_wallet_expires_on, self.company_id
        if not last:
            return False
        begins = self.date
        if days := company.billing_wallet_days:
            # Its time begins when it is paid, or comes back, and not when it is billed.
            begins = max(begins, last - timedelta(days=days))
        today = self._billing_get_wallet_today()
        return is_ending(begins, last, today, company.billing_wallet_tell_days)
