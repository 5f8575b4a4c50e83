import base64
import re
from datetime import date

from odoo import api, fields, models
from odoo.exceptions import UserError, ValidationError
from odoo.tools import get_lang, ormcache
from odoo.tools.image import image_data_uri

from ...exceptions import RenderError
from ...gateways.pdf import Document, TemplateError
from ...tools.notice import notice

COLOR = re.compile(r"#[0-9a-fA-F]{6}")

#: Of the standard page.
STYLES = ("/omni_billing/static/src/pdf/invoice.css",)

#: Fields that the preview takes from the form.
PREVIEW_FIELDS = frozenset(
    "name engine body color footer terms logo paper_format show_author show_payment_qr"
    " show_bank_qr".split()
)


class OmniBillingTemplate(models.Model):
    """How invoices look: our own page with options, or HTML that staff write (F83)."""

    _name = "omni.billing.template"
    _description = "Invoice Template"
    _order = "sequence, id"
    _check_company_auto = True

    name = fields.Char(required=True, translate=True)
    sequence = fields.Integer(default=10)
    active = fields.Boolean(default=True)
    company_id = fields.Many2one(
        "res.company",
        default=lambda self: self.env.user._billing_get_default_company(),
        index=True,
    )
    engine = fields.Selection(
        [("qweb", "Standard page"), ("jinja", "HTML with Jinja")],
        required=True,
        default="qweb",
        help="The standard page has options. HTML is written by you, with the variables"
        " listed beside it.",
    )
    is_automatic = fields.Boolean(
        string="Automatic",
        help="For all customers of the language. Otherwise only for customers who have"
        " this template chosen.",
    )
    lang = fields.Selection(
        lambda self: self.env["res.lang"].get_installed(),
        string="Language",
        help="Of the customers whom it is for. Empty: all.",
    )
    paper_format = fields.Selection(
        [("A4", "A4"), ("letter", "US Letter")], required=True, default="A4"
    )
    color = fields.Char(string="Accent Color", default="#1f2937", required=True)
    logo = fields.Image(max_width=800, max_height=400, help="Empty: the company's own.")
    footer = fields.Text(
        translate=True, help="Empty: name and web site of the company."
    )
    terms = fields.Text(
        translate=True, help="Printed below each invoice, before its own terms."
    )
    show_author = fields.Boolean(string="Author", help="Print who made the invoice.")
    show_payment_qr = fields.Boolean(
        string="QR Code to Pay Online",
        help="On unpaid invoices. It opens the page to pay, without a login.",
    )
    show_bank_qr = fields.Boolean(
        string="QR Code of the Bank Transfer",
        help="On unpaid invoices, where a standard exists: in EUR, the one that"
        " European banking apps read.",
    )
    body = fields.Text(string="HTML")
    partner_ids = fields.One2many(
        "res.partner", "billing_template_id", string="Customers with This Template"
    )

    # === CONSTRAINTS === #

    @api.constrains("color")
    def _check_color(self):
        for template in self:
            if not COLOR.fullmatch(template.color):
                raise ValidationError(
                    self.env._("Write the color as #rrggbb, like #1f2937.")
                )

    @api.constrains("engine", "body")
    def _check_body(self):
        """Try the template with an example, so that no invoice meets its faults."""
        renderer = self.env["ir.actions.report"]._billing_get_pdf_renderer()
        for template in self.filtered(lambda one: one.engine == "jinja"):
            if not (template.body or "").strip():
                raise ValidationError(self.env._("Write the HTML of the template."))
            try:
                renderer.check(template.body, template._prepare_example())
            except TemplateError as error:
                raise ValidationError(template._explain(error)) from error

    # === CRUD === #

    @api.model_create_multi
    def create(self, vals_list):
        templates = super().create(vals_list)
        templates._forget_selection()
        return templates

    def write(self, vals):
        result = super().write(vals)
        self._forget_selection()
        return result

    def unlink(self):
        result = super().unlink()
        self._forget_selection()
        return result

    def _forget_selection(self):
        # Which template an invoice has is cached; any invoice may have another now
        # (F109).
        self.env.registry.clear_cache("templates")

    # === ACTION METHODS === #

    def action_clear_pdf(self):
        """Forget all stored PDFs that these templates made (F112)."""
        self.check_access("write")
        # sudo: stored files belong to no user; managers may clear them.
        mine = self.env["omni.billing.pdf.cache"].sudo()._find_made_from(self)
        count = len(mine)
        mine.unlink()
        return notice(
            self.env._(
                "%(count)s stored PDFs were removed; each is made again when it is"
                " asked for.",
                count=count,
            )
        )

    def action_send_test(self):
        """Mail an invoice in this template to oneself (F100)."""
        self.ensure_one()
        user = self.env.user
        if not user.email:
            raise UserError(
                self.env._("Your user has no e-mail address to send it to.")
            )
        move = self._find_sample()
        file = {
            "name": move._billing_get_filename(),
            "raw": self._render_sample(move)[0],
            "mimetype": "application/pdf",
        }
        values = {
            "subject": self.env._("Test of template %(name)s", name=self.name),
            "body_html": f"<p>{file['name']}</p>",
            "email_from": user.company_id.email_formatted or user.email_formatted,
            "email_to": user.email_formatted,
            "auto_delete": True,
            "attachment_ids": [fields.Command.create(file)],
        }
        # sudo: the mail goes to oneself, whatever rights on mails one has.
        mail = self.env["mail.mail"].sudo().create(values)
        mail.send(raise_exception=True)
        return notice(self.env._("Sent to %(address)s.", address=user.email))

    # === BUSINESS METHODS - SELECTION === #

    @api.model
    def _select_for(self, move):
        """Return the template of an invoice (F93). Hook.

        The one chosen for the invoice (F64); else the customer's own; else the first
        that is used by itself, of the company before those of all, of the exact
        language before its family and before those of all languages.

        :rtype: OmniBillingTemplate
        """
        Company = self.env["res.company"]
        # sudo: which template it is, is no secret to who reads the invoice.
        partner = move.partner_id.sudo()
        for owner in (move.sudo(), partner, partner.commercial_partner_id):
            chosen = owner.billing_template_id
            if chosen.active and chosen.company_id in (Company, move.company_id):
                return chosen.with_env(self.env)
        lang = partner.lang or move.company_id.partner_id.lang or ""
        return self.browse(self._find_automatic(move.company_id.id, lang))

    @api.model
    @ormcache("company_id", "lang", cache="templates")
    def _find_automatic(self, company_id, lang):
        """Return the id of the template for invoices of a language, or nothing."""
        # sudo: which template it is, is no secret to who reads the invoice.
        templates = self.sudo().search(
            [
                ("active", "=", True),
                ("is_automatic", "=", True),
                ("company_id", "in", (False, company_id)),
            ]
        )

        def rank(template):
            distance = 0 if template.lang == lang else 2
            if distance and template.lang:
                distance = 1 if template.lang[:2] == lang[:2] else 3
            return (distance, not template.company_id, template.sequence, template.id)

        fitting = templates.filtered(lambda template: rank(template)[0] < 3)
        return fitting.sorted(rank)[:1].id

    # === BUSINESS METHODS - DOCUMENT === #

    def _fill(self, move):
        """Return the document of an invoice in this template.

        :rtype: odoo.addons.omni_billing.gateways.pdf.Document
        """
        if self.engine == "jinja":
            variables = move._billing_prepare_template_variables()
            return Document(self.body, variables | self._prepare_options(move))
        lang = get_lang(self.env).code
        page = self.env["ir.actions.report"]._render_template(
            "omni_billing.report_invoice_document",
            {"o": move, "lang": lang, "template": self},
        )
        return Document(
            page.decode(), styles=("/omni_billing/static/src/pdf/invoice.css",)
        )

    def _prepare_options(self, move):
        """Return the variables that say what the template itself holds."""
        body = self.body or ""
        return {
            "payment_url": move._billing_get_pay_link(),
            # Made only for templates that show them: a code takes as long as a page.
            "payment_qr": move._billing_get_payment_qr()
            if "payment_qr" in body
            else "",
            "bank_qr": move._billing_get_bank_qr() if "bank_qr" in body else "",
            "template": {
                "logo": self._get_logo(move.company_id),
                "color": self.color,
                "footer": self.footer or "",
                "terms": self.terms or "",
                "paper_format": self.paper_format,
                "show_author": self.show_author,
            },
        }

    def _get_logo(self, company):
        """Return the logo as a ``data:`` URL, or nothing."""
        logo = self.logo if self else False
        if not logo and not company.uses_default_logo:
            logo = company.logo
        return image_data_uri(logo) if logo else ""

    # === BUSINESS METHODS - TRYING === #

    def get_preview(self, values, invoice_id=False):
        """Return how the template, or a new one, would look before it is saved.

        :param dict values: of fields in the form.
        :param int invoice_id: the invoice to show; the latest if none.
        :return: ``pdf`` (base64) and ``lost``, images and fonts that could not be
            loaded, or ``error`` and ``line``; and ``lacks``, what the law wants.
        """
        self.check_access("write")
        values = {
            name: value for name, value in values.items() if name in PREVIEW_FIELDS
        }
        template = self.new(values, origin=self)
        result = {"lacks": template._find_lacks()}
        try:
            move = self._find_sample(invoice_id)
            pdf, lost = template._render_sample(move)
        except TemplateError as error:
            return result | {"error": template._explain(error), "line": error.line}
        except (RenderError, UserError) as error:
            return result | {"error": str(error), "line": None}
        told = [template._explain_lost(message) for message in lost]
        return result | {"pdf": base64.b64encode(pdf).decode(), "lost": told}

    def _find_sample(self, invoice_id=False):
        """Return an invoice to try a template on: one that the user may read."""
        Move = self.env["account.move"]
        if invoice_id:
            move = Move.browse(invoice_id)
            move.check_access("read")
            return move
        domain = [("billing_state", "not in", (False, "draft"))]
        if self.company_id:
            domain.append(("company_id", "=", self.company_id.id))
        move = Move.search(domain, order="id DESC", limit=1)
        if not move:
            raise UserError(
                self.env._("There is no invoice yet to show the template with.")
            )
        return move

    def _render_sample(self, move):
        """Return the PDF, and what it shows and could not be loaded."""
        renderer = self.env["ir.actions.report"]._billing_get_pdf_renderer()
        lang = move.partner_id.lang or self.env.lang
        # sudo: the page shows what the invoice shows, which the user may read.
        template = self.with_company(move.company_id).with_context(lang=lang).sudo()
        document = template._fill(move.with_env(template.env))
        # Another engine may know of no losses.
        if not hasattr(renderer, "try_out"):
            return renderer.render(document), []
        return renderer.try_out(document)

    def _explain(self, error):
        """Return a message about a fault in the template (F101, F104)."""
        where = self.name or self.env._("The template")
        if error.line:
            return self.env._(
                "%(template)s, line %(line)s: %(error)s",
                template=where,
                line=error.line,
                error=error,
            )
        return f"{where}: {error}"

    def _prepare_example(self):
        """Return the variables of an invoice that shows everything once."""
        day = date(2025, 1, 10).isoformat()
        party = {
            "name": "Ada Harbour",
            "email": "ada@example.com",
            "phone": "+44 117 496 0000",
            "tax_id": "GB123456789",
            "address": {
                "address_line_1": "18 Harbour Street",
                "address_line_2": "Flat 2",
                "city": "Bristol",
                "state": "Avon",
                "zip_code": "BS1 4QA",
                "country": "United Kingdom",
                "country_code": "GB",
                "country_name": "United Kingdom",
            },
        }
        return {
            "invoice_number": "INV-2025-001234",
            "title": "January services",
            "is_credit_note": False,
            "status": "",
            "date": f"{day}T00:00:00",
            "due_date": "2025-02-10",
            "start_date": "2025-01-01",
            "end_date": "2025-01-31",
            "total_amount": 1020.0,
            "total_tax": 100.0,
            "total": 1120.0,
            "total_due": 1120.0,
            "currency": {"name": "USD", "symbol": "$", "decimal_places": 2},
            "language": "en",
            "client": party,
            "company": party | {"website": "https://example.com", "logo": ""},
            "bank": {"name": "", "holder": "", "number": "", "bic": ""},
            "document_title": "Invoice",
            "customer_reference": "PO-2025-77",
            "facts": [{"label": "Your reference", "text": "PO-2025-77"}],
            "mentions": ["Reverse charge"],
            "installments": [],
            "plan": [],
            "payment_reference": "INV-2025-001234",
            "payment_instructions": "",
            "terms": "",
            "author": "Ada Harbour",
            "transactions": [
                _prepare_example_line(1000.0, day),
                _prepare_example_line(20.0, day),
            ],
            "payment_url": "https://example.com/pay",
            "payment_qr": "",
            "bank_qr": "",
            "template": {
                "logo": "",
                "color": self.color,
                "footer": self.footer or "",
                "terms": self.terms or "",
                "paper_format": self.paper_format,
                "show_author": self.show_author,
            },
        }


def _prepare_example_line(cost, day):
    """Return a transaction of the example: two with tax, or one without."""
    has_tax = cost > 100
    return {
        "transaction_id": 1,
        "created": f"{day}T00:00:00",
        "title": "Fibre 500",
        "description": "January",
        "price": f"2 × $ {cost / 2:.2f}" if has_tax else "",
        "quantity": 2.0 if has_tax else 1.0,
        "unit": "Units",
        "price_unit": cost / 2 if has_tax else cost,
        "retail_cost": cost,
        "tax_percentage": 10.0 if has_tax else 0.0,
        "tax_amount": cost / 10 if has_tax else 0.0,
        "total": cost * 1.1 if has_tax else cost,
    }
