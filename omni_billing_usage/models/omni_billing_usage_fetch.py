import logging
from datetime import timedelta
from fnmatch import fnmatchcase
from functools import partial

from odoo import api, fields, models
from odoo.fields import Domain
from odoo.tools import SQL

from odoo.addons.omni_billing.tools.database import (
    check_can_commit,
    commit_progress,
    retry,
    rollback,
)
from odoo.addons.omni_billing.tools.retell import KeptSentence

from ..gateways import PlaceError
from ..gateways.places import DONE, MAX_BYTES, FileError
from .omni_billing_usage_arrival import MAX_TRIES

_logger = logging.getLogger(__name__)

#: For so long a file stays as it is before it is read: who writes it is done by then.
STILL = timedelta(minutes=1)
#: Of so many a look finds that they cannot be put aside.
MAX_STUCK = 10
#: Characters of a name; systems of files have up to 255.
MAX_NAME = 500
#: How files are named while they are written, or after they were taken in.
UNFINISHED = (
    ".tmp",
    ".temp",
    ".part",
    ".partial",
    ".filepart",
    ".swp",
    "~",
    f".{DONE}",
)
#: What came of a look.
OUTCOME = {"fetch_date", "fetch_problem", "problem_since"}


class OmniBillingUsageSource(models.Model):
    """Files that are fetched from a folder, or by SFTP (W41)."""

    _inherit = "omni.billing.usage.source"

    fetch_date = fields.Datetime(string="Last Look", readonly=True, copy=False)
    fetch_problem = KeptSentence(
        string="Problem", readonly=True, copy=False, help="Why the last look failed."
    )
    problem_since = fields.Datetime(readonly=True, copy=False)
    arrival_ids = fields.One2many(
        "omni.billing.usage.arrival", "source_id", string="Files", readonly=True
    )
    failed_count = fields.Integer(
        string="Files That Failed", compute="_compute_failed_count"
    )

    _problem_idx = models.Index("(company_id) WHERE problem_since IS NOT NULL")
    # === COMPUTE METHODS === #

    def _compute_failed_count(self):
        counts = dict(
            self.env["omni.billing.usage.arrival"]._read_group(
                Domain("source_id", "in", self.ids) & Domain("state", "=", "failed"),
                ["source_id"],
                ["__count"],
            )
        )
        for source in self:
            source.failed_count = counts.get(source, 0)

    # === CRUD METHODS === #

    @api.model_create_multi
    def create(self, vals_list):
        """Override of the ORM: what came of a look is written by the job alone."""
        return super().create([self._without_outcome(vals) for vals in vals_list])

    def write(self, vals):
        """Override of the ORM: as above."""
        return super().write(self._without_outcome(vals))

    def _without_outcome(self, vals):
        if self.env.su:
            return vals
        return {name: value for name, value in vals.items() if name not in OUTCOME}

    # === ACTION METHODS === #

    def action_fetch(self):
        """Look for files now, as the job does; commits.

        :return: the action that opens what is known of its files.
        """
        self.ensure_one()
        self.check_access("write")
        check_can_commit(self.env)
        # sudo: the server reads files, and writes what came of them.
        self.sudo()._fetch()
        return self.action_open_arrivals()

    def action_open_arrivals(self):
        """Open what is known of its files."""
        self.ensure_one()
        action = self.env["omni.billing.usage.arrival"]._open()
        return action | {"domain": [("source_id", "=", self.id)]}

    # === BUSINESS METHODS === #

    @api.model
    def _cron_fetch(self):
        """Take in what is new, source by source; commits."""
        sources = self.search(
            Domain("kind", "=", "file") & Domain("fetch_from", "!=", False),
            order="fetch_date NULLS FIRST, id",
        )
        commit_progress(self.env, remaining=len(sources))
        for left in range(len(sources), 0, -1):
            is_done = sources[-left]._fetch()
            # What is not done yet is begun again at once, after the others.
            if not commit_progress(self.env, 1, remaining=left - is_done):
                return

    def _fetch(self):
        """Take in what is new of a source; commits.

        Whatever goes wrong with one file keeps no other out. What of the folder goes
        wrong is kept, and left for the next time.

        :return: whether there was time for all of it.
        """
        self.ensure_one()
        # Whoever dies of this one has the others come first the next time.
        now = fields.Datetime.now()
        retry(self.env, lambda: self.write({"fetch_date": now}))
        commit_progress(self.env)
        is_done, problem = True, ""
        try:
            with self._open_place() as place:
                is_done, error = self._fetch_all(place)
                problem = error and self._explain_place(error)
        except PlaceError as error:
            rollback(self.env)
            problem = self._explain_place(error)
        except Exception as error:  # one must not hold up all others
            rollback(self.env)
            _logger.exception("Files of source %s could not be fetched", self.id)
            problem = self._explain_bug(error)
        retry(self.env, partial(self._note_look, problem))
        commit_progress(self.env)
        return is_done

    def _fetch_all(self, place):
        """Look, then take in what is as it was at the look before, by its name.

        :return: whether there was time for all of it, and why a file that was taken in
            could not be put aside.
        :rtype: tuple[bool, PlaceError | None]
        """
        entries = [
            entry
            for entry in place.list_files()
            if not entry.name.startswith(".")
            and not entry.name.lower().endswith(UNFINISHED)
            and fnmatchcase(entry.name, self.fetch_pattern or "*")
        ]
        arrivals = retry(self.env, partial(self._look, entries))
        commit_progress(self.env)
        known = [
            (entry, arrivals[row])
            for entry in entries
            if (row := (_show(entry.name), entry.stamp)) in arrivals
        ]
        stuck, is_well = [], False
        # First what is new: what cannot be put aside is seen at each look. Last of that
        # is where the host went down more than once: it may be why.
        known.sort(key=lambda one: (one[1].state != "waiting", max(one[1].cuts, 1)))
        for entry, arrival in known:
            is_new = arrival.state == "waiting"
            try:
                if is_new:
                    is_well = self._fetch_one(place, entry, arrival, is_well) or is_well
                is_old = arrival.state in ("taken", "same")
                is_old = is_old and self.fetch_then != "leave"
                if is_old and len(stuck) < MAX_STUCK:
                    self._put_aside(place, entry)
            except FileError as error:
                stuck.append(PlaceError("aside", f"{entry.name}: {error.detail}"))
            except PlaceError as error:
                if error.code == "over" and is_well:
                    return False, next(iter(stuck), None)
                raise
            if (is_new or is_old) and not commit_progress(self.env):
                return False, next(iter(stuck), None)
        return True, next(iter(stuck), None)

    def _look(self, entries):
        """Note what files there are.

        :return: those that may be read or put aside, by name and stamp: what changed
            since the look before waits, it is being written.
        :rtype: dict[tuple[str, str], omni.billing.usage.arrival]
        """
        now = fields.Datetime.now()
        rows = [(_show(entry.name), entry.stamp) for entry in entries]
        found = self._find_arrivals(rows)
        # Only what is new: each try to insert takes an id, and files may stay for long.
        if missing := [row for row in rows if row not in found]:
            self._add_arrivals(missing, now)
            found = self._find_arrivals(rows)
        # What waited, and has changed or gone, is not there any more.
        waiting = self.env["omni.billing.usage.arrival"].search(
            Domain("source_id", "=", self.id) & Domain("state", "=", "waiting")
        )
        there = waiting.browse().union(*map(found.get, rows))
        (waiting - there).unlink()
        return {
            row: found[row]
            for row in rows
            if found[row].state != "waiting" or found[row].seen_date <= now - STILL
        }

    def _find_arrivals(self, rows):
        """Return what is known of files, by name and stamp."""
        known = self.env["omni.billing.usage.arrival"].search(
            Domain("source_id", "=", self.id)
            & Domain("name", "in", [name for name, _stamp in rows])
        )
        return {(one.name, one.stamp): one for one in known}

    def _add_arrivals(self, rows, now):
        """Note files, unless somebody else does so just now."""
        self.env.flush_all()
        self.env.cr.execute(
            SQL(
                """
                INSERT INTO omni_billing_usage_arrival (
                       source_id, company_id, name, stamp, seen_date, state, tries,
                       cuts, create_uid, create_date, write_uid, write_date
                )
                SELECT %(source)s, %(company)s, given.*, %(now)s, 'waiting', 0,
                       0, %(user)s, %(now)s, %(user)s, %(now)s
                  FROM unnest(%(names)s::varchar[], %(stamps)s::varchar[]) AS given
                ON CONFLICT (source_id, name, stamp) DO NOTHING
                """,
                source=self.id,
                company=self.company_id.id,
                user=self.env.uid,
                now=now,
                names=[name for name, _stamp in rows],
                stamps=[stamp for _name, stamp in rows],
            ),
            # Who comes second begins again.
            log_exceptions=False,
        )

    def _fetch_one(self, place, entry, arrival, is_well):
        """Read a file, and take it in; commits.

        :param bool is_well: whether the host gave another file just now.
        :return: whether it gave this one, all of it.
        :rtype: bool
        :raise PlaceError: if others cannot be read, either.
        """
        may_try = retry(self.env, arrival._begin_try)
        # Who reads may die of it: then it has been tried.
        commit_progress(self.env)
        if not may_try:
            return False
        try:
            if not entry.is_plain or entry.name != arrival.name:
                raise FileError("link" if entry.name == arrival.name else "name")
            content = place.read_file(entry)
        except FileError as error:
            # One that is written to is another one at the next look.
            is_over = error.code in ("large", "link", "name")
            self._note_failure(arrival, self._explain_file(error), is_over)
            return False
        except PlaceError as error:
            rollback(self.env)
            is_cut = error.code != "over" or not is_well
            retry(self.env, partial(arrival._note_down, is_cut, is_well))
            commit_progress(self.env)
            reason = is_cut and self._explain_place(error)
            self._note_failure(arrival, reason, False)
            raise
        try:
            retry(self.env, partial(arrival._is_taken, content))
        except Exception as error:  # one must not hold up all others
            rollback(self.env)
            _logger.exception("A file of usage could not be taken in: %s", entry.name)
            self._note_failure(arrival, self._explain_bug(error), False)
        return True

    def _note_failure(self, arrival, reason, is_over):
        """Keep why a file could not be read; commits.

        :param bool is_over: whether it will not be tried again by itself.
        """

        def note():
            if not arrival.try_lock_for_update(allow_referencing=True):
                return
            arrival.invalidate_recordset()
            if arrival.state == "waiting":
                if is_over or arrival.tries >= MAX_TRIES:
                    arrival._fail(reason)
                else:
                    arrival.reason = reason

        retry(self.env, note)
        commit_progress(self.env)

    def _put_aside(self, place, entry):
        """Rename or move what was taken in; commits before.

        What cannot be is seen again the next time, as one that was taken in.

        :raise FileError: if this one cannot be.
        :raise PlaceError: if others cannot, either.
        """
        commit_progress(self.env)
        try:
            place.put_aside(entry, self.fetch_then == "move")
        except FileError as error:
            if error.code not in ("gone", "changed"):
                raise

    def _note_look(self, problem):
        """Keep when it looked, and what was wrong."""
        now = fields.Datetime.now()
        self.write(
            {
                "fetch_date": now,
                "fetch_problem": problem or False,
                "problem_since": (self.problem_since or now) if problem else False,
            }
        )

    def _explain_place(self, error):
        """Return what is wrong with a folder, in words.

        :param PlaceError error: see there.
        """
        texts = {
            "rival": self.env._(
                "Another source fetches these files. Two would count each event twice."
            ),
            "no_library": self.env._(
                "The server lacks what SFTP needs: %(detail)s. Who runs it installs"
                " sftp-requirements.txt.",
                detail=error.detail,
            ),
            "not_allowed": self.env._(
                "The server's configuration does not name this folder any more:"
                " %(detail)s",
                detail=error.detail,
            ),
            "folder": self.env._(
                "The folder cannot be looked at: %(detail)s", detail=error.detail
            ),
            "many": self.env._(
                "There are more than %(detail)s files in the folder. Move away what"
                " was taken in.",
                detail=error.detail,
            ),
            "host_key": self.env._(
                "The key of the host is none: enter it as ssh-keyscan shows it."
            ),
            "other_host": self.env._(
                "The host has another key than the one that was entered: %(detail)s."
                " Nothing was sent to it. Ask who runs it whether that is right.",
                detail=error.detail,
            ),
            "login": self.env._(
                "The host did not let us in: %(detail)s", detail=error.detail
            ),
            "secret": self.env._(
                "Enter the password, or a private key without a password of its own."
                " It goes whenever the host, its key or the user changes."
            ),
            "aside": self.env._(
                "A file was taken in and cannot be put aside: %(detail)s",
                detail=error.detail,
            ),
        }
        return texts.get(error.code) or self.env._(
            "The host gave no answer: %(detail)s", detail=error.detail
        )

    def _explain_bug(self, error):
        """Return that something is wrong with us, in words."""
        return self.env._(
            "It could not be taken in: %(error)s. Who runs the server finds more in its"
            " log.",
            error=type(error).__name__,
        )

    def _explain_file(self, error):
        """Return what is wrong with a file, in words.

        :param FileError error: see there.
        """
        if error.code == "large":
            return self.env._(
                "It has more than %(count)s MB. Cut it in several files.",
                count=MAX_BYTES // 2**20,
            )
        if error.code == "link":
            return self.env._("It is a link, or else no file, and is not followed.")
        if error.code == "name":
            return self.env._("Its name cannot be read. Rename it.")
        if error.code == "gone":
            return self.env._("Its folder lists it, and has none when it is read.")
        if error.code == "changed":
            return self.env._("It is not as large, or as old, as its folder says.")
        return self.env._("It cannot be read: %(detail)s", detail=error.detail)


def _show(name):
    """Return the name of a file as a database keeps it, and a person reads it."""
    if name.isprintable() and len(name) <= MAX_NAME:
        return name
    return ascii(name)[1:-1][:200]
