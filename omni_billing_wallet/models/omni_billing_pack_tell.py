from datetime import timedelta

from odoo import api, fields, models
from odoo.fields import Domain

from odoo.addons.omni_billing.tools.database import commit_progress, retry, step_alone
from odoo.addons.omni_billing.tools.lock import take_turns
from odoo.addons.omni_billing.tools.recurrence import DAY
from odoo.addons.omni_billing.tools.write_guard import trust

from ..tools.ending import is_ending

#: Packs that are looked at together.
CHUNK = 200


class OmniBillingPack(models.Model):
    """Customers are told before what is left of a pack ends (W42)."""

    _inherit = "omni.billing.pack"

    told_on = fields.Date(
        string="Told of the End",
        readonly=True,
        help="When the customer got an e-mail that it ends.",
    )

    @api.model
    def _tell_all_ending(self):
        """Write to those whose packs end soon, each in its turn; commits."""
        today = fields.Date.context_today(self)
        for company in self.env["res.company"].search(
            [("billing_pack_tell_days", ">", 0)]
        ):
            last = today + timedelta(days=company.billing_pack_tell_days)
            domain = self._get_usable_domain(company) & (
                Domain("units_left", ">", 0)
                & Domain("told_on", "=", False)
                # The day is the customer's.
                & Domain("expires_on", ">=", today - DAY)
                & Domain("expires_on", "<=", last + DAY)
                & Domain("partner_id.email", "!=", False)
            )
            done = 0
            while packs := self.search(
                domain & Domain("id", ">", done), order="id", limit=CHUNK
            ):
                done = packs[-1].id
                for pack in packs.filtered(lambda one: one._is_ending()):
                    step_alone(
                        self.env,
                        lambda pack=pack: retry(self.env, pack._tell_ending),
                        f"end of pack {pack.id}",
                    )
                    if not commit_progress(self.env, 1):
                        return

    def _tell_ending(self):
        """Leave the e-mail to Odoo's outbox, and note that it is told: once."""
        pack = self.try_lock_for_update(allow_referencing=True)
        if not pack:
            return
        # Another job may have told since this one began: it begins again.
        take_turns(pack)
        pack.invalidate_recordset()
        template = self.env.ref("omni_billing_wallet.mail_template_pack_ending", False)
        if template and not pack.told_on and pack._is_ending():
            template.send_mail(pack.id)
            trust(pack).told_on = fields.Date.context_today(self)

    def _is_ending(self):
        """Whether something is left that ends in so many days as the company tells."""
        self.ensure_one()
        last, company = self.expires_on, self.company_id
        today = self.partner_id._billing_get_today(company)
        return (
            bool(last and self.units_usable)
            and is_ending(self.begins_on, last, today, company.billing_pack_tell_days)
            and self._is_sold()
        )
