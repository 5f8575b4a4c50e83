import re

from odoo import api, fields, models
from odoo.tools import format_list

from ...tools.template_facts import find_missing

#: What the law of most countries wants on an invoice.
EVERYWHERE = (
    *("kind", "number", "date", "seller", "seller_address", "seller_tax_id"),
    *("customer", "customer_address", "items", "untaxed", "rate", "tax", "total"),
    "void",
)
#: And in the European Union: directive 2006/112/EC, article 226.
IN_THE_UNION = ("customer_tax_id", "mentions")
#: What WeasyPrint says of an image and of a font.
LOST_IMAGE = re.compile(r"Failed to (?:load image at|render SVG image) '?([^']*)")
LOST_FONT = re.compile(r"Font-face '?([^']*)")
#: Of the address of an image; one may be the image itself.
MAX_ADDRESS = 120
#: The sample that a new template of HTML starts from.
SAMPLE = "omni_billing.omni_billing_template_band"


class OmniBillingTemplate(models.Model):
    """Whose template it is, and what its page lacks (F64, F93, F101)."""

    _inherit = "omni.billing.template"

    audience = fields.Char(
        string="Whose", compute="_compute_audience", help="Who gets this template."
    )
    is_for_nobody = fields.Boolean(compute="_compute_audience")

    @api.depends("is_automatic", "lang", "partner_ids", "company_id", "active")
    @api.depends_context("lang", "company")
    def _compute_audience(self):
        for template in self:
            parts = [template._describe_all(), template._describe_chosen()]
            told = [part for part in parts if part]
            template.is_for_nobody = not told
            template.audience = " ".join(told) or self.env._(
                "Nobody's yet: choose customers, make it automatic, or choose it when"
                " you generate an invoice."
            )

    @api.onchange("engine")
    def _onchange_engine(self):
        """Start a page of one's own from a sample that works."""
        if self.engine == "jinja" and not (self.body or "").strip():
            sample = self.env.ref(SAMPLE, raise_if_not_found=False)
            self.body = sample and sample.body

    # === WHOSE === #

    def _describe_all(self):
        """Say which customers get it by itself, or why none does; nothing else."""
        if not self.is_automatic or not self.active:
            return ""
        if other := self._find_stronger():
            return self.env._(
                "Automatic, and “%(other)s” comes before it for the same customers:"
                " change the order in the list.",
                other=other.name,
            )
        company = self.company_id.name or self.env._("all companies")
        if not self.lang:
            return self.env._(
                "All customers of %(company)s for whom no other template is chosen, or"
                " is automatic in their language.",
                company=company,
            )
        labels = dict(self._fields["lang"]._description_selection(self.env))
        return self.env._(
            "All customers of %(company)s with the language %(language)s, for whom no"
            " other template is chosen.",
            company=company,
            language=labels.get(self.lang, self.lang),
        )

    def _find_stronger(self):
        """Return another automatic template that all of its customers get instead."""
        key = self._rank()
        others = self.search(
            [
                ("is_automatic", "=", True),
                ("id", "!=", self._origin.id),
                ("lang", "=", self.lang),
                ("company_id", "in", (False, self.company_id.id)),
            ]
        )
        stronger = others.filtered(lambda other: other._rank() < key)
        return stronger.sorted(lambda other: other._rank())[:1]

    def _rank(self):
        """Return the place among those of one language, the first one first."""
        identity = self._origin.id or float("inf")
        return not self.company_id, self.sequence, identity

    def _describe_chosen(self):
        customers = self.partner_ids
        if not customers:
            return ""
        names = customers[:3].mapped("display_name")
        if more := len(customers) - len(names):
            names.append(self.env._("%(count)s more", count=more))
        return self.env._("Chosen for: %(names)s.", names=format_list(self.env, names))

    # === WHAT THE PAGE LACKS === #

    def _explain_lost(self, message):
        """Return in words what WeasyPrint tells that it could not load."""
        if found := LOST_IMAGE.match(message):
            return self.env._("Image: %(address)s", address=found[1][:MAX_ADDRESS])
        if found := LOST_FONT.match(message):
            return self.env._("Font: %(name)s", name=found[1])
        return message

    def _find_lacks(self):
        """Return what the law wants on the page and it lacks, in words.

        The standard page prints all of it. A general set, and more in the European
        Union: no replacement for who knows the law of a country.

        :rtype: list[str]
        """
        if self.engine != "jinja":
            return []
        company = self.company_id or self.env.company
        union = self.env.ref("base.europe", raise_if_not_found=False)
        is_member = union and company.country_id in union.country_ids
        wanted = EVERYWHERE + (IN_THE_UNION if is_member else ())
        labels = self._get_fact_labels()
        return [
            labels[fact]
            for fact in find_missing(self.body or "", wanted)
            if not self._is_written_out(fact, company)
        ]

    def _is_written_out(self, fact, company):
        """Whether the text of the template has it, or there is nothing to print."""
        values = {
            "seller": company.name,
            "seller_address": company.street or "",
            "seller_tax_id": company.vat or "",
        }
        if fact not in values:
            return False
        texts = (self.body, self.footer, self.terms)
        return any(values[fact] in (text or "") for text in texts)

    @api.model
    def _get_fact_labels(self):
        return {
            "kind": self.env._("invoice or credit note (document_title)"),
            "number": self.env._("number (invoice_number)"),
            "date": self.env._("date of the invoice (date)"),
            "seller": self.env._("your name (company.name)"),
            "seller_address": self.env._("your address (company.address)"),
            "seller_tax_id": self.env._("your tax number (company.tax_id)"),
            "customer": self.env._("the customer's name (client.name)"),
            "customer_address": self.env._("the customer's address (client.address)"),
            "items": self.env._("what was sold (transactions)"),
            "untaxed": self.env._("total before tax (total_amount)"),
            "rate": self.env._("rate of the tax (tax_percentage of a transaction)"),
            "tax": self.env._("amount of the tax (total_tax)"),
            "total": self.env._("total to pay (total)"),
            "void": self.env._("whether it is void or paid (status)"),
            "customer_tax_id": self.env._("the customer's tax number (client.tax_id)"),
            "mentions": self.env._("sentences such as “Reverse charge” (mentions)"),
        }
