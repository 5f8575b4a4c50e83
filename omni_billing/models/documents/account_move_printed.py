"""What Odoo's own report prints beside amounts, for our page.

Titles come from that report itself, in whatever way an addon changed them. What an
addon of a country adds to it is data, below: docs/countries.md has a verdict on each.
"""

from collections.abc import Callable
from typing import NamedTuple

from odoo import api, models
from odoo.tools import (
    LazyTranslate,
    format_date,
    html2plaintext,
    is_html_empty,
    ormcache,
)

from ...tools.qr import make_qr_of

_lt = LazyTranslate(__name__)


class Added(NamedTuple):
    """One thing that an addon of Odoo adds to the report of an invoice."""

    #: Of that addon, on the invoice: without it there is nothing to read. If it is a
    #: record, the stored PDF watches it.
    field: str
    label: object
    read: Callable


FRANCE = "FR BL GF GP MF MQ NC PF PM RE TF WF YT".split()
#: Called in turn; the first answer goes before what the report has in its text.
TITLE_METHODS = ("_get_l10n_in_invoice_label", "_l10n_gcc_get_invoice_title")

#: How a country calls the number of a company, where Odoo's own label is vague.
REGISTRY_LABELS = {
    **dict.fromkeys(FRANCE, "SIRET"),
    "CZ": "IČO",
    "DE": "HRB",
    "MA": "ICE",
    "RS": "MB",
    "SK": "IČO",
}
#: Of sellers here the customer's company number is printed, too.
REGISTRY_OF_BUYER = {
    *FRANCE,
    *("CZ", "ES", "MA", "MU", "RS", "SK"),
}
#: Of sellers here: what a contact is billed for has the address of its company.
COMPANY_OF_BUYER = {
    *FRANCE,
    *("AT", "CH", "DE"),
}
# Terms are collected from lines like these, and not from within a table.
BRANCH = _lt("Branch")
GROUP_MEMBER = _lt("Group member tax ID")
QST = _lt("QST")
TRADE_REGISTRY = _lt("Trade registry")
TAX_ID = _lt("Tax ID")
#: Further numbers, by the seller's country: of both parties, as fields of a partner.
PARTNER_NUMBERS = {
    "CA": [("l10n_ca_pst", "PST")],
    "HU": [("l10n_hu_group_vat", GROUP_MEMBER)],
    "MY": [("sst_registration_number", "SST"), ("ttx_registration_number", "TTx")],
    "TH": [("l10n_th_branch_name", BRANCH)],
}
#: Of a bank account, before its number: by what transfers find the bank.
BANK_NUMBERS = [("aba_bsb", "BSB")]
#: Where a number has another name in a state.
STATE_LABELS = {("l10n_ca_pst", "QC"): QST}
#: Further numbers of the seller, as fields of a company.
COMPANY_NUMBERS = {
    "CZ": [("trade_registry", TRADE_REGISTRY)],
    "SK": [("income_tax_id", TAX_ID), ("trade_registry", TRADE_REGISTRY)],
}
#: Of sellers here an invoice in another currency tells the rate.
EXCHANGE_RATE = {"AE", "BH", "HR", "KW", "MU", "OM", "QA", "SA", "ZM"}

