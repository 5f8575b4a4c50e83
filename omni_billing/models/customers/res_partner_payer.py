from odoo import api, fields, models

from ...tools.action import open_list


class ResPartner(models.Model):
    """Who pays for others, and whose use others pay (F156, W31)."""

    _inherit = "res.partner"

    billing_paid_by_others_count = fields.Integer(
        compute="_compute_billing_paid_by_others_count",
        groups="omni_billing.omni_billing_group_user",
        help="What this customer used, and another one pays.",
    )
    billing_is_payer = fields.Boolean(
        compute="_compute_billing_is_payer",
        groups="omni_billing.omni_billing_group_user",
        help="Pays what other customers use.",
    )

    @api.depends_context("company")
    def _compute_billing_paid_by_others_count(self):
        counts = self.commercial_partner_id._billing_read_payer_counts("participant_id")
        for partner in self:
            partner.billing_paid_by_others_count = counts.get(
                partner.commercial_partner_id, 0
            )

    @api.depends_context("company")
    def _compute_billing_is_payer(self):
        counts = self.commercial_partner_id._billing_read_payer_counts(
            "commercial_partner_id"
        )
        for partner in self:
            partner.billing_is_payer = partner.commercial_partner_id in counts

    def _billing_read_payer_counts(self, name):
        """Return how many transactions of others these customers have, by customer.

        :param str name: by which field they have them.
        """
        Transaction = self.env["omni.billing.transaction"]
        domain = [
            (name, "in", self.ids),
            ("participant_id", "!=", False),
            ("company_id", "=", self.env.company.id),
        ]
        return dict(Transaction._read_group(domain, [name], ["__count"]))

    def action_billing_paid_by_others(self):
        """Open what the customer used, and others pay."""
        self.ensure_one()
        domain = [("participant_id", "=", self.commercial_partner_id.id)]
        context = {"billing_paid_by_others": True}
        return open_list(self.env, "omni_billing_transaction_action", domain, context)
