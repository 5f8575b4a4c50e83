import configparser
import os
import posixpath

from odoo import api, fields, models
from odoo.exceptions import ValidationError
from odoo.fields import Domain
from odoo.tools import SQL, config

from ..gateways import PlaceError, open_sftp
from ..gateways.folder import FolderPlace
from ..tools.patterns import may_meet

#: Where the server's configuration names the folders that may be read.
SECTION, OPTION = "omni_billing_usage", "folders"
#: Who changes one of these chooses whom the password is sent to.
SFTP_FIELDS = {
    *("sftp_host", "sftp_port", "sftp_user", "sftp_host_key", "sftp_by", "fetch_from"),
}


class OmniBillingUsageSource(models.Model):
    """Where a source fetches its files from: a folder, or a server of SFTP (W41)."""

    _inherit = "omni.billing.usage.source"

    fetch_from = fields.Selection(
        [("folder", "A folder of the server"), ("sftp", "An SFTP server")],
        string="Fetch Files from",
        copy=False,
        help="Empty: they are taken in by hand.",
    )
    fetch_pattern = fields.Char(
        string="Names of Files",
        default="*",
        help="As *.csv; others are left alone.",
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
        lambda self: [(path, path) for path in list_folders(self.env.companies)],
        string="Folder of the Server",
        # Where files of the server lie is nobody else's to know.
        groups="omni_billing.omni_billing_group_manager",
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

    # References are known within a source: of two, each would take in the same. What
    # else would be the same is seen by `_has_rival`, and before each look.
    _folder_unique = models.UniqueIndex(
        "(fetch_folder, COALESCE(fetch_pattern, '*'))"
        " WHERE fetch_from = 'folder' AND active",
        "Another source fetches these files. Two would count each event twice.",
    )
    _sftp_unique = models.UniqueIndex(
        "(LOWER(sftp_host), sftp_port, sftp_user, COALESCE(sftp_folder, ''),"
        " COALESCE(fetch_pattern, '*')) WHERE fetch_from = 'sftp' AND active",
        "Another source fetches these files. Two would count each event twice.",
    )
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
        """Keep it in a statement of its own: Odoo logs those that fail, as they are."""
        for source in self:
            if not (source[name] and source.sftp_by == by):
                continue
            self.flush_model()
            self.env.cr.execute(
                SQL(
                    "UPDATE omni_billing_usage_source SET sftp_secret = %s"
                    " WHERE id = %s",
                    source[name],
                    source.id,
                ),
                log_exceptions=False,
            )
        self.invalidate_recordset(["sftp_secret", "has_sftp_secret"])

    @api.depends("sftp_secret")
    def _compute_has_sftp_secret(self):
        # sudo: whether there is one, not what it is.
        for source in self.sudo():
            source.has_sftp_secret = bool(source.sftp_secret)

    # === CONSTRAINT METHODS === #

    @api.constrains(
        *("kind", "active", "company_id", "fetch_from", "fetch_folder"),
        *("sftp_host", "sftp_port", "sftp_user", "sftp_folder", "sftp_host_key"),
        *("fetch_pattern",),
    )
    def _check_fetch(self):
        for source in self.filtered(lambda one: one.kind == "file"):
            # Odoo checks no choice that is computed.
            folders = list_folders(source.company_id)
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
            if source.fetch_from and source.active and source._has_rival():
                raise ValidationError(
                    self.env._(
                        "Another source fetches these files. Two would count each event"
                        " twice."
                    )
                )

    # === CRUD METHODS === #

    def write(self, vals):
        """Override of the ORM: a password is sent to nobody but whom it is for."""
        names = SFTP_FIELDS & vals.keys()
        # sudo: what is kept is nobody's to read.
        for source in self.sudo() if names else ():
            if any(source._will_change(name, vals[name]) for name in names):
                source.sftp_secret = False
        return super().write(vals)

    def _will_change(self, name, value):
        return (value or False) != (self[name] or False)

    # === BUSINESS METHODS === #

    def _open_place(self):
        """Return the folder that it fetches from.

        :raise PlaceError: if it may not, or lacks what it needs.
        """
        if self._has_rival():
            raise PlaceError("rival")
        if self.fetch_from == "folder":
            if self.fetch_folder not in list_folders(self.company_id):
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

    def _has_rival(self):
        """Whether another source would fetch files of this one."""
        fetching = Domain("fetch_from", "=", self.fetch_from)
        fetching &= Domain("kind", "=", "file") & Domain("id", "!=", self.id)
        # sudo: files are the server's; so another company's source fetches them, too.
        mine, others = self.sudo(), self.sudo().search(fetching)
        place, pattern = mine._get_place(), mine.fetch_pattern or "*"
        return any(
            one._get_place() == place
            # Whatever they are called: what lies there is the other company's.
            and (
                one.company_id != mine.company_id
                or may_meet(one.fetch_pattern or "*", pattern)
            )
            for one in others
        )

    def _get_place(self):
        """Return what two sources have in common that fetch from the same folder."""
        if self.fetch_from == "folder":
            return os.path.realpath(self.fetch_folder or "")
        # Where a user begins is the top of what it sees, as a rule.
        folder = posixpath.normpath("/" + (self.sftp_folder or "").strip("/"))
        host = (self.sftp_host or "").strip().rstrip(".").lower()
        return host, self.sftp_port, self.sftp_user, folder


def list_folders(companies):
    """Return the folders that the server's configuration names, for some companies.

    Only who runs the server writes there. ``%d`` is the name of the database, ``%c``
    the id of a company.

    :rtype: list[str]
    """
    parser = configparser.RawConfigParser()
    parser.read(config["config"])
    named = parser.get(SECTION, OPTION, fallback="").split(",")
    database = companies.env.cr.dbname
    folders = (name.strip().replace("%d", database) for name in named if name.strip())
    return [
        folder.replace("%c", str(id_))
        for folder in folders
        for id_ in (companies.ids if "%c" in folder else [0])
    ]


def is_line(text):
    """Whether something is said, in one line."""
    return bool(text and text.strip() and text.isprintable())
