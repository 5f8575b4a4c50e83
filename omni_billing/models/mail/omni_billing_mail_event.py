import hashlib
import logging

from odoo import api, fields, models
from odoo.tools import email_normalize
from odoo.tools.constants import GC_UNLINK_LIMIT

from ...tools.database import commit, commit_progress, insist
from ...tools.insert import insert_once
from ...tools.lock import wait_for

_logger = logging.getLogger(__name__)

#: Events of a day of 24 hours are told again until they are answered; these are enough
#: for one answer.
MAX_EVENTS = 10_000
#: Texts are for people to read.
MAX_TEXT = 500
#: Nothing is told of a message any more after so many days: its state is final.
KEPT_DAYS = 180


class OmniBillingMailEvent(models.Model):
    """What Mailjet told of a message: kept once, answered at once, worked on after.

    Events have no number of their own. They come late, twice and in any order, so what
    they mean is worked out from all there are of a message.
    """

    _name = "omni.billing.mail.event"
    _inherit = "omni.billing.server.mixin"
    _description = "Event of Mailjet"
    _order = "id desc"
    _rec_name = "kind"

    company_id = fields.Many2one("res.company", required=True, ondelete="cascade")
    mail_id = fields.Many2one(
        "omni.billing.mail",
        string="Message",
        index="btree_not_null",
        ondelete="cascade",
    )
    fingerprint = fields.Char(required=True)
    kind = fields.Char(string="Event", required=True)
    time = fields.Integer(required=True)
    email = fields.Char(string="E-mail")
    key = fields.Char(help="The key of the message, which Mailjet gives back.")
    message_uuid = fields.Char(string="Mailjet's UUID")
    reason = fields.Char()
    state = fields.Selection(
        [("new", "New"), ("done", "Done"), ("unknown", "Not Ours")],
        required=True,
        default="new",
    )

    _fingerprint_uniq = models.Constraint(
        "UNIQUE(company_id, fingerprint)", "An event is kept once."
    )
    _new_idx = models.Index("(id) WHERE state = 'new'")

    @api.model
    def _store(self, company, payload):
        """Keep what Mailjet told: one event (version 1) or a list of them (version 2).

        :raise ValueError: if it is neither.
        """
        told = payload if isinstance(payload, list) else [payload]
        if len(told) > MAX_EVENTS or not all(isinstance(one, dict) for one in told):
            raise ValueError("This is no event of Mailjet.")
        rows = [self._read(company, event) | {"state": "new"} for event in told]
        insert_once(self, ("company_id", "fingerprint"), rows)
        if rows:
            self.env.ref("omni_billing.ir_cron_process_mail_events")._trigger()

    @api.model
    def _read(self, company, event):
        """Return the columns of an event; what does not fit is made to."""
        uuid = _text(event.get("Message_GUID")) or _text(event.get("MessageID"))
        moment = event.get("time")
        in_range = isinstance(moment, int) and 0 <= moment < 2**31
        row = {
            "company_id": company.id,
            "kind": _text(event.get("event")) or "unknown",
            "time": moment if in_range else 0,
            "email": email_normalize(_text(event.get("email"))) or None,
            "key": _text(event.get("CustomID")) or _text(event.get("Payload")),
            "message_uuid": uuid,
            "reason": ": ".join(
                filter(
                    None,
                    (_text(event.get("error_related_to")), _text(event.get("error"))),
                )
            ),
        }
        names = ("message_uuid", "kind", "time", "email")
        identity = [*(row[name] for name in names), _text(event.get("url"))]
        digest = hashlib.sha256(repr(identity).encode()).hexdigest()
        return row | {"fingerprint": digest}

    @api.model
    def _cron_process(self, limit=1000):
        """Work on new events, by the message that they are about."""
        new = self.search([("state", "=", "new")], order="id", limit=limit)
        if new:
            new._find_mails()
            # What is written again after a conflict has to know its message.
            commit(self.env)
        for mail, events in new.grouped("mail_id").items():
            if not mail:
                events.state = "unknown"
                continue
            insist(self.env, events._process)
        left = self.search_count([("state", "=", "new")])
        commit_progress(self.env, len(new), left)

    @api.autovacuum
    def _gc_events(self):
        """Let go of what was worked on long ago; the messages keep their states."""
        limit = fields.Datetime.subtract(fields.Datetime.now(), days=KEPT_DAYS)
        old = self.search(
            [("state", "!=", "new"), ("create_date", "<", limit)],
            limit=GC_UNLINK_LIMIT,
        )
        old.unlink()
        return len(old), len(old) == GC_UNLINK_LIMIT

    def _find_mails(self):
        """Find the messages by our key, else by Mailjet's."""
        Mail = self.env["omni.billing.mail"]
        # Companies may share an account at Mailjet, so the key alone counts.
        by_key = {
            mail.key: mail for mail in Mail.search([("key", "in", self.mapped("key"))])
        }
        uuids = [uuid for uuid in self.mapped("message_uuid") if uuid]
        recipients = self.env["omni.billing.mail.recipient"].search(
            [("message_uuid", "in", uuids)]
        )
        by_uuid = {
            recipient.message_uuid: recipient.mail_id for recipient in recipients
        }
        for event in self:
            event.mail_id = by_key.get(event.key) or by_uuid.get(event.message_uuid)

    def _process(self):
        mail = self.mail_id
        wait_for(mail)
        self.invalidate_recordset()
        mail._follow_events(self.search([("mail_id", "=", mail.id)]))
        self.state = "done"

    def _explain(self):
        self.ensure_one()
        return {
            "spam": self.env._("marked as spam by the recipient"),
            "unsub": self.env._("the recipient does not want any e-mail"),
            "blocked": self.reason or self.env._("blocked"),
            "bounce": self.reason or self.env._("not taken by the recipient's server"),
        }.get(self.kind, "")


def _text(value):
    return "" if value is None else str(value).replace("\0", "")[:MAX_TEXT]
