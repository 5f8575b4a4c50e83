import re
from functools import cache

from odoo import fields, models
from odoo.tools import format_date, html2plaintext
from odoo.tools.image import image_data_uri

from ...const import BILLING_MOVE_TYPES
from ...tools.notice import notice
from ...tools.qr import make_qr
from ...tools.renamed import formerly
from .ir_actions_report import STANDARD_INVOICE_REPORTS

#: What a number may have, and the name of a file not on every system.
NOT_IN_FILENAMES = re.compile(r"[^\w.-]+")
LAST_DIGITS = re.compile(r"\d+$")


class AccountMove(models.Model):
    """The PDF of an invoice, and what it shows."""

    _inherit = "account.move"

    billing_template_id = fields.Many2one(
        "omni.billing.template",
        string="Invoice Template",
        check_company=True,
        index="btree_not_null",
        help="How the invoice looks. Empty: as set for the customer or the language.",
    )

    # === ACTION METHODS === #

    def action_billing_pdf(self):
        """Show the PDF (F81: always possible, of a void invoice too)."""
        report = self.env.ref("omni_billing.report_invoice")
        if len(self) == 1 and not self._billing_has_own_pdf():
            report = self.env["account.move.send"]._get_default_pdf_report_id(self)
        return report.report_action(self, config=False)

    def action_billing_clear_pdf(self):
        """Forget the stored PDFs of these invoices (F112)."""
        # To make them again is seconds of work: not for everybody who may read them.
        self.env["omni.billing.payment.wizard"].check_access("create")
        self.check_access("write")
        # sudo: stored files belong to no user, and the invoices were checked above.
        cache = self.env["omni.billing.pdf.cache"].sudo()
        cache.search([("move_id", "in", self.ids)]).unlink()
        return notice(self.env._("The PDF will be made again when it is asked for."))

    # === BUSINESS METHODS - FILE === #

    def billing_have_own_pdf(self):
        """Whether all of these print with our PDF; asked by the web client."""
        return all(move._billing_has_own_pdf() for move in self)

    def _billing_has_own_pdf(self):
        """Whether our PDF replaces Odoo's wherever Odoo prints the invoice. Hook.

        Of what holds our transactions, or credits such an invoice. Any other is Odoo's,
        and prints as Odoo prints it, also where we give it out.
        """
        self.ensure_one()
        origin = self.reversed_entry_id
        return self.move_type in BILLING_MOVE_TYPES and bool(
            self._billing_held_transactions()
            or (origin and origin._billing_has_own_pdf())
        )

    def _billing_get_filename(self, among_others=False):
        """Return the name of the PDF file: Invoice_01234.pdf of INV-2025-001234 (F103).

        :param bool among_others: the whole number, INV-2025-001234.pdf: the last digits
            may be another invoice's too.
        """
        self.ensure_one()
        number = self.name if self.name and self.name != "/" else ""
        if among_others and number:
            return f"{NOT_IN_FILENAMES.sub('-', number).strip('-.')}.pdf"
        kind = "Credit_Note" if self.move_type == "out_refund" else "Invoice"
        digits = LAST_DIGITS.search(number)
        return f"{kind}_{int(digits[0]):05d}.pdf" if digits else f"{kind}.pdf"

    def _billing_get_pdf(self):
        """Return the PDF of one invoice, as bytes: the same for everybody (F111).

        Of an invoice that is not ours it is the one that Odoo sent, or prints (W44).

        :raise UserError: if it cannot be made; the message says why.
        """
        self.ensure_one()
        self.check_access("read")
        # sudo: templates and stored files belong to no user; the invoice was checked.
        cache = self.env["omni.billing.pdf.cache"].sudo()
        # What is stored is ours, as long as none of its rows was written.
        if content := cache._find(self):
            return content
        if self._billing_has_own_pdf():
            return cache._make(self)
        # sudo: as for ours.
        return self.sudo()._billing_get_odoo_pdf()

    def _billing_get_odoo_pdf(self):
        """Return what Odoo sent of the invoice, or else what it would."""
        self.ensure_one()
        if file := self.invoice_pdf_report_id:
            return file.raw
        self.env["omni.billing.limit"]._take("pdf", self)
        report = self.env["account.move.send"]._get_default_pdf_report_id(self)
        reports = self.env["ir.actions.report"].with_company(self.company_id)
        # Who looks at it sends nothing.
        reports = reports.with_context(report_pdf_no_attachment=True)
        content, _type = reports._render_qweb_pdf(report.report_name, self.ids)
        return content

    # === BUSINESS METHODS - DOCUMENT === #

    def _billing_prepare_document(self):
        """Return what the PDF is made of, with all that shows on it. Hook.

        :rtype: odoo.addons.omni_billing.gateways.pdf.Document
        """
        self.ensure_one()
        return self.env["omni.billing.template"]._select_for(self)._fill(self)

    def _billing_get_pdf_dependencies(self):
        """Return the records that show on the page. Hook.

        The stored PDF is looked at again when one of them is written. What Odoo caches
        (views, languages, parameters) need not be named, and a change that does not
        show costs no new PDF.

        :rtype: list[odoo.models.BaseModel]
        """
        self.ensure_one()
        partners = (
            self.partner_id
            | self.commercial_partner_id
            | self.company_id.partner_id
            | self.invoice_user_id.partner_id
        )
        taxes = self.line_ids.tax_ids | self.line_ids.tax_line_id
        taxes |= taxes.children_tax_ids
        origin = self.reversed_entry_id
        return [
            self | origin,
            self.line_ids,
            # sudo: they have the taxes of the lines; who reads the page may not.
            self.line_ids.sudo().billing_transaction_id,
            partners,
            partners.country_id,
            partners.state_id,
            self.company_id,
            self.invoice_user_id,
            self.partner_bank_id,
            self.partner_bank_id.bank_id,
            self.currency_id | self.company_id.currency_id,
            self.journal_id,
            taxes,
            taxes.tax_group_id,
            taxes.repartition_line_ids,
            self.line_ids.product_uom_id,
            self.env["omni.billing.template"]._select_for(self),
            *self._billing_get_printed_dependencies(),
        ]

    @formerly("_prepare_pdf_context")  # until 19.0.2
    def _billing_prepare_pdf_context(self):
        """Return the values that the invoice template shows. Hook."""
        self.ensure_one()
        company = self.company_id
        # Of all lines in one query, where the tax engine would ask for some at a time.
        self.line_ids.fetch(["tax_ids"])
        base_lines = self._billing_get_base_lines()
        # As in `tax_totals`, which would compute the taxes once more.
        totals = self.env["account.tax"]._get_tax_totals_summary(
            base_lines=base_lines,
            currency=self.currency_id,
            company=company,
            cash_rounding=self.invoice_cash_rounding_id,
        )
        bank = self.env["res.partner.bank"]
        if self.move_type == "out_invoice":
            bank = self.partner_bank_id
        return {
            # Texts of many lines: see the style sheet.
            "seller": "\n".join(self._billing_list_seller()),
            "buyer": "\n".join(self._billing_list_buyer()),
            **self._billing_prepare_printed(),
            "lines": self._billing_get_lines(base_lines),
            "tax_groups": [
                group
                for subtotal in totals["subtotals"]
                for group in subtotal["tax_groups"]
            ],
            "tax_labels": self._billing_list_tax_labels(totals),
            # In the currency of the company too, where it wants that.
            "company_taxes": self._billing_list_company_taxes(totals),
            "rounding": self._billing_get_cash_rounding(),
            "mark": self._billing_get_mark(),
            # Each is called for each line, with few different values.
            "format_amount": cache(self.currency_id._billing_format),
            "format_date": cache(lambda date: format_date(self.env, date)),
            "format_percentage": cache(self._billing_format_percentage),
            "instructions": company.billing_payment_instructions,
            "bank": bank,
            "bank_numbers": self._billing_list_bank_numbers(bank),
            "swiss": self._billing_prepare_swiss_part(),
        }

    def _billing_get_tax_number(self, partner, foreign_number=None):
        """Return the tax number of a party, by the name that its country gives it.

        :param foreign_number: of the seller, where it is registered abroad.
        """
        label = partner.country_id.vat_label or self.env._("Tax ID")
        number = foreign_number or partner.vat
        return f"{label} {number}" if number else ""

    def _billing_list_tax_labels(self, totals):
        """Return what each group of taxes is called, as in Odoo.

        Of taxes on different amounts each says on which.
        """
        labels = {}
        for subtotal in totals["subtotals"]:
            for group in subtotal["tax_groups"]:
                name, base = group["group_name"], group["display_base_amount_currency"]
                if not totals["same_tax_base"] and base is not False:
                    base = self.currency_id._billing_format(base)
                    name = self.env._("%(tax)s on %(amount)s", tax=name, amount=base)
                labels[group["id"]] = name
        return labels

    def _billing_list_company_taxes(self, totals):
        """Return name and amount of each tax in the currency of the company."""
        company = self.company_id
        if self.currency_id == company.currency_id or not (
            company.display_invoice_tax_company_currency and totals["has_tax_groups"]
        ):
            return []
        name, write = company.currency_id.name, company.currency_id._billing_format
        return [
            (f"{group['group_name']} ({name})", write(group["tax_amount"]))
            for subtotal in totals["subtotals"]
            for group in subtotal["tax_groups"]
        ]

    @formerly("_prepare_template_variables")  # until 19.0.2
    def _billing_prepare_template_variables(self):
        """Return the plain values that an HTML template may use (F84-F88). Hook.

        :return: dates in ISO format, amounts as numbers in the invoice's currency,
            ``total_amount`` before tax and ``total_due`` what is left to pay; images as
            ``data:`` URLs. Empty is ``""``.
        """
        self.ensure_one()
        company = self.company_id
        lines = self._billing_get_lines()
        return {
            "invoice_number": self.name or "",
            "title": self.billing_title or "",
            "is_credit_note": self.move_type == "out_refund",
            "status": self._billing_get_mark(),
            "date": _format_datetime(self.invoice_date),
            "due_date": _format_date(self.invoice_date_due),
            "start_date": _format_date(self.billing_date_start),
            "end_date": _format_date(self.billing_date_end),
            "total_amount": self.amount_untaxed,
            "total_tax": self.amount_tax,
            "total": self.amount_total,
            "total_due": self.amount_residual,
            "currency": {
                "name": self.currency_id.name,
                "symbol": self.currency_id.symbol,
                "decimal_places": self.currency_id.decimal_places,
            },
            "language": (self.env.lang or "en_US")[:2],
            "client": _prepare_party(self._billing_get_addressee()),
            "company": _prepare_party(company.partner_id)
            | {
                "website": company.website or "",
                "logo": ""
                if company.uses_default_logo
                else image_data_uri(company.logo),
            },
            "bank": _prepare_bank(self.partner_bank_id),
            "document_title": self._billing_get_document_title(),
            "customer_reference": self._billing_get_reference(),
            "facts": [
                {"label": label, "text": text}
                for label, text in self._billing_list_facts()
            ],
            "mentions": [
                _to_text(mention)
                for mention in (
                    self.invoice_payment_term_id.note,
                    *self._billing_list_mentions(),
                )
                if mention
            ],
            "installments": self._billing_list_installments(),
            "plan": [
                {**part, "date": part["date"].isoformat()}
                for part in self._billing_list_plan()
            ],
            "payment_reference": self.payment_reference or self.name or "",
            "payment_instructions": company.billing_payment_instructions or "",
            "terms": _to_text(self.narration),
            "author": self.invoice_user_id.name or "",
            "transactions": [_prepare_line(line) for line in lines],
        }

    # === BUSINESS METHODS - PAYING === #

    def _billing_get_pay_link(self):
        """Return the address at which the invoice is paid, empty if it is not to be."""
        self.ensure_one()
        if not self._billing_is_unpaid():
            return ""
        return self.get_base_url() + self._billing_get_pay_url()

    def _billing_get_payment_qr(self):
        """Return a QR code of the payment link, as a ``data:`` URL (F94)."""
        url = self._billing_get_pay_link()
        return make_qr(url) if url else ""

    def _billing_get_bank_qr(self):
        """Return a QR code of the bank transfer, as a ``data:`` URL (in EUR: EPC).

        What it says comes from Odoo's addons, in the standard that was chosen for the
        invoice, or else the first of theirs that fits.
        """
        bank = self.partner_bank_id
        if not (bank and self._billing_get_pay_link()):
            return ""
        reference = self.payment_reference or self.name
        methods = [name for name, _label in bank.get_available_qr_methods_in_sequence()]
        for method in sorted(methods, key=lambda name: name != self.qr_code_method):
            arguments = (self.currency_id, self.partner_id, reference, reference)
            if bank._get_error_messages_for_qr(
                method, self.partner_id, self.currency_id
            ) or bank._check_for_qr_code_errors(
                method, self.amount_residual, *arguments
            ):
                continue
            code = bank._get_qr_code_generation_params(
                method, self.amount_residual, *arguments
            )
            # A code with a mask over it is that of the Swiss payment part, which is
            # on a page of its own.
            if code and code.get("barcode_type") == "QR" and not code.get("mask"):
                return make_qr(code["value"])
        return ""

    def action_billing_download(self):
        """Download the PDFs of these invoices in one file (F7)."""
        if len(self) > 1:
            return self.env["omni.billing.bulk"]._start("download", self)
        return self.action_billing_pdf()

    # === BUSINESS METHODS - DOCUMENT === #

    def _compute_access_url(self):
        """Override of `account`: links to our invoices lead to our page (F119)."""
        result = super()._compute_access_url()
        for move in self:
            if move._billing_has_own_pdf():
                move.access_url = f"/my/billing/invoices/{move.id}"
        return result

    def _billing_get_mark(self):
        """Return what is written across the page: void, paid, or nothing (W17)."""
        self.ensure_one()
        if self.billing_state == "void":
            return "void"
        is_paid = self.billing_state == "paid" and self.move_type == "out_invoice"
        return "paid" if is_paid else ""

    def _billing_get_pay_url(self):
        """Return the path of the page that pays this invoice, without a login."""
        self.ensure_one()
        token = self._portal_ensure_token()
        return f"/my/billing/invoices/{self.id}/pay?access_token={token}"

    def _get_available_action_reports(self, is_invoice_report=True):
        """Override of `account`: who prints or sends is not asked which PDF (W44).

        An invoice of ours has ours, on Odoo's reports too, and another has Odoo's.
        """
        reports = super()._get_available_action_reports(is_invoice_report)
        own = self.env.ref("omni_billing.report_invoice")
        if self and all(move._billing_has_own_pdf() for move in self):
            standard = reports.filtered(
                lambda report: report.report_name in STANDARD_INVOICE_REPORTS
            )
            return reports - standard
        return reports - own

    def _get_invoice_legal_documents(self, filetype, allow_fallback=False):
        """Override of `account`: a stored PDF does not know of later payments (W13)."""
        if filetype == "pdf" and self.state != "draft" and self._billing_has_own_pdf():
            return self._billing_prepare_legal_pdf()
        return super()._get_invoice_legal_documents(filetype, allow_fallback)

    def _get_invoice_legal_documents_all(self, allow_fallback=False):
        """Override of `account`: as above, beside the other files."""
        documents = super()._get_invoice_legal_documents_all(allow_fallback)
        if self.state == "draft" or not self._billing_has_own_pdf():
            return documents
        others = [file for file in documents or [] if "pdf" not in file["filetype"]]
        return [self._billing_prepare_legal_pdf(), *others]

    def _billing_prepare_legal_pdf(self):
        return {
            "filename": self._billing_get_filename(),
            "filetype": "pdf",
            "content": self._billing_get_pdf(),
        }


