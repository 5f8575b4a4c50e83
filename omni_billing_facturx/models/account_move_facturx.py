import re

from odoo import models
from odoo.tools import format_list

#: Numbers that French platforms take (BR-FR-01 and BR-FR-02).
NUMBER = re.compile(r"[A-Za-z0-9+\-_/]{1,35}")
#: When VAT is due: at the date of the invoice, or when it is paid.
DUE_AT_INVOICE, DUE_WHEN_PAID = "5", "72"


class AccountMove(models.Model):
    """What the rules of Factur-X and of French platforms want to know of an invoice."""

    _inherit = "account.move"

    def _billing_is_french(self):
        """Whether the invoice has to keep the rules of French platforms."""
        self.ensure_one()
        return self.company_id.partner_id._billing_is_french()

    def _billing_is_due_before(self):
        """Whether it was due before it was made, which the rules do not let be said."""
        self.ensure_one()
        due, date = self.invoice_date_due, self.invoice_date
        return bool(due and date and due < date)

    def _billing_get_process(self):
        """Return what is invoiced (BT-23): services, goods, or both; to be paid.

        What has no product is a service. A card that is charged at once pays an invoice
        that was issued unpaid.
        """
        self.ensure_one()
        kinds = {
            line.product_id.type == "consu"
            for line in self.invoice_line_ids
            if line.display_type == "product"
        }
        if len(kinds) > 1:
            return "M1"
        return "B1" if True in kinds else "S1"

    def _billing_get_vat_due(self):
        """Return when VAT is due (BT-8): all of it when paid, or at the date."""
        self.ensure_one()
        exigibility = set(
            self.invoice_line_ids.tax_ids.flatten_taxes_hierarchy()
            .filtered("amount")
            .mapped("tax_exigibility")
        )
        return DUE_WHEN_PAID if exigibility == {"on_payment"} else DUE_AT_INVOICE

    def _billing_get_facturx_notes(self):
        """Return (subject, text) of what French law has each invoice say. Hook."""
        self.ensure_one()
        if not self._billing_is_french():
            return []
        company = self.company_id.with_context(
            lang=self.partner_id.lang or self.env.lang
        )
        return [
            (
                "PMT",
                company.billing_facturx_recovery or company._billing_get_recovery(),
            ),
            ("PMD", company.billing_facturx_penalty or company._billing_get_penalty()),
            ("AAB", self._billing_describe_discount(company)),
        ]

    def _billing_describe_discount(self, company):
        """Return what paying early saves, or that it saves nothing."""
        term = self.invoice_payment_term_id
        if not term.early_discount:
            return (
                company.billing_facturx_discount or company._billing_get_no_discount()
            )
        return company.env._(
            "Discount of %(percent)s %% if paid within %(days)s days.",
            percent=f"{term.discount_percentage:g}",
            days=term.discount_days,
        )

    # === WHAT IS MISSING === #

    def _billing_find_facturx_faults(self, vals):
        """Return what keeps the XML from being valid, beside what Odoo looks for. Hook.

        :param dict vals: what the XML is made of.
        :return: texts by a name: what is missing, of whom, and where to enter it.
        :rtype: dict[str, str]
        """
        self.ensure_one()
        addressee = self._billing_get_addressee()
        faults = {
            "billing_country": addressee._billing_find_no_country(),
            "billing_untaxed": self._billing_find_untaxed(),
            "billing_taxes": self._billing_find_odd_taxes(vals),
            "billing_buyer_vat": self._billing_find_no_vat(vals),
        }
        if self._billing_is_french():
            faults |= {
                "billing_number": self._billing_find_odd_number(),
                "billing_seller": self._billing_find_no_siren(),
                "billing_buyer": addressee._billing_find_no_address(),
                "billing_origin": self._billing_find_no_origin(),
            }
        return faults

    def _billing_find_untaxed(self):
        """Say which lines nobody said of why there is no VAT on them.

        Of late penalties it is known: they are outside VAT. A credit note is as its
        invoice was.
        """
        if self.reversed_entry_id:
            return None
        lines = self.invoice_line_ids.filtered(
            lambda line: (
                line.display_type == "product"
                and not line.tax_ids
                and not line.currency_id.is_zero(line.price_subtotal)
            )
        )
        penalties = lines.billing_transaction_id._find_penalties()
        odd = lines.filtered(lambda line: line.billing_transaction_id not in penalties)
        titles = [(line.name or "").partition("\n")[0] for line in odd]
        return self.env["omni.billing.transaction"]._explain_untaxed(titles)

    def _billing_find_odd_taxes(self, vals):
        """Say which lines do not have one tax in percent, as the format asks."""
        per_line = vals["tax_details"]["tax_details_per_record"]
        odd = self.env["account.move.line"].union(
            *(
                line
                for line, details in per_line.items()
                if [
                    group["amount_type"]
                    for group in details["tax_details"].values()
                    if group["amount_type"] != "fixed"
                ]
                != ["percent"]
            )
        )
        if not odd:
            return None
        return self.env._(
            "%(lines)s: the format takes one tax in percent for each line.",
            lines=format_list(self.env, odd[:5].mapped("name")),
        )

    def _billing_find_no_vat(self, vals):
        groups = vals["tax_details"]["tax_details"].values()
        is_reverse = any(group["tax_category_code"] == "AE" for group in groups)
        if not is_reverse or self.commercial_partner_id.vat:
            return None
        return self.env._(
            "%(customer)s owes the VAT itself, and has no VAT number. Enter it in"
            " Contacts.",
            customer=self.commercial_partner_id.display_name,
        )

    def _billing_find_odd_number(self):
        if NUMBER.fullmatch(self.name or ""):
            return None
        return self.env._(
            "French platforms take numbers of up to 35 letters, digits and + - _ /."
            " %(number)s is none: choose another numbering for %(journal)s.",
            number=self.name,
            journal=self.journal_id.display_name,
        )

    def _billing_find_no_siren(self):
        seller = self.company_id.partner_id.commercial_partner_id
        if seller._billing_get_siren():
            return None
        return self.env._(
            "%(company)s has no SIREN. Enter the SIRET as “Company ID” in Settings >"
            " Users & Companies > Companies.",
            company=seller.display_name,
        )

    def _billing_find_no_origin(self):
        origin = self.reversed_entry_id
        if self.move_type != "out_refund" or (origin and origin.state == "posted"):
            return None
        return self.env._(
            "A credit note names the invoice that it corrects, and this one has none."
            " Bill the credits together with charges, or cancel items of the invoice."
        )
