from odoo import models
from odoo.tools import float_repr, format_date
from odoo.tools.misc import frozendict

from odoo.addons.omni_billing.tools.unit_price import state_price

#: What is outside VAT, as late penalties are: a line of it has no tax in Odoo.
OUTSIDE = frozendict(
    {
        "tax_category_code": "O",
        "tax_exemption_reason": "Not subject to VAT",
        "tax_exemption_reason_code": "VATEX-EU-O",
        "amount": 0.0,
        "amount_type": "percent",
    }
)
#: Categories whose reason Odoo's export leaves out unless the tax has one.
REASONS = {
    "AE": ("Reverse charge", "VATEX-EU-AE"),
    "O": ("Not subject to VAT", "VATEX-EU-O"),
}
#: Categories that have a rate; in all others it is zero, and *O* has none at all.
RATED = ("S", "L", "M", "B")
#: What a price may have after the point.
PRICE_DIGITS = 6
QUANTITY_DIGITS = 4
#: Profiles, and what the XMP packet calls them.
EN_16931 = "urn:cen.eu:en16931:2017"
EXTENDED = "urn:cen.eu:en16931:2017#conformant#urn:factur-x.eu:1p0:extended"
LEVELS = {EN_16931: "EN 16931", EXTENDED: "EXTENDED"}
#: What Odoo's export asks for and Germany alone does.
GERMAN = (
    "seller_payment_instructions_1",
    "seller_payment_instructions_2",
    "seller_phone",
    "seller_email",
)