#: Beside the date of the invoice.
FACTS = (
    Added("buyer_reference", _lt("Buyer reference"), lambda m: m.buyer_reference),
    Added("contract_reference", _lt("Contract"), lambda m: m.contract_reference),
    Added(
        "purchase_order_reference",
        _lt("Purchase order"),
        lambda m: m.purchase_order_reference,
    ),
    Added(
        "l10n_fr_is_company_french",
        _lt("Operation type"),
        lambda m: m._billing_get_french_operation(),
    ),
    Added(
        "l10n_in_state_id", _lt("Place of supply"), lambda m: m.l10n_in_state_id.name
    ),
    Added(
        "l10n_in_edi_attachment_id",
        "IRN",
        lambda m: m._get_l10n_in_edi_response_json().get("Irn"),
    ),
    Added(
        "l10n_ke_cu_invoice_number",
        _lt("Fiscal device"),
        lambda m: " / ".join(
            filter(None, (m.l10n_ke_cu_invoice_number, m.l10n_ke_cu_serial_number))
        ),
    ),
    Added("l10n_it_cig", "CIG", lambda m: m.l10n_it_cig),
    Added("l10n_it_cup", "CUP", lambda m: m.l10n_it_cup),
    Added(
        "l10n_it_origin_document_name",
        _lt("Origin document"),
        lambda m: m.l10n_it_origin_document_name,
    ),
    Added("l10n_it_ddt_id", _lt("Transport document"), lambda m: m.l10n_it_ddt_id.name),
    Added(
        "l10n_hr_operator_name",
        _lt("Issuing operator"),
        lambda m: " ".join(
            filter(None, (m.l10n_hr_operator_name, m.l10n_hr_operator_oib))
        ),
    ),
)
#: Sentences that a law wants.
MENTIONS = (
    Added(
        "l10n_fr_is_company_french",
        _lt("Option to pay tax on debits"),
        lambda m: (
            m.l10n_fr_is_company_french
            and "on_invoice" in m.invoice_line_ids.tax_ids.mapped("tax_exigibility")
        ),
    ),
    Added(
        "l10n_it_edi_doi_id",
        _lt("Your declaration of intent: %s"),
        lambda m: m.l10n_it_edi_doi_id.display_name,
    ),
    Added(
        "l10n_it_stamp_duty",
        _lt("Stamp duty: %s"),
        lambda m: (
            m.l10n_it_stamp_duty and m.currency_id._billing_format(m.l10n_it_stamp_duty)
        ),
    ),
)
#: Codes by which a tax office knows the invoice: their text, or an address of Odoo's
#: that draws it.
CODES = (
    Added(
        "l10n_es_edi_verifactu_document_ids",
        "VERI*FACTU",
        lambda m: m.l10n_es_edi_verifactu_required and m.l10n_es_edi_verifactu_qr_code,
    ),
    Added(
        "l10n_es_tbai_post_document_id",
        "TicketBAI",
        lambda m: (
            m.l10n_es_tbai_state == "sent"
            and m.l10n_es_tbai_post_document_id._get_tbai_qr()
        ),
    ),
    Added(
        "l10n_sa_qr_code_str",
        "ZATCA",
        lambda m: m._l10n_sa_is_legal() and m.l10n_sa_qr_code_str,
    ),
    Added("l10n_eg_qr_code", "ETA", lambda m: m.l10n_eg_qr_code),
    Added("l10n_jo_edi_qr", "JoFotara", lambda m: m.l10n_jo_edi_qr),
    Added("l10n_ke_cu_qrcode", "TIMS", lambda m: m.l10n_ke_cu_qrcode),
    Added(
        "l10n_in_edi_attachment_id",
        "IRN",
        lambda m: m._get_l10n_in_edi_response_json().get("SignedQRCode"),
    ),
    Added(
        "l10n_my_edi_document_ids",
        "MyInvois",
        lambda m: (
            m._get_active_myinvois_document()._generate_myinvois_qr_code()
            if m._get_active_myinvois_document()
            else ""
        ),
    ),
)


