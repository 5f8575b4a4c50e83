from odoo import Command, fields, models
from odoo.exceptions import UserError
from odoo.tools import format_amount, format_list

from ...const import MAX_TITLE_LENGTH
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
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Cancel Items"),
            "res_model": "omni.billing.cancel.wizard",
            "view_mode": "form",
            "target": "new",
            "context": {"default_invoice_id": self.id},
        }

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
        note = self._billing_reverse(title, reason)
        canceled = self._billing_keep_items(note, transactions)
        if not self.currency_id.is_zero(penalty):
            name = self._billing_translate(lambda env: env._("Cancellation fee"))
            base_lines = self._billing_get_base_lines(transactions)
            note.write(
                {
                    "invoice_line_ids": self._billing_prepare_part(
                        base_lines, -penalty, name
                    )
                }
            )
        note._billing_enter_in_ledger(canceled)
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

    def _billing_keep_items(self, note, transactions):
        """Leave the lines of these items on a draft reversal, to the cent as invoiced.

        :return: the transaction that each line of the credit note cancels.
        :rtype: dict
        """
        # A reversal has the lines of its invoice, in their order.
        copies = dict(
            zip(
                self.invoice_line_ids.sorted("id"),
                note.invoice_line_ids.sorted("id"),
                strict=True,
            )
        )
        Tax = self.env["account.tax"]
        base_lines = self._billing_get_base_lines(transactions)
        # With taxes rounded over the whole invoice, these lines alone would come to
        # other cents than they did there.
        Tax._fix_base_lines_tax_details_on_manual_tax_amounts(
            base_lines, self.company_id
        )
        kept = {
            copies[base_line["record"]]: base_line["record"].billing_transaction_id
            for base_line in base_lines
        }
        note.write(
            {
                "invoice_line_ids": [
                    Command.delete(line.id)
                    for line in note.invoice_line_ids
                    if line not in kept
                ]
                + [
                    Command.update(
                        copies[base_line["record"]].id,
                        {
                            "extra_tax_data": Tax._export_base_line_extra_tax_data(
                                base_line
                            )
                        },
                    )
                    for base_line in base_lines
                ]
            }
        )
        return kept

    def _billing_get_base_lines(self, transactions):
        """Return the base lines of these items, rounded as on the whole invoice."""
        base_lines, _tax_lines = self._get_rounded_base_and_tax_lines()
        return [
            base_line
            for base_line in base_lines
            if not base_line["special_type"]
            and base_line["record"].billing_transaction_id in transactions
        ]

    # === BUSINESS METHODS - CREDIT NOTE === #

    def _billing_create_refund_note(self, amount):
        """Return the posted credit note over an amount, taxes included.

        A part of the invoice has its taxes in proportion, by Odoo's tax engine.
        """
        title = self._billing_translate(
            lambda env: env._("Refund of %(invoice)s", invoice=self.name)
        )
        note = self._billing_reverse(title)
        if self.currency_id.compare_amounts(amount, self.amount_total):
            note._billing_reduce_to(amount)
        note._billing_enter_in_ledger()
        note.action_post()
        return note

    def _billing_reverse(self, title, reason=None):
        """Return a draft credit note over the whole invoice, of today."""
        today = fields.Date.context_today(self)
        values = {
            "invoice_date": today,
            "date": today,
            "ref": f"{title}: {reason}" if reason else title,
            "billing_title": title,
        }
        with trusting(self.env):
            return self._reverse_moves([values], cancel=False)

    def _billing_reduce_to(self, amount):
        """Make a draft credit note come to an amount, taxes included."""
        self.ensure_one()
        base_lines, _tax_lines = self._get_rounded_base_and_tax_lines()
        commands = [Command.delete(line.id) for line in self.invoice_line_ids]
        commands += self._billing_prepare_part(base_lines, amount, self.billing_title)
        self.write({"invoice_line_ids": commands})

    def _billing_prepare_part(self, base_lines, amount, name):
        """Return the commands of lines over a part of others, taxes in proportion.

        :param list base_lines: those that the part is of, rounded.
        :param float amount: what the lines come to, with taxes; may be negative.
        """
        Tax = self.env["account.tax"]
        part_lines = Tax._prepare_down_payment_lines(
            base_lines=base_lines,
            company=self.company_id,
            amount_type="fixed",
            amount=amount,
            computation_key=f"billing_refund,{self.id}",
        )
        account = self.invoice_line_ids.account_id[:1]
        return [
            Command.create(
                {
                    "name": name,
                    "quantity": line["quantity"],
                    "price_unit": line["price_unit"],
                    "tax_ids": [Command.set(line["tax_ids"].ids)],
                    "account_id": (line["account_id"] or account).id,
                    "extra_tax_data": Tax._export_base_line_extra_tax_data(line),
                }
            )
            for line in part_lines
        ]

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
            entry = entries.create(
                {
                    "transaction_type": "credit" if is_credit else "charge",
                    "credit_type_id": correction.id if is_credit else False,
                    "name": title[:MAX_TITLE_LENGTH],
                    "company_id": self.company_id.id,
                    "partner_id": self.partner_id.id,
                    "currency_id": self.currency_id.id,
                    "date": self.invoice_date,
                    "retail_cost": abs(amount),
                    "tax_included": True,
                    "tax_ids": [Command.set(record.tax_ids.ids)],
                    "cancels_id": origin.id if origin else False,
                    "service_id": origin.service_id.id if origin else False,
                    "site_id": origin.site_id.id if origin else False,
                }
            )
            trust(record).billing_transaction_id = entry
            entries += entry
        entries._set_invoiced(self)
