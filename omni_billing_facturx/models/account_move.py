from dataclasses import replace

from lxml import etree

from odoo import models
from odoo.exceptions import UserError

from odoo.addons.omni_billing.gateways.pdf import File

from .account_edi_xml_cii import LEVELS

RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
FX = "urn:factur-x:pdfa:CrossIndustryDocument:invoice:1p0#"
#: What the XMP packet has to say about the XML inside, by its namespaces.
FACTURX_NAMESPACES = ("http://www.aiim.org/pdfa/ns/extension/", FX)


class AccountMove(models.Model):
    """The invoice with its XML inside, and what keeps it from having one."""

    _inherit = "account.move"

    # === THE FILE === #

    def _billing_has_facturx(self):
        """Whether the invoice is ours, and of a company that makes Factur-X."""
        self.ensure_one()
        return self.company_id.billing_facturx and self._billing_has_own_pdf()

    def _billing_prepare_document(self):
        """Override of `omni_billing` to put the XML into the PDF (W20).

        :raise UserError: if the invoice lacks what the format asks for.
        """
        document = super()._billing_prepare_document()
        if not self._billing_has_facturx() or self.billing_state in ("draft", "void"):
            return document
        xml, faults = self._billing_export_facturx()
        if faults:
            raise UserError(self._billing_explain_facturx(faults))
        return replace(
            document,
            variant="pdf/a-3b",
            files=(File("factur-x.xml", "Factur-X", xml),),
            metadata=self._billing_get_facturx_metadata(xml),
        )

    def _billing_export_facturx(self):
        """Return the XML, and what is wrong with it: a list of texts."""
        self.ensure_one()
        xml, faults = self.env["account.edi.xml.cii"]._export_invoice(self)
        return xml, sorted(faults)

    def _billing_explain_facturx(self, faults):
        return self.env._(
            "%(invoice)s cannot become a Factur-X invoice:\n%(faults)s",
            invoice=self.display_name,
            faults="\n".join(faults),
        )

    def _billing_get_pdf_dependencies(self):
        """Override of `omni_billing`: the XML tells more than the page shows."""
        dependencies = super()._billing_get_pdf_dependencies()
        if not self.company_id.billing_facturx:
            return dependencies
        delivery = self.partner_shipping_id
        products = self.line_ids.product_id
        return [
            *dependencies,
            delivery,
            delivery.country_id,
            delivery.state_id,
            products,
            products.product_tmpl_id,
            self.line_ids.product_uom_id,
            self.invoice_payment_term_id,
        ]

    def _billing_get_facturx_metadata(self, xml):
        """Return the part of Odoo's XMP packet that tells of the XML inside."""
        # Odoo's own packet also describes a document that Odoo would have made.
        packet = etree.fromstring(
            self.env["ir.qweb"]._render(
                "account_edi_ubl_cii.account_invoice_pdfa_3_facturx_metadata",
                {"title": self.name, "date": self.invoice_date},
            )
        )
        # Odoo's says one level, whichever the XML is of.
        guideline = etree.fromstring(xml).findtext(
            ".//{*}GuidelineSpecifiedDocumentContextParameter/{*}ID"
        )
        level = packet.find(f".//{{{FX}}}ConformanceLevel")
        level.text = LEVELS[guideline]
        return "".join(
            etree.tostring(description, encoding="unicode", with_tail=False)
            for description in packet.iter(f"{{{RDF}}}Description")
            if any(
                child.tag.startswith(f"{{{namespace}}}")
                for child in description
                for namespace in FACTURX_NAMESPACES
            )
        )

    # === WHAT IS MISSING === #

    def _post(self, soft=True):
        """Override of `omni_billing`: what no platform takes is not posted.

        What corrects an invoice is: the money may have moved, and what is missing can
        be entered after. It is said when the PDF is made.

        :raise UserError: if an invoice lacks what the format asks for.
        """
        posted = super()._post(soft=soft)
        # sudo: rules of the format need not be readable for who posts.
        for move in posted.sudo():
            if not move.reversed_entry_id and move._billing_has_facturx():
                _xml, faults = move._billing_export_facturx()
                if faults:
                    raise UserError(move._billing_explain_facturx(faults))
        return posted

    def _billing_get_mail_problem(self, level=None):
        """Override of `omni_billing`: said before it is sent, in runs too."""
        problem = super()._billing_get_mail_problem(level)
        if problem or not self._billing_has_facturx():
            return problem
        # sudo: as for the PDF.
        _xml, faults = self.sudo()._billing_export_facturx()
        return ("facturx", self._billing_explain_facturx(faults)) if faults else None
