from collections import defaultdict

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.fields import Domain

from odoo.addons.omni_billing.tools.lock import lock_or_tell

from ..tools.events import read_raw

#: Why an event was refused: how that is called, and as what it is counted.
REASONS = {
    "unknown_identifier": ("The identifier is of no service at that time", "unknown"),
    "unknown_service": ("There is no such service", "unknown"),
    "unknown_meter": ("There is no such meter", "unknown"),
    "conflict": ("The reference is of another event", "conflict"),
    "dismissed": ("It was dismissed: a manager may try it again", "double"),
    "late": ("It is late: a manager may take it in", "late"),
    "closed": ("Its month is closed: what was used then has gone", "late"),
    "early": ("It is of a time that is still to come", "broken"),
    "shape": ("It is no object with the values of an event alone", "broken"),
    "ref": ("Its reference is missing, or no text of up to 128 characters", "broken"),
    "meter": ("Its meter is missing, or no code", "broken"),
    "identifier": ("It needs an identifier or a service, one of both", "broken"),
    "service": ("Its service is no id", "broken"),
    "time": ("Its time cannot be read: 2026-11-30T14:05:00+01:00 can", "broken"),
    "zone": ("Its time has no zone, or one that is unknown or does not fit", "broken"),
    "twice": ("The clock showed this time twice: send its offset, or fold", "broken"),
    "never": ("The clock jumped over this time", "broken"),
    "quantity": ("Its quantity is none: zero or more, up to 12 decimals", "broken"),
    "dimensions": ("Its dimensions are none, or not those of its meter", "broken"),
}
#: Most events that are taken in at once.
MAX_EVENTS = 10_000


class OmniBillingUsageRefused(models.Model):
    """An event that was not taken in: kept as it came, with the reason (W41).

    What comes again, word by word, is the same row. It is tried again by the way of
    every event, and so is taken in once at most.
    """

    _name = "omni.billing.usage.refused"
    _inherit = "omni.billing.server.mixin"
    _description = "Refused Usage"
    _rec_name = "ref"
    _order = "id desc"

    source_id = fields.Many2one(
        "omni.billing.usage.source", required=True, readonly=True, ondelete="restrict"
    )
    batch_id = fields.Many2one(
        "omni.billing.usage.batch",
        string="Intake",
        required=True,
        readonly=True,
        index=True,
        ondelete="restrict",
        help="With which it came the last time.",
    )
    company_id = fields.Many2one(
        "res.company", required=True, readonly=True, index=True
    )
    ref = fields.Char(string="Reference", readonly=True)
    reason = fields.Selection(
        [(reason, name) for reason, (name, _count) in REASONS.items()],
        required=True,
        readonly=True,
    )
    detail = fields.Char(string="What It Says", readonly=True)
    payload = fields.Text(string="As It Came", required=True, readonly=True)
    digest = fields.Char(required=True, readonly=True)
    tries = fields.Integer(required=True, readonly=True, default=1)
    state = fields.Selection(
        [
            ("open", "Waiting"),
            ("taken", "Taken In"),
            ("replaced", "Another Came in Its Place"),
            ("dismissed", "Dismissed"),
        ],
        string="Status",
        required=True,
        readonly=True,
        default="open",
    )

    _digest_unique = models.UniqueIndex(
        "(source_id, digest)", "This event was refused already."
    )
    _open_idx = models.Index("(source_id, ref) WHERE state = 'open'")
    _dismissed_idx = models.Index("(source_id, ref) WHERE state = 'dismissed'")
    _settled_idx = models.Index("(company_id, create_date) WHERE state != 'open'")
    _company_open_idx = models.Index("(company_id, create_date) WHERE state = 'open'")

    @api.model
    def _open(self):
        return self.env["ir.actions.act_window"]._for_xml_id(
            "omni_billing_usage.omni_billing_usage_refused_action"
        )

    # === ACTION METHODS === #

    def action_try_again(self):
        """Try again what was refused, as after its identifier was entered.

        Of managers also what was dismissed.
        """
        self.env["omni.billing.usage.identifier"].check_access("write")
        if self.env["omni.billing.usage.source"].has_access("write"):
            self._reopen()
        self._try_again()
        return True

    def action_take_late(self):
        """Take in what is late, for a manager.

        :raise UserError: if something else is wrong with one.
        """
        self.env["omni.billing.usage.source"].check_access("write")
        if any(refused.reason != "late" for refused in self):
            raise UserError(
                self.env._("Choose events that are late; others are tried again.")
            )
        self._reopen()
        self._try_again(accept_late=True)
        return True

    def action_dismiss(self):
        """Have nobody wait for it any more, for a manager; it stays as it came.

        Sent again, it is not taken in, until a manager tries it again.
        """
        self.env["omni.billing.usage.source"].check_access("write")
        self.check_access("read")
        lock_or_tell(self)
        # sudo: the server alone writes what was refused.
        waiting = self.sudo().filtered(lambda one: one.state == "open")
        waiting.state = "dismissed"
        return True

    # === BUSINESS METHODS === #

    def _reopen(self):
        """Have what was dismissed wait again."""
        self.check_access("read")
        dismissed = self.filtered(lambda one: one.state == "dismissed")
        if dismissed:
            lock_or_tell(dismissed)
            # sudo: the server alone writes what was refused.
            waiting = dismissed.sudo().filtered(lambda one: one.state == "dismissed")
            waiting.state = "open"

    def _try_again(self, accept_late=False):
        """Take in, by the way of every event, what still waits of these.

        :param bool accept_late: also what is late.
        :raise UserError: if these are too many for once.
        """
        self.check_access("read")
        if len(self) > MAX_EVENTS:
            raise UserError(
                self.env._(
                    "These are more than %(count)s at once: choose fewer.",
                    count=MAX_EVENTS,
                )
            )
        by_source = defaultdict(self.browse)
        for refused in self.search(
            Domain("id", "in", self.ids) & Domain("state", "=", "open"), order="id"
        ):
            by_source[refused.source_id] += refused
        for source, refused in by_source.items():
            # sudo: whose events these are was checked above.
            self.env["omni.billing.usage"].sudo()._take_in(
                source.sudo(),
                [read_raw(one.payload) for one in refused],
                origin="again",
                accept_late=accept_late,
                came=[one.create_date for one in refused],
            )
        self.invalidate_model()
