import io
from collections import OrderedDict

from odoo import fields, models
from odoo.exceptions import UserError

import odoo.addons

from ...exceptions import RenderError
from ...gateways.pdf import Document, WeasyPrintRenderer
from ...tools.renamed import formerly

#: Odoo's reports of an invoice, which ours stands in for.
STANDARD_INVOICE_REPORTS = (
    "account.report_invoice",
    "account.report_invoice_with_payments",
)


class IrActionsReport(models.Model):
    _inherit = "ir.actions.report"

    billing_pdf_engine = fields.Selection(
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
        own_ids = report._billing_find_own_ids(res_ids or [])
        if not own_ids:
            return super()._render_qweb_pdf_prepare_streams(report_ref, data, res_ids)
        own_report = report
        if report.billing_pdf_engine != "weasyprint":
            own_report = self.env.ref("omni_billing.report_invoice")
        streams = OrderedDict()
        if other_ids := [res_id for res_id in res_ids if res_id not in own_ids]:
            streams.update(
                super()._render_qweb_pdf_prepare_streams(report_ref, data, other_ids)
            )
        # In one order, so that two who print the same wait for each other in turn.
        for record in self.env[report.model].browse(sorted(own_ids)):
            content = own_report._billing_render_weasyprint(record, data)
            streams[record.id] = {"stream": io.BytesIO(content), "attachment": None}
        # In the order asked for, as far as there is a stream for each record.
        for res_id in dict.fromkeys(res_ids):
            if res_id in streams:
                streams.move_to_end(res_id)
        return streams

    def get_valid_action_reports(self, model, record_ids):
        """Override of `base`: Print offers ours where an invoice is ours (W44)."""
        found = super().get_valid_action_reports(model, record_ids)
        own = self.env.ref("omni_billing.report_invoice")
        if own.id not in found:
            return found
        moves = self.env["account.move"].browse(record_ids)
        if any(move._billing_has_own_pdf() for move in moves):
            return found
        return [report for report in found if report != own.id]

    def _billing_find_own_ids(self, res_ids):
        """Return which records, each once, WeasyPrint renders."""
        self.ensure_one()
        res_ids = list(dict.fromkeys(res_ids))
        if self.billing_pdf_engine == "weasyprint":
            return res_ids
        if self.report_name not in STANDARD_INVOICE_REPORTS:
            return []
        moves = self.env["account.move"].browse(res_ids)
        return moves.filtered(lambda move: move._billing_has_own_pdf()).ids

    def _billing_render_weasyprint(self, record, data=None):
        """Return the PDF of one record; that of an invoice is kept.

        :raise UserError: if the document cannot be laid out; the message says why.
        """
        self.ensure_one()
        if self == self.env.ref("omni_billing.report_invoice"):
            return record._billing_get_pdf()
        html, _type = self.with_context(debug=False)._render_qweb_html(
            self, record.ids, data=dict(data or {})
        )
        try:
            return self._billing_get_pdf_renderer().render(Document(html.decode()))
        except RenderError as error:
            raise UserError(
                self.env._(
                    "The PDF of %(document)s could not be made: %(error)s",
                    document=record.display_name,
                    error=error,
                )
            ) from error

    @formerly("_get_pdf_renderer")  # until 19.0.2
    def _billing_get_pdf_renderer(self):
        """Return the gateway. The one seam for tests."""
        # sudo: which hosts may be asked for images is no secret.
        parameters = self.env["ir.config_parameter"].sudo()
        hosts = parameters.get_param("omni_billing.image_hosts", "")
        return WeasyPrintRenderer(odoo.addons.__path__, hosts.lower().split())
