from odoo import api, fields, models
from odoo.fields import Domain


class OmniBillingMail(models.Model):
    """The notice of a debit that a billing run makes (W33)."""

    _inherit = "omni.billing.mail"

    notice_line_id = fields.Many2one(
        "omni.billing.run.line",
        string="Debited by a Run",
        readonly=True,
        index="btree_not_null",
        ondelete="set null",
        help="Of a notice: the customer of a billing run that it tells.",
    )

    _notice_line_uniq = models.UniqueIndex(
        "(notice_line_id) WHERE state = 'queued' AND notice_line_id IS NOT NULL",
        "The notice of this debit is being sent already.",
    )

    def _get_debit(self):
        """Override: a run debits, too."""
        return super()._get_debit() or self.notice_line_id

    @api.model
    def _get_same_domain(self, kind, values):
        """Override: what a run debits has a notice of its own."""
        domain = super()._get_same_domain(kind, values)
        if kind != "notice":
            return domain
        line = values.get("notice_line_id", False)
        return domain & Domain("notice_line_id", "=", line)

    def _prepare_notice_again(self):
        """Override: of the same run."""
        again = super()._prepare_notice_again()
        return again | {"notice_line_id": self.notice_line_id.id}
