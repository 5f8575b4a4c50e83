import hashlib

from odoo import http
from odoo.exceptions import AccessError, MissingError
from odoo.http import content_disposition, request

from ..const import BILLING_MOVE_TYPES, MAX_ID


class InvoicePdfController(http.Controller):
    @http.route(
        "/crm/invoice/<int:invoice_id>/pdf",
        type="http",
        auth="bearer",
        methods=["GET"],
        readonly=False,
        save_session=False,
    )
    def invoice_pdf(self, invoice_id, **_kwargs):
        """Answer with the PDF of an invoice (F99).

        The bearer is an API key, or the session of the web client; its user's access
        rights decide. 404 for what is not a customer invoice, 403 for what the user
        may not read, 304 if the client has this very file.
        """
        if invoice_id > MAX_ID:
            raise request.not_found()
        invoice = request.env["account.move"].browse(invoice_id).exists()
        if not invoice:
            raise request.not_found()
        try:
            invoice.check_access("read")
            is_invoice = invoice.move_type in BILLING_MOVE_TYPES
        except (AccessError, MissingError):
            return request.make_response(
                request.env._("You may not read this invoice."), status=403
            )
        if not is_invoice:
            raise request.not_found()
        content = invoice._billing_get_pdf()
        response = request.make_response(
            content,
            headers=[
                ("Content-Type", "application/pdf"),
                (
                    "Content-Disposition",
                    content_disposition(invoice._billing_get_filename(), "inline"),
                ),
                ("X-Content-Type-Options", "nosniff"),
                # Theirs alone, and asked for again each time: it may be paid by now.
                ("Cache-Control", "private, no-cache"),
            ],
        )
        response.set_etag(hashlib.sha256(content).hexdigest())
        return response.make_conditional(request.httprequest)
