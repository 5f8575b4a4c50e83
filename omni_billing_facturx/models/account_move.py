from dataclasses import replace

from lxml import etree

from odoo import models
from odoo.exceptions import UserError

from odoo.addons.omni_billing.gateways.pdf import File

RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
#: What the XMP packet has to say about the XML inside, by its namespaces.
FACTURX_NAMESPACES = (
    "http://www.aiim.org/pdfa/ns/extension/",
    "urn:factur-x:pdfa:CrossIndustryDocument:invoice:1p0#",
)


class AccountMove(models.Model):
    _inherit = "account.move"

    def _billing_prepare_document(self):
        """Override of `omni_billing` to put the XML into the PDF (W20).

        :raise UserError: if the invoice lacks what the format asks for.
        """
        document = super()._billing_prepare_document()
        if not self.company_id.billing_facturx or self.billing_state in (
            "draft",
            "void",
        ):
            return document
        xml, faults = self.env["account.edi.xml.cii"]._export_invoice(self)
        if faults:
            raise UserError(
                self.env._(
                    "%(invoice)s cannot become a Factur-X invoice:\n%(faults)s",
                    invoice=self.display_name,
                    faults="\n".join(sorted(faults)),
                )
            )
        return replace(
            document,
            variant="pdf/a-3b",
            files=(File("factur-x.xml", "Factur-X", xml),),
            metadata=self._billing_get_facturx_metadata(),
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
        ]

    def _billing_get_facturx_metadata(self):
        """Return the part of Odoo's XMP packet that tells of the XML inside."""
        # Odoo's own packet also describes a document that Odoo would have made.
        packet = etree.fromstring(
            self.env["ir.qweb"]._render(
                "account_edi_ubl_cii.account_invoice_pdfa_3_facturx_metadata",
                {"title": self.name, "date": self.invoice_date},
            )
        )
        rdf = etree.Element(f"{{{RDF}}}RDF", nsmap={"rdf": RDF})
        for description in packet.iter(f"{{{RDF}}}Description"):
            if any(
                child.tag.startswith(f"{{{namespace}}}")
                for child in description
                for namespace in FACTURX_NAMESPACES
            ):
                rdf.append(description)
        return etree.tostring(rdf, encoding="unicode")
