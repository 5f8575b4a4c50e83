import logging
from collections import defaultdict

from dateutil.relativedelta import relativedelta

from odoo import api, fields, models
from odoo.fields import Command, Domain
from odoo.tools import format_date

from odoo.addons.omni_billing.tools.database import commit_progress, retry, step_alone
from odoo.addons.omni_billing.tools.recurrence import DAY

_logger = logging.getLogger(__name__)

#: Rows that one entry has at most, and packs that expire together.
CHUNK = 1000


class OmniBillingPackUse(models.Model):
    """What was used is income: an entry for each company and month (W42)."""

    _inherit = "omni.billing.pack.use"

    # === THE JOB === #

    @api.model
    def _cron_book(self):
        """Tell of packs that end, close those that expired, and book what was used.

        Each chunk is committed with its entry: a job that dies books nothing twice, and
        goes on where it was.
        """
        self.env["omni.billing.pack"]._tell_all_ending()
        self.env["omni.billing.pack"]._close_lost()
        self.env["omni.billing.pack"]._expire_all()
        for [company] in self._read_group(self._get_due_domain(), ["company_id"]):
            self._book_company(company)

    def _book_company(self, company):
        # The month is over where the company is, too.
        today = company.partner_id._billing_get_today(company)
        first = min(today, fields.Date.context_today(self)).replace(day=1)
        done = 0
        while rows := self.search(
            self._get_due_domain()
            & Domain("company_id", "=", company.id)
            & Domain("date", "<", first)
            & Domain("id", ">", done),
            order="id",
            limit=CHUNK,
        ):
            done = rows[-1].id
            # What one pack is refused for keeps no other's income.
            if rows._book_alone(f"income of packs of {company.name}"):
                for pack, own in rows.grouped("pack_id").items():
                    own._book_alone(f"income of pack {pack.id} of {company.name}")
                    # At once: one that fails undoes all since the last commit.
                    if not commit_progress(self.env, len(own)):
                        return
            elif not commit_progress(self.env, len(rows)):
                return

    def _book_alone(self, name):
        """Book these, and return what went wrong, if anything did."""
        return step_alone(
            self.env, lambda: retry(self.env, lambda: self._book_free()), name
        )

    @api.model
    def _get_due_domain(self):
        return (
            Domain("is_booked", "=", False)
            & Domain("pack_id", "!=", False)
            & Domain("kind", "!=", "refund")
        )

    # === BUSINESS METHODS === #

    def _book_free(self):
        """Book those that nobody else books, month by month."""
        free = self.try_lock_for_update(allow_referencing=True)
        free.invalidate_recordset()
        due = free.filtered(lambda use: not use.is_booked)
        for (company, first), rows in sorted(
            due.grouped(lambda use: (use.company_id, use.date.replace(day=1))).items(),
            key=lambda item: (item[0][0].id, item[0][1]),
        ):
            rows._book(company, first)

    def _book(self, company, first):
        """Write one entry over rows of a month: deferred revenue becomes income.

        It is of the last day of the month; Odoo moves it behind a closed period.
        """
        last = first + relativedelta(months=1) - DAY
        lines = self._prepare_lines(company)
        move = self.env["account.move"]
        if lines:
            move = move.with_company(company).create(
                {
                    "move_type": "entry",
                    "company_id": company.id,
                    "journal_id": company._billing_get_pack_journal().id,
                    "date": last,
                    "ref": self.env._(
                        "Income of packs, %(month)s",
                        month=format_date(self.env, first, date_format="MMMM y"),
                    ),
                    "line_ids": [Command.create(line) for line in lines],
                }
            )
            move._post(soft=False)
        self.write({"is_booked": True, "move_id": move.id})

    def _prepare_lines(self, company):
        """Return the lines of an entry: one for each pack, one for each income."""
        currency = company.currency_id
        packs, incomes = defaultdict(float), defaultdict(float)
        for use in self:
            packs[use.pack_id] += use.amount
            incomes[use.pack_id._find_income_account()] += use.amount
        lines = [
            {
                "name": pack.name,
                "account_id": pack.account_id.id,
                "partner_id": pack.invoice_id.commercial_partner_id.id,
                "balance": currency.round(amount),
                "billing_pack_id": pack.id,
            }
            for pack, amount in packs.items()
        ]
        lines += [
            {"account_id": account.id, "balance": -currency.round(amount)}
            for account, amount in incomes.items()
        ]
        return [
            {"currency_id": currency.id, "tax_ids": [Command.clear()]} | line
            for line in lines
            if not currency.is_zero(line["balance"])
        ]


class OmniBillingPack(models.Model):
    """Packs expire (W42)."""

    _inherit = "omni.billing.pack"

    def _find_income_account(self):
        """Return where its income is booked: the product's of today if it is archived.

        :rtype: account.account
        """
        self.ensure_one()
        account = self.income_account_id
        if account.active:
            return account
        product = self.transaction_id.product_id.with_company(self.company_id)
        accounts = product.product_tmpl_id.get_product_accounts(
            self.invoice_id.fiscal_position_id
        )
        return accounts["income"] or account

    @api.model
    def _close_lost(self):
        """Close what a customer's bank took back, and was written off, to be booked.

        Its worth is income then, as the loss is an expense.
        """
        domain = Domain("units_left", ">", 0)
        domain &= Domain("invoice_id.billing_dispute", "=", "written_off")
        self._close_all(domain, "closed", "whose dispute was lost")

    @api.model
    def _expire_all(self):
        """Close what expired, where the company recognizes it; commits each chunk."""
        for company in self.env["res.company"].search(
            [("billing_pack_expiry", "=", "recognize")]
        ):
            today = fields.Date.context_today(self.with_company(company))
            domain = self._get_usable_domain(company) & (
                Domain("units_left", ">", 0) & Domain("expires_on", "<", today)
            )
            self._close_all(domain, "expired", f"of {company.name} that expired")

    def _close_all(self, domain, kind, what):
        """Close packs, many at a time; commits.

        :param str kind: see `_close`.
        :param str what: of them all, for the log.
        """
        done = 0
        while packs := self.search(
            domain & Domain("id", ">", done), order="id", limit=CHUNK
        ):
            done = packs[-1].id
            # What one pack is refused for keeps no other open.
            if packs._close_alone(kind, f"packs {what}"):
                for pack in packs:
                    pack._close_alone(kind, f"pack {pack.id} {what}")
                    # At once: one that fails undoes all since the last commit.
                    if not commit_progress(self.env, 1):
                        return
            elif not commit_progress(self.env, len(packs)):
                return

    def _close_alone(self, kind, name):
        """Close these, and return what went wrong, if anything did."""
        return step_alone(
            self.env, lambda: retry(self.env, lambda: self._close_free(kind)), name
        )

    def _close_free(self, kind):
        """Close those that nobody is using just now."""
        free = self.try_lock_for_update(allow_referencing=True)
        free.invalidate_recordset()
        due = free.filtered("units_left")
        if kind == "expired":
            due = due.filtered(lambda pack: pack._is_over())
        due._close(kind)

    def _is_over(self):
        """Whether its last day is over where the customer is."""
        today = self.partner_id._billing_get_today(self.company_id)
        return bool(self.expires_on) and self.expires_on < today
