from odoo import api, fields, models


class OmniBillingTransaction(models.Model):
    """Somebody else pays: who is billed is not who used it (F156, W31).

    ``commercial_partner_id`` is who is billed, here as everywhere: invoices, sums, runs
    and limits are the payer's. Who used it is the participant, who sees this and
    nothing else of the payer's.
    """

    _inherit = "omni.billing.transaction"

    payer_id = fields.Many2one(
        compute="_compute_payer_id", store=True, readonly=False, precompute=True
    )
    participant_id = fields.Many2one(
        "res.partner",
        string="Used by",
        compute="_compute_participant_id",
        store=True,
        precompute=True,
        help="Who used what another customer pays.",
    )

    # What others pay of a customer, and whether a customer pays for others: few rows.
    _participant_idx = models.Index(
        "(participant_id, company_id, date DESC, id DESC)"
        " WHERE participant_id IS NOT NULL"
    )
    _payer_idx = models.Index(
        "(commercial_partner_id, company_id) WHERE participant_id IS NOT NULL"
    )

    @api.depends("service_id")
    def _compute_payer_id(self):
        """Take who pays the service, unless somebody says otherwise."""
        for transaction in self:
            service = transaction.service_id
            is_its = transaction.partner_id == service.partner_id
            transaction.payer_id = transaction.payer_id or (is_its and service.payer_id)

    @api.depends("partner_id", "payer_id", "commercial_partner_id")
    def _compute_participant_id(self):
        for transaction in self:
            user = transaction.partner_id.commercial_partner_id
            is_other = transaction.payer_id and (
                user != transaction.commercial_partner_id
            )
            transaction.participant_id = user if is_other else False

    @api.onchange("payer_id")
    def _onchange_payer_id(self):
        """Map the product's taxes for who pays; entered ones stay."""
        self._onchange_partner_id()

    def _get_participant(self):
        """Return who used what another pays, if so; not after both were merged."""
        self.ensure_one()
        participant = self.participant_id
        is_other = participant and participant != self.commercial_partner_id
        return self.partner_id if is_other else self.partner_id.browse()

    def _get_participant_name(self):
        """Return the name of who used what another pays; nothing if that is nobody."""
        participant = self._get_participant()
        return participant.name or participant.commercial_partner_id.name or ""