class AccountEdiXmlCii(models.AbstractModel):
    """The XML of our invoices: what Odoo's export leaves out, or says otherwise.

    Of invoices that are ours, in a company that makes Factur-X; all others are Odoo's.
    What is here shows in the XML by `data/cii_templates.xml`.
    """

    _inherit = "account.edi.xml.cii"

    def _export_invoice_vals(self, invoice):
        """Override of `account_edi_ubl_cii`: add what the rules of the format ask."""
        vals = super()._export_invoice_vals(invoice)
        if invoice._billing_has_facturx():
            self._billing_amend_lines(vals)
            self._billing_amend_taxes(vals)
            self._billing_amend_references(invoice, vals)
            vals["document_context_id"] = self._billing_choose_profile(vals)
            vals["billing"] = self._billing_prepare_header(invoice, vals)
        return vals

    def _export_invoice_constraints(self, invoice, vals):
        """Override of `account_edi_ubl_cii`: say it of ours, and of theirs alone."""
        constraints = super()._export_invoice_constraints(invoice, vals)
        if not invoice._billing_has_facturx():
            return constraints
        # Lines without tax have a category, see below.
        odd = {"tax_on_line", "tax_invoice_line"}
        if invoice._billing_is_french():
            odd |= set(GERMAN)
        kept = {name: text for name, text in constraints.items() if name not in odd}
        return kept | invoice._billing_find_facturx_faults(vals)

    # === LINES === #

    def _billing_amend_lines(self, vals):
        """Have lines add up to the totals, and prices times quantities to lines."""
        details = vals["tax_details"]
        for line_vals in vals["invoice_line_vals_list"]:
            line = line_vals["line"]
            computed = details["tax_details_per_record"][line]["base_line"]
            amounts = computed["tax_details"]
            # With taxes rounded over the whole invoice a line has its share of that.
            net = (
                amounts["total_excluded_currency"]
                + amounts["delta_total_excluded_currency"]
            )
            charges = line_vals["allowance_charge_vals_list"]
            fixed = sum(charge["amount"] for charge in charges)
            line_vals["line_total_amount"] = net + fixed
            line_vals |= self._billing_compute_prices(line, net)

    def _billing_compute_prices(self, line, net):
        """Return price, discount and quantity; no price is below zero."""
        quantity, left = round(line.quantity, QUANTITY_DIGITS), 1 - line.discount / 100
        price, base = 0.0, 1
        if quantity:
            price, listed = net / quantity, line.price_unit
            if not line.discount and line.currency_id.round(listed * quantity) == net:
                # 7 at 0.0375 come to 0.26, and one is 0.0375 all the same.
                price = listed
            price, base = state_price(price, quantity, PRICE_DIGITS)
        gross = round(price / left, PRICE_DIGITS) if left > 0 else line.price_unit
        sign = -1 if min(price, gross) < 0 else 1
        return {
            "quantity": sign * quantity,
            "price_subtotal_unit": sign * price,
            "gross_price_total_unit": sign * gross,
            "price_discount_unit": sign * round(gross - price, PRICE_DIGITS),
            "price_base": base if base > 1 else None,
        }

    def _billing_format_price(self, price):
        """Write a price with two decimals, or with as many as it has."""
        number = float_repr(price, PRICE_DIGITS).rstrip("0")
        whole, _point, decimals = number.partition(".")
        return f"{whole}.{decimals:0<2}"

    # === TAXES === #

    def _billing_amend_taxes(self, vals):
        """Add what is outside VAT, and the reasons that Odoo leaves out."""
        details = vals["tax_details"]
        for line_vals in vals["invoice_line_vals_list"]:
            taxes = details["tax_details_per_record"][line_vals["line"]]["tax_details"]
            if not taxes:
                self._billing_add_untaxed(details, taxes, line_vals)
                vals["tax_basis_total_amount"] += line_vals["line_total_amount"]
        groups = [
            *details["tax_details"].values(),
            *(
                group
                for line in details["tax_details_per_record"].values()
                for group in line["tax_details"].values()
            ),
        ]
        for group in groups:
            category = group["tax_category_code"]
            if category not in RATED:
                group["amount"] = 0.0
            if category in REASONS and not group["tax_exemption_reason_code"]:
                reason, code = REASONS[category]
                group["tax_exemption_reason"] = reason
                group["tax_exemption_reason_code"] = code

    def _billing_add_untaxed(self, details, taxes, line_vals):
        """Put a line without tax where taxes of the category are, or begin with it."""
        known = details["tax_details"]
        key = next((key for key in known if key["tax_category_code"] == "O"), OUTSIDE)
        taxes[key] = dict(key)
        group = known.setdefault(
            key, {**key, "base_amount_currency": 0.0, "calculated_amount": 0.0}
        )
        group["base_amount_currency"] += line_vals["line_total_amount"]

    def _billing_choose_profile(self, vals):
        """Return the profile that the invoice keeps the rules of.

        That of the European standard, which more programs read. Only *Extended* has
        what is outside VAT beside what is not, and VAT numbers beside it.
        """
        groups = vals["tax_details"]["tax_details"].values()
        is_outside = any(group["tax_category_code"] == "O" for group in groups)
        return EXTENDED if is_outside else EN_16931

    # === HEADER === #

    def _billing_amend_references(self, invoice, vals):
        """Say what the invoice is of, and whose order it answers, if that is known."""
        for name in ("start", "end"):
            vals[f"billing_{name}"] = invoice[f"billing_date_{name}"]
        origin = invoice.reversed_entry_id or invoice
        order = "purchase_order_reference"
        own = order in invoice._fields and (invoice[order] or origin[order])
        # What Odoo writes there for a credit note is a sentence about its origin.
        reference = origin.ref if origin.move_type == "out_invoice" else ""
        vals[order] = own or reference or ""
        seller = invoice.company_id.partner_id.commercial_partner_id
        buyer = invoice._billing_get_addressee().commercial_partner_id
        for side, party in (("seller", seller), ("buyer", buyer)):
            registry = party._billing_get_siren() or party.company_registry
            vals[f"{side}_specified_legal_organization"] = registry

    def _billing_prepare_header(self, invoice, vals):
        """Return what the templates of ours show."""
        company, currency = invoice.company_id, invoice.currency_id
        addressee = invoice._billing_get_addressee()
        total = vals["tax_basis_total_amount"] + vals["tax_total_amount"]
        rounding = currency.round(invoice.amount_total - total)
        is_foreign = currency != company.currency_id
        sign = -1 if invoice.move_type == "out_refund" else 1
        is_late = invoice._billing_is_due_before()
        origin = invoice.reversed_entry_id
        return {
            "is_extended": vals["document_context_id"] == EXTENDED,
            "process": invoice._billing_get_process(),
            "notes": invoice._billing_get_facturx_notes(),
            "addressee": addressee,
            "seller": self._billing_prepare_party(company.partner_id),
            "buyer": self._billing_prepare_party(addressee),
            "total": invoice.amount_total - rounding,
            "rounding": rounding,
            "tax_currency": company.currency_id.name if is_foreign else "",
            "tax_total": sign * invoice.amount_tax_signed,
            "vat_due": invoice._billing_get_vat_due(),
            "terms": self._billing_describe_terms(invoice, is_late),
            "has_due": bool(invoice.invoice_date_due) and not is_late,
            "origin": origin.name if origin.state == "posted" else "",
            "origin_date": origin.invoice_date,
            "format_price": self._billing_format_price,
        }

    def _billing_describe_terms(self, invoice, is_late):
        """Return the terms in words.

        A day before the invoice, which no rule lets be the due date, is among them.
        """
        due = invoice.invoice_date_due
        words = [invoice.invoice_payment_term_id.name]
        if is_late:
            words.append(
                invoice._billing_translate(
                    lambda env: env._("Due on %(date)s", date=format_date(env, due))
                )
            )
        return ", ".join(filter(None, words))

    def _billing_prepare_party(self, partner):
        party = partner.commercial_partner_id
        scheme, address = party._billing_get_electronic_address()
        siren = party._billing_get_siren()
        return {
            "siret": party._billing_get_siret(),
            # What another country registers companies by has no scheme in Odoo.
            "registry_scheme": "0002" if siren else None,
            "scheme": scheme,
            "address": address,
        }
