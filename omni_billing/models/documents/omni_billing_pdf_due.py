import logging

from odoo import api, fields, models
from odoo.exceptions import UserError

from ...tools.database import commit_progress, savepoint

_logger = logging.getLogger(__name__)


class OmniBillingPdfCache(models.Model):
    """PDFs that are made right after their invoice, by a job (F54).

    Who asks earlier has it made then. What a run bills is made when it is sent.
    """

    _inherit = "omni.billing.pdf.cache"

    is_due = fields.Boolean(
        string="To Be Made", readonly=True, help="The invoice is new; a job makes it."
    )

    _due_idx = models.Index("(id) WHERE is_due")

    @api.model
    def _ask_for(self, moves):
        """Have the PDFs of new invoices made by a job, as soon as they are committed.

        :param moves: `account.move`, of which none is stored yet.
        """
        # sudo: the server stores them, and says when its jobs run.
        cache = self.sudo()
        own = moves.filtered(lambda move: move._billing_has_own_pdf())
        cache.create([{"move_id": move.id, "is_due": True} for move in own])
        if own:
            cache.env.ref("omni_billing.ir_cron_make_pdfs")._trigger()

    @api.model
    def _cron_make(self):
        """Make the PDFs that wait, one after the other; commits each."""
        due = self.search([("is_due", "=", True)], order="id")
        for left, entry in zip(range(len(due) - 1, -1, -1), due, strict=True):
            entry._make_due()
            if not commit_progress(self.env, 1, left):
                return

    def _make_due(self):
        """Make one that nobody has asked for yet; who asks is told what is wrong."""
        self.ensure_one()
        self.is_due = False
        move = self.move_id
        if self._find(move):
            return
        try:
            with savepoint(self.env):
                self._make(move)
        except UserError as error:
            _logger.info("The PDF of invoice %s is not made: %s", move.id, error)
