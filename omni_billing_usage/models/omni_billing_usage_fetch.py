import configparser
import logging
from datetime import timedelta
from fnmatch import fnmatchcase
from functools import partial

from odoo import api, fields, models
from odoo.exceptions import ValidationError
from odoo.fields import Domain
from odoo.tools import SQL, config

from odoo.addons.omni_billing.tools.database import (
    check_can_commit,
    commit_progress,
    retry,
    rollback,
    step_alone,
)
from odoo.addons.omni_billing.tools.retell import KeptSentence

from ..gateways import PlaceError, open_sftp
from ..gateways.folder import FolderPlace
from ..gateways.places import DONE, MAX_BYTES, FileError

_logger = logging.getLogger(__name__)

#: For so long a file stays as it is before it is read: who writes it is done by then.
STILL = timedelta(minutes=1)
#: So often a file is tried that cannot be read just now.
MAX_TRIES = 5
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
#: Where the server's configuration names the folders that may be read.
SECTION, OPTION = "omni_billing_usage", "folders"
#: Who changes one of these chooses whom the password is sent to.
SFTP_FIELDS = {
    *("sftp_host", "sftp_port", "sftp_user", "sftp_host_key", "sftp_by", "fetch_from"),
}

#: What came of a look.
OUTCOME = {"fetch_date", "fetch_problem", "problem_since"}


