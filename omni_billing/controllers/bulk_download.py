import io
import zipfile

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
            content, mimetype = merge_pdf([data for _n, data in files]), "pdf"
        else:
            content, mimetype = self._zip(files), "zip"
        filename = f"{request.env._('Invoices')}.{kind}"
        return request.make_response(
            content,
            headers=[
                ("Content-Type", f"application/{mimetype}"),
                ("Content-Length", len(content)),
                ("Content-Disposition", content_disposition(filename)),
                ("X-Content-Type-Options", "nosniff"),
                ("Cache-Control", "private, no-cache"),
            ],
        )

    def _zip(self, files):
        buffer = io.BytesIO()
        # A PDF is compressed already.
        with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
            for name, data in files:
                archive.writestr(name, data)
        return buffer.getvalue()
