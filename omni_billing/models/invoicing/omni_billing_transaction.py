from collections import namedtuple

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.fields import Command
from odoo.tools import format_date

from ...const import BILLED_TYPES
from ...tools.memo import remember, remembering
from ...tools.write_guard import trust

#: What changes the amounts of a line, or says them: with these there are no hints.
PRICED_FIELDS = {
    "amount_currency",
    "balance",
    "credit",
    "currency_id",
    "debit",
    "deductible_amount",
    "discount",
    "display_type",
    "tax_tag_ids",
}
#: What Odoo's tax engine found for an invoice before it was made: the header that it
#: holds for, and each transaction's base line and amounts on the document.
Computed = namedtuple("Computed", ["header", "sign", "base_lines", "amounts"])
#: An invoice before it is made: its number among the others, its transactions, the
#: values it is created with, what was computed; and what is found out of it meanwhile.
Prepared = namedtuple(
    "Prepared", ["index", "transactions", "values", "computed", "found"]
)


class OmniBillingTransaction(models.Model):
    """Put transactions on invoices: of one customer, or of many at once."""

    _inherit = "omni.billing.transaction"

    # === BUSINESS METHODS - BILLING === #

    def _create_invoice(self, partner, **options):
        """Put the transactions on one posted invoice, or credit note.

        :param partner: whom the invoice is for.
        :param options: ``title``, ``date_start``, ``date_end``, ``date_due``,
            ``invoice_date``, ``payment_term``, ``template``, ``customer_reference``:
            see :meth:`_prepare_invoice_values`; ``history``: what its history says of
            how it was made.
        :return: the posted `account.move`.
        :raise UserError: if a transaction was billed or voided meanwhile, belongs
            to another customer, company or currency, or lacks an analytic account that
            the company insists on.
        """
        return self._create_invoices([(self, partner, options)])

    @api.model
    def _create_invoices(self, batches):
        """Make the invoices of many customers together, all or none (the one
        way in, for the wizard and for batch runs).

        Together they cost a fraction: one lock, one creation, one marking, one posting.
        Nothing is told in the chatter of each, unless it is only one.

        :param list batches: for each invoice its transactions, whom it is for, and its
            options: see :meth:`_create_invoice`.
        :return: the posted `account.move` records, in the order of the batches.
        :raise UserError: see :meth:`_create_invoice`.
        """
        self._check_billable(batches)
        lots, amounts, created, histories = {}, {}, {}, {}
        with remembering(self._join(batches)) as lot:
            for index, (transactions, partner, options) in enumerate(batches):
                batch = lot.browse(transactions.ids).with_prefetch(lot._ids)
                options = dict(options)
                histories[index] = options.pop("history", "")
                values, computed = batch._prepare_hinted_values(partner, **options)
                lots.setdefault(batch.company_id, []).append(
                    Prepared(index, batch, values, computed, {})
                )
                amounts.update(computed.amounts)
        is_quiet = len(batches) > 1
        for company, prepared in lots.items():
            created |= self._make_invoices(company, prepared, amounts, is_quiet)
        invoices = self.env["account.move"].browse(
            created[index] for index in range(len(batches))
        )
        notes = {}
        for index, (transactions, *_rest) in enumerate(batches):
            count = self.env._("Transactions: %(count)s", count=len(transactions))
            notes[invoices[index]] = f"{count}\n{histories[index]}".strip()
        self.env["omni.billing.activity.log"]._log_moves(
            "invoice_generated", invoices, notes.get
        )
        return invoices

    @api.model
    def _check_billable(self, batches):
        """Lock the transactions, and make sure that they can be billed like this."""
        if not all(transactions for transactions, _partner, _options in batches):
            raise UserError(self.env._("Select at least one transaction."))
        lot = self._join(batches)
        lot._lock_unbilled()
        lot._check_not_reported()
        if len(lot) != sum(len(transactions) for transactions, *_rest in batches):
            raise UserError(self.env._("A transaction belongs on one invoice only."))
        for transactions, partner, _options in batches:
            if (
                len(transactions.company_id) > 1
                or len(transactions.currency_id) > 1
                or transactions.commercial_partner_id != partner.commercial_partner_id
            ):
                raise UserError(
                    self.env._(
                        "The transactions of an invoice must belong to one customer,"
                        " one company and one currency."
                    )
                )
        for _transactions, _partner, options in batches:
            if problem := self._find_wrong_due_date(
                options.get("date_due"), options.get("invoice_date")
            ):
                raise UserError(problem)

    @api.model
    def _find_wrong_due_date(self, date_due, invoice_date):
        """Return why an invoice cannot be due on a day, or nothing.

        Nobody could have paid in time: it would be overdue, reminded of and fined from
        its first day.

        :param date_due: as it was given, if it was.
        :param invoice_date: today if none was given.
        """
        invoice_date = invoice_date or fields.Date.context_today(self)
        if not date_due or fields.Date.to_date(date_due) >= fields.Date.to_date(
            invoice_date
        ):
            return None
        return self.env._(
            "The due date, %(due)s, is before the date of the invoice, %(date)s. Choose"
            " that day or a later one, or an earlier date of the invoice.",
            due=format_date(self.env, fields.Date.to_date(date_due)),
            date=format_date(self.env, fields.Date.to_date(invoice_date)),
        )

    @api.model
    def _join(self, batches):
        """Return the transactions of all batches, in the environment of this call."""
        return self.browse().union(*(transactions for transactions, *_rest in batches))

    def _prepare_invoice_values(
        self,
        partner,
        title=None,
        date_start=None,
        date_end=None,
        date_due=None,
        invoice_date=None,
        payment_term=None,
        template=None,
        customer_reference=None,
    ):
        """Return the values of the invoice of these transactions. Hook.

        Negative in all, they make a credit note (features: an invoice never has a
        negative total), whose lines have the opposite signs.
        """
        company = self.company_id
        transactions = self.sorted(lambda t: (t.date, t.id))
        invoice_date = invoice_date or fields.Date.context_today(self)
        computed = transactions._compute_invoice(invoice_date)
        journal = remember(self.env, ("journal", company), company._billing_get_journal)
        position = (
            self.env["account.fiscal.position"]
            .with_company(company)
            ._get_fiscal_position(partner)
        )
        return {
            **computed.header,
            "journal_id": journal.id,
            "partner_id": self._get_addressee(partner).address_get(["invoice"])[
                "invoice"
            ],
            "fiscal_position_id": position.id,
            **(
                {"invoice_payment_term_id": payment_term.id}
                if payment_term
                else {
                    "invoice_date_due": date_due or invoice_date,
                    "invoice_payment_term_id": False,
                }
            ),
            "billing_title": title,
            "billing_date_start": date_start,
            "billing_date_end": date_end,
            **({"billing_template_id": template.id} if template else {}),
            "ref": customer_reference or transactions._join_references(),
            "invoice_line_ids": [
                Command.create(values | {"sequence": sequence})
                for sequence, values in enumerate(
                    transactions._prepare_invoice_line_values(
                        computed.sign, journal, position
                    )
                )
            ],
        }

    def _get_addressee(self, partner):
        """Return whose invoice address it is: a contact's for its own charges alone."""
        contacts = self.payer_id | self.filtered(lambda t: not t.payer_id).partner_id
        return partner if contacts <= partner else partner.commercial_partner_id

    def _prepare_invoice_line_values(self, sign, journal, position):
        """Return the values of one invoice line for each transaction. Hook.

        :param int sign: -1 on a credit note, 1 otherwise.
        :param journal: where the invoice goes; its account is the fallback.
        :param position: the fiscal position that maps accounts.
        :rtype: list[dict]
        """
        accounts = {
            product: product.product_tmpl_id.get_product_accounts(position)["income"]
            for product in self.product_id.with_company(self.company_id)
        }
        base_lines = remember(
            self.env,
            ("base lines", self._ids, sign),
            lambda: self._prepare_base_lines(sign),
        )
        lines = []
        for transaction, base_line in zip(self, base_lines, strict=True):
            account = accounts.get(transaction.product_id) or journal.default_account_id
            if not account:
                raise UserError(
                    self.env._(
                        "“%(title)s” has no income account. Set one on its product or"
                        " a default account on the journal %(journal)s.",
                        title=transaction.name,
                        journal=journal.display_name,
                    )
                )
            title, description = transaction.name, transaction.description
            # What credits another is of the same time.
            period = transaction if transaction.period_start else transaction.cancels_id
            lines.append(
                {
                    "name": f"{title}\n{description}" if description else title,
                    "account_id": account.id,
                    **self._prepare_price_values(base_line),
                    "billing_transaction_id": transaction.id,
                    "billing_date": transaction.date,
                    "billing_site_id": transaction.site_id.id,
                    "billing_reference": transaction.customer_reference,
                    "billing_participant": transaction._get_participant_name(),
                    **self.env["account.move.line"]._billing_prepare_period(
                        account, period.period_start, period.period_end
                    ),
                }
            )
        return lines

    @api.model
    def _prepare_price_values(self, base_line):
        """Return what the tax engine computes an invoice line from."""
        unit = base_line["product_uom_id"]
        return {
            "product_id": base_line["product_id"].id,
            **({"product_uom_id": unit.id} if unit else {}),
            "quantity": base_line["quantity"],
            "price_unit": base_line["price_unit"],
            "tax_ids": [Command.set(base_line["tax_ids"].ids)],
            "extra_tax_data": base_line.get("extra_tax_data") or False,
        }

    # === BUSINESS METHODS - HINTS === #

    def _compute_invoice(self, invoice_date):
        """Let Odoo's tax engine compute the invoice that these transactions make."""
        return remember(
            self.env,
            ("computed", self._ids, invoice_date),
            lambda: self._compute_invoice_of(invoice_date),
        )

    def _compute_invoice_of(self, invoice_date):
        company, currency = self.company_id, self.currency_id
        rate = currency._get_conversion_rate(
            company.currency_id, currency, company, invoice_date
        )
        for sign in (1, -1):
            base_lines = self._compute_rounded_base_lines(sign, rate)
            amounts = {
                base_line["transaction"]: self._read_base_line_amounts(base_line)
                for base_line in base_lines
            }
            total = sum(line["amount_total"] for line in amounts.values())
            # Less than nothing is due: the second round computes the credit note.
            if currency.compare_amounts(total, 0) >= 0:
                break
        remember(self.env, ("base lines", self._ids, sign), lambda: base_lines)
        header = {
            "move_type": "out_refund" if sign < 0 else "out_invoice",
            "company_id": company.id,
            "currency_id": currency.id,
            "invoice_date": invoice_date,
        }
        return Computed(header, sign, base_lines, amounts)

    def _prepare_hinted_values(self, partner, invoice_date=None, **options):
        """Return the values of the invoice, with hints; and what was computed."""
        invoice_date = invoice_date or fields.Date.context_today(self)
        transactions = self.sorted(lambda t: (t.date, t.id))
        computed = transactions._compute_invoice(invoice_date)
        values = transactions._prepare_invoice_values(
            partner, invoice_date=invoice_date, **options
        )
        if transactions._is_as_computed(values, computed):
            transactions._add_hints(values, computed)
        return values, computed

    def _is_as_computed(self, values, computed):
        """Whether the values, after all hooks, are those that the engine computed."""
        expected = {
            base_line["transaction"].id: self._prepare_price_values(base_line)
            for base_line in computed.base_lines
        }
        if (
            values | computed.header != values
            or "line_ids" in values
            or len(values["invoice_line_ids"]) != len(expected)
        ):
            return False
        for command, _id, line in values["invoice_line_ids"]:
            wanted = expected.get(line.get("billing_transaction_id"))
            if (
                command != Command.CREATE
                or not wanted
                or line | wanted != line
                or PRICED_FIELDS & line.keys()
            ):
                return False
        return True

    def _add_hints(self, values, computed):
        """Give the lines the amounts that Odoo is going to write on each.

        Odoo computes them all the same, and writes only what differs: a hint saves the
        writing, line by line. Without any tax it takes the amounts as they are given.
        Therefore a line has a hint only if it is as the engine saw it, all lines have
        one or none, and without taxes nothing may depend on a currency rate.
        """
        if not self.tax_ids and self.currency_id != self.company_id.currency_id:
            return
        direction = 1 if values["move_type"] == "out_refund" else -1
        has_tags = self._have_tax_tags()
        if has_tags:
            self.env["account.tax"]._add_accounting_data_in_base_lines_tax_details(
                computed.base_lines, self.company_id
            )
        hints = {}
        for base_line in computed.base_lines:
            details = base_line["tax_details"]
            hints[base_line["transaction"].id] = hint = {
                name: direction * (details[total] + details[f"delta_{total}"])
                for name, total in (
                    ("amount_currency", "total_excluded_currency"),
                    ("balance", "total_excluded"),
                )
            }
            if has_tags:
                hint["tax_tag_ids"] = [Command.set(base_line["tax_tag_ids"].ids)]
        has_models = remember(
            self.env, "distribution models", self._have_distribution_models
        )
        for _command, _id, line in values["invoice_line_ids"]:
            transaction = self.browse(line["billing_transaction_id"])
            line.update(hints[transaction.id])
            if not has_models:
                distribution = transaction.analytic_distribution or False
                line.setdefault("analytic_distribution", distribution)

    def _have_tax_tags(self):
        """Whether taxes or products put tags for the tax report on the lines."""
        # sudo: staff need not see the tags of a product, as in Odoo's tax engine.
        products = self.product_id.sudo()
        taxes = self.tax_ids.flatten_taxes_hierarchy()
        return bool(products.account_tag_ids or taxes.repartition_line_ids.tag_ids)

    # === BUSINESS METHODS - VOID === #

    def _release(self):
        """Make invoiced charges and credits billable again (F161, F166)."""
        released = self.filtered(
            lambda t: t.state == "invoiced" and t.transaction_type in BILLED_TYPES
        )
        if not released:
            return
        # sudo: who may cancel, delete or edit the invoice may free its transactions,
        # even an accountant who has no rights on them.
        trust(released.sudo()).write({"state": "unbilled", "invoice_id": False})
        # sudo: same reason, for the lines of the numbered invoice.
        lines = released.sudo().invoice_line_ids
        trust(lines).write({"billing_transaction_id": False})
        # At once: the index that lets no transaction be on two lines looks at the rows,
        # and would refuse the next invoice.
        lines.flush_recordset(["billing_transaction_id"])

    def action_open_proforma_wizard(self):
        """Open the wizard for the customer of the transactions at hand."""
        return self[:1]._get_billed_contact().action_billing_proforma()

    def _open_proforma_of_these(self, title=None):
        """Open the wizard on these transactions; the others are taken out."""
        partner = self[:1]._get_billed_contact().commercial_partner_id
        others = self.search(self._get_billable_domain(self.company_id, partner)) - self
        action = partner.action_billing_proforma()
        dates = self.mapped("date")
        action["context"] |= {
            "default_company_id": self.company_id.id,
            "default_currency_id": self.currency_id.id,
            "default_date_start": min(dates),
            "default_date_end": max(dates),
            "default_excluded_ids": others.ids,
        }
        if title:
            action["context"]["default_title"] = title
        return action

    def action_open_invoice(self):
        self.ensure_one()
        return self.invoice_id.action_billing_open_detail()
