import os
import tempfile
import zipfile

from werkzeug.wsgi import wrap_file

from odoo import http
from odoo.exceptions import AccessError
from odoo.http import content_disposition, request
from odoo.tools.pdf import merge_pdf

from ..const import MAX_ID


class BulkDownloadController(http.Controller):
    @http.route(
        "/billing/bulk/<int:bulk_id>/invoices.<any(pdf,zip):kind>",
        type="http",
        auth="user",
        methods=["GET", "POST"],
        readonly=True,
    )
    def invoices(self, bulk_id, kind):
        """Answer with the invoices of a download that was prepared (F7, F103).

        404 for what is not the user's own.
        """
        if bulk_id > MAX_ID:
            raise request.not_found()
        bulk = request.env["omni.billing.bulk"].browse(bulk_id).exists()
        try:
            files = bulk and bulk._get_files()
        except AccessError:
            files = None
        if not files:
            raise request.not_found()
        if kind == "pdf":
            # One document for a printer has all pages at once.
            content = merge_pdf([data for _name, data in files])
            size = len(content)
        else:
            archive = self._zip(files)
            size = archive.seek(0, os.SEEK_END)
            archive.seek(0)
            content = wrap_file(request.httprequest.environ, archive)
        filename = f"{request.env._('Invoices')}.{kind}"
        response = request.make_response(
            content,
            headers=[
                ("Content-Type", f"application/{kind}"),
                ("Content-Length", size),
                ("Content-Disposition", content_disposition(filename)),
                ("X-Content-Type-Options", "nosniff"),
                ("Cache-Control", "private, no-cache"),
            ],
        )
        response.direct_passthrough = kind == "zip"
        return response

    def _zip(self, files):
        """Return a file on the disk: of many invoices, one is in memory at a time.

        It is whole before the first byte is sent, so that whoever asks learns of an
        invoice that fails; and it is gone once it is closed.
        """
        archive = tempfile.TemporaryFile()  # noqa: SIM115 the response closes it
        # A PDF is compressed already.
        with zipfile.ZipFile(archive, "w", zipfile.ZIP_STORED) as writer:
            for name, data in files:
                writer.writestr(name, data)
        return archive