class OmniBillingUsageSource(models.Model):
    """Files that are fetched from a folder, or by SFTP (W41)."""

    _inherit = "omni.billing.usage.source"

    fetch_from = fields.Selection(
        [("folder", "A folder of the server"), ("sftp", "An SFTP server")],
        string="Fetch Files from",
        copy=False,
        help="Empty: they are taken in by hand.",
    )
    fetch_pattern = fields.Char(
        string="Names of Files", default="*", help="As *.csv; others are left alone."
    )
    fetch_then = fields.Selection(
        [
            ("leave", "Leave it"),
            ("rename", "Rename it (.done)"),
            ("move", "Move it to the folder done"),
        ],
        string="Then",
        default="leave",
        required=True,
        help="What becomes of a file that was taken in.",
    )
    fetch_folder = fields.Selection(
        lambda self: [(path, path) for path in list_folders(self.env.cr.dbname)],
        string="Folder of the Server",
        help="One of those that the server's configuration names.",
    )
    sftp_host = fields.Char(string="Host", copy=False)
    sftp_port = fields.Integer(string="Port", default=22)
    sftp_user = fields.Char(string="User", copy=False)
    sftp_folder = fields.Char(
        string="Folder There", help="Empty: the one that its user begins in."
    )
    sftp_host_key = fields.Char(
        string="Key of the Host",
        copy=False,
        help="As ssh-keyscan or a file of known hosts has it: ssh-ed25519 AAAA…"
        " Nothing is sent to a host with another one.",
    )
    sftp_by = fields.Selection(
        [("password", "Password"), ("key", "Private Key")],
        string="Log In by",
        default="password",
        required=True,
    )
    # Only the job reads it.
    sftp_secret = fields.Char(groups=fields.NO_ACCESS, copy=False)
    sftp_password = fields.Char(
        string="Password",
        compute="_compute_sftp_entered",
        inverse="_inverse_sftp_password",
    )
    sftp_key = fields.Text(
        string="Private Key",
        compute="_compute_sftp_entered",
        inverse="_inverse_sftp_key",
        help="Without a password of its own.",
    )
    has_sftp_secret = fields.Boolean(
        string="Password or Key Is Kept",
        compute="_compute_has_sftp_secret",
        help="It is shown to nobody, and goes when the host, its key or the user"
        " changes.",
    )
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

    # References are known within a source: of two, each would take in the same.
    _folder_unique = models.UniqueIndex(
        "(fetch_folder, fetch_pattern) WHERE fetch_from = 'folder'",
        "Another source fetches these files. Two would count each event twice.",
    )
    _sftp_unique = models.UniqueIndex(
        "(sftp_host, sftp_port, sftp_user, COALESCE(sftp_folder, ''), fetch_pattern)"
        " WHERE fetch_from = 'sftp'",
        "Another source fetches these files. Two would count each event twice.",
    )
    _problem_idx = models.Index("(company_id) WHERE problem_since IS NOT NULL")
    _sftp_port_valid = models.Constraint(
        "CHECK(sftp_port BETWEEN 1 AND 65535)", "A port is from 1 to 65535."
    )

    # === COMPUTE METHODS === #

    def _compute_sftp_entered(self):
        """What is entered is kept, and shown to nobody."""
        self.sftp_password = self.sftp_key = False

    def _inverse_sftp_password(self):
        self._keep_secret("sftp_password", "password")

    def _inverse_sftp_key(self):
        self._keep_secret("sftp_key", "key")

    def _keep_secret(self, name, by):
        for source in self:
            if source[name] and source.sftp_by == by:
                # sudo: nobody reads it; who may write the source enters it.
                source.sudo().sftp_secret = source[name]

    @api.depends("sftp_secret")
    def _compute_has_sftp_secret(self):
        # sudo: whether there is one, not what it is.
        for source in self.sudo():
            source.has_sftp_secret = bool(source.sftp_secret)

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

    # === CONSTRAINT METHODS === #

    @api.constrains(
        *("kind", "fetch_from", "fetch_folder"),
        *("sftp_host", "sftp_user", "sftp_host_key"),
    )
    def _check_fetch(self):
        for source in self.filtered(lambda one: one.kind == "file"):
            # Odoo checks no choice that is computed.
            folders = list_folders(self.env.cr.dbname)
            if source.fetch_from == "folder" and source.fetch_folder not in folders:
                raise ValidationError(
                    self.env._(
                        "Choose the folder that %(name)s fetches its files from. Who"
                        " runs the server names the folders that there are in its"
                        " configuration, as docs/usage.md says.",
                        name=source.display_name,
                    )
                )
            wanted = (source.sftp_host, source.sftp_user, source.sftp_host_key)
            if source.fetch_from == "sftp" and not all(map(is_line, wanted)):
                raise ValidationError(
                    self.env._(
                        "Say the host, the user, and the key of the host that"
                        " %(name)s fetches its files from.",
                        name=source.display_name,
                    )
                )

    # === CRUD METHODS === #

    @api.model_create_multi
    def create(self, vals_list):
        """Override of the ORM: what came of a look is written by the job alone."""
        return super().create([self._without_outcome(vals) for vals in vals_list])

    def write(self, vals):
        """Override of the ORM: a password is sent to nobody but whom it is for."""
        vals = self._without_outcome(vals)
        # sudo: what is kept is nobody's to read.
        for source in self.sudo() if SFTP_FIELDS & vals.keys() else ():
            names = SFTP_FIELDS & vals.keys()
            if any(source._will_change(name, vals[name]) for name in names):
                source.sftp_secret = False
        return super().write(vals)

    def _without_outcome(self, vals):
        if self.env.su:
            return vals
        return {name: value for name, value in vals.items() if name not in OUTCOME}

    def _will_change(self, name, value):
        return (value or False) != (self[name] or False)

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
        for source in sources:
            step_alone(self.env, source._fetch, f"files of source {source.id}")
            if not commit_progress(self.env, 1):
                return

    def _fetch(self):
        """Take in what is new of a source; commits.

        Whatever goes wrong with one file keeps no other out. What of the folder goes
        wrong is kept, and left for the next time.
        """
        self.ensure_one()
        problem = ""
        try:
            with self._open_place() as place:
                self._fetch_all(place)
        except PlaceError as error:
            rollback(self.env)
            problem = self._explain_place(error)
        retry(self.env, partial(self._note_look, problem))
        commit_progress(self.env)

    def _open_place(self):
        """Return the folder that it fetches from.

        :raise PlaceError: if it may not, or lacks what it needs.
        """
        if self.fetch_from == "folder":
            if self.fetch_folder not in list_folders(self.env.cr.dbname):
                raise PlaceError("not_allowed", self.fetch_folder)
            return FolderPlace(self.fetch_folder)
        if not self.sftp_secret:
            raise PlaceError("secret")
        return open_sftp(
            host=self.sftp_host,
            port=self.sftp_port,
            user=self.sftp_user,
            secret=self.sftp_secret,
            is_key=self.sftp_by == "key",
            host_key=self.sftp_host_key,
            folder=self.sftp_folder or "",
        )

    def _fetch_all(self, place):
        """Look, then take in what is as it was at the look before, by its name."""
        entries = [
            entry
            for entry in place.list_files()
            if not entry.name.startswith(".")
            and not entry.name.lower().endswith(UNFINISHED)
            and fnmatchcase(entry.name, self.fetch_pattern or "*")
        ]
        arrivals = retry(self.env, partial(self._look, entries))
        commit_progress(self.env)
        for entry in entries:
            arrival = arrivals.get((_show(entry.name), entry.stamp))
            if arrival and arrival.state == "waiting":
                self._fetch_one(place, entry, arrival)
            elif not (arrival and self.fetch_then != "leave"):
                continue
            if arrival.state in ("taken", "same") and self.fetch_then != "leave":
                self._put_aside(place, entry)
            if not commit_progress(self.env):
                return

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
                       create_uid, create_date, write_uid, write_date
                )
                SELECT %(source)s, %(company)s, given.*, %(now)s, 'waiting', 0,
                       %(user)s, %(now)s, %(user)s, %(now)s
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

    def _fetch_one(self, place, entry, arrival):
        """Read a file, and take it in; commits.

        :raise PlaceError: if others cannot be read, either.
        """
        try:
            if not entry.is_plain or entry.name != arrival.name:
                raise FileError("link" if entry.name == arrival.name else "name")
            content = place.read_file(entry)
        except FileError as error:
            if error.code in ("gone", "changed"):
                # The next look sees what is there by then.
                return
            is_over = error.code in ("large", "link", "name")
            self._note_failure(arrival, self._explain_file(error), is_over)
            return
        except PlaceError as error:
            # It may be the one that a server chokes on: others have their turn then.
            rollback(self.env)
            self._note_failure(arrival, self._explain_place(error), False)
            raise
        try:
            retry(self.env, partial(arrival._is_taken, content))
        except Exception as error:  # one must not hold up all others
            rollback(self.env)
            _logger.exception("A file of usage could not be taken in: %s", entry.name)
            reason = self.env._(
                "It could not be taken in: %(error)s. Who runs the server finds more"
                " in its log.",
                error=type(error).__name__,
            )
            self._note_failure(arrival, reason, False)

    def _note_failure(self, arrival, reason, is_over):
        """Keep why a file could not be read; commits.

        :param bool is_over: whether it will not be tried again by itself.
        """

        def note():
            if not arrival.try_lock_for_update(allow_referencing=True):
                return
            arrival.invalidate_recordset()
            if arrival.state == "waiting":
                if is_over or arrival.tries + 1 >= MAX_TRIES:
                    arrival._fail(reason)
                else:
                    arrival.write({"tries": arrival.tries + 1, "reason": reason})

        retry(self.env, note)
        commit_progress(self.env)

    def _put_aside(self, place, entry):
        """Rename or move what was taken in; commits before.

        What cannot be is seen again the next time, as one that was taken in.

        :raise PlaceError: if others cannot, either.
        """
        commit_progress(self.env)
        try:
            place.put_aside(entry, self.fetch_then == "move")
        except FileError as error:
            if error.code not in ("gone", "changed"):
                raise PlaceError("aside", f"{entry.name}: {error.detail}") from error

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
        return self.env._("It cannot be read: %(detail)s", detail=error.detail)


def list_folders(database):
    """Return the folders that the server's configuration names, for a database.

    Only who runs the server writes there. ``%d`` is the name of the database.

    :rtype: list[str]
    """
    parser = configparser.RawConfigParser()
    parser.read(config["config"])
    named = parser.get(SECTION, OPTION, fallback="").split(",")
    return [name.strip().replace("%d", database) for name in named if name.strip()]


def is_line(text):
    """Whether something is said, in one line."""
    return bool(text and text.strip() and text.isprintable())


def _show(name):
    """Return the name of a file as a database keeps it, and a person reads it."""
    if name.isprintable():
        return name
    return ascii(name)[1:-1][:200]
