from markupsafe import Markup

from odoo import api, fields, models
from odoo.exceptions import UserError, ValidationError
from odoo.fields import Domain
from odoo.tools import format_date

from ..tools.action import open_dialog


class OmniBillingStatement(models.TransientModel):
    """A statement of account: what a customer was charged and paid in a period."""

    _name = "omni.billing.statement"
    _inherit = "omni.billing.dialog.mixin"
    _description = "Statement of Account"

    partner_id = fields.Many2one("res.partner", string="Customer", required=True)
    company_id = fields.Many2one(
        "res.company", required=True, default=lambda self: self.env.company
    )
    date_from = fields.Date(
        string="From",
        required=True,
        default=lambda self: fields.Date.context_today(self).replace(month=1, day=1),
    )
    date_to = fields.Date(string="To", required=True, default=fields.Date.context_today)

    @api.constrains("date_from", "date_to")
    def _check_dates(self):
        for statement in self:
            if statement.date_from > statement.date_to:
                raise ValidationError(
                    self.env._("The period of a statement ends after it begins.")
                )

    def _compute_display_name(self):
        for statement in self:
            statement.display_name = self.env._(
                "Statement %(customer)s %(day)s",
                customer=statement.partner_id.commercial_partner_id.name,
                day=statement.date_to,
            )

    # === ACTION METHODS === #

    def action_print(self):
        """Make the PDF."""
        self.ensure_one()
        return self.env.ref("omni_billing.report_statement").report_action(self)

    def action_email(self):
        """Open Odoo's dialog to write an e-mail, with the PDF attached."""
        self.ensure_one()
        customer = self.partner_id.commercial_partner_id
        contacts = customer._billing_find_contacts().filtered("email") or customer
        if not any(contact.email for contact in contacts):
            raise UserError(
                self.env._(
                    "%(customer)s has no e-mail address. Enter one on the contact, or"
                    " print the statement.",
                    customer=customer.display_name,
                )
            )
        words = self.with_context(lang=customer.lang or self.env.lang)
        file = {
            "name": f"{words.display_name}.pdf",
            "raw": self._render(),
            "mimetype": "application/pdf",
            # Odoo's dialog takes it over.
            "res_model": "mail.compose.message",
            "res_id": 0,
        }
        context = {
            "default_model": "res.partner",
            "default_res_ids": customer.ids,
            "default_composition_mode": "comment",
            "default_partner_ids": contacts.ids,
            "default_subject": words._get_subject(),
            "default_body": words._get_body(),
            "default_attachment_ids": self.env["ir.attachment"].create(file).ids,
        }
        title = self.env._("Send a Statement of Account")
        return open_dialog("mail.compose.message", title, context)

    # === BUSINESS METHODS === #

    def _get_subject(self):
        return self.env._(
            "%(company)s: statement of account, %(first)s to %(last)s",
            company=self.company_id.name,
            first=format_date(self.env, self.date_from),
            last=format_date(self.env, self.date_to),
        )

    def _get_body(self):
        """Return what the message says before anybody writes more."""
        return Markup("<p>%s</p>") % self.env._(
            "Here is your statement of account, %(first)s to %(last)s.",
            first=format_date(self.env, self.date_from),
            last=format_date(self.env, self.date_to),
        )

    def _render(self):
        """Return the PDF."""
        self.ensure_one()
        self.env["omni.billing.limit"]._take("pdf")
        return self.env.ref("omni_billing.report_statement")._billing_render_weasyprint(
            self
        )

    def _prepare_page(self):
        """Return the values that the page shows. Hook."""
        self.ensure_one()
        customer = self.partner_id.commercial_partner_id
        parts = customer._billing_prepare_statement(
            self.company_id, self.date_from, self.date_to
        )
        for part in parts:
            part["plan"] = self._list_plan(part["currency"])
        seller = self.company_id.partner_id
        # sudo: the reader may read what it is made of, or is the customer.
        aged = self.env["omni.billing.aged"].sudo()
        # Rows of another day have the same ids.
        aged.invalidate_model(flush=False)
        aged = aged.with_context(billing_as_of=self.date_to).search(
            [("partner_id", "=", customer.id), ("company_id", "=", self.company_id.id)]
        )
        # Ages are told in the currency of the company, where all is in it.
        own = [self.company_id.currency_id]
        if [part["currency"] for part in parts] != own:
            aged = aged.browse()
        return {
            "seller": "\n".join(seller._billing_list_address()[1:]),
            "buyer": "\n".join(customer._billing_list_address()),
            "parts": parts,
            "aged": aged,
            "format_date": lambda date: format_date(self.env, date),
        }

    def _list_plan(self, currency):
        """Return the payments that are agreed and still to come, the next one first."""
        if self.date_to < fields.Date.context_today(self):
            return []
        # sudo: as above
        unpaid = self.env["account.move"].sudo()
        unpaid = unpaid.search(
            Domain("company_id", "=", self.company_id.id)
            & Domain("currency_id", "=", currency.id)
            & Domain(
                "commercial_partner_id", "=", self.partner_id.commercial_partner_id.id
            )
            & Domain("billing_planned_amount", ">", 0)
        )
        return [
            {
                "date": payment.date,
                "move": payment.invoice_id,
                "amount": payment.amount_now,
                "is_by_card": payment.is_by_card,
            }
            for payment in unpaid._billing_get_coming_payments().sorted("date")
        ]
