import io
from collections import OrderedDict

from odoo import fields, models
from odoo.exceptions import UserError
from odoo.tools import file_open

from ..exceptions import RenderError
from ..gateways.pdf import WeasyPrintRenderer

#: Odoo's reports of an invoice, which ours stands in for.
STANDARD_INVOICE_REPORTS = (
    "account.report_invoice",
    "account.report_invoice_with_payments",
)


class IrActionsReport(models.Model):
    _inherit = "ir.actions.report"

    pdf_engine = fields.Selection(
        [("wkhtmltopdf", "wkhtmltopdf"), ("weasyprint", "WeasyPrint")],
        string="PDF Engine",
        required=True,
        default="wkhtmltopdf",
        help="WeasyPrint needs a template that is a whole page, with its own styles.",
    )

    def _render_qweb_pdf_prepare_streams(self, report_ref, data, res_ids=None):
        """Override of `base`: whatever prints an invoice of ours prints our PDF.

        Print button, portal, e-mail and web service all come through here.
        """
        report = self._get_report(report_ref)
        if not res_ids:
            return super()._render_qweb_pdf_prepare_streams(report_ref, data, res_ids)
        if report.pdf_engine == "weasyprint":
            own_ids, own_report = res_ids, report
        else:
            own_ids = report._find_own_invoice_ids(res_ids)
            own_report = self.env.ref("omni_billing.report_invoice")
        own_streams = {
            record.id: {
                "stream": io.BytesIO(own_report._render_weasyprint(record, data)),
                "attachment": None,
            }
            for record in self.env[report.model].browse(own_ids)
        }
        other_ids = [res_id for res_id in res_ids if res_id not in own_streams]
        streams = (
            super()._render_qweb_pdf_prepare_streams(report_ref, data, other_ids)
            if other_ids
            else {}
        )
        streams |= own_streams
        return OrderedDict(
            (res_id, streams[res_id]) for res_id in dict.fromkeys(res_ids)
        )

    def _find_own_invoice_ids(self, res_ids):
        self.ensure_one()
        if self.report_name not in STANDARD_INVOICE_REPORTS:
            return []
        return (
            self.env["account.move"]
            .browse(res_ids)
            .filtered(lambda move: move._billing_has_own_pdf())
            .ids
        )

    def _render_weasyprint(self, record, data=None):
        """Return the PDF of one record.

        :raise UserError: if the document cannot be laid out; the message says why.
        """
        self.ensure_one()
        html, _type = self.with_context(debug=False)._render_qweb_html(
            self, record.ids, data=dict(data or {})
        )
        try:
            return self._get_pdf_renderer().render(html.decode())
        except RenderError as error:
            raise UserError(
                self.env._(
                    "The PDF of %(document)s could not be made: %(error)s",
                    document=record.display_name,
                    error=error,
                )
            ) from error

    def _get_pdf_renderer(self):
        """Return the gateway. The one seam for tests."""

        def read_static(path):
            with file_open(path.lstrip("/"), "rb") as file:
                return file.read()

        return WeasyPrintRenderer(read_static)

    def get_wkhtmltopdf_state(self):
        """Override of `web`: the web client asks this before it downloads any PDF, and
        would refuse ours where wkhtmltopdf is missing. A report that does need it still
        tells so when it is printed.
        """
        state = super().get_wkhtmltopdf_state()
        return "ok" if state in ("install", "broken") else state
