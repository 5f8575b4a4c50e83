import json
import uuid
from datetime import timezone

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.fields import Domain
from odoo.tools import SQL
from odoo.tools.constants import GC_UNLINK_LIMIT

from ...tools.database import check_can_commit, commit
from ...tools.lock import wait_for
from ...tools.notice import notice, reload
from ...tools.retell import KeptSentence
from ...tools.write_guard import trust

#: Days that messages are kept which were taken, and those that were not.
KEPT_DAYS = {"sent": 30, "canceled": 30, "failed": 90, "queued": 90}
#: Characters of a text in a message; there are a few, so that it stays below 20 kB.
MAX_TEXT = 256


class OmniBillingWebhookDelivery(models.Model):
    """The outbox: one fact for one program, and what became of it (W39).

    The row is written in the database transaction of what it tells, so it is there if
    and only if that is. Its id grows, and is drawn while the record that it is about is
    locked: of one record the greater is the later, whoever worked on it.
    """

    _name = "omni.billing.webhook.delivery"
    _inherit = "omni.billing.server.mixin"
    _description = "Message to Another Program"
    _order = "id desc"
    _rec_name = "key"

    webhook_id = fields.Many2one(
        "omni.billing.webhook", required=True, readonly=True, ondelete="cascade"
    )
    company_id = fields.Many2one("res.company", required=True, readonly=True)
    kind = fields.Char(string="Event", required=True, readonly=True)
    key = fields.Char(
        string="Message",
        required=True,
        readonly=True,
        copy=False,
        help="The id by which the other program knows it, each time that it is sent.",
    )
    res_model = fields.Char(readonly=True)
    res_id = fields.Many2oneReference(
        string="Record", model_field="res_model", readonly=True
    )
    fact_state = fields.Char(readonly=True, help="Where the record stood then.")
    moment = fields.Datetime(string="When", required=True, readonly=True)
    body = fields.Text(readonly=True, help="As it is sent; made when it first is.")
    state = fields.Selection(
        [
            ("queued", "Queued"),
            ("sent", "Sent"),
            ("failed", "Failed"),
            ("canceled", "Canceled"),
        ],
        string="Status",
        required=True,
        readonly=True,
        default="queued",
        help="Sent: the other program took it.",
    )
    # Not empty in the database, where that would come last.
    tries = fields.Integer(readonly=True, default=0)
    next_try = fields.Datetime(readonly=True)
    sent_date = fields.Datetime(string="Sent on", readonly=True)
    status_code = fields.Integer(string="HTTP Status", readonly=True)
    answer = fields.Char(readonly=True, help="How the other program's answer begins.")
    error = KeptSentence(string="Reason", readonly=True)

    _key_uniq = models.Constraint("UNIQUE(key)", "A key names one message.")
    _queued_idx = models.Index("(webhook_id, tries, id) WHERE state = 'queued'")
    _webhook_idx = models.Index("(webhook_id, id DESC)")
    _company_idx = models.Index("(company_id, id DESC)")
    _old_idx = models.Index("(create_date)")

    # === ACTION METHODS === #

    def action_send_again(self):
        """Send messages once more, with the same id; one at once, several by the job.

        :return: a notice of what came of it.
        :raise UserError: if the webhook of one is off.
        """
        self.check_access("read")
        self.webhook_id.check_access("write")
        if off := self.webhook_id.filtered(lambda webhook: webhook.state == "off"):
            raise UserError(
                self.env._(
                    "%(webhook)s is off. Switch it on first.", webhook=off[0].name
                )
            )
        rows = self.sudo()  # sudo: messages are written by the server alone.
        wait_for(rows)
        rows.write({"state": "queued", "tries": 0, "next_try": fields.Datetime.now()})
        trust(rows.webhook_id).write({"wait_until": False, "tries": 0})
        if len(rows) == 1:
            return rows._send_now()
        self.env["omni.billing.webhook"]._trigger_job()
        message = self.env._("%(count)s messages go out now.", count=len(rows))
        return notice(message, "info", after=reload())

    def action_cancel(self):
        """Take messages out of the outbox."""
        self.check_access("read")
        self.webhook_id.check_access("write")
        rows = self.sudo()  # sudo: as above.
        wait_for(rows)
        waiting = rows.filtered(lambda row: row.state in ("queued", "failed"))
        reason = self.env._("Canceled by %(user)s.", user=self.env.user.name)
        waiting.write({"state": "canceled", "error": reason})
        return True

    def action_open_record(self):
        """Open what it is about."""
        self.ensure_one()
        self.check_access("read")
        if self.res_model == "account.move":
            return (
                self.env["account.move"]
                .browse(self.res_id)
                .action_billing_open_detail()
            )
        return {
            "type": "ir.actions.act_window",
            "res_model": self.res_model,
            "res_id": self.res_id,
            "views": [(False, "form")],
        }

    def _send_now(self):
        """Send one, and return a notice of what was answered; commits."""
        self.ensure_one()
        check_can_commit(self.env)
        commit(self.env)
        self._deliver()
        if self.state == "sent":
            message = self.env._(
                "The program took it: it answered %(status)s.", status=self.status_code
            )
            return notice(message, after=reload())
        kind = "info" if not self.error else "danger"
        message = self.error or self.env._("The message waits to be sent.")
        return notice(message, kind, sticky=bool(self.error), after=reload())

    # === BUSINESS METHODS - WHAT IS TOLD === #

    @api.model
    def _tell(self, kind, records, state=False, company=None):
        """Write down a fact of each record, for the programs that listen to it.

        Costs one statement if there are none.

        :param str kind: the code of an `omni.billing.webhook.kind`.
        :param records: of one model, each with a ``company_id``.
        :param str state: where they stand now, as the message says it.
        :param company: whose programs are told, if it is not that of each record.
        """
        if not records:
            return
        companies = {record: company or record.company_id for record in records}
        # sudo: whoever does what is told of.
        found = self.sudo().env.execute_query(
            SQL(
                """
                SELECT webhook.id, webhook.company_id
                  FROM omni_billing_webhook webhook
                  JOIN omni_billing_webhook_kind_rel chosen
                    ON chosen.webhook_id = webhook.id
                  JOIN omni_billing_webhook_kind kind ON kind.id = chosen.kind_id
                 WHERE webhook.active AND kind.code = %s
                   AND webhook.company_id = ANY(%s)
              ORDER BY webhook.id
                """,
                kind,
                list({one.id for one in companies.values()}),
            )
        )
        now = fields.Datetime.now()
        rows = [
            self._prepare(kind, record, webhook_id, now)
            | {"fact_state": state, "company_id": company_id}
            for webhook_id, company_id in found
            for record in records
            if companies[record].id == company_id
        ]
        if rows:
            # The fact itself is in the database before the number is drawn.
            self.env.flush_all()
            by_id = {record.id: record for record in records}
            for row in self.sudo().create(rows):  # sudo: as above.
                row._make_body(by_id[row.res_id])
            self.env["omni.billing.webhook"]._trigger_job()

    @api.model
    def _prepare(self, kind, record, webhook_id, now):
        return {
            "webhook_id": webhook_id,
            "company_id": record.company_id.id,
            "kind": kind,
            "key": f"evt_{uuid.uuid4().hex}",
            "res_model": record._name,
            "res_id": record.id,
            "moment": now,
            "next_try": now,
        }

    @api.model
    def _create_test(self, webhook):
        now = fields.Datetime.now()
        row = self._prepare("webhook.test", webhook, webhook.id, now)
        delivery = self.create(row)
        delivery._make_body()
        return delivery

    def _make_body(self, record=None):
        """Write down what is sent, once: each attempt sends the same bytes.

        :param record: what it is about, if that is known to be there.
        """
        self.ensure_one()
        if record is None:
            record = self.env[self.res_model].browse(self.res_id).exists()
        record = record.sudo().with_company(self.company_id)  # sudo: as above.
        data = {
            "sequence": self.id,
            "id": self.res_id,
            "company_id": self.company_id.id,
        }
        if record and self.res_model != "omni.billing.webhook":
            data |= record._billing_prepare_webhook_data()
        if self.fact_state:
            data["state"] = self.fact_state
        moment = self.moment.replace(tzinfo=timezone.utc).isoformat()
        content = {"type": self.kind, "timestamp": moment, "data": _shorten(data)}
        self.body = json.dumps(content, ensure_ascii=False, separators=(",", ":"))

    @api.autovacuum
    def _gc_deliveries(self):
        """Let go of what was told long ago."""
        now = fields.Datetime.now()
        old = self.search(
            Domain.OR(
                Domain("state", "=", state)
                & Domain("create_date", "<", fields.Datetime.subtract(now, days=days))
                for state, days in KEPT_DAYS.items()
            ),
            limit=GC_UNLINK_LIMIT,
        )
        old.unlink()
        return len(old), len(old) == GC_UNLINK_LIMIT


def _shorten(value):
    """Cut the texts of a message to a length that always fits."""
    if isinstance(value, dict):
        return {key: _shorten(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_shorten(one) for one in value]
    return value[:MAX_TEXT] if isinstance(value, str) else value
