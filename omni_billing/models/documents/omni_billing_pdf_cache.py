import hashlib
import logging
from contextlib import nullcontext
from functools import lru_cache
from pathlib import Path

from odoo import SUPERUSER_ID, api, fields, models, modules
from odoo.exceptions import UserError
from odoo.fields import Domain
from odoo.tools import SQL

from ...const import PURGE_DEFAULTS
from ...exceptions import RenderError
from ...gateways.pdf import TemplateError
from ...tools.call_stack import call_with_room
from ...tools.lock import PDF_SPACE, be_first

_logger = logging.getLogger(__name__)

#: Reading notes that a file is in use at most so often.
ACCESS_SECONDS = 3600
#: The limits on the age of files: by the name of the setting, what is compared.
AGES = (("pdf_max_days", "rendered_at"), ("pdf_max_idle_days", "last_access"))
#: Files that are removed at a time.
PURGED = 1000


class OmniBillingPdfCache(models.Model):
    """The PDF of an invoice, kept while it shows what it would show anew (promise 6).

    Two questions are asked of a stored file. The quick one: has any row that it was
    made from been written since (``stamp``)? If so, the whole one: would it be made of
    anything else now (``key``)? Only then is it made again.
    """

    _name = "omni.billing.pdf.cache"
    _inherit = "omni.billing.server.mixin"
    _description = "Stored Invoice PDF"
    _order = "last_access DESC, id DESC"
    _rec_name = "move_id"

    move_id = fields.Many2one(
        "account.move",
        string="Invoice",
        required=True,
        readonly=True,
        ondelete="cascade",
    )
    company_id = fields.Many2one(
        related="move_id.company_id", store=True, precompute=True
    )
    partner_id = fields.Many2one(related="move_id.partner_id", string="Customer")
    attachment_id = fields.Many2one(
        "ir.attachment",
        readonly=True,
        index="btree_not_null",
    )
    size = fields.Integer(string="Size (kB)", readonly=True, aggregator="sum")
    checksum = fields.Char(string="SHA-256", readonly=True)
    key = fields.Char(readonly=True, help="SHA-256 of all that shows on the page.")
    stamp = fields.Char(readonly=True, help="Versions of the rows it was made from.")
    dependencies = fields.Json(readonly=True)
    rendered_at = fields.Datetime(string="Made on", readonly=True)
    last_access = fields.Datetime(string="Last Used", readonly=True, index=True)

    _move_unique = models.UniqueIndex("(move_id)")

    # === ACTION METHODS === #

    def action_open(self):
        """Show the file."""
        self.ensure_one()
        return self.move_id.action_billing_pdf()

    # === BUSINESS METHODS - READING === #

    @api.model
    def _find(self, move):
        """Return the stored PDF of an invoice, if it is still right.

        :param move: `account.move` that the user may read.
        :rtype: bytes | None
        """
        cache = self.with_env(self.env(user=SUPERUSER_ID, su=True))
        cache.env.flush_all()
        return cache._read(move)

    @api.model
    def _make(self, move):
        """Return the PDF of an invoice, made if it would be another one, and store it.

        :param move: `account.move` that the user may read; a draft is never stored.
        :rtype: bytes
        :raise UserError: if it cannot be made.
        """
        # The page is made from the database, not from what this transaction believes: a
        # name that shows an address does not follow it in Odoo's memory.
        self.env.invalidate_all()
        # Odoo reads along what is browsed together: of many pages, each would read all.
        root = self.env(user=SUPERUSER_ID, su=True)
        move = move.with_env(root).with_prefetch()
        # Whoever asks gets the same: language of the customer, rights of nobody.
        parties = move.partner_id | move.company_id.partner_id
        lang = next(filter(None, parties.mapped("lang")), None)
        context = {"allowed_company_ids": move.company_id.ids}
        if lang:
            context["lang"] = lang
        env = root(context=context)
        move, cache = move.with_env(env), self.with_env(env)
        if move.state == "draft":
            return cache._render(move, move._billing_prepare_document())
        return call_with_room(cache._refresh, move)

    def _read(self, move):
        """Return the stored PDF if no row that it was made from was written since."""
        self.env.cr.execute(
            SQL(
                """
                SELECT c.id, c.stamp, c.dependencies, c.checksum, a.store_fname,
                       c.last_access < now() AT TIME ZONE 'UTC' - %(age)s
                  FROM omni_billing_pdf_cache c
                  LEFT JOIN ir_attachment a ON a.id = c.attachment_id
                 WHERE c.move_id = %(move)s
                """,
                age=SQL("make_interval(secs => %s)", ACCESS_SECONDS),
                move=move.id,
            )
        )
        found = self.env.cr.fetchone()
        if not found:
            return None
        entry_id, stamp, dependencies, checksum, file_name, is_old = found
        if not stamp or stamp != self._get_stamp(dependencies):
            return None
        content = self._read_file(self.browse(entry_id), file_name, checksum)
        if content and is_old:
            self._note_access(entry_id)
        return content

    def _read_file(self, entry, file_name, checksum):
        """Return the bytes, if they are those that were stored."""
        if file_name:
            content = self.env["ir.attachment"]._file_read(file_name)
        else:
            content = entry.attachment_id.raw or b""
        if hashlib.sha256(content).hexdigest() == checksum:
            return content
        _logger.warning(
            "The stored PDF of invoice %s is damaged; it is made again.",
            entry.move_id.id,
        )
        if file_name:
            # The name is a digest of the right content, so Odoo would not write it
            # again while this file is there.
            Path(self.env["ir.attachment"]._full_path(file_name)).unlink(True)
        return None

    def _note_access(self, entry_id):
        # A row that somebody else is writing is left out: when it was read last is not
        # worth waiting for.
        self.env.cr.execute(
            SQL(
                """
                UPDATE omni_billing_pdf_cache SET last_access = now() AT TIME ZONE 'UTC'
                 WHERE id IN (SELECT id FROM omni_billing_pdf_cache WHERE id = %s
                                 FOR NO KEY UPDATE SKIP LOCKED)
                """,
                entry_id,
            )
        )
        self.browse(entry_id).invalidate_recordset(["last_access"])

    def _get_stamp(self, dependencies):
        """Return a hash of the versions of rows, or nothing if it cannot be told.

        PostgreSQL writes a new version for each change: `xmin` is the transaction that
        wrote it, `ctid` its place. What Odoo keeps in memory is told by its own
        signals, of which this transaction may have some that it did not send yet.

        Without it the page is made up each time, to see that it is the same: 19 ms
        instead of 1.7 for an invoice of ten lines, 82 instead of 2.1 for one of 200
        (medians of 60, in turns). By `write_date` the question takes as long, and
        misses the second of two changes in one transaction (docs/benchmarks.md).
        """
        registry = self.env.registry
        if registry.cache_invalidated or not dependencies:
            return None
        rows = SQL(" UNION ALL ").join(
            SQL(
                "SELECT %s || ' ' || id || ' ' || xmin || ctid AS row"
                " FROM %s WHERE id = ANY(%s)",
                table,
                SQL.identifier(table),
                ids,
            )
            for table, ids in dependencies.items()
        )
        self.env.cr.execute(
            SQL("SELECT string_agg(row, ',' ORDER BY row) FROM (%s) AS rows", rows)
        )
        versions = self.env.cr.fetchone()[0]
        signals = (registry.registry_sequence, sorted(registry.cache_sequences.items()))
        return hashlib.sha256(f"{signals} {versions}".encode()).hexdigest()

    # === BUSINESS METHODS - MAKING === #

    def _refresh(self, move):
        """Return the PDF after the whole question, made again if need be, and store it.

        Who comes second, while the first still makes it, waits and takes that one.
        """
        if not be_first(self.env, PDF_SPACE, move.id):
            with self._look_again() as cr:
                # Only a new transaction sees what the other one committed meanwhile.
                cache = self.with_env(self.env(cr=cr)) if cr else self
                if content := cache._read(move.with_env(cache.env)):
                    return content
        document = move._billing_prepare_document()
        key = document.digest(self._get_static_digest())
        entry = self.search([("move_id", "=", move.id)])
        content = None
        if entry.key == key:
            attachment = entry.attachment_id
            content = self._read_file(entry, attachment.store_fname, entry.checksum)
        values = {"key": key}
        if not content:
            content = self._render(move, document)
            values |= self._prepare_file(move, entry, content)
        self._store(move, entry, values)
        return content

    def _look_again(self):
        if modules.module.current_test:
            # Another connection does not see what a test wrote, which is never
            # committed.
            return nullcontext()
        return self.env.registry.cursor()

    def _render(self, move, document):
        """Return a new PDF.

        :raise UserError: naming the line of the template that is wrong (F101, F104).
        :raise TooManyRequestsError: if a customer asks for too many.
        """
        self.env["omni.billing.limit"]._take("pdf", move)
        try:
            renderer = self.env["ir.actions.report"]._billing_get_pdf_renderer()
            return renderer.render(document)
        except TemplateError as error:
            template = self.env["omni.billing.template"]._select_for(move)
            raise UserError(template._explain(error)) from error
        except RenderError as error:
            raise UserError(
                self.env._(
                    "The PDF of %(document)s could not be made: %(error)s",
                    document=move.display_name,
                    error=error,
                )
            ) from error

    def _prepare_file(self, move, entry, content):
        values = {
            "name": move._billing_get_filename(),
            "raw": content,
            "mimetype": "application/pdf",
        }
        if attachment := entry.attachment_id:
            attachment.write(values)
        else:
            attachment = self.env["ir.attachment"].create(
                # Access to the file is access to its entry here.
                values | {"res_model": self._name, "res_id": entry.id}
            )
        return {
            "attachment_id": attachment.id,
            "size": -(-len(content) // 1024),
            "checksum": hashlib.sha256(content).hexdigest(),
            "rendered_at": fields.Datetime.now(),
        }

    def _store(self, move, entry, values):
        tables = {}
        for records in move._billing_get_pdf_dependencies():
            tables.setdefault(records._table, set()).update(records.ids)
        values["dependencies"] = {
            table: sorted(ids) for table, ids in sorted(tables.items()) if ids
        }
        self.env.flush_all()
        values["stamp"] = self._get_stamp(values["dependencies"])
        values["last_access"] = fields.Datetime.now()
        if entry:
            entry.write(values)
        else:
            entry = self.create(values | {"move_id": move.id})
            entry.attachment_id.res_id = entry.id
        self.env.flush_all()

    @api.model
    def _find_made_from(self, records):
        """Return what is stored, of one's companies, and was made from a record."""
        self.flush_model()
        self.env.cr.execute(
            SQL(
                """
                SELECT id FROM omni_billing_pdf_cache
                 WHERE company_id = ANY(%s)
                   AND EXISTS (SELECT FROM jsonb_array_elements(dependencies->%s) made
                                WHERE made::int = ANY(%s))
                """,
                self.env.companies.ids,
                records._table,
                records.ids,
            )
        )
        return self.browse(row[0] for row in self.env.cr.fetchall())

    @api.model
    def _get_static_digest(self):
        """Return a hash of the styles and fonts that pages use: they come with code."""
        return _digest_static()

    # === BUSINESS METHODS - PURGE === #

    @api.autovacuum
    def _gc_pdf_cache(self):
        """Remove what is old, unused, or too much (F110); so many at a time.

        :return: how many they were, and whether Odoo is to go on with others.
        """
        old = self.search(self._get_old_domain(), limit=PURGED)
        old.unlink()
        surplus = self.browse()
        if size := self._get_purge_limits()["pdf_max_mb"]:
            surplus = self._find_surplus(size * 1024)
            surplus.unlink()
        return len(old) + len(surplus), PURGED in (len(old), len(surplus))

    @api.model
    def _get_old_domain(self):
        """Return what is too old, or was not used for too long."""
        limits, now = self._get_purge_limits(), fields.Datetime.now()
        return Domain.OR(
            Domain(field, "<", fields.Datetime.subtract(now, days=days))
            for name, field in AGES
            if (days := limits[name])
        )

    @api.model
    def _find_surplus(self, kilobytes):
        """Return files that were used longest ago, beyond a size in all."""
        self.flush_model()
        rows = self.env.execute_query(
            SQL(
                """
                SELECT id FROM (
                    SELECT id, sum(size) OVER (ORDER BY last_access DESC, id DESC) kept
                      FROM omni_billing_pdf_cache
                ) sizes WHERE kept > %s LIMIT %s
                """,
                kilobytes,
                PURGED,
            )
        )
        return self.browse(row[0] for row in rows)

    @api.model
    def _get_purge_limits(self):
        # sudo: parameters are the administrator's; these are no secrets.
        parameters = self.env["ir.config_parameter"].sudo()
        return {
            name: int(parameters.get_param(f"omni_billing.{name}", default))
            for name, default in PURGE_DEFAULTS.items()
        }

    @api.model
    def _get_usage(self):
        """Return how many files are stored, and their size in kB, of all companies."""
        # sudo: no more than two numbers, for who sets the limits of the store.
        [(count, size)] = self.sudo()._read_group(
            [("attachment_id", "!=", False)], aggregates=["__count", "size:sum"]
        )
        return count, size or 0


@lru_cache(maxsize=1)
def _digest_static():
    digest = hashlib.sha256()
    folder = Path(__file__).parents[2] / "static" / "src" / "pdf"
    for file in sorted(folder.iterdir()):
        digest.update(file.read_bytes())
    return digest.hexdigest()
