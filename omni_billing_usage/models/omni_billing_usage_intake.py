import json
from datetime import date, timedelta
from typing import NamedTuple

from dateutil.relativedelta import relativedelta

from odoo import api, fields, models
from odoo.exceptions import AccessError, ValidationError
from odoo.fields import Domain
from odoo.tools import SQL

from odoo.addons.omni_billing.tools.copy_rows import copy_rows, escape

from ..tools.events import (
    UnreadableError,
    find_ref,
    read_event,
    read_raw,
    show,
    write_raw,
)
from .omni_billing_meter import COUNTING
from .omni_billing_usage_batch import COUNTS
from .omni_billing_usage_refused import MAX_EVENTS, REASONS
from .omni_billing_usage_source import MAX_LATE_DAYS

GROUP = "omni_billing_usage.omni_billing_usage_group_intake"
#: How far a clock may be ahead of ours.
AHEAD = timedelta(minutes=5)
#: What was sent, until it is taken in or refused: a table of the connection alone,
#: empty at the end of each transaction. Who changes its columns counts its name up: a
#: connection may be older than the code.
INCOMING = """
    CREATE TEMPORARY TABLE IF NOT EXISTS omni_billing_usage_incoming_1 (
        number integer NOT NULL,
        ref text COLLATE "C" NOT NULL,
        digest bytea NOT NULL,
        meter_id integer,
        service integer,
        identifier varchar,
        moment timestamp NOT NULL,
        zone varchar NOT NULL,
        quantity numeric NOT NULL,
        dimensions jsonb NOT NULL,
        reason varchar
    ) ON COMMIT DELETE ROWS;
    DELETE FROM omni_billing_usage_incoming_1;
"""
COLUMNS = [
    *("number", "ref", "digest", "meter_id", "service", "identifier", "moment"),
    *("zone", "quantity", "dimensions", "reason"),
]


class Refusal(NamedTuple):
    """Why an event was not taken in, or that it was before (``double``)."""

    reason: str
    detail: str = ""


