from hashlib import blake2b

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.fields import Domain

from odoo.addons.omni_billing.tools.database import savepoint
from odoo.addons.omni_billing.tools.lock import lock_or_tell, wait_for
from odoo.addons.omni_billing.tools.retell import KeptSentence

from ..tools.events import DIGEST_SIZE

#: So often a file is tried that cannot be read just now.
MAX_TRIES = 5


class OmniBillingUsageArrival(models.Model):
    """A file that a source fetches: seen, taken in once, or why not (W41).

    A file is known by its name, and by its size and time as its folder tells them: one
    that changes is another one. What was read is known by its digest.
    """

    _name = "omni.billing.usage.arrival"
    _inherit = "omni.billing.server.mixin"
    _description = "Fetched File of Usage"
    _order = "id desc"

    source_id = fields.Many2one(
        "omni.billing.usage.source", required=True, readonly=True, ondelete="cascade"
    )
    company_id = fields.Many2one(
        related="source_id.company_id", store=True, precompute=True, index=True
    )
    name = fields.Char(string="File", required=True, readonly=True)
    stamp = fields.Char(
        required=True, readonly=True, help="Its size and time, as its folder has them."
    )
    seen_date = fields.Datetime(
        string="Last Changed",
        required=True,
        readonly=True,
        help="When it was seen like this first.",
    )
    digest = fields.Char(readonly=True, help="Of what is in it.")
    state = fields.Selection(
        [
            ("waiting", "Waiting"),
            ("taken", "Taken In"),
            ("same", "The Same Again"),
            ("failed", "Could Not Be Read"),
            ("dismissed", "Dismissed"),
        ],
        string="Status",
        required=True,
        readonly=True,
        default="waiting",
    )
    reason = KeptSentence(readonly=True)
    tries = fields.Integer(readonly=True, required=True, default=0, help="To read it.")
    cuts = fields.Integer(
        readonly=True,
        required=True,
        default=0,
        help="How often its host went down while it was read.",
    )
    batch_ids = fields.One2many(
        "omni.billing.usage.batch", "arrival_id", string="Intakes", readonly=True
    )

    _stamp_unique = models.UniqueIndex(
        "(source_id, name, stamp)", "This file was seen already."
    )
    _waiting_idx = models.Index("(source_id) WHERE state = 'waiting'")
    _failed_idx = models.Index("(company_id, write_date) WHERE state = 'failed'")

    # === ACTION METHODS === #

    def action_try_again(self):
        """Have what could not be read be read again, as after a setting was mended.

        The next look reads it, if it is still there.
        """
        self._settle_by_hand("waiting")
        return True

    def action_dismiss(self):
        """Have nobody wait for what could not be read; the file stays where it is."""
        self._settle_by_hand("dismissed")
        return True

    def action_open_batches(self):
        """Open what became of its events."""
        self.ensure_one()
        action = self.env["omni.billing.usage.batch"]._open()
        return action | {"domain": [("arrival_id", "=", self.id)]}

    # === BUSINESS METHODS === #

    def _settle_by_hand(self, state):
        self.env["omni.billing.usage.source"].check_access("write")
        self.check_access("read")
        lock_or_tell(self)
        # sudo: the server alone writes what became of files.
        mine = self.sudo().filtered(lambda one: one.state in ("failed", "dismissed"))
        mine.write({"state": state, "tries": 0, "cuts": 0})

    def _begin_try(self):
        """Count that it is about to be read.

        :return: whether it may be: not one of which each time the process died.
        """
        self.ensure_one()
        wait_for(self)
        if self.state != "waiting":
            return False
        if self.tries >= MAX_TRIES:
            self._fail(
                self.env._(
                    "The server's process ended each time it was read: it may be too"
                    " large. Cut it in several files."
                )
            )
            return False
        self.tries += 1
        return True

    def _note_down(self, is_cut, is_well):
        """Note that its host was down, or gave no more, while it was read.

        :param bool is_cut: whether the host went; if not, the time for a look was over.
        :param bool is_well: whether it gave another file at the same look. If not, it
            says nothing of this one, which is as it was.
        """
        self.ensure_one()
        wait_for(self)
        self.cuts += is_cut
        if not (is_cut and is_well):
            self.tries = max(0, self.tries - 1)

    def _is_taken(self, content):
        """Take in what was read: all of it, or nothing; see `_take_in_file`.

        Two may have read it: who comes second leaves it.

        :param bytes content: of the file.
        :return: whether it is taken in by now.
        """
        self.ensure_one()
        mine = self.try_lock_for_update(allow_referencing=True)
        if not mine:
            return False
        self.invalidate_recordset()
        if self.state != "waiting":
            return self.state != "failed"
        digest = blake2b(content, digest_size=DIGEST_SIZE).hexdigest()
        same = Domain("source_id", "=", self.source_id.id)
        same &= Domain("name", "=", self.name) & Domain("digest", "=", digest)
        if self.search_count(same & Domain("state", "in", ("taken", "same")), limit=1):
            self.write({"state": "same", "digest": digest, "reason": False})
            return True
        try:
            with savepoint(self.env):
                batches = self.source_id._take_in_file(
                    self.name, content, origin="fetch"
                )
                batches.write({"arrival_id": self.id})
        except UserError as error:
            self._fail(str(error))
            return False
        self.write({"state": "taken", "digest": digest, "reason": False})
        return True

    def _fail(self, reason):
        """Have a person look at it; others go on."""
        self.write({"state": "failed", "reason": reason})

    @api.model
    def _open(self):
        return self.env["ir.actions.act_window"]._for_xml_id(
            "omni_billing_usage.omni_billing_usage_arrival_action"
        )
