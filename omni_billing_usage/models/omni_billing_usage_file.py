import io
import re
from zipfile import BadZipFile, ZipFile

from odoo import api, fields, models
from odoo.exceptions import UserError, ValidationError
from odoo.tools import format_list
from odoo.tools.mimetypes import guess_mimetype

from odoo.addons.base_import.models.base_import import ImportValidationError

from ..tools.events import find_ref
from ..tools.rows import Column, MissingColumnError, read_rows
from .omni_billing_usage_refused import MAX_EVENTS

#: How XLSX begins, and XLS does not.
ZIP = b"PK"
ODS = "application/vnd.oasis.opendocument.spreadsheet"
#: Most rows of a file, which are held in memory, and taken in in one transaction.
MAX_ROWS = 200_000
#: Most bytes of a workbook, unpacked: in memory it has many times as many.
MAX_UNPACKED = 200 * 2**20


class OmniBillingUsageSource(models.Model):
    """Files of a source, read by Odoo's own reader of CSV and workbooks (W41)."""

    _inherit = "omni.billing.usage.source"

    column_ids = fields.One2many(
        "omni.billing.usage.column", "source_id", string="Columns", copy=True
    )
    time_format = fields.Char(
        help="Of times in files, as %d/%m/%Y %H:%M:%S. Empty: 2026-11-30 14:05:00.",
    )
    has_comma = fields.Boolean(
        string="Decimal Comma", help="Quantities in files are written as 1,5."
    )

    @api.constrains("time_format")
    def _check_time_format(self):
        """Python reads the name of a zone, and then knows no offset of it."""
        for source in self:
            if "Z" in re.findall("%(.)", source.time_format or ""):
                raise ValidationError(
                    self.env._(
                        "The time format of %(name)s has %%Z: the name of a zone is not"
                        " read. Say the time zone of the source, or have offsets in"
                        " its files (%%z).",
                        name=source.display_name,
                    )
                )

    def _take_in_file(self, name, content, origin="file"):
        """Take in a file: all of it, or nothing.

        :param str name: of the file, whose ending says what it is.
        :param bytes content: of a CSV file or a workbook.
        :param str origin: how it came, see `omni.billing.usage.batch`.
        :return: its intakes, `omni.billing.usage.batch`.
        :raise UserError: if it cannot be read, or has not the columns.
        """
        self.ensure_one()
        targets = set(self.column_ids.mapped("target"))
        if not {"ref", "meter", "time"} <= targets:
            raise UserError(
                self.env._(
                    "Say on %(name)s which columns its files have: the reference, the"
                    " meter and the time at least.",
                    name=self.display_name,
                )
            )
        columns = [
            Column(one.target, one.title or "", one.value or "", one.dimension or "")
            for one in self.column_ids.sorted()
        ]
        rows, cell_texts = self._read_rows(name, content)
        if len(rows) > MAX_ROWS + 1:
            raise UserError(
                self.env._(
                    "%(file)s has %(rows)s rows; up to %(count)s are taken in at once."
                    " Cut it in several files. Nothing was taken in.",
                    file=name,
                    rows=len(rows) - 1,
                    count=MAX_ROWS,
                )
            )
        form = self.time_format or "", self.has_comma, cell_texts
        try:
            events = list(read_rows(rows, columns, *form))
        except MissingColumnError as error:
            raise UserError(
                self.env._(
                    "%(file)s has no column %(titles)s in its first row. Nothing was"
                    " taken in.",
                    file=name,
                    titles=format_list(self.env, error.titles),
                )
            ) from error
        batches = self.env["omni.billing.usage.batch"]
        # sudo: the intake alone writes; what one may is checked by who calls.
        usage = self.env["omni.billing.usage"].sudo()
        if len(events) > MAX_EVENTS:
            # Keys and months in one order over all parts, whoever else brings some.
            events.sort(key=lambda event: find_ref(event) or "")
            usage._prepare(self, events)
        for begin in range(0, len(events), MAX_EVENTS):
            part = events[begin : begin + MAX_EVENTS]
            told = usage._take_in(self, part, origin=origin, file_name=name)
            batches += batches.browse(told["batch"])
        return batches

    def _read_rows(self, name, content):
        """Return the rows of a file, without empty ones, and its texts with a point.

        Of what is no workbook, and of ODS, there are none: Odoo reads what they show.

        :rtype: tuple[list[list], set[str] | None]
        :raise UserError: if it is no CSV file and no workbook.
        """
        if content.startswith(ZIP):
            self._check_unpacked(name, content)
        values, options = {"file": content, "file_name": name}, {"quoting": '"'}
        try:
            result = self.env["base_import.import"].new(values)._read_file(options)
        except (UserError, ValueError, ImportValidationError) as error:
            raise UserError(
                self.env._(
                    "%(file)s cannot be read as CSV or a workbook: %(why)s",
                    file=name,
                    why=error,
                )
            ) from error
        _count, rows = result or (0, [])
        # Of workbooks Odoo says what sheets they have.
        is_workbook = "sheets" in options and guess_mimetype(content) != ODS
        # Only then a point may mean two things.
        is_asked = is_workbook and self.has_comma
        return rows, _find_texts(content) if is_asked else None

    def _check_unpacked(self, name, content):
        """Refuse a workbook that would not fit into memory.

        :raise UserError: if it is larger, unpacked, than is read.
        """
        try:
            with ZipFile(io.BytesIO(content)) as packed:
                size = sum(part.file_size for part in packed.infolist())
        except BadZipFile:
            # Whoever reads it says so.
            return
        if size > MAX_UNPACKED:
            raise UserError(
                self.env._(
                    "%(file)s has %(size)s MB when it is unpacked; up to %(count)s are"
                    " read. Cut it in several files, or send CSV. Nothing was taken"
                    " in.",
                    file=name,
                    size=size // 2**20,
                    count=MAX_UNPACKED // 2**20,
                )
            )


def _find_texts(content):
    """Return the texts of the first sheet of a workbook that have a point.

    Odoo reads numbers as texts, too, and says not which they were.

    :param bytes content: of XLSX or XLS, which Odoo has read.
    :rtype: set[str]
    """
    if content.startswith(ZIP):
        import openpyxl

        book = openpyxl.load_workbook(
            io.BytesIO(content), read_only=True, data_only=True
        )
        rows = book[book.sheetnames[0]].iter_rows(values_only=True)
    else:
        import xlrd

        sheet = xlrd.open_workbook(file_contents=content).sheet_by_index(0)
        rows = (sheet.row_values(number) for number in range(sheet.nrows))
    cells = (cell for row in rows for cell in row)
    return {cell.strip() for cell in cells if isinstance(cell, str) and "." in cell}