class AccountMove(models.Model):
    """What our page takes over from Odoo's report."""

    _inherit = "account.move"

    def _billing_prepare_printed(self):
        """Return what Odoo's report prints of an invoice beside lines and totals.

        Each value is empty where there is nothing to print: ``title``, ``tagline``,
        ``footer`` (HTML), ``facts`` (of label and text), ``parties`` (of label and
        address), ``mentions`` (HTML or text), ``payment_terms`` (HTML),
        ``installments`` (texts), ``words``, ``codes`` (of label and image).
        """
        self.ensure_one()
        company = self.company_id
        return {
            "title": self._billing_get_document_title(),
            "tagline": _fill(company.report_header),
            "footer": _fill(company.report_footer),
            "facts": self._billing_list_facts(),
            "parties": self._billing_list_parties(),
            "mentions": self._billing_list_mentions(),
            "payment_terms": _fill(self.invoice_payment_term_id.note),
            "installments": self._billing_list_installments(),
            "plan": self._billing_list_plan(),
            "words": company.display_invoice_amount_total_words
            and self.amount_total_words,
            "codes": self._billing_list_codes(),
        }

    def _billing_get_printed_dependencies(self):
        """Return the records that `_billing_prepare_printed` reads."""
        return [
            self.fiscal_position_id,
            self.invoice_payment_term_id,
            self.invoice_payment_term_id.line_ids,
            self.invoice_incoterm_id,
            self.partner_shipping_id,
            self.partner_shipping_id.country_id,
            self.partner_shipping_id.state_id,
            *(
                self[added.field]
                for added in (*FACTS, *MENTIONS, *CODES)
                if added.field in self._fields and self._fields[added.field].relational
            ),
        ]

    # === BUSINESS METHODS - TITLE === #

    def _billing_get_document_title(self):
        """Return what the document is called, as Odoo's report calls it."""
        self.ensure_one()
        is_draft, is_refund = self.state == "draft", self.move_type == "out_refund"
        if not is_draft and not is_refund:
            for name in TITLE_METHODS:
                if title := getattr(self, name, lambda: "")():
                    return title
        titles = self._billing_read_titles(
            self._get_name_invoice_report(), self.env.lang or "en_US"
        )
        name = "credit_note_title" if is_refund else "invoice_title"
        return titles.get(f"draft_{name}" if is_draft else name) or titles[name]

    @api.model
    @ormcache("report_name", "lang", cache="templates")
    def _billing_read_titles(self, report_name, lang):
        """Return the titles that a report has, by the names that it gives them."""
        # sudo: the page says so to everybody who sees it.
        views = self.env["ir.ui.view"].sudo().with_context(lang=lang)
        titles = {
            "invoice_title": self.env._("Invoice"),
            "credit_note_title": self.env._("Credit Note"),
        }
        view = views._get_template_view(report_name, raise_if_not_found=False)
        if view:
            for node in view._get_combined_arch().iterfind(".//t[@name]"):
                # Without elements inside, or they would be what says it.
                if text := not len(node) and (node.text or "").strip():
                    titles[node.get("name")] = text
        return titles

    # === BUSINESS METHODS - PARTIES === #

    def _billing_get_country_code(self):
        """Return the country whose rules the seller prints by."""
        company = self.company_id
        return (company.account_fiscal_country_id or company.country_id).code or ""

    def _billing_list_seller(self):
        """Return the lines below the name of the seller.

        Those that staff wrote in the document layout, if they did, then what these do
        not have.
        """
        company = self.company_id
        # sudo: who may read the invoice reads who wrote it.
        seller = company.partner_id.sudo()
        own = html2plaintext(company.company_details or "", include_references=False)
        lines = [line.strip() for line in own.splitlines() if line.strip()]
        if lines and lines[0] == company.name:
            del lines[0]
        written = "\n".join(lines)
        lines = lines or seller._billing_list_address()[1:]
        foreign_vat = self.fiscal_position_id.foreign_vat
        contact = [company.phone, company.email]
        numbers = [
            self._billing_get_tax_number(seller, foreign_vat),
            *self._billing_list_numbers(seller),
        ]
        footer = str(company.report_footer or "")
        return [
            *lines,
            *(line for line in filter(None, contact) if line not in written + footer),
            *(line for line in filter(None, numbers) if not _is_in(written, line)),
        ]

    def _billing_list_buyer(self):
        """Return name, address and numbers of whom the invoice is for."""
        addressee = self._billing_get_addressee()
        return [
            *addressee._billing_list_address(),
            *filter(None, [self._billing_get_tax_number(addressee)]),
            *self._billing_list_numbers(addressee),
        ]

    def _billing_list_numbers(self, partner):
        """Return the numbers that the seller's country prints beside the tax number."""
        code, company = self._billing_get_country_code(), self.company_id
        is_seller = partner == company.partner_id
        found = [
            (STATE_LABELS.get((name, partner.state_id.code), label), partner[name])
            for name, label in PARTNER_NUMBERS.get(code, ())
            if name in partner._fields
        ]
        if is_seller:
            found += [
                (label, company[name])
                for name, label in COMPANY_NUMBERS.get(code, ())
                if name in company._fields
            ]
        registry = partner.commercial_partner_id.company_registry
        is_told = registry and registry in (partner.vat or "").replace(" ", "")
        if registry and not is_told and (is_seller or code in REGISTRY_OF_BUYER):
            country = partner.commercial_partner_id.country_id.code
            label = REGISTRY_LABELS.get(country) or partner.company_registry_label
            found.insert(0, (label, registry))
        numbers = [(self._billing_label(label), text) for label, text in found if text]
        return [
            text if text.startswith(label) else f"{label} {text}"
            for label, text in numbers
        ]

    def _billing_list_bank_numbers(self, bank):
        """Return what else a transfer to a bank account needs, where a country does."""
        return [
            f"{label} {bank[name]}"
            for name, label in BANK_NUMBERS
            if name in bank._fields and bank[name]
        ]

    def _billing_list_parties(self):
        """Return who else is named: where it is delivered, whose contact is billed."""
        parties = []
        buyer, site = self._billing_get_addressee(), self.partner_shipping_id
        company = self.commercial_partner_id
        has_sites = self.env.user.has_group("account.group_delivery_invoice_address")
        if has_sites and site not in (buyer, self.partner_id):
            parties.append((self.env._("Delivered to"), site))
        if buyer != company and self._billing_get_country_code() in COMPANY_OF_BUYER:
            parties.append((self.env._("Customer"), company))
        return [
            (label, "\n".join(partner._billing_list_address()))
            for label, partner in parties
        ]

    # === BUSINESS METHODS - FACTS === #

    def _billing_get_reference(self):
        """Return the customer's own number for it, like that of its order."""
        # What credits an invoice says why, in words of staff; its order is the same.
        return (self.reversed_entry_id or self).ref or ""

    def _billing_list_facts(self):
        """Return label and text of what is told beside the dates."""
        facts = [
            (self.env._("Your reference"), self._billing_get_reference()),
            (self.env._("Customer code"), self.partner_id.ref),
            (self.env._("Delivery date"), format_date(self.env, self.delivery_date)),
            (
                self.env._("Taxable supply"),
                self.show_taxable_supply_date
                and format_date(self.env, self.taxable_supply_date),
            ),
            (self.env._("Source"), self.invoice_origin),
            (self.env._("Incoterm"), self._billing_get_incoterm()),
            (self.env._("Exchange rate"), self._billing_get_exchange_rate()),
            *self._billing_read_added(FACTS),
        ]
        return [(label, text) for label, text in facts if text]

    def _billing_read_added(self, table):
        """Return label and value of what addons of countries have, as in a table."""
        fields = self._fields
        added = [(one, one.read(self)) for one in table if one.field in fields]
        return [
            (self._billing_label(one.label), value) for one, value in added if value
        ]

    def _billing_label(self, label):
        return label if isinstance(label, str) else self.env._(label)

    def _billing_get_incoterm(self):
        incoterm = self.invoice_incoterm_id
        return " ".join(filter(None, (incoterm.code, self.incoterm_location)))

    def _billing_get_exchange_rate(self):
        """Return the rate, where a foreign one is to be told: 1 AED = 0.2723 USD."""
        own, foreign = self.company_id.currency_id, self.currency_id
        if own == foreign or self._billing_get_country_code() not in EXCHANGE_RATE:
            return ""
        return f"1 {own.name} = {round(self.invoice_currency_rate, 8)} {foreign.name}"

    def _billing_get_french_operation(self):
        """Return whether goods, services or both are invoiced, of a French seller."""
        scopes = set(self.invoice_line_ids.tax_ids.mapped("tax_scope")) - {False}
        if not self.l10n_fr_is_company_french or not scopes:
            return ""
        if len(scopes) > 1:
            return self.env._("Mixed operation")
        if scopes == {"service"}:
            return self.env._("Delivery of services")
        return self.env._("Delivery of goods")

    # === BUSINESS METHODS - BELOW THE TOTALS === #

    def _billing_list_mentions(self):
        """Return what a law, a tax or a fiscal position wants to be said."""
        position, notes = self.fiscal_position_id.note, self.taxes_legal_notes
        mentions = [_fill(position), _fill(notes)]
        for label, value in self._billing_read_added(MENTIONS):
            mentions.append(label % value if "%s" in label else label)
        return list(filter(None, mentions))

    def _billing_list_plan(self):
        """Return the payments that are agreed and still to come, for the page. Hook.

        :return: for each ``date``, ``day`` (as it is written), ``amount`` in the
            currency of the invoice, ``is_by_card`` and ``card``, as it is called.
        :rtype: list[dict]
        """
        return []

    def _billing_list_installments(self):
        """Return what is due when, of terms in parts; or what a discount leaves."""
        term = self.invoice_payment_term_id
        if not (term.display_on_invoice and self.show_payment_term_details):
            return []
        parts = self.payment_term_details or []
        texts = []
        if self.show_discount_details and len(parts) == 1:
            amount = term._get_amount_due_after_discount(
                self.amount_total, self.amount_tax
            )
            texts.append(
                self.env._(
                    "%(amount)s due if paid before %(date)s",
                    amount=self.currency_id._billing_format(amount),
                    date=term._get_last_discount_date_formatted(self.invoice_date),
                )
            )
        if len(parts) > 1:
            texts += [
                self.env._(
                    "%(number)s - Installment of %(amount)s due on %(date)s",
                    number=number,
                    amount=self.currency_id._billing_format(part["amount"]),
                    date=part["date"],
                )
                for number, part in enumerate(parts, start=1)
            ]
        return texts

    def _billing_list_codes(self):
        """Return label and image of the codes by which tax offices know it."""
        return [
            (label, make_qr_of(value))
            for label, value in self._billing_read_added(CODES)
        ]


def _is_in(written, line):
    """Whether a text has a line, or the number at its end, already."""
    number = line.split()[-1]
    return line in written or (len(number) > 5 and number in written)


def _fill(html):
    return "" if is_html_empty(html) else html
