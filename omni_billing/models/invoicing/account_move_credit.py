from odoo import Command, fields, models
from odoo.exceptions import UserError
from odoo.tools import format_list

from ...const import MAX_TITLE_LENGTH
from ...tools.action import open_dialog
from ...tools.numbers import format_amount
from ...tools.write_guard import trust, trusting


class AccountMove(models.Model):
    """Credit notes of an invoice: over some of its items, or over an amount.

    They are Odoo's own reversals, with an entry in our ledger for each line (F25).
    """

    _inherit = "account.move"

    # === ACTION METHODS === #

    def action_billing_cancel_items(self):
        """Open the dialog in which the items to cancel are ticked (F170)."""
        self.ensure_one()
        context = {"default_invoice_id": self.id}
        title = self.env._("Cancel Items")
        return open_dialog("omni.billing.cancel.wizard", title, context)

    # === BUSINESS METHODS - CANCEL === #

    def _billing_get_cancellable(self):
        """Return the transactions of the invoice that were not canceled before."""
        self.ensure_one()
        if self.move_type != "out_invoice" or self.state != "posted":
            return self.billing_transaction_ids.browse()
        return self.billing_transaction_ids.filtered(
            lambda transaction: not transaction.is_canceled
        ).sorted(lambda transaction: (transaction.date, transaction.id))

    def _billing_cancel_items(self, transactions, penalty=0.0, reason=None):
        """Credit items of an invoice, less a penalty (F170).

        The credit note lowers what is owed; what is more than that is credit on file.
        The penalty is a part of the price that is kept: it has the taxes of the items,
        in proportion.

        :param transactions: `omni.billing.transaction`, items of this invoice.
        :param float penalty: with taxes, in the currency of the invoice.
        :param str reason: why; on the credit note, and in the customer's file.
        :return: the posted credit note.
        :raise UserError: if an item was canceled before or more would be credited than
            the invoice came to; nothing is changed then.
        """
        self.ensure_one()
        self._billing_lock()
        self._billing_before_cancel()
        self._billing_check_cancellable(transactions, penalty)
        self.company_id._billing_check_open(
            fields.Date.context_today(self), self.journal_id
        )
        title = self._billing_translate(
            lambda env: env._("Cancellation on %(invoice)s", invoice=self.name)
        )
        kept = [
            base_line
            for base_line in self._billing_get_product_lines(
                self._billing_get_base_lines()
            )
            if base_line["record"].billing_transaction_id in transactions
        ]
        lines = self._billing_prepare_lines(kept)
        if not self.currency_id.is_zero(penalty):
            name = self._billing_translate(lambda env: env._("Cancellation fee"))
            lines += self._billing_prepare_part(kept, -penalty, name)
        note = self._billing_reverse(lines, title, reason)
        items = [base_line["record"].billing_transaction_id for base_line in kept]
        note_lines = note.invoice_line_ids.sorted("id")
        note._billing_enter_in_ledger(dict(zip(note_lines, items, strict=False)))
        note.action_post()
        self._message_log(
            body=self.env._(
                "Canceled: %(items)s. Credit note: %(note)s. %(reason)s",
                items=format_list(self.env, transactions.mapped("name")),
                note=note.name,
                reason=reason or "",
            )
        )
        self.env["omni.billing.activity.log"]._log_moves(
            "items_canceled", note, note=reason
        )
        return note.with_env(self.env)

    def _billing_before_cancel(self):
        """Give up what would still pay the invoice as it was. Hook.

        :raise UserError: if that is not possible, and no item can be canceled.
        """

    def _billing_check_cancellable(self, transactions, penalty):
        """Check what is about to be credited, see `_billing_cancel_items`."""
        if not transactions:
            raise UserError(self.env._("Tick at least one item to cancel."))
        if gone := transactions - self._billing_get_cancellable():
            raise UserError(
                self.env._(
                    "Nothing was changed, because these items of %(invoice)s cannot be"
                    " canceled any more: %(items)s.",
                    invoice=self.display_name,
                    items=format_list(self.env, gone.mapped("name")),
                )
            )
        currency = self.currency_id
        total = currency.round(sum(transactions.mapped("amount_total")))
        if currency.compare_amounts(penalty, 0) < 0:
            raise UserError(self.env._("The penalty cannot be negative."))
        if currency.compare_amounts(penalty, total) >= 0:
            raise UserError(
                self.env._(
                    "The penalty has to be less than the %(total)s of the items, or"
                    " else there is nothing to credit.",
                    total=format_amount(self.env, total, currency),
                )
            )
        left = self.amount_total - self._billing_get_reversed_amount()
        if currency.compare_amounts(total - penalty, left) > 0:
            raise UserError(
                self.env._(
                    "%(credit)s would be credited, but only %(left)s of %(invoice)s is"
                    " not credited or refunded yet. Tick fewer items, or enter a higher"
                    " penalty.",
                    credit=format_amount(self.env, total - penalty, currency),
                    left=format_amount(self.env, max(left, 0.0), currency),
                    invoice=self.display_name,
                )
            )

    # === BUSINESS METHODS - CREDIT NOTE === #

    def _billing_create_refund_note(self, amount):
        """Return the posted credit note over an amount, taxes included.

        A part of the invoice has its taxes in proportion.
        """
        title = self._billing_translate(
            lambda env: env._("Refund of %(invoice)s", invoice=self.name)
        )
        if self.currency_id.compare_amounts(amount, self.amount_total):
            products = self._billing_get_product_lines(self._billing_get_base_lines())
            lines = self._billing_prepare_part(products, amount, title)
            note = self._billing_reverse(lines, title)
        else:
            note = self._billing_reverse_all(title)
        note._billing_enter_in_ledger()
        note.action_post()
        return note

    def _billing_reverse_all(self, title, reason=None, cancel=False, **values):
        """Return a credit note over the whole invoice, to the cent as invoiced.

        :param bool cancel: whether it is posted, and set against the invoice.
        """
        return self._billing_reverse(
            self._billing_prepare_all_lines(),
            title,
            reason,
            cancel=cancel,
            invoice_cash_rounding_id=self.invoice_cash_rounding_id.id,
            **values,
        )

    def _billing_reverse(self, lines, title, reason=None, cancel=False, **values):
        """Return a credit note of today over these lines.

        It has no terms of payment, whose discount for early payment is in the lines.

        :param list lines: the values of each line.
        :param bool cancel: whether it is posted, and set against the invoice.
        """
        today = fields.Date.context_today(self)
        values = {
            **self._billing_prepare_as_odoo(today),
            "invoice_date": today,
            "date": today,
            "invoice_date_due": today,
            "invoice_payment_term_id": False,
            "invoice_cash_rounding_id": False,
            "ref": f"{title}: {reason}" if reason else title,
            "billing_title": title,
            "line_ids": [Command.create(line) for line in lines],
            **values,
        }
        with trusting(self.env):
            return self._reverse_moves([values], cancel=cancel)

    def _billing_prepare_as_odoo(self, day):
        """Return what Odoo's dialog has of a credit note, and addons add to it.

        In much of Latin America that is the kind of legal document that it is.
        """
        values = {
            "move_ids": [Command.set(self.ids)],
            "company_id": self.company_id.id,
            "journal_id": self.journal_id.id,
            "date": day,
        }
        dialog = self.env["account.move.reversal"].new(values)
        return dialog._prepare_default_reversal(self)

    def _billing_prepare_reversal(self, values):
        """Return what a credit note is made of, whoever makes it.

        It goes to whom the invoice was billed to, wherever the contact works today.

        :param dict values: of the credit note, as far as they were given.
        """
        prepared = dict(values)
        if "line_ids" not in values:
            lines = self._billing_prepare_all_lines()
            prepared["line_ids"] = [Command.create(line) for line in lines]
            prepared["invoice_payment_term_id"] = False
        # Odoo brings its amount up to date; the account is that of the invoice.
        terms = self.line_ids.filtered(lambda line: line.display_type == "payment_term")
        prepared["line_ids"] = prepared["line_ids"] + [
            Command.create(_copy_line(line, {"move_id"})) for line in terms[:1]
        ]
        prepared["partner_id"] = self._billing_get_addressee().id
        return prepared

    def _billing_prepare_all_lines(self):
        """Return the values of the lines that credit the whole invoice."""
        base_lines = self._billing_get_product_lines(self._billing_get_base_lines())
        products = {base_line["record"]: base_line for base_line in base_lines}
        lines = []
        for line in self.invoice_line_ids.sorted(lambda line: (line.sequence, line.id)):
            if line in products:
                lines += self._billing_prepare_lines([products[line]])
            else:
                # A note, or the title of a section.
                lines.append(_copy_line(line))
        # What the goods cost, where Odoo's stock counts it: turned around, or left out,
        # by Odoo.
        costs = self.line_ids.filtered(lambda line: line.display_type == "cogs")
        return lines + [_copy_line(line, {"move_id"}) for line in costs]

    def _billing_prepare_lines(self, base_lines):
        """Return the values of lines that credit others, to the cent as invoiced.

        The taxes of today would come to something else: they may have been edited, and
        with taxes rounded over the whole invoice a line alone has other cents.

        :param list base_lines: of `_billing_get_base_lines`.
        """
        values = []
        for base_line in base_lines:
            details, line = base_line["tax_details"], base_line["record"]
            copied = _copy_line(line) | line._billing_copy_period()
            if details["taxes_data"]:
                price = line.price_unit
                copied["extra_tax_data"] = self._billing_fix_taxes(
                    base_line, price, line.quantity, line.discount
                )
            elif not line._billing_comes_to(details["total_excluded_currency"]):
                copied |= {
                    "price_unit": details["total_excluded_currency"],
                    "quantity": 1.0,
                    "discount": 0.0,
                }
            values.append(copied)
        return values

    def _billing_fix_taxes(self, base_line, price, quantity=1.0, discount=0.0):
        """Return what has Odoo's tax engine come to these amounts, at any rate.

        In the currency of the company they are of the rate of today, as the credit
        note is.
        """
        details, company = base_line["tax_details"], self.company_id
        rate = self._billing_get_rate_of_today()

        def convert(booked, amount):
            if rate == base_line["rate"]:
                return booked
            return company.currency_id.round(amount / rate)

        return {
            "currency_id": self.currency_id.id,
            "price_unit": price,
            "quantity": quantity,
            "discount": discount,
            "rate": rate,
            "manual_total_excluded_currency": details["total_excluded_currency"],
            "manual_total_excluded": convert(
                details["total_excluded"], details["total_excluded_currency"]
            ),
            # A reverse charge has two entries of one tax that cancel out.
            "manual_tax_amounts": {
                str(tax_data["tax"].id): {
                    f"{kind}_amount{suffix}": tax_data[f"{kind}_amount_currency"]
                    if suffix
                    else convert(
                        tax_data[f"{kind}_amount"], tax_data[f"{kind}_amount_currency"]
                    )
                    for kind in ("base", "tax")
                    for suffix in ("_currency", "")
                }
                for tax_data in details["taxes_data"]
                if not tax_data["is_reverse_charge"]
            },
        }

    def _billing_get_rate_of_today(self):
        company, currency = self.company_id, self.currency_id
        return currency._get_conversion_rate(
            company.currency_id, currency, company, fields.Date.context_today(self)
        )

    # === BUSINESS METHODS - LEDGER === #

    def _billing_enter_in_ledger(self, canceled=None):
        """Write the ledger entries of a draft credit note, one for each line (F25).

        :param dict canceled: the transactions that lines cancel, if any.
        """
        self.ensure_one()
        canceled = canceled or {}
        correction = self.env.ref(
            "omni_billing.credit_type_correction", raise_if_not_found=False
        ) or self.env["omni.billing.credit.type"].search([], limit=1)
        entries = trust(self.env["omni.billing.transaction"])
        percentages = {}
        for line in self._billing_get_lines():
            record, amount = line["record"], line["amount_total"]
            if self.currency_id.is_zero(amount):
                continue
            # A line that lowered the invoice is negative here: its credit is taken
            # back.
            is_credit = amount > 0
            title = self.billing_title
            if line["title"] != title:
                title = f"{title}: {line['title']}"
            origin = canceled.get(record)
            user = origin._get_participant() if origin else self.partner_id.browse()
            entry = entries.create(
                {
                    "transaction_type": "credit" if is_credit else "charge",
                    "credit_type_id": correction.id if is_credit else False,
                    "name": title[:MAX_TITLE_LENGTH],
                    "company_id": self.company_id.id,
                    "partner_id": (user or self.partner_id).id,
                    "payer_id": self.partner_id.id if user else False,
                    "currency_id": self.currency_id.id,
                    "date": self.invoice_date,
                    "retail_cost": abs(amount),
                    "tax_included": True,
                    "tax_ids": [Command.set(record.tax_ids.ids)],
                    **entries._prepare_pieces(abs(amount), record),
                    "cancels_id": origin.id if origin else False,
                    "service_id": origin.service_id.id if origin else False,
                    "site_id": record.billing_site_id.id,
                    "analytic_distribution": record.analytic_distribution or False,
                }
            )
            trust(record).billing_transaction_id = entry
            entries += entry
            percentages[entry] = (
                origin.tax_percentage if origin else line["tax_percentage"]
            )
        entries._set_invoiced(self)
        for entry, percentage in percentages.items():
            if entry.tax_percentage != percentage:
                # Of then, whatever the tax is today.
                trust(entry).tax_percentage = percentage


#: What Odoo computes of a line, or says where it belongs.
_NOT_COPIED = frozenset({"amount_currency", "balance", "credit", "debit", "move_id"})


def _copy_line(line, left_out=_NOT_COPIED):
    """Return the values of a copy of an invoice line, on another invoice."""
    [values] = line.with_context(include_business_fields=True).copy_data()
    return {name: value for name, value in values.items() if name not in left_out}