def _format_date(date):
    return date.isoformat() if date else ""


def _format_datetime(date):
    return f"{date.isoformat()}T00:00:00" if date else ""


def _to_text(html):
    return html2plaintext(html).strip() if html else ""


def _to_short(number):
    """Return a whole number without the point that a template would print: 15%."""
    return int(number) if number == int(number) else number


def _prepare_bank(bank):
    return {
        "name": bank.bank_name or "",
        "holder": bank.acc_holder_name or bank.partner_id.name or "",
        "number": bank.acc_number or "",
        "bic": bank.bank_bic or "",
    }


def _prepare_party(partner):
    return {
        "name": partner.name or partner.commercial_partner_id.name or "",
        "email": partner.email or "",
        "phone": partner.phone or "",
        "tax_id": partner.vat or "",
        "address": {
            "address_line_1": partner.street or "",
            "address_line_2": partner.street2 or "",
            "city": partner.city or "",
            "state": partner.state_id.name or "",
            "zip_code": partner.zip or "",
            # For conditions, the same in each language; and as it is printed.
            "country": partner.country_id.with_context(lang="en_US").name or "",
            "country_code": partner.country_id.code or "",
            "country_name": partner.country_id.name or "",
        },
    }


def _prepare_line(line):
    transaction = line["record"].billing_transaction_id
    return {
        "transaction_id": transaction.id or line["record"].id,
        "created": _format_datetime(line["date"]),
        "title": line["title"],
        "description": line["description"],
        "price": line["price"],
        "quantity": line["record"].quantity,
        "unit": line["record"].product_uom_id.name or "",
        "price_unit": abs(line["record"].price_unit),
        "retail_cost": line["amount_untaxed"],
        "tax_percentage": _to_short(line["tax_percentage"]),
        "tax_amount": line["tax_amount"],
        "total": line["amount_total"],
    }
