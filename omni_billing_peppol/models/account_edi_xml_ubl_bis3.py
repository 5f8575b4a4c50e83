from odoo import models

from odoo.addons.account_edi_ubl_cii.models.account_edi_common import FloatFmt
from odoo.addons.omni_billing.tools.unit_price import state_price

#: What Odoo writes of a price.
PRICE_DIGITS = 6


class AccountEdiXmlUblBis3(models.AbstractModel):
    """What Odoo's e-invoice says of the lines of ours."""

    _inherit = "account.edi.xml.ubl_bis3"

    def _add_invoice_line_price_nodes(self, line_node, vals):
        """Override of `account_edi_ubl_cii`: a small price is said of many pieces.

        Of 1,000,000 at 0.0000375 Odoo says 0.000038, and who gets it finds 38.00 where
        the line says 37.50 (PEPPOL-EN16931-R120).
        """
        result = super()._add_invoice_line_price_nodes(line_node, vals)
        if not vals["invoice"]._billing_has_own_pdf():
            return result
        base_line = vals["base_line"]
        price, base = state_price(
            self._billing_get_price(base_line), base_line["quantity"], PRICE_DIGITS
        )
        if base > 1:
            node = line_node["cac:Price"]
            node["cbc:PriceAmount"]["_text"] = FloatFmt(price, 1, PRICE_DIGITS)
            node["cbc:BaseQuantity"] = {
                "_text": base,
                "unitCode": self._get_uom_unece_code(base_line["product_uom_id"]),
            }
        return result

    def _billing_get_price(self, base_line):
        """Return the price before tax of one, of which Odoo has six decimals."""
        listed, quantity = base_line["price_unit"], base_line["quantity"]
        details, currency = base_line["tax_details"], base_line["currency_id"]
        net = details["total_excluded_currency"]
        net += details["delta_total_excluded_currency"]
        cost = listed * quantity * (1 - base_line["discount"] / 100)
        if not quantity or net and not currency.compare_amounts(cost, net):
            return listed
        # Taxes are in the price that was entered.
        return (net + details["raw_discount_amount_currency"]) / quantity
