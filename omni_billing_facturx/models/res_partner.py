import re

from odoo import models

#: Where VAT is France's, and its e-invoices are asked for.
FRENCH = ("FR", "GP", "MQ", "RE")


class ResPartner(models.Model):
    """How a party is known to who takes e-invoices."""

    _inherit = "res.partner"

    def _billing_is_french(self):
        """Whether the rules of French platforms are for this party."""
        self.ensure_one()
        return self.commercial_partner_id.country_id.code in FRENCH

    def _billing_get_siret(self):
        """Return the SIRET, 14 digits, if that is what the company ID is."""
        self.ensure_one()
        digits = re.sub(r"[\s.]", "", self.company_registry or "")
        is_siret = self._billing_is_french() and re.fullmatch(r"\d{14}", digits)
        return digits if is_siret else ""

    def _billing_get_siren(self):
        """Return the SIREN, 9 digits: of company ID or VAT number; or nothing."""
        self.ensure_one()
        if not self._billing_is_french():
            return ""
        registry = re.sub(r"[\s.]", "", self.company_registry or "")
        vat = re.sub(r"[\s.]", "", self.vat or "").upper()
        if found := re.fullmatch(r"(\d{9})(\d{5})?", registry):
            return found[1]
        found = re.fullmatch(r"FR[0-9A-Z]{2}(\d{9})", vat)
        return found[1] if found else ""

    def _billing_get_electronic_address(self):
        """Return scheme and address at which e-invoices arrive, or empty ones.

        In France that is the SIREN, or what the customer had written in the directory;
        elsewhere the Peppol address; then the e-mail address.
        """
        self.ensure_one()
        scheme, address = self.peppol_eas, self.peppol_endpoint
        if siren := self._billing_get_siren():
            is_own = scheme == "0225" and address
            return "0225", address if is_own else siren
        if scheme and address and scheme != "odemo":
            return scheme, address
        if self.email_normalized:
            return "EM", self.email_normalized
        return "", ""

    # === WHAT IS MISSING === #

    def _billing_list_facturx_faults(self, company):
        """Return what no invoice to this customer may lack, as texts."""
        faults = [self._billing_find_no_country()]
        if company.partner_id._billing_is_french():
            faults.append(self._billing_find_no_address())
        return list(filter(None, faults))

    def _billing_find_no_country(self):
        self.ensure_one()
        if self.country_id:
            return None
        return self.env._(
            "%(customer)s has no country. Enter the address in Contacts.",
            customer=self.display_name,
        )

    def _billing_find_no_address(self):
        """Say if no platform knows where to deliver; nobody delivers to consumers."""
        buyer = self.commercial_partner_id
        if not buyer.is_company:
            return None
        if buyer._billing_is_french():
            if buyer._billing_get_siren():
                return None
            return self.env._(
                "%(customer)s is a company in France without a SIREN. Enter the SIRET"
                " as “Company ID”, or the VAT number, in Contacts.",
                customer=buyer.display_name,
            )
        if buyer._billing_get_electronic_address()[1]:
            return None
        return self.env._(
            "%(customer)s has no electronic address. Enter the Peppol address or an"
            " e-mail address in Contacts.",
            customer=buyer.display_name,
        )
