from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.tools import SQL, format_date, format_time

from odoo.addons.omni_billing.exceptions import RenderError
from odoo.addons.omni_billing.gateways.pdf import Document

PDF_TYPE = "application/pdf"
#: Events that a list shows as a PDF; of more there is the CSV alone.
MAX_LISTED = 2_000


class AccountMove(models.Model):
    """The itemised list of an invoice: each event that it charges, as a PDF (W41).

    Its sections are services and meters: what others provide has a meter of its own.
    France has them apart (decree of 31 December 2013), and who was called without the
    last digits, as files of usage do.
    """

    _inherit = "account.move"

    billing_has_usage = fields.Boolean(
        compute="_compute_billing_has_usage",
        compute_sudo=True,
        groups="base.group_user",
    )

    def _compute_billing_has_usage(self):
        for move in self:
            move.billing_has_usage = bool(move._billing_find_itemised())

    # === ACTION METHODS === #

    def action_billing_usage_list(self):
        """Download the list: as a PDF, or of many events as CSV."""
        self.ensure_one()
        self.check_access("read")
        kind = "pdf" if self._billing_may_list_usage() else "csv"
        return {
            "type": "ir.actions.act_url",
            "url": f"/my/billing/invoices/{self.id}/usage.{kind}",
            "target": "download",
        }

    # === BUSINESS METHODS === #

    def _billing_may_list_usage(self):
        """Whether the list is offered as a PDF: there are some events, and not many."""
        self.ensure_one()
        ratings = _latest(self._billing_find_itemised())
        if not 0 < sum(ratings.mapped("events")) <= MAX_LISTED:
            return False
        # Of those that are there by now: some may have come later.
        return ratings._count_items(MAX_LISTED + 1) <= MAX_LISTED

    def _billing_make_usage_pdf(self):
        """Return the list of all events that an invoice charges, as a PDF.

        :raise UserError: if there are none, or too many of them.
        """
        self.ensure_one()
        if not self._billing_may_list_usage():
            raise UserError(
                self.env._(
                    "%(invoice)s has no list of its usage as a PDF: it has none, or"
                    " more than %(count)s events, which are in the CSV.",
                    invoice=self.display_name,
                    count=MAX_LISTED,
                )
            )
        self.env["omni.billing.limit"]._take("pdf", self)
        lang = self.partner_id.lang or self.env.lang
        move = self.with_context(lang=lang)
        html = self.env["ir.qweb"]._render(
            "omni_billing_usage.report_usage_list",
            {"o": move, "lang": lang, "page": move._billing_prepare_usage_page()},
            lang=lang,
        )
        renderer = self.env["ir.actions.report"]._billing_get_pdf_renderer()
        try:
            return renderer.render(Document(str(html)))
        except RenderError as error:
            raise UserError(
                self.env._(
                    "The itemised list of %(document)s could not be made: %(error)s",
                    document=self.display_name,
                    error=error,
                )
            ) from error

    def _billing_prepare_usage_page(self):
        """Return what the list shows. Hook."""
        # sudo: of an invoice that one may see.
        ratings = self._billing_find_itemised().with_env(self.env).sudo()
        return {
            "seller": "\n".join(self._billing_list_seller()),
            "buyer": "\n".join(self._billing_list_buyer()),
            "date": format_date(self.env, self.invoice_date),
            "sections": [
                rating._billing_write_section() for rating in _latest(ratings)
            ],
        }

    def _billing_get_usage_filename(self):
        """Return the name of the file of the list."""
        name = self._billing_get_filename(among_others=True).removesuffix(".pdf")
        return f"{name}-{self.env._('usage')}.pdf"

    def _billing_list_mail_files(self, kind):
        """Override of `omni_billing`: and the list, for who wants it."""
        files = super()._billing_list_mail_files(kind)
        for move in self if kind == "invoice" else ():
            if move._billing_wants_usage_list() and move._billing_may_list_usage():
                name = move._billing_get_usage_filename()
                files.append((name, move._billing_make_usage_pdf(), PDF_TYPE))
        return files

    def _billing_wants_usage_list(self):
        self.ensure_one()
        wish = self.commercial_partner_id.billing_usage_list
        return wish == "yes" or (wish != "no" and self.company_id.billing_usage_list)


class ResPartner(models.Model):
    """Whether a customer has the list with each invoice (W41)."""

    _inherit = "res.partner"

    billing_usage_list = fields.Selection(
        [("yes", "With Each Invoice"), ("no", "Never")],
        string="Itemised Usage",
        copy=False,
        groups="base.group_user",
        help="A list of all events, as a second PDF. Empty: as the company has it.",
    )

    @api.model
    def _commercial_fields(self):
        """Override of `base`: it holds for the company of a contact."""
        return [*super()._commercial_fields(), "billing_usage_list"]


class OmniBillingUsageRating(models.Model):
    """A section of the list (W41)."""

    _inherit = "omni.billing.usage.rating"

    def _count_items(self, most):
        """Return how many events of these are there, and count no further than asked.

        :rtype: int
        """
        self.env.flush_all()
        [[count]] = self.env.execute_query(
            SQL(
                """
                SELECT COUNT(*) FROM (
                SELECT FROM omni_billing_usage_rating rating
                  JOIN omni_billing_usage_event event
                    ON event.service_id = rating.service_id
                   AND event.meter_id = rating.meter_id
                   AND event.moment >= rating.begin AND event.moment < rating."end"
                 WHERE rating.id = ANY(%s) LIMIT %s) AS found
                """,
                self.ids,
                most,
            )
        )
        return count

    def _billing_write_section(self):
        """Return a section of the list: events of a service and meter, their sum."""
        self.ensure_one()
        events = list(self._read_items())
        # What no event says has no column.
        has_identifiers = any(identifier for _at, identifier, _units, _facts in events)
        names = [
            name
            for name in self.meter_id._get_dimensions()
            if any(facts.get(name) for _at, _identifier, _units, facts in events)
        ]
        return {
            "title": f"{self.service_id.name}, {self.meter_id.name}",
            "period": self._format_period(self.env),
            "has_identifiers": has_identifiers,
            "names": names,
            "amount": self.currency_id._billing_format(self.amount),
            "before": self.part > 0
            and self.currency_id._billing_format(self.amount_before),
            "plus_tax": not self.plan_id.tax_included,
            "lines": self._billing_write_for_customer()["lines"],
            "rows": [
                {
                    "time": f"{format_date(self.env, at.date())}"
                    f" {format_time(self.env, at.time(), time_format='medium')}",
                    "identifier": identifier,
                    "quantity": self.meter_id._billing_format_units(float(units)),
                    "facts": [facts.get(name, "") for name in names],
                }
                for at, identifier, units, facts in events
            ],
        }


def _latest(ratings):
    """Return the last part of each service, meter and period, which has all events."""
    ratings = ratings.sorted(
        lambda r: (r.date_from, r.service_id.id, r.meter_id.id, r.part)
    )
    last = {(r.date_from, r.service_id, r.meter_id): r.id for r in ratings}
    return ratings.browse(last.values())
