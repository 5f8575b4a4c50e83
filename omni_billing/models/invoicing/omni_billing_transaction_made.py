from odoo import api, models

from ...tools.write_guard import trust
from .account_move_number import IN_LOT
from .omni_billing_proven_rows import AMOUNT_FIELDS

#: Nobody follows what is made by the hundred, and the run says what it made.
QUIET = {
    "mail_create_nolog": True,
    "mail_create_nosubscribe": True,
    "mail_notrack": True,
}


class OmniBillingTransaction(models.Model):
    """Make prepared invoices, and mark the transactions that are on them."""

    _inherit = "omni.billing.transaction"

    # === BUSINESS METHODS - MAKING === #

    def _make_invoices(self, company, prepared, amounts, is_quiet):
        """Make the posted invoices of a company: by rows what is proved, else by Odoo.

        :param list prepared: `Prepared` of omni_billing_transaction.py.
        :param dict amounts: what was computed of each transaction.
        :param bool is_quiet: whether the chatter of each is told nothing.
        :return: the id of each invoice, by its index.
        """
        Proven, made = self.env["omni.billing.proven"], {}
        if groups := Proven._plan(company, prepared):
            before = Proven._look_before(groups)
            patterns = [one for group in groups for one in (group[0], group[-1])]
            made |= self._make_by_odoo(company, patterns, amounts, is_quiet)
            made |= Proven._write_others(groups, made, before)
        rest = [one for one in prepared if one.index not in made]
        return made | self._make_by_odoo(company, rest, amounts, is_quiet)

    def _make_by_odoo(self, company, prepared, amounts, is_quiet):
        """Make posted invoices together by Odoo's methods; see `_make_invoices`."""
        if not prepared:
            return {}
        quiet = QUIET if is_quiet else {}
        Move = self.env["account.move"].with_company(company).with_context(**quiet)
        moves = trust(Move).create([one.values for one in prepared])
        invoices = self.env["account.move"].browse(moves.ids)
        lot = self._join([one[1:2] for one in prepared])
        lot._set_invoiced(invoices, amounts)
        # It remembers what is the same for all.
        prepared[0].transactions._take_distributions(invoices)
        invoices.with_context(**quiet, **{IN_LOT: is_quiet}).action_post()
        return dict(zip((one.index for one in prepared), invoices.ids, strict=True))

    # === BUSINESS METHODS - STATE === #

    def _set_invoiced(self, invoices, computed=None):
        """Mark as invoiced, with the amounts that the invoices give each line.

        :param dict computed: the amounts that the tax engine computed before, for each
            transaction; used where the invoice came out like that.
        """
        amounts = {}
        for invoice in invoices:
            sign = -1 if invoice.move_type == "out_refund" else 1
            for transaction, line in self._read_invoiced(invoice, computed).items():
                amounts[transaction] = {
                    name: sign * line[name] for name in AMOUNT_FIELDS
                }
        # A new state would have Odoo compute the amounts of the transaction alone; they
        # stay what they are, or become what the invoice says.
        kept = [self._fields[name] for name in (*AMOUNT_FIELDS, "tax_percentage")]
        changed = {
            transaction: amounts[transaction]
            for transaction in self
            if any(
                transaction[name] != amounts[transaction][name]
                for name in AMOUNT_FIELDS
            )
        }
        with self.env.protecting(kept, self):
            for invoice in invoices:
                lines = invoice.invoice_line_ids
                trust(lines.billing_transaction_id & self).write(
                    {"state": "invoiced", "invoice_id": invoice.id}
                )
            for transaction, values in changed.items():
                trust(transaction).write(values)

    @api.model
    def _read_invoiced(self, invoice, computed):
        """Return the amounts of each transaction of an invoice, as on the document."""
        lines = invoice.invoice_line_ids
        if computed and all(line.billing_transaction_id in computed for line in lines):
            amounts = {
                line.billing_transaction_id: computed[line.billing_transaction_id]
                for line in lines
            }
            tax = sum(line["tax_amount"] for line in amounts.values())
            currency, direction = invoice.currency_id, invoice.direction_sign
            if not currency.compare_amounts(tax, invoice.amount_tax) and all(
                line.tax_ids == line.billing_transaction_id.tax_ids
                and not currency.compare_amounts(
                    direction * line.amount_currency,
                    amounts[line.billing_transaction_id]["amount_untaxed"],
                )
                for line in lines
            ):
                return amounts
        return {
            line["record"].billing_transaction_id: line
            for line in invoice._billing_get_lines()
        }