class OmniBillingUsage(models.Model):
    """How events come in: each once, whoever sends it, and how often (W41)."""

    _inherit = "omni.billing.usage"

    @api.model
    def take_in(self, source_code, events):
        """Take in events of usage, for programs; see docs/usage.md.

        What was taken in before is a double, and changes nothing. What cannot be taken
        in is kept with the reason, and keeps nothing else out. It is done in one
        transaction: who lost the answer sends the same again.

        :param str source_code: of one's company, or else of another that one works for.
        :param list[dict] events: at most 10,000; see `tools/events.py`.
        :return: how many were sent (``total``), what became of them (``taken``,
            ``double``, ``conflict``, ``unknown``, ``late``, ``broken``), the id of the
            intake (``batch``), and in ``refused`` each that was not taken in nor is a
            double: its place in the list (``index``), ``ref``, ``reason``, ``message``.
        :rtype: dict
        :raise AccessError: if one may not send usage.
        :raise UserError: if there is no such source, or these are no such list; then
            nothing was taken in.
        """
        if not (self.env.su or self.env.user.has_group(GROUP)):
            raise AccessError(
                self.env._(
                    "Usage is sent by who has the right Send Usage, or is a manager of"
                    " Billing."
                )
            )
        source = self.env["omni.billing.usage.source"]._find(source_code)
        # sudo: who sends usage alone reads neither services nor meters.
        return self.sudo()._take_in(source, events)

    # === BUSINESS METHODS === #

    @api.model
    def _take_in(
        self, source, events, origin="api", file_name="", accept_late=False, came=None
    ):
        """Take in events of a source; see `take_in`. In sudo.

        :param source: `omni.billing.usage.source`, which one may send for.
        :param str origin: how they came, see `omni.billing.usage.batch`.
        :param bool accept_late: also those that are late.
        :param list came: when each came first, by which it is late or not; now.
        """
        if not isinstance(events, list) or len(events) > MAX_EVENTS:
            raise ValidationError(
                self.env._(
                    "Send a list of at most %(count)s events. Nothing was taken in.",
                    count=MAX_EVENTS,
                )
            )
        self.env.flush_all()
        found, refusals, meters, reasons = self._prepare(
            source, events, accept_late, came
        )
        batch = self.env["omni.billing.usage.batch"].create(
            {
                "source_id": source.id,
                "company_id": source.company_id.id,
                "origin": origin,
                "file_name": file_name,
            }
        )
        self._copy(found, meters, reasons)
        taken = self._insert(batch)
        if len(taken) < len(found):
            refusals |= self._explain(source, taken, found, reasons)
        return self._finish(batch, events, refusals, found)

    def _prepare(self, source, events, accept_late=False, came=None):
        """Return what is known of events before they are taken in.

        Months that they need are there then.

        :return: those that can be read, why others cannot, the meters by their code,
            and why events are not taken in, unless they were before.
        :rtype: tuple[dict[int, Event], dict[int, Refusal], dict, dict[int, str]]
        """
        found, refusals = self._read(source, events)
        meters = self._find_meters(source, found)
        reasons = self._judge(source, found, meters, accept_late, came)
        reasons |= self._find_dismissed(source, found)
        ready = {n: found[n] for n in found.keys() - reasons.keys()}
        reasons |= dict.fromkeys(self._make_months(source, ready), "closed")
        return found, refusals, meters, reasons

    # === WHAT WAS SENT === #

    def _read(self, source, events):
        """Return the events that can be read, and why others cannot, by their number.

        :rtype: tuple[dict[int, Event], dict[int, Refusal]]
        """
        found, refusals = {}, {}
        zone = source.zone or ""
        for number, raw in enumerate(events):
            try:
                found[number] = read_event(raw, zone)
            except UnreadableError as error:
                refusals[number] = Refusal(error.reason, error.detail)
            except (ValueError, OverflowError, RecursionError):
                refusals[number] = Refusal("shape", show(raw))
        return found, refusals

    def _find_meters(self, source, found):
        """Return the meters that events name, by their code; ready to be used."""
        codes = {event.meter for event in found.values()}
        meters = self.env["omni.billing.meter"].search(
            Domain("company_id", "=", source.company_id.id)
            & Domain("code", "in", list(codes))
            & Domain("active", "=", True)
        )
        return {meter.code: meter for meter in meters}

    def _find_dismissed(self, source, found):
        """Return those that say what was dismissed: a manager alone tries it again.

        :rtype: dict[int, str]
        """
        rows = self.env.execute_query(
            SQL(
                "SELECT ref, payload FROM omni_billing_usage_refused"
                " WHERE source_id = %s AND state = 'dismissed' AND ref = ANY(%s)",
                source.id,
                [event.ref for event in found.values()],
            )
        )
        if not rows:
            return {}
        dismissed, _refusals = self._read(source, [read_raw(row[1]) for row in rows])
        known = {(event.ref, event.digest) for event in dismissed.values()}
        return {
            number: "dismissed"
            for number, event in found.items()
            if (event.ref, event.digest) in known
        }

    def _judge(self, source, found, meters, accept_late, came):
        """Return why events are not taken in, unless they were before.

        :rtype: dict[int, str]
        """
        now = fields.Datetime.now()
        days = MAX_LATE_DAYS if accept_late else source.late_days
        span, latest = timedelta(days=days), now + AHEAD
        dimensions = {code: set(one._get_dimensions()) for code, one in meters.items()}
        counting = {code for code, one in meters.items() if one.kind in COUNTING}
        # Also the month after those that went: a period that began in them may end in
        # it, and is not rated any more.
        kept_from = source.company_id.billing_usage_kept_from
        open_from = kept_from + relativedelta(months=1) if kept_from else date.min
        reasons = {}
        for number, event in found.items():
            quantity = event.quantity
            if quantity is None and event.meter in counting:
                quantity = 1
            if event.meter not in dimensions:
                reasons[number] = "unknown_meter"
            elif quantity is None or (event.meter in counting and quantity != 1):
                reasons[number] = "quantity"
            elif not event.dimensions.keys() <= dimensions[event.meter]:
                reasons[number] = "dimensions"
            elif event.moment > latest:
                reasons[number] = "early"
            elif event.moment.date() < open_from:
                reasons[number] = "closed"
            elif event.moment < (came[number] if came else now) - span:
                reasons[number] = "late"
        return reasons

    # === THE DATABASE === #

    def _copy(self, found, meters, reasons):
        """Write what can be read into a table of this connection."""
        self.env.cr.execute(INCOMING)
        ids = {code: str(meter.id) for code, meter in meters.items()}
        lines = []
        for number, event in found.items():
            quantity = 1 if event.quantity is None else event.quantity
            said = json.dumps(event.dimensions)
            values = (
                str(number),
                escape(event.ref),
                rf"\\x{event.digest.hex()}",
                ids.get(event.meter, r"\N"),
                r"\N" if event.service is None else str(event.service),
                escape(event.identifier),
                event.moment.isoformat(" "),
                event.zone,
                format(quantity, "f"),
                escape(said),
                escape(reasons.get(number)),
            )
            lines.append("\t".join(values))
        if lines:
            copy_rows(self.env.cr, "omni_billing_usage_incoming_1", COLUMNS, lines)

    def _insert(self, batch):
        """Take in what has no reason against it and is of a known service, once each.

        Key, event and the mark that a service has usage to be rated are one statement.
        Keys are written in their order, so that of two
        who bring the same one waits for the other, and not both. Services are looked up
        one by one: PostgreSQL knows nothing of the rows that came just now, and joined
        them, it would compare each with all services of a company.

        :return: the numbers of those that were taken in.
        :rtype: set[int]
        """
        rows = self.env.execute_query(
            SQL(
                """
                WITH found AS MATERIALIZED (
                    SELECT incoming.*, %(owner)s AS service_id
                      FROM omni_billing_usage_incoming_1 incoming
                     WHERE incoming.reason IS NULL
                ), ready AS MATERIALIZED (
                    SELECT DISTINCT ON (ref) * FROM found
                     WHERE service_id IS NOT NULL
                  ORDER BY ref, number
                ), claimed AS (
                    INSERT INTO omni_billing_usage_key (source_id, ref, digest, moment)
                    SELECT %(source)s, ref, digest, moment FROM ready
                    ON CONFLICT DO NOTHING
                    RETURNING ref
                ), taken AS (
                    INSERT INTO omni_billing_usage_event (
                           company_id, source_id, batch_id, meter_id, service_id,
                           identifier, ref, moment, zone, quantity, dimensions
                    )
                    SELECT %(company)s, %(source)s, %(batch)s, meter_id, service_id,
                           identifier, ref, moment, zone, quantity, dimensions
                      FROM claimed JOIN ready USING (ref)
                ), marked AS (
                    INSERT INTO omni_billing_usage_mark (service_id, begin, until)
                    SELECT service_id, MIN(moment), MAX(moment)
                      FROM claimed JOIN ready USING (ref)
                  GROUP BY service_id, date_trunc('month', moment)
                )
                SELECT number, meter_id, service_id FROM claimed JOIN ready USING (ref)
                """,
                company=batch.company_id.id,
                source=batch.source_id.id,
                batch=batch.id,
                owner=self._get_owner_sql(batch.company_id, "incoming"),
            )
        )
        self._note_used({meter for _number, meter, _service in rows})
        services = {service for _number, _meter, service in rows}
        if services:
            self.env["omni.billing.service"].browse(services)._note_used()
        return {number for number, _meter, _service in rows}

    @api.model
    def _get_owner_sql(self, company, rows):
        """Return whose an event is, as SQL: a service, or none.

        :param str rows: whose ``service``, ``identifier`` and ``moment`` say it.
        """
        return SQL(
            """
            COALESCE(
                (SELECT service.id FROM omni_billing_service service
                  WHERE service.id = %(rows)s.service
                    AND service.company_id = %(company)s),
                (SELECT known.service_id FROM omni_billing_usage_identifier known
                  WHERE known.company_id = %(company)s
                    AND known.value = %(rows)s.identifier
                    AND %(rows)s.moment >= COALESCE(known.valid_from, '-infinity')
                    AND %(rows)s.moment < COALESCE(known.valid_until, 'infinity'))
            )
            """,
            company=company.id,
            rows=SQL.identifier(rows),
        )

    def _note_used(self, meters):
        """Have what is counted stay from now on; whoever changes it now is refused."""
        unused = (
            self.env["omni.billing.meter"]
            .browse(meters)
            .filtered(lambda meter: not meter.is_used)
        )
        if unused:
            self.env.cr.execute(
                SQL(
                    "UPDATE omni_billing_meter SET is_used = TRUE WHERE id = ANY(%s)",
                    sorted(unused.ids),
                ),
                log_exceptions=False,
            )
            unused.invalidate_recordset(["is_used"])

    # === WHAT BECAME OF IT === #

    def _explain(self, source, taken, found, reasons):
        """Return what became of events that can be read and were not taken in.

        That it was taken in before comes first: it stays so when its meter is archived,
        its identifier another's, and it late.

        :rtype: dict[int, Refusal]
        """
        rows = self.env.execute_query(
            SQL(
                """
                SELECT incoming.number, key.digest = incoming.digest, key.moment
                  FROM omni_billing_usage_incoming_1 incoming
                  JOIN omni_billing_usage_key key
                    ON key.source_id = %s AND key.ref = incoming.ref
                """,
                source.id,
            )
        )
        known = {number: (is_same, moment) for number, is_same, moment in rows}
        refusals = {}
        for number in found.keys() - taken:
            event = found[number]
            is_same, moment = known.get(number, (False, None))
            if moment:
                reason = "double" if is_same else "conflict"
            elif number in reasons:
                reason = reasons[number]
            else:
                reason = "unknown_service" if event.service else "unknown_identifier"
            refusals[number] = Refusal(reason, _tell(reason, event, moment))
        return refusals

    def _finish(self, batch, events, refusals, found):
        """Keep what was refused, count all, and tell it."""
        told = {n: one for n, one in refusals.items() if one.reason != "double"}
        # What was dismissed is there already, with its own reason.
        kept = {n: one for n, one in told.items() if one.reason != "dismissed"}
        self._keep(batch, events, kept)
        self._settle(batch, events, found, told)
        counts = dict.fromkeys(COUNTS, 0)
        counts["taken"] = len(events) - len(refusals)
        counts["double"] = len(refusals) - len(told)
        for refusal in told.values():
            counts[REASONS[refusal.reason][1]] += 1
        batch.write(
            {"count_total": len(events)}
            | {f"count_{name}": count for name, count in counts.items()}
        )
        Refused = self.env["omni.billing.usage.refused"]
        names = dict(Refused._fields["reason"]._description_selection(self.env))
        answer = [
            {
                "index": number,
                "ref": find_ref(events[number]),
                "reason": reason,
                "message": f"{names[reason]}: {detail}" if detail else names[reason],
            }
            for number, (reason, detail) in sorted(told.items())
        ]
        return {"batch": batch.id, "total": len(events), **counts, "refused": answer}

    def _keep(self, batch, events, refusals):
        """Keep events that were refused; one that was before is the same row."""
        rows = {}
        for number, (reason, detail) in refusals.items():
            payload, digest = write_raw(events[number])
            row = (digest, find_ref(events[number]), reason, detail, payload)
            rows.setdefault(digest, row)
        if not rows:
            return
        # In one order, whoever else brings the same.
        ordered = sorted(rows.values(), key=lambda row: (row[1] or "", row[0]))
        columns = list(zip(*ordered, strict=True))
        self.env.cr.execute(
            SQL(
                """
                INSERT INTO omni_billing_usage_refused AS known (
                       source_id, batch_id, company_id, state, tries,
                       digest, ref, reason, detail, payload,
                       create_uid, create_date, write_uid, write_date
                )
                SELECT %(source)s, %(batch)s, %(company)s, 'open', 1, given.*,
                       %(user)s, %(now)s, %(user)s, %(now)s
                  FROM unnest(%(digests)s::varchar[], %(refs)s::varchar[],
                              %(reasons)s::varchar[], %(details)s::varchar[],
                              %(payloads)s::text[]) AS given
                ON CONFLICT (source_id, digest) DO UPDATE
                SET state = CASE WHEN known.state IN ('taken', 'replaced')
                                 THEN 'open' ELSE known.state END,
                    batch_id = EXCLUDED.batch_id, tries = known.tries + 1,
                    reason = EXCLUDED.reason, detail = EXCLUDED.detail,
                    write_uid = EXCLUDED.write_uid, write_date = EXCLUDED.write_date
                """,
                source=batch.source_id.id,
                batch=batch.id,
                company=batch.company_id.id,
                user=self.env.uid,
                # By the clock that says whether it is late.
                now=fields.Datetime.now(),
                **dict(
                    zip(
                        ("digests", "refs", "reasons", "details", "payloads"),
                        map(list, columns),
                        strict=True,
                    )
                ),
            ),
            # Who comes second begins again: no reason to log the events.
            log_exceptions=False,
        )
        self.env["omni.billing.usage.refused"].invalidate_model()

    def _settle(self, batch, events, found, refusals):
        """Have nobody wait for what was refused before and is taken in by now.

        What came with the same reference, and said something else, is replaced: but for
        a conflict, of which a person has to decide.
        """
        numbers = {found[n].ref: n for n in found.keys() - refusals.keys()}
        rows = numbers and self.env.execute_query(
            SQL(
                "SELECT id, ref, digest FROM omni_billing_usage_refused"
                " WHERE source_id = %s AND state = 'open' AND reason != 'conflict'"
                " AND ref = ANY(%s)",
                batch.source_id.id,
                list(numbers),
            )
        )
        settled = {"taken": [], "replaced": []}
        for id_, ref, digest in rows or []:
            same = write_raw(events[numbers[ref]])[1] == digest
            settled["taken" if same else "replaced"].append(id_)
        for state, ids in settled.items():
            self.env["omni.billing.usage.refused"].browse(ids).write({"state": state})


def _tell(reason, event, known):
    """Return what of an event its refusal is about.

    :param known: the time of the event that has its reference.
    """
    value = {
        "unknown_identifier": event.identifier,
        "unknown_service": event.service,
        "unknown_meter": event.meter,
        "quantity": None if event.quantity is None else str(event.quantity),
        "dimensions": ", ".join(event.dimensions),
        "late": f"{event.moment} UTC",
        "closed": f"{event.moment} UTC",
        "early": f"{event.moment} UTC",
        "conflict": f"{event.ref}, {known} UTC",
        "dismissed": event.ref,
    }.get(reason)
    return show(value)
